"""SOURCE and OUT are apart, however they are spelled and wherever they are; what earlier runs made is no image of a source."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.commit.memory import memory_backend, same_bucket

import mrimage as mr
from mrimage.cli.dry_run import describe_plan
from mrimage.commit.out_folder import check_apart
from mrimage.errors import SourceError
from mrimage.flow.run import RunOptions, run
from mrimage.storage import Store, open_store

HERE = RunOptions(workers=1, thumbnails=False)
SMALLER = mr.Job(key=("format",), edits=mr.Edits(resize=(6, 6)), group=("mean",))

NESTED = [
    ("s3://photos/grow", "s3://photos/grow/out"),
    ("s3://photos/grow", "s3://photos/grow"),
    ("s3://photos/grow/", "s3://photos/grow//out/"),
    ("s3://photos", "s3://photos/out"),
    ("s3a://photos/grow", "S3://Photos/grow/out"),
    ("s3://photos/grow", "s3://photos/other/../grow/out"),
    ("s3://photos/a%20b", "s3://photos/a b/out"),
    ("s3://photos/./grow", "s3://photos/grow/out"),
    ("gs://photos/grow", "gcs://photos/grow/out"),
    ("az://photos/grow", "azure://photos/grow/out"),
    ("hdfs://Node:8020/grow", "hdfs://node/grow/out"),
    ("hdfs:///grow", "hdfs://node:9000/grow/out"),
    ("s3://photos/grow/list.txt", "s3://photos/grow/list.txt"),
]
APART = [
    ("s3://photos/grow", "s3://photos/grow-out"),
    ("s3://photos/grow/in", "s3://photos/grow/out"),
    ("s3://photos/grow", "s3://other/grow/out"),
    ("s3://photos/grow", "gs://photos/grow/out"),
    ("s3://photos/grow", "s3://photos/Grow/out"),
    ("hdfs://one:8020/grow", "hdfs://two:8020/grow/out"),
    ("https://photos/grow", "s3://photos/grow/out"),
    ("/photos/grow", "s3://photos/grow/out"),
]


@pytest.mark.parametrize(("outer", "inner"), NESTED)
def test_nested_places_are_refused(outer: str, inner: str) -> None:
    for source, out in ((outer, inner), (inner, outer)):
        with pytest.raises(SourceError, match="apart from each other"):
            check_apart(source, out)


@pytest.mark.parametrize(("source", "out"), APART)
def test_places_that_are_apart_are_taken(source: str, out: str) -> None:
    check_apart(source, out)


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty place on a store of each kind."""
    if request.param == "s3":
        yield request.getfixturevalue("s3_folder")
    elif request.param == "memory":
        with memory_backend():
            yield f"mem://{uuid.uuid4().hex}/place"
    else:
        yield str(tmp_path / "place")


def put_images(store: Store, *names: str) -> None:
    for number, name in enumerate(names):
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(buffer, "png")
        store.write(name, buffer.getvalue())


def test_what_earlier_runs_made_below_a_source_is_left_out(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("a/1.png", "a/images/2.png", "b/groups/x/3.png", "a/out/mine.png")
    put_images(open_store(place, create=True), *names[:3])
    run(SMALLER, f"{place}/a", f"{place}/out", HERE)
    run(SMALLER, f"{place}/b", f"{place}/deep/er/out", HERE)
    put_images(open_store(place), *names)
    for _ in range(2):
        summary = run(SMALLER, place, str(tmp_path / "result"), HERE)
        assert summary.images == 4
        assert set(summary.facts.earlier) == {"out", "deep/er/out"}
    printed_row = dict(summary.rows())["ignored"]
    assert "files in deep/er/out/ and 1 more folder, which earlier runs wrote" in printed_row
    assert summary.facts.ignored == sum(summary.facts.earlier.values())
    # Its process of its own cannot see a store in this one's memory.
    monkeypatch.setattr("mrimage.cli.dry_run._estimate", lambda *_: "")
    planned = dict(describe_plan(SMALLER, place, str(tmp_path / "planned"), HERE))
    assert planned["images"] == "4"
    assert planned["ignored"] == printed_row


def test_the_images_of_an_earlier_run_can_be_named_as_a_source(place: str, tmp_path: Path) -> None:
    put_images(open_store(place, create=True), "in/1.png", "in/2.png")
    run(mr.Job(edits=mr.Edits(resize=(6, 6))), f"{place}/in", f"{place}/out", HERE)
    assert run(SMALLER, f"{place}/out/images", str(tmp_path / "images"), HERE).images == 2


def test_an_out_in_its_source_by_another_name_is_left_out() -> None:
    """As where one folder is mounted twice, which no spelling shows."""
    bucket, mount = uuid.uuid4().hex, uuid.uuid4().hex
    with memory_backend():
        same_bucket(mount, bucket)
        put_images(open_store(f"mem://{bucket}/in"), "1.png", "2.png")
        for _ in range(3):
            assert run(SMALLER, f"mem://{bucket}/in", f"mem://{mount}/in/out", HERE).images == 2
        assert any(
            item.path.startswith("out/images/") for item in open_store(f"mem://{bucket}/in").list()
        )
