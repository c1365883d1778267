"""Images that fail, crash, hang or eat memory inside a user's reducer: they are quarantined, and their groups are reduced
without them."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.faults.poisons import POISONS

import mrimage as mr
from mrimage.commit.verify import verify
from mrimage.errors import ImageError, JobError
from mrimage.flow.results import read_facts
from mrimage.flow.run import RunOptions, run
from mrimage.reducers.task_image import TaskImage
from mrimage.storage import open_store
from mrimage.tasks.left_out import without_images
from mrimage.types import Limits

HERE = RunOptions(workers=1, thumbnails=False)
WORKERS = RunOptions(workers=2, thumbnails=False)

POISONED = """
import mrimage.image.handle as handle
from tests.faults.poisons import swallow

sound = handle.Image.thumbnail

def thumbnail(self, *arguments, **keywords):
    swallow({poisons!r}.get(self.uri.rpartition("/")[2], "none"))
    return sound(self, *arguments, **keywords)

handle.Image.thumbnail = thumbnail
"""
"""Python runs ``sitecustomize`` in each process that it starts: a decoder that misbehaves there, in workers and in
guarded children, and not in the test itself."""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        Image.fromarray(np.full((30, 40, 3), 20 * number, np.uint8)).save(
            folder / f"{number:02}.png"
        )
    return folder


def cut_short(path: Path) -> None:
    """Leave of the file what its header needs."""
    path.write_bytes(path.read_bytes()[:60])


def by_parity(image: mr.Image) -> Iterator[tuple[str, object]]:
    assert image.metadata.width == 40
    yield f"{int(image.path[:2]) % 2}", {"uri": image.uri, "name": image.path}


def look(key: str, values: Iterable[dict[str, str]]) -> Iterator[mr.Output]:
    seen = []
    for value in values:
        picture = mr.open_image(value["uri"]).thumbnail(8, 8)
        seen.append(f"{value['name']} {picture.shape[1]}")
        yield mr.Output(f"{value['name']}.txt", key)
    yield mr.Output("seen.json", seen)


def look_and_swallow(key: str, values: Iterable[dict[str, str]]) -> Iterator[mr.Output]:
    seen = []
    for value in values:
        with suppress(Exception):
            seen.append(f"{value['name']} {mr.open_image(value['uri']).thumbnail(8, 8).shape[1]}")
        yield mr.Output(f"{value['name']}.txt", key)
    yield mr.Output("seen.json", seen)


def look_in_threads(key: str, values: Iterable[dict[str, str]]) -> Iterator[mr.Output]:
    rows = list(values)
    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(lambda value: mr.open_image(value["uri"]).thumbnail(8, 8), rows))
    for value in rows:
        yield mr.Output(f"{value['name']}.txt", key)
    yield mr.Output(
        "seen.json",
        [
            f"{value['name']} {picture.shape[1]}"
            for value, picture in zip(rows, pictures, strict=True)
        ],
    )


def seen_in(out: Path, key: str) -> list[str]:
    seen: list[str] = json.loads((out / f"groups/{key}/seen.json").read_text())
    names = sorted(path.name.removesuffix(".txt") for path in (out / f"groups/{key}").glob("*.txt"))
    assert names == [name.partition(" ")[0] for name in seen], (
        "what the first pass made is not left behind"
    )
    return seen


def require_sound(out: Path, tmp_path: Path) -> None:
    store = open_store(str(out))
    assert list(verify(store, out, read_facts(store), tmp_path)) == []


# How reducers look at images and where they run are apart: one of them in workers is enough.
@pytest.mark.parametrize(
    ("reducer", "how"),
    [(look, HERE), (look_and_swallow, HERE), (look_in_threads, HERE), (look_in_threads, WORKERS)],
)
def test_a_damaged_image_is_quarantined_and_its_group_is_reduced_without_it(
    corpus: Path, tmp_path: Path, rows, reducer: Callable[..., Any], how: RunOptions
) -> None:
    for name in ("04.png", "05.png", "07.png"):
        cut_short(corpus / name)
    out = tmp_path / "out"
    summary = run(mr.Job(map=by_parity, reduce=reducer), str(corpus), str(out), how)
    assert (summary.processed, summary.quarantined) == (9, 3)
    assert [
        (str(row["uri"])[-6:], row["stage"], row["reason"]) for row in rows(out, "quarantine")
    ] == [(name, "reduce", "truncated") for name in ("04.png", "05.png", "07.png")]
    assert seen_in(out, "0") == [f"{name}.png 8" for name in ("00", "02", "06", "08", "10")]
    assert seen_in(out, "1") == [f"{name}.png 8" for name in ("01", "03", "09", "11")]
    require_sound(out, tmp_path)


@pytest.mark.parametrize(
    ("reducer", "poisons"),
    [
        (look, {"03.png": "segfault", "05.png": "spin", "07.png": "memory"}),
        (look_and_swallow, {"05.png": "sleep"}),
    ],
)
def test_images_that_take_their_process_down_are_found(
    corpus: Path,
    tmp_path: Path,
    rows,
    monkeypatch: pytest.MonkeyPatch,
    reducer: Callable[..., Any],
    poisons: dict[str, str],
) -> None:
    (tmp_path / "poisoned").mkdir()
    (tmp_path / "poisoned/sitecustomize.py").write_text(POISONED.format(poisons=poisons))
    # The workers' Python reads sitecustomize when it starts.
    path = f"{tmp_path / 'poisoned'}{os.pathsep}{Path(__file__).parents[2]}"
    monkeypatch.setenv("PYTHONPATH", path)
    out = tmp_path / "out"
    job = mr.Job(map=by_parity, reduce=reducer, limits=Limits(deadline=3.0, memory=1 << 30))
    summary = run(job, str(corpus), str(out), WORKERS)
    assert (summary.processed, summary.quarantined) == (12 - len(poisons), len(poisons))
    found = {str(row["uri"])[-6:]: (row["stage"], row["reason"]) for row in rows(out, "quarantine")}
    assert found == {name: ("reduce", POISONS[kind]) for name, kind in poisons.items()}
    sound = [f"{number:02}.png" for number in (1, 3, 5, 7, 9, 11)]
    assert seen_in(out, "1") == [f"{name} 8" for name in sound if name not in poisons]
    assert len(seen_in(out, "0")) == 6


def test_an_image_outside_the_group_is_guarded_too(corpus: Path, tmp_path: Path, rows) -> None:
    """A reducer that copes gets on; one that does not costs its group, and the image's row says so."""
    cut_short(corpus / "05.png")

    def curious(key: str, values: Iterable[object]) -> Iterator[mr.Output]:
        for number in range(12):
            with suppress(ImageError):
                mr.open_image(corpus / f"{number:02}.png").thumbnail(8, 8)
        yield mr.Output("count.txt", str(len(list(values))))

    run(mr.Job(map=by_parity, reduce=curious), str(corpus), str(tmp_path / "curious"), HERE)
    counts = {key: (tmp_path / f"curious/groups/{key}/count.txt").read_text() for key in "01"}
    assert counts == {"0": "6", "1": "5"}

    def stubborn(key: str, values: Iterable[object]) -> Iterator[mr.Output]:
        if key == "0":
            mr.open_image(corpus / "05.png").thumbnail(8, 8)
        yield mr.Output("count.txt", str(len(list(values))))

    summary = run(
        mr.Job(map=by_parity, reduce=stubborn), str(corpus), str(tmp_path / "stubborn"), HERE
    )
    assert (summary.processed, summary.quarantined) == (11, 1)
    (row,) = rows(tmp_path / "stubborn", "quarantine")
    assert "the group '0' lacks its outputs" in str(row["message"])
    assert [path.parent.name for path in (tmp_path / "stubborn").glob("groups/*/*")] == ["1"]


def test_a_reducer_that_needs_a_broken_file_of_its_own_stops_the_job(
    corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "watermark.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    def marked(key: str, values: Iterable[object]) -> Iterator[mr.Output]:
        mr.open_image(tmp_path / "watermark.png").thumbnail(8, 8)
        yield mr.Output("marked.txt", key)

    with pytest.raises(JobError, match=r"watermark\.png is outside the source and cannot be read"):
        run(mr.Job(map=by_parity, reduce=marked), str(corpus), str(tmp_path / "out"), HERE)


def test_an_error_of_the_reducer_s_own_stops_the_job_with_its_file_and_line(
    corpus: Path, tmp_path: Path
) -> None:
    """Also where images have failed before, and after it has looked at one."""
    cut_short(corpus / "05.png")

    def broken(key: str, values: Iterable[dict[str, str]]) -> Iterator[mr.Output]:
        for value in values:
            mr.open_image(value["uri"]).thumbnail(8, 8)
        raise RuntimeError("mine")
        yield

    line = inspect.getsourcelines(broken)[1] + 3
    with pytest.raises(JobError) as caught:
        run(mr.Job(map=by_parity, reduce=broken), str(corpus), str(tmp_path / "out"), HERE)
    assert (
        f"broken failed on key '0'. RuntimeError: mine ({__file__}, line {line}, in broken)"
        in str(caught.value)
    )


def test_a_reducer_that_crashes_by_itself_is_not_held_against_an_image(
    corpus: Path, tmp_path: Path
) -> None:
    def crashing(key: str, values: Iterable[dict[str, str]]) -> Iterator[mr.Output]:
        for value in values:
            mr.open_image(value["uri"]).thumbnail(8, 8)
        os._exit(3)
        yield

    how = RunOptions(workers=2, retries=1, thumbnails=False)
    with pytest.raises(JobError, match="exited with status 3"):
        run(mr.Job(map=by_parity, reduce=crashing), str(corpus), str(tmp_path / "out"), how)


def test_all_that_a_reducer_can_ask_of_an_image_is_guarded(corpus: Path, tmp_path: Path) -> None:
    public = {name for name in vars(mr.Image) if not name.startswith("_")}
    of_tasks = {"group_statistic", "keep_model_columns", "matched", "model_input", "watermark"}
    assert public - of_tasks <= set(vars(TaskImage)) | {"path"}

    def ask_all(key: str, values: Iterable[dict[str, str]]) -> Iterator[mr.Output]:
        for value in values:
            image = mr.open_image(value["uri"])
            assert image.uri == value["uri"]
            assert (image.metadata.width, len(image.data) > 0) == (40, True)
            assert image.features(["content"])["entropy"] == 0.0
            edited = image.edited(mr.Edits(resize=(4, 4), format="png"))
            yield mr.Output(value["name"], edited.data, uri=image.uri)

    job = mr.Job(map=by_parity, reduce=ask_all)
    run(job, str(corpus), str(tmp_path / "out"), HERE)
    assert len(list((tmp_path / "out").glob("groups/*/*.png"))) == 12


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("bad", None),
        ({"uri": "bad", "score": 1}, None),
        (["bad", 7], None),
        (["bad", "good"], ["good"]),
        ([["bad", 7], ["good", 8]], [["good", 8]]),
        ([{"uri": "good"}, {"uri": "bad"}], [{"uri": "good"}]),
        ({"best": ["good", "bad"], "sum": 3}, {"best": ["good"], "sum": 3}),
        ({"bad": 1, "good": 2}, {"good": 2}),
        ({"bad": 1}, None),
        ([], []),
        (["bad"], None),
        (7, 7),
    ],
)
def test_what_a_combiner_made_loses_what_it_says_of_the_image(value: object, left: object) -> None:
    from mrimage.shuffle.records import make_record
    from mrimage.types import Entry

    record = make_record("k", Entry("bad", "bad", 1, ""), 0, value, 1, 1)
    assert [kept.value for kept in without_images([record], {"bad"}, combined=True)] == [left] * (
        left is not None
    )
    assert list(without_images([record], {"bad"}, combined=False)) == []
    assert list(without_images([record], {"other"}, combined=False)) == [record]


def test_a_combiner_s_list_of_images_loses_the_one_that_fails(corpus: Path, tmp_path: Path) -> None:
    cut_short(corpus / "05.png")

    def gather(image: mr.Image) -> Iterator[tuple[str, object]]:
        yield "all", [{"uri": image.uri, "name": image.path}]

    def join(key: str, values: Iterable[list[object]]) -> Iterator[list[object]]:
        yield [item for value in values for item in value]

    def look_at_lists(key: str, values: Iterable[list[dict[str, str]]]) -> Iterator[mr.Output]:
        yield from look(key, (item for value in values for item in value))

    job = mr.Job(map=gather, combine=join, reduce=look_at_lists)
    summary = run(job, str(corpus), str(tmp_path / "out"), HERE)
    assert (summary.processed, summary.quarantined) == (11, 1)
    assert len(seen_in(tmp_path / "out", "all")) == 11
