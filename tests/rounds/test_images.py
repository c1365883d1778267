"""Programs by name get the images of the source in batches, whatever the keys and the records are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import mrimage as mr
from mrimage.flow.run import RunOptions, run
from mrimage.patterns import Pattern
from mrimage.rounds import planning
from mrimage.rounds.programs import FoundTable

HERE = RunOptions(workers=1, thumbnails=False)
Pairs = Iterator[tuple[str, Any]]


def picture(folder: Path, name: str, gray: int) -> None:
    folder.mkdir(exist_ok=True)
    Image.new("L", (32, 24), gray).save(folder / name)


def of_batch(key: str, batch: pa.RecordBatch, side: object) -> Pairs:
    """One record a batch: the names, and the shape of the vectors as numpy sees them."""
    vectors = np.asarray(batch["descriptor"].flatten()).reshape(batch.num_rows, -1)
    yield key, [sorted(Path(str(uri)).name for uri in batch["uri"]), list(vectors.shape)]


def pass_on(key: str, values: Iterator[Any], side: object) -> Pairs:
    for value in values:
        yield key, value


def look(images: mr.Table, *, key: tuple[str, ...]) -> Any:
    found = yield mr.Round(images, of_batch, pass_on)
    batches = [batch for _, batch in images]
    names = [name for _, (names, _) in found for name in names]
    rows = {"names": [sorted(names)], "batches": [len(found)], "key": [",".join(key)]}
    rows |= {"shape": [found_shape(found)], "sorted": [[str(u) for b in batches for u in b["uri"]]]}
    return FoundTable("clusters", pa.table(rows))


def found_shape(found: mr.Table) -> list[int]:
    return [sum(shape[0] for _, (_, shape) in found), 236]


def nothing(image: mr.Image) -> Pairs:
    """A mapper that emits no records."""
    return iter(())


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = Pattern(
        "look",
        f"{__name__}:look",
        "a test",
        columns=("descriptor",),
        needs=("descriptor",),
        options=("key",),
    )
    monkeypatch.setattr("mrimage.patterns.PATTERNS", {"look": pattern})


def test_a_program_by_name_gets_all_processed_images_in_few_batches_and_a_grown_source_is_mapped_in_part(
    tmp_path: Path, rows: Any, plain_report: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    for number in range(4):
        picture(photos, f"{number}.png", 30 * number)
    (photos / "bad.png").write_bytes(b"no image")
    out = tmp_path / "out"
    job = mr.Job(map=nothing, find="look")
    summary = run(job, str(photos), str(out), HERE)
    (found,) = rows(out, "clusters")
    assert found["names"] == ["0.png", "1.png", "2.png", "3.png"]
    assert found["sorted"] == [str(photos / name) for name in found["names"]]
    assert (found["batches"], found["shape"], found["key"]) == (1, [4, 236], "dimensions")
    assert summary.quarantined == 1

    again = run(job, str(photos), str(out), HERE)
    assert [task.phase for task in again.facts.tasks] == []

    monkeypatch.setattr(planning, "FEWEST", 1)
    picture(photos, "new.png", 200)
    (photos / "0.png").unlink()
    grown = run(job, str(photos), str(out), HERE)
    (found,) = rows(out, "clusters")
    assert found["names"] == ["1.png", "2.png", "3.png", "new.png"]
    assert grown.processed == 4


def test_an_unknown_name_is_refused_and_a_program_that_is_added_later_uses_what_map_has_done(
    tmp_path: Path, rows: Any, plain_report: None
) -> None:
    picture(tmp_path / "photos", "a.png", 3)
    source, out = str(tmp_path / "photos"), str(tmp_path / "out")
    with pytest.raises(mr.UsageError, match='Did you mean "look"'):
        run(mr.Job(find="lok"), source, out, HERE)
    run(mr.Job(extract="descriptor"), source, out, HERE)
    summary = run(mr.Job(extract="descriptor", find="look"), source, out, HERE)
    assert {task.phase.split()[0] for task in summary.facts.tasks} == {"round", "program"}
    assert rows(tmp_path / "out", "clusters")[0]["names"] == ["a.png"]
