"""HDR gain maps that a run drops are counted, in the summary, in its figures and on the page."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.image.samples import sample
from tests.image.test_gain_map import described_by_xmp

import mrimage as mr


@pytest.mark.usefixtures("real_report")
@pytest.mark.parametrize(("format", "dropped"), [("webp", 2), ("jpeg", 0), ("none", 0)])
def test_gain_maps_that_are_dropped_are_counted(tmp_path: Path, format: str, dropped: int) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (photos / name).write_bytes(described_by_xmp())
    (photos / "plain.jpg").write_bytes(sample("baseline.jpg"))
    edits = None if format == "none" else mr.Edits(format=format, resize=(64, 64))
    for _ in range(2):  # the second run does nothing anew, and says the same
        summary = mr.run(mr.Job(edits=edits), str(photos), str(out), workers=1)
        assert summary.facts.gain_maps_dropped == dropped
        assert ("lost the HDR gain map" in repr(summary)) == (dropped > 0)
    rows = pq.read_table(out / "catalogue").sort_by("uri").to_pylist()
    assert [row["gain_map"] for row in rows] == [True, True, False]
    kept = None if edits is None else dropped == 0
    assert [row["gain_map_kept"] for row in rows] == [kept, kept, None]
    assert json.loads((out / "summary.json").read_text())["totals"]["gain_maps_dropped"] == dropped
    page = (out / "report.html").read_text()
    assert ("2 edited images lost the HDR gain map" in page) == (dropped > 0)
