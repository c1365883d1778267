"""Neither the records of a job nor those of one key need fit in memory."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

import mrimage as mr
from mrimage.flow.run import RunOptions, run

IMAGES, RECORDS = 20, 100_000


def test_two_million_records_of_one_key_in_400_megabytes(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(IMAGES):
        Image.new("RGB", (8, 8)).save(photos / f"{number}.png")

    def many(image: mr.Image):
        for number in range(RECORDS):
            yield "one key", number

    def total(key: str, values):
        yield mr.Output("sum.json", {"sum": sum(values)})

    how = RunOptions(workers=2, thumbnails=False, speculate=False)
    summary = run(mr.Job(map=many, reduce=total), str(photos), str(tmp_path / "out"), how)
    result = json.loads((tmp_path / "out/groups/one key/sum.json").read_text())
    assert result["sum"] == IMAGES * RECORDS * (RECORDS - 1) // 2
    assert max(task.peak_memory for task in summary.facts.tasks) < 400 << 20
