"""findings.parquet: rows with evidence, the findings that need the whole pile, growth, and verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow

import mrimage as mr
from mrimage.cli.main import main
from mrimage.image import EXTRACTORS
from mrimage.report.figures.scores import SCORES
from mrimage.tables.findings import KINDS

JOB = mr.Job(key=("all",), extract=("findings",))


def noise(folder: Path, name: str, width: int, height: int, most: int = 256) -> None:
    pixels = np.random.default_rng(5).integers(0, most, (height, width, 3), dtype=np.uint8)
    Pillow.fromarray(pixels).save(folder / f"{name}.png")


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    """Eight pictures of one size, a dark one, and one that cannot be read."""
    folder = tmp_path / "pile"
    folder.mkdir()
    for number in range(8):
        noise(folder, f"usual{number}", 60, 40)
    noise(folder, "night", 60, 40, most=50)
    (folder / "bad.png").write_bytes(b"no image")
    return folder


def figures(out: Path) -> dict[str, list[dict[str, Any]]]:
    return json.loads((out / "summary.json").read_text())


def findings(out: Path) -> dict[tuple[str, str], dict[str, object]]:
    rows = pq.read_table(out / "findings.parquet").to_pylist()
    return {(Path(row["uri"]).stem, row["kind"]): row for row in rows}


def test_every_column_has_a_kind_with_a_threshold_and_a_source() -> None:
    assert {kind.name for kind in KINDS} == set(EXTRACTORS["findings"].columns)
    assert all(0 < kind.threshold < 1 and len(kind.source) > 20 for kind in KINDS)


def test_findings_are_rows_and_their_scores_are_columns(pile: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    mr.run(JOB, pile, out, workers=1, thumbnails=False)
    found = findings(out)
    assert list(found) == [("night", "dark")]
    row = found["night", "dark"]
    assert (row["threshold"], row["evidence"]) == (0.68, "99 % of the pixels are at most at 17 % of white")  # fmt: skip
    table = pq.read_table(out / "catalogue").to_pylist()
    columns = {Path(row["uri"]).stem: row for row in table}
    assert columns["night"]["dark"] == row["score"]
    assert columns["bad"]["dark"] is None
    assert columns["usual1"]["odd_size"] is None  # nine images are no pile
    assert main(["query", str(out), "SELECT kind FROM findings", "--format", "csv"]) == 0
    assert "dark" in capsys.readouterr().out

    # Odd ones are odd because of the others, and images of before are judged again.
    noise(pile, "long", 120, 20)
    noise(pile, "huge", 240, 160)
    mr.run(JOB, pile, out, workers=1, thumbnails=False)
    grown = findings(out)
    assert set(grown) - set(found) == {("long", "odd_shape"), ("huge", "odd_size")}
    assert grown["huge", "odd_size"]["evidence"] == "240 x 160 pixels"
    sizes = pq.read_table(out / "catalogue", columns=["odd_size"]).column(0).to_pylist()
    assert (sizes.count(0.0), sizes.count(None)) == (10, 1)
    mr.run(JOB, pile, tmp_path / "at once", workers=2, thumbnails=False)
    for name in ("findings.parquet", "catalogue/part-00000.parquet"):
        assert (out / name).read_bytes() == (tmp_path / "at once" / name).read_bytes()

    capsys.readouterr()
    assert main(["verify", str(out)]) == 0
    (out / "findings.parquet").write_bytes(b"altered")
    assert main(["verify", str(out)]) == 1
    assert "altered: findings.parquet" in capsys.readouterr().out
    mr.run(mr.Job(key=("all",)), pile, out, workers=1, thumbnails=False, fresh=True)
    assert not (out / "findings.parquet").exists()


@pytest.mark.usefixtures("real_report")
def test_the_report_and_expectations_count_the_rows(pile: Path, tmp_path: Path, capsys) -> None:
    assert {score.name for score in SCORES} == {kind.name for kind in KINDS}
    # Dark by the mean of luma, but not by its 99th percentile.
    stars = np.random.default_rng(5).integers(0, 20, (40, 60, 3), dtype=np.uint8)
    stars[::5, ::5] = 255
    Pillow.fromarray(stars).save(pile / "stars.png")
    for extract, count in (("content", 2), ("content,findings", 1)):
        out = tmp_path / extract
        job = mr.Job(key=("all",), extract=tuple(extract.split(",")))
        mr.run(job, pile, out, workers=1, thumbnails=False)
        by_name = {finding["name"]: finding for finding in figures(out)["insights"]}
        assert by_name["dark"]["count"] == count
        assert main(["check", str(out), "--expect", f"dark = {count}"]) == 0
    assert main(["check", str(out), "--expect", "compressed <= 0%"]) == 0
    assert main(["check", str(tmp_path / "content"), "--expect", "compressed = 0"]) == 2
    assert "Run the job with --extract findings." in capsys.readouterr().err
    # The list is that of the rows, with their evidence.
    assert main(["query", str(out), by_name["dark"]["sql"], "--format", "csv"]) == 0
    assert (
        "night.png,99 % of the pixels are at most at 17 % of white,0.8" in capsys.readouterr().out
    )
    # What a run did not look for is not known, even if the scores are there.
    (out / "findings.parquet").unlink()
    assert main(["check", str(out), "--expect", "compressed = 0"]) == 2
