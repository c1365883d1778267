"""The report of a run with group corrections: how far apart the images were before and after, and the extremes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main


def test_the_report_shows_how_a_group_came_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    scene = np.random.default_rng(1).integers(40, 140, (32, 32, 3))
    for number in range(4):
        frame = (scene * (0.6 + 0.2 * number)).clip(1, 250).astype(np.uint8)
        Image.fromarray(frame).save(folder / f"{number}.png")
    out = tmp_path / "out"
    job = mr.Job(key=("all",), edits=mr.Edits(correct="match-group", format="png"))
    mr.run(job, folder, out, workers=1)
    figures = json.loads((out / "summary.json").read_text())
    (group,) = figures["corrections"]
    assert (group["key"], group["method"], group["images"]) == ("all", "match-group", 4)
    assert group["before"] > 5
    assert group["after"] < 0.1 * group["before"]
    assert group["clipped"] < 0.002
    first = figures["galleries"]["corrected"][0]
    assert first["before"]["title"] in ("0.png", "3.png")
    page = (out / "report.html").read_text()
    assert "Changed most by their groups" in page
    assert page.count(first["change"]) == 1
    sql = "SELECT count(*) AS images FROM corrected WHERE method = 'match-group'"
    assert main(["query", str(out), sql]) == 0
    assert "4" in capsys.readouterr().out
    assert main(["verify", str(out)]) == 0
