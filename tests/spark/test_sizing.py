"""The table from which people choose a cluster is what the code computes."""

from __future__ import annotations

from pathlib import Path

from benchmarks.sizing import table

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"


def test_the_page_on_sizing_shows_what_the_rules_give() -> None:
    assert table() in PAGE.read_text()
