"""The cookbook's recipe from bucket to bucket, as it is printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, blocks_below, run_commands


def test_the_cookbook_s_recipe_for_s3_runs(
    s3_environment: None,
    photos: Path,
    upload: Callable[[Path, str], None],
    plain_report: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one bucket instead of two, because the test server gives each bucket space of its own."""
    upload(photos, "s3://photos/2024")
    [(_, commands)] = blocks_below(DOCS / "cookbook.md", "## S3 to S3", "sh")
    run_commands(commands.replace("s3://results/", "s3://photos/results/"))
    printed = capsys.readouterr().out
    assert "11 listed = 9 processed + 2 quarantined" in printed
    assert "9 outputs verified; 11 images accounted for" in printed
