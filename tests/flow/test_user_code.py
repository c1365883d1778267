"""What a user's mapper, combiner and reducer may get wrong: one line that names the function and what was expected."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import JobError
from mrimage.flow.run import RunOptions, run

HERE = RunOptions(workers=1, thumbnails=False)
GO_ON = RunOptions(workers=1, thumbnails=False, max_failures="100%")


def yields(*answers: object) -> Callable[..., Iterator[Any]]:
    """A function that yields ``answers``, whatever it is called with."""

    def careless(*_: object) -> Iterator[object]:
        yield from answers

    return careless


def returns(answer: object) -> Callable[..., Any]:
    def careless(*_: object) -> object:
        return answer

    return careless


def forgets_to_yield(*_: object) -> None:
    """What a function without a yield returns."""


class Careless:
    def __call__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("mapper", "expected"),
    [
        (
            forgets_to_yield,
            "test_user_code:forgets_to_yield to yield (key, value), but it returned None (",
        ),
        (
            functools.partial(forgets_to_yield),
            "forgets_to_yield to yield (key, value), but it returned None (",
        ),
        (Careless(), "test_user_code:Careless to yield (key, value), but it returned None."),
        (returns(7), "careless to yield (key, value), but it returned 7 ("),
        (yields("key"), "careless to yield (text key, value), but received 'key' ("),
        (yields(("a", 1, 2)), "careless to yield (text key, value), but received ('a', 1, 2) ("),
        (yields((7, None)), "careless to yield (text key, value), but received (7, None) ("),
        (yields(("\ud800", 1)), "careless to yield keys of valid Unicode"),
        (yields(np.zeros((40, 40, 3))), "careless to yield (text key, value), but received array("),
    ],
    ids=lambda value: value[-30:] if isinstance(value, str) else "",
)
def test_a_mapper_s_answer_that_is_none_is_reported_in_quarantine(
    photos: Path, tmp_path: Path, rows, mapper: Callable[..., Any], expected: str
) -> None:
    summary = run(mr.Job(map=mapper), str(photos), str(tmp_path / "out"), GO_ON)
    assert summary.failures["mapper-failed"] == 9
    messages = {
        str(row["message"])
        for row in rows(tmp_path / "out", "quarantine")
        if row["reason"] == "mapper-failed"
    }
    for message in messages:
        assert message.startswith("Expected the mapper ")
        assert expected in message
        assert "\n" not in message
        assert len(message) < 400


class Speechless(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


def in_circles() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def raises(error: BaseException) -> Callable[..., Any]:
    def failing(*_: object) -> Any:
        raise error

    return failing


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("mapper", "expected"),
    [
        (raises(SystemExit(3)), "failing raised SystemExit: 3"),
        (raises(BaseException("a panic")), "failing raised BaseException: a panic"),
        (raises(Speechless()), "failing raised Speechless"),
    ],
    ids=["exit", "panic", "speechless"],
)
def test_whatever_a_mapper_raises_is_the_image_s_affair(
    photos: Path,
    tmp_path: Path,
    rows,
    capfd: pytest.CaptureFixture[str],
    mapper: Callable[..., Any],
    expected: str,
    workers: int,
) -> None:
    how = RunOptions(workers=workers, thumbnails=False, max_failures="100%")
    summary = run(mr.Job(map=mapper), str(photos), str(tmp_path / "out"), how)
    assert (summary.failures["mapper-failed"], [task.attempts for task in summary.facts.tasks]) == (
        9,
        [1],
    )
    assert all(
        expected in str(row["message"])
        for row in rows(tmp_path / "out", "quarantine")
        if "mapper" in row["reason"]
    )
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (object(), "the value of key 'a' holds object; use numbers, text"),
        (in_circles(), "the value of key 'a' holds a value nested deeper than 200 levels"),
        ({"x": [Careless()]}, "the value of key 'a' holds test_user_code.Careless; use"),
    ],
    ids=["object", "circle", "inside"],
)
def test_a_value_that_cannot_travel_is_refused_once_and_not_by_each_image(
    photos: Path, tmp_path: Path, value: object, expected: str, workers: int
) -> None:
    out = tmp_path / "out"
    with pytest.raises(JobError) as caught:
        run(
            mr.Job(map=yields(("a", value))),
            str(photos),
            str(out),
            RunOptions(workers=workers, thumbnails=False),
        )
    assert "Expected the mapper test_user_code:yields.<locals>.careless to yield plain data" in str(
        caught.value
    )
    assert expected in str(caught.value)
    run(mr.Job(map=yields(("a", 1))), str(photos), str(out), HERE)  # OUT is free for the mended job


@pytest.mark.parametrize("error", [SystemExit(3), Speechless()])
def test_whatever_a_reducer_raises_names_it_and_its_key(
    photos: Path, tmp_path: Path, error: BaseException
) -> None:
    with pytest.raises(JobError, match=f"failing failed on key 'jpeg'. {type(error).__name__}"):
        run(mr.Job(key="format", reduce=raises(error)), str(photos), str(tmp_path / "out"), HERE)


@pytest.mark.parametrize(
    ("reducer", "expected"),
    [
        (forgets_to_yield, "It needs to yield mrimage.Output, but it returned None."),
        (Careless(), "It needs to yield mrimage.Output, but it returned None."),
        (returns(7), "It needs to yield mrimage.Output, but it returned 7."),
        (
            returns(mr.Output("a.txt", "a")),
            "It needs to yield mrimage.Output, but it returned Output(",
        ),
        (yields("a.txt"), "It needs to yield mrimage.Output, but it yielded 'a.txt'."),
        (yields(None), "It needs to yield mrimage.Output, but it yielded None."),
        (
            yields(mr.Output("a.txt", "one"), mr.Output("a.txt", "two")),
            "It needs to give each output a different name, but it used 'a.txt' twice.",
        ),
        (
            yields(mr.Output("a.txt", "one"), mr.Output("a.txt", "one")),
            "It needs to give each output a different name, but it used 'a.txt' twice.",
        ),
        (
            yields(mr.Output("a.bin", object())),
            "The data of output 'a.bin' must be bytes, text, pixels",
        ),
        (
            yields(mr.Output("a.bmp", np.zeros((2, 2, 3), np.uint8))),
            "end in .jpg, .jpeg, .png, .webp, .avif, .tif or .tiff",
        ),
    ],
    ids=lambda value: value[-30:] if isinstance(value, str) else "",
)
def test_a_reducer_s_answer_that_is_none_stops_the_job_and_names_it(
    photos: Path, tmp_path: Path, reducer: Callable[..., Any], expected: str
) -> None:
    with pytest.raises(JobError) as caught:
        run(mr.Job(key="format", reduce=reducer), str(photos), str(tmp_path / "out"), HERE)
    message = str(caught.value)
    assert expected in message
    named = "Careless" if isinstance(reducer, Careless) else reducer.__name__
    assert message.startswith("The reducer ")
    assert f"{named} failed on key 'jpeg'." in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.zeros((2, 2, 7), np.complex64), "complex64, 2 x 2 x 7"),
        (np.zeros((2, 2, 3), int), "int64, 2 x 2 x 3; convert them"),
        (np.zeros((2, 2, 5), np.uint8), "uint8, 2 x 2 x 5"),
        (np.zeros((0, 2, 3), np.uint8), "uint8, 0 x 2 x 3"),
        (np.zeros(5, np.uint8), "uint8, 5"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_pixels_of_another_kind_stop_the_job_at_once_and_are_not_tried_again(
    photos: Path, tmp_path: Path, pixels: Any, expected: str
) -> None:
    reducer = yields(mr.Output("a.png", pixels))
    with pytest.raises(
        JobError,
        match=f"careless failed on key 'jpeg'.*H x W x 1, 2, 3 or 4, but received {expected}",
    ):
        run(mr.Job(key="format", reduce=reducer), str(photos), str(tmp_path / "out"), HERE)


@pytest.mark.parametrize("name", ["", None, 7])
def test_an_output_needs_a_name(name: object) -> None:
    with pytest.raises(JobError, match="name of an output must be a text"):
        mr.Output(name, "data")  # type: ignore[arg-type]


def test_a_reducer_need_not_read_its_values_nor_yield(photos: Path, tmp_path: Path) -> None:
    def incurious(key: str, values: Iterable[object]) -> Iterator[mr.Output]:
        if key == "png":
            next(iter(values))
            yield mr.Output("first.txt", key)

    out = tmp_path / "out"
    summary = run(mr.Job(key="format", reduce=incurious, group="mean"), str(photos), str(out), HERE)
    assert sorted(path.relative_to(out).as_posix() for path in out.glob("groups/*/*")) == [
        "groups/jpeg/mean.png",
        "groups/png/first.txt",
        "groups/png/mean.png",
    ]
    again = run(mr.Job(key="format", reduce=incurious, group="mean"), str(photos), str(out), HERE)
    assert (summary.groups, again.facts.tasks) == (2, ())


def test_images_that_are_none_of_the_source_s_are_not_counted_among_them(
    photos: Path, tmp_path: Path, rows
) -> None:
    """A sheet leaves their tiles empty; they are neither listed nor processed, so they are not quarantined either."""

    def sheet(key: str, values: Iterable[str]) -> Iterator[mr.Output]:
        (photos / "wide 1.jpg").unlink(missing_ok=True)
        strangers = [f"{photos}/stranger {number}.jpg" for number in range(20)]
        yield mr.Output("sheet.png", mr.contact_sheet([*values, *strangers]))

    job = mr.Job(map=lambda image: [("all", image.uri)], reduce=sheet)
    summary = run(job, str(photos), str(tmp_path / "out"), HERE)
    assert (summary.images, summary.processed, summary.quarantined) == (11, 8, 3)
    assert summary.failures == {"empty": 1, "not-an-image": 1, "vanished": 1}
    status = [row["status"] for row in rows(tmp_path / "out", "catalogue")]
    assert (status.count("processed"), status.count("quarantined")) == (8, 3)
    assert main(["verify", str(tmp_path / "out")]) == 0


def test_a_reducer_s_name_may_not_be_one_of_a_built_in(photos: Path, tmp_path: Path) -> None:
    job = mr.Job(key="format", reduce=yields(mr.Output("mean.png", b"not it")), group="mean")
    with pytest.raises(JobError, match=r"key 'jpeg'.*groups/jpeg/mean\.png"):
        run(job, str(photos), str(tmp_path / "out"), HERE)


@pytest.mark.parametrize(
    ("combiner", "expected"),
    [
        (forgets_to_yield, "forgets_to_yield to yield values, but it returned None."),
        (
            yields(object()),
            "careless to yield plain data, but the value of key 'jpeg' holds object; use",
        ),
        (lambda key, values: 1 / 0, "failed: ZeroDivisionError: division by zero"),
    ],
)
def test_a_combiner_that_fails_stops_the_job_and_is_named(
    photos: Path, tmp_path: Path, combiner: Callable[..., Any], expected: str
) -> None:
    job = mr.Job(key="format", combine=combiner, reduce=yields())
    with pytest.raises(JobError) as caught:
        run(job, str(photos), str(tmp_path / "out"), HERE)
    assert expected in str(caught.value)


def test_workers_and_the_command_line_tell_it_too(
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "broken_jobs.py").write_text("def reducer(key, values):\n    return None\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "job.toml").write_text('key = "format"\nreduce = "broken_jobs:reducer"\n')
    for workers in ("1", "2"):
        out = str(tmp_path / f"out{workers}")
        assert (
            main(
                ["run", str(photos), out, "--job", str(tmp_path / "job.toml"), "--workers", workers]
            )
            == 1
        )
        printed = capsys.readouterr().err.strip().splitlines()[-1]
        assert printed.startswith("mrimage: The reducer broken_jobs:reducer failed on key ")
        assert printed.endswith("It needs to yield mrimage.Output, but it returned None.")


def test_a_combined_job_on_a_changed_source_equals_a_fresh_run(
    photos: Path, tmp_path: Path
) -> None:
    def one(image: mr.Image) -> Iterator[tuple[str, int]]:
        yield image.metadata.format or "", 1

    def add(key: str, values: Iterable[int]) -> Iterator[int]:
        yield sum(values)

    def write(key: str, values: Iterable[int]) -> Iterator[mr.Output]:
        yield mr.Output("count.txt", str(sum(values)))

    job, out = mr.Job(map=one, combine=add, reduce=write), tmp_path / "out"
    run(job, str(photos), str(out), HERE)
    (photos / "trip/tall-0.png").unlink()
    run(job, str(photos), str(out), HERE)
    counts = {path.parent.name: path.read_text() for path in out.glob("groups/*/*")}
    assert counts == {"jpeg": "5", "png": "3"}
