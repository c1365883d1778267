"""A job that cannot be sent to another process is refused at once, and what is in the way has a name."""

from __future__ import annotations

import functools
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mrimage as mr
from mrimage.job.pickling import dumps


def capturing(thing: object) -> Callable[[mr.Image], Iterator[tuple[str, Any]]]:
    def mapper(image: mr.Image) -> Iterator[tuple[str, Any]]:
        yield "all", thing

    return mapper


def with_default(thing: object) -> Callable[..., Iterator[tuple[str, Any]]]:
    def mapper(image: mr.Image, thing: object = thing) -> Iterator[tuple[str, Any]]:
        yield "all", thing

    return mapper


def with_argument(image: mr.Image, thing: object) -> Iterator[tuple[str, Any]]:
    yield "all", thing


class Mapper:
    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __call__(self, image: mr.Image) -> Iterator[tuple[str, Any]]:
        yield "all", self.thing

    def method(self, image: mr.Image) -> Iterator[tuple[str, Any]]:
        yield "all", self.thing


WAYS: dict[str, Callable[[object], Callable[..., Any]]] = {
    "closure": capturing,
    "list in a closure": lambda thing: capturing([0, thing]),
    "dictionary in a closure": lambda thing: capturing({"log": thing}),
    "function in a closure": lambda thing: capturing(capturing(thing)),
    "default": with_default,
    "partial": lambda thing: functools.partial(with_argument, thing=thing),
    "object": Mapper,
    "method": lambda thing: Mapper(thing).method,
}


@pytest.mark.parametrize("way", WAYS)
def test_an_open_file_is_named_wherever_a_function_holds_it(tmp_path: Path, way: str) -> None:
    with (tmp_path / "photos.log").open("w") as file:
        job = mr.Job(map=WAYS[way](file))
        with pytest.raises(
            mr.UsageError,
            match=r'"[\w.\[\]\']*(thing|log)[\w.\[\]\']*".* is an open file .*photos.log',
        ):
            dumps(job)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (threading.Lock, '"thing" in the function capturing.<locals>.mapper is a lock'),
        (threading.RLock, "is a lock"),
        (threading.Event, '"thing._cond._lock" in .* is a lock'),
        (lambda: (number for number in range(3)), "is a generator"),
        (lambda: sqlite3.connect(":memory:"), "is a sqlite3.Connection"),
        (socket.socket, "is a socket.socket"),
    ],
)
def test_what_cannot_be_sent_is_named_by_its_kind(make: Callable[[], Any], expected: str) -> None:
    thing = make()
    with pytest.raises(mr.UsageError, match=expected):
        dumps(mr.Job(map=capturing(thing)))
    if hasattr(thing, "close"):
        thing.close()


def test_a_global_of_a_script_is_named(tmp_path: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__", "lock": threading.Lock()}
    exec("def mapper(image):\n    with lock:\n        yield 'all', 1\n", names)
    with pytest.raises(mr.UsageError, match='"lock" in the function mapper is a lock'):
        dumps(mr.Job(map=names["mapper"]))


def test_such_a_job_writes_nothing_and_one_worker_does_it(photos: Path, tmp_path: Path) -> None:
    job = mr.Job(map=capturing(threading.Lock()), reduce=lambda key, values: [])
    with pytest.raises(mr.UsageError, match="is a lock, which cannot be sent"):
        mr.run(job, photos, tmp_path / "out", workers=2)
    assert not (tmp_path / "out").exists()
    done = threading.Lock()

    def mapper(image: mr.Image) -> Iterator[tuple[str, int]]:
        with done:
            yield "all", 1

    assert (
        mr.run(mr.Job(map=mapper), photos, tmp_path / "out", workers=1, thumbnails=False).processed
        == 9
    )
