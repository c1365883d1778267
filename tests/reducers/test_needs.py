"""Columns that reducers ask for: they come with the values, and nothing is decoded again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mrimage as mr
from mrimage.flow.run import RunOptions, run
from mrimage.image import EXTRACTORS
from mrimage.reducers import GROUPS

HERE = RunOptions(workers=1, thumbnails=False)


def keep(key: str, values: Iterator[Any]) -> Iterator[mr.Output]:
    yield mr.Output("values.json", list(values))


def values_of(out: Path, key: str = "all") -> list[Any]:
    found: list[Any] = json.loads((out / "groups" / key / "values.json").read_text())
    return found


def test_without_a_mapper_a_value_names_the_image(photos: Path, tmp_path: Path) -> None:
    run(mr.Job(key=("all",), reduce=keep), str(photos), str(tmp_path / "out"), HERE)
    values = values_of(tmp_path / "out")
    assert len(values) == 9
    assert values[-1] == {"uri": str(photos / "wide 3.jpg"), "path": "wide 3.jpg"}


@pytest.mark.parametrize("group", [(), ("duplicates",)])
def test_needs_add_the_columns_of_the_catalogue(
    photos: Path, tmp_path: Path, rows, group: tuple[str, ...]
) -> None:
    """A group reducer beside it, which needs more, does not change what the job's own reducer gets."""
    job = mr.Job(key=("all",), reduce=keep, needs=("content",), group=group)
    run(job, str(photos), str(tmp_path / "out"), HERE)
    columns = EXTRACTORS["content"].columns
    known = {
        row["uri"]: {name: row[name] for name in columns}
        for row in rows(tmp_path / "out", "catalogue")
    }
    values = values_of(tmp_path / "out")
    assert len(values) == 9
    for value in values:
        assert value == {"uri": value["uri"], "path": value["path"], **known[value["uri"]]}
        assert value["brightness"] is not None


def test_the_header_can_be_needed_and_nothing_is_decoded_for_it(
    photos: Path, tmp_path: Path
) -> None:
    job = mr.Job(key=("all",), reduce=keep, needs=("header",))
    assert not job.decodes
    run(job, str(photos), str(tmp_path / "out"), HERE)
    shapes = {
        (value["format"], value["width"], value["height"]) for value in values_of(tmp_path / "out")
    }
    assert shapes == {("jpeg", 64, 48), ("png", 30, 40), ("jpeg", 20, 20)}


def test_a_mapper_s_dictionaries_get_the_columns_and_other_values_stand_beside_them(
    photos: Path, tmp_path: Path, rows
) -> None:
    def mapper(image: mr.Image) -> Iterator[tuple[str, Any]]:
        yield "all", {"path": image.path, "sha256": "mine"}
        yield "all", 7
        yield "all", None

    job = mr.Job(map=mapper, reduce=keep, needs=("hash",))
    run(job, str(photos), str(tmp_path / "out"), HERE)
    catalogue = {row["uri"]: row for row in rows(tmp_path / "out", "catalogue")}
    values = values_of(tmp_path / "out")
    assert len(values) == 27
    for own, number, nothing in zip(values[::3], values[1::3], values[2::3], strict=True):
        row = catalogue[str(photos / own["path"])]
        assert own == {"path": own["path"], "sha256": "mine", "phash": row["phash"]}
        assert number == {"value": 7, "sha256": row["sha256"], "phash": row["phash"]}
        assert nothing == {**number, "value": None}


def test_a_toml_file_can_need_columns(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mrimage.job.reading import load_job

    (tmp_path / "reducing_by_hash.py").write_text(
        "import mrimage as mr\ndef hashes(key, values):\n    yield mr.Output('values.json', [v['phash'] for v in values])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "job.toml").write_text(
        'key = "all"\nreduce = "reducing_by_hash:hashes"\nneeds = "hash"\n'
    )
    run(load_job(str(tmp_path / "job.toml")), str(photos), str(tmp_path / "out"), HERE)
    assert [len(phash) for phash in values_of(tmp_path / "out")] == [16] * 9


def test_every_registered_reducer_can_be_loaded_and_needs_what_exists() -> None:
    for name, reducer in GROUPS.items():
        assert reducer.name == name
        assert callable(reducer.load())
        assert set(reducer.needs) <= set(EXTRACTORS)
        assert reducer.help
