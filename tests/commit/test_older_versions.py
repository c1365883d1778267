"""An OUT of an earlier version: what is committed there in other columns is made again, and nothing crashes."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import mrimage as mr
from mrimage.flow.run import run
from mrimage.job.job import RunOptions
from mrimage.types import Edits

HOW = RunOptions(workers=1, thumbnails=False)
JOB = mr.Job(key=("format",), group=("mean",), edits=Edits(resize=(8, 8), format="png"))


def files(out: Path) -> dict[str, bytes]:
    tops = [
        path
        for path in (out / "images", out / "groups")
        for path in path.rglob("*")
        if path.is_file()
    ]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in tops}


@pytest.mark.parametrize(
    ("table", "column"), [("records-00000", "place"), ("catalogue", "software")]
)
@pytest.mark.parametrize("unfinished", [False, True])
def test_tables_that_lack_a_column_are_made_again(
    photos: Path, tmp_path: Path, table: str, column: str, unfinished: bool
) -> None:
    out = tmp_path / "out"
    first = run(JOB, str(photos), str(out), HOW)
    made = files(out)
    (part,) = (out / "_run/map").glob(f"*.{table}.parquet")
    pq.write_table(pq.read_table(part).drop_columns([column]), part)
    (out / "images/left-by-nobody.png").write_bytes(b"an output that this version does not make")
    if unfinished:
        (out / "_run/published.json").unlink()
    (photos / "more.png").write_bytes((photos / "trip/tall-1.png").read_bytes())
    again = run(JOB, str(photos), str(out), HOW)
    assert (again.facts.reused, again.images) == (0, first.images + 1)
    assert made.keys() < files(out).keys()
    assert "images/left-by-nobody.png" not in files(out)
    assert run(JOB, str(photos), str(out), HOW).facts.reused == again.images
