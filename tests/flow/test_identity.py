"""A changed job is another job, however it changed; the same job is the same one, in every process."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mrimage as mr
from mrimage.errors import SinkError
from mrimage.flow.run import RunOptions, run
from mrimage.flow.summary import Summary
from mrimage.job.functions import explain_change
from mrimage.job.identity import identify

HERE = RunOptions(workers=1, thumbnails=False)


class Lookup:
    def __init__(self, table: object) -> None:
        self.table = table

    def __call__(self, image: object) -> Iterator[tuple[str, str]]:
        yield "k", repr(self.table)

    def method(self, image: object) -> Iterator[tuple[str, str]]:
        yield "k", repr(self.table)


class Slotted:
    __slots__ = ("table",)

    def __init__(self, table: object) -> None:
        self.table = table

    def __call__(self, image: object) -> list[tuple[str, str]]:
        return [("k", repr(self.table))]


def over(value: object) -> Callable[[object], list[tuple[str, object]]]:
    return lambda image: [("k", value)]


def deep(value: object) -> Callable[[object], object]:
    def inner(image: object) -> object:
        return [("k", (lambda: value)())]

    return inner


def default(value: object) -> Callable[..., object]:
    def f(image: object, *, limit: object = value) -> object:
        return [("k", limit)]

    return f


def attribute(value: object) -> Callable[..., object]:
    def f(image: object) -> object:
        return [("k", f.limit)]  # type: ignore[attr-defined]

    f.limit = value  # type: ignore[attr-defined]
    return f


def pair(image: object, x: object) -> object:
    return [("k", x)]


def wrapped(value: object) -> Callable[..., object]:
    def decorator(function: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(function)
        def inner(*given: object) -> object:
            return function(*given, value)

        return inner

    return decorator(pair)


MAKERS: list[Callable[[Any], Callable[..., Any]]] = [
    *(Lookup, lambda value: Lookup(value).method, Slotted, over, deep, default, attribute, wrapped),
    *(lambda value: functools.partial(pair, x=value), lambda value: functools.partial(pair, value)),
]
CHANGES: list[tuple[object, object]] = [
    *(
        (1, 2),
        (1, True),
        (1, 1.0),
        ("a", b"a"),
        (0.0, -0.0),
        ([1], [2]),
        ([1], (1,)),
        ({1}, {2}),
        ({1}, frozenset({1})),
    ),
    *(
        ({"a": 1}, {"a": 2}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}),
    ),
    *(
        (np.array([1]), np.array([2])),
        (np.array([1]), np.array([1], np.int32)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
    ),
    *(
        ({"a": np.array([1])}, {"a": np.array([2])}),
        (np.array([[1], "a"], object), np.array([[2], "a"], object)),
    ),
    *(
        (Lookup([1]), Lookup([2])),
        (over([1]), over([2])),
        (np.float32(1), np.float64(1)),
        (len, max),
    ),
]


@pytest.mark.parametrize("make", MAKERS)
def test_another_value_is_another_function_wherever_it_is_held(
    make: Callable[[Any], Callable[..., Any]],
) -> None:
    for one, other in CHANGES:
        assert identify(make(one)).digest == identify(make(one)).digest, one
        assert identify(make(one)).digest != identify(make(other)).digest, (one, other)


def test_two_lambdas_of_one_line_are_two_functions() -> None:
    one, other = (lambda image: [("k", 1)]), (lambda image: [("k", 2)])
    assert identify(one).digest != identify(other).digest


MODULE = """
import math
import helpers
from helpers import shrink

{comment}
LIMIT = {limit}
TABLE = {table}
NAMES = {{"a", "b", "c", ("d", 1)}}

class Base:
    def size(self): return {size}

class Sized(Base):
    pass

def helper(value):
    {docstring}
    return value + {helper}

def unused():
    return {unused}

def mapper(image):
    from lately import late
    if image in {{"x", "y", "z"}}:
        yield "k", NAMES
    yield "k", (LIMIT, TABLE, helper(1), shrink(1), helpers.SCALE, Sized().size(), math.pi, late())

if __name__ == "__main__":
    from mrimage.job.identity import identify
    print(identify(mapper).digest)
"""
HELPERS = "SCALE = {scale}\nOTHER = {other}\ndef shrink(value):\n    return value - {shrink}\n"
LATELY = "def late():\n    return {late}{late_comment}\n"
FIELDS = {
    **{
        "limit": 1,
        "table": {"a": [1]},
        "size": 3,
        "helper": 4,
        "unused": 5,
        "scale": 6,
        "other": 7,
        "shrink": 8,
    },
    **{"late": 9, "comment": "# a comment", "docstring": '"""What it does."""', "late_comment": ""},
}


def digest_of(folder: Path, seed: str = "0", **changes: object) -> str:
    """The identity of the script's mapper in a process of its own."""
    fields = FIELDS | changes
    folder.mkdir(exist_ok=True)
    for name, text in (("script", MODULE), ("helpers", HELPERS), ("lately", LATELY)):
        (folder / f"{name}.py").write_text(text.format_map(fields))
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env=environment, capture_output=True, check=True
    )
    return done.stdout.decode()


def test_a_script_s_mapper_is_its_code_its_globals_and_what_it_calls(tmp_path: Path) -> None:
    """In other processes, with other seeds of hashes, in other folders, with other comments: the same function."""
    first = digest_of(tmp_path / "a", seed="1")
    assert digest_of(tmp_path / "b", seed="2") == first
    plain = {"comment": "\n\n", "docstring": '"""Said better."""', "late_comment": "  # why"}
    assert digest_of(tmp_path / "a", **plain) == first
    assert digest_of(tmp_path / "a", unused=0, other=0) == first
    for name in ("limit", "size", "helper", "scale", "shrink", "late"):
        assert digest_of(tmp_path / "a", **{name: 99}) != first, name
    assert digest_of(tmp_path / "a", table={"a": [2]}) != first


def test_a_cell_run_again_is_the_same_function_and_a_mended_one_is_another() -> None:
    """A notebook compiles each run of a cell under another name of a file."""

    def cell(text: str, number: int) -> Callable[..., object]:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(text, f"/tmp/ipykernel_{number}/{number}.py", "exec"), namespace)
        function: Callable[..., object] = namespace["f"]
        return function

    text = "LIMIT = 1\ndef helper(): return LIMIT\ndef f(image):\n    yield 'k', helper()\n"
    again, mended = f"\n\n# once more\n{text}", text.replace("LIMIT = 1", "LIMIT = 2")
    assert identify(cell(text, 1)).digest == identify(cell(again, 2)).digest
    assert identify(cell(text, 1)).digest != identify(cell(mended, 3)).digest
    assert (
        explain_change(identify(cell(text, 1)).parts, identify(cell(mended, 3)).parts)
        == "the global LIMIT"
    )


class Handle:
    """What pickle cannot take apart either, such as a session of a model."""

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError("a handle")


def test_what_cannot_be_described_is_different_but_for_itself() -> None:
    one, other = over(Handle()), over(Handle())
    assert identify(one).digest == identify(one).digest
    assert identify(one).digest != identify(other).digest
    assert "cannot be compared" in explain_change(identify(one).parts, identify(other).parts)


def test_locks_caches_and_circles_are_described() -> None:
    def circle(n: int) -> Callable[..., object]:
        holder: dict[str, object] = {"n": n}
        holder["self"] = holder
        return over(holder)

    def locked(n: int) -> Callable[..., object]:
        lock = threading.Lock()

        @functools.cache
        def slow(x: int) -> int:
            return x + n

        def f(image: object) -> object:
            with lock:
                return [("k", slow(1))]

        f("used")
        return f

    for make in (circle, locked):
        assert identify(make(1)).digest == identify(make(1)).digest
        assert identify(make(1)).digest != identify(make(2)).digest


def write(key: str, values: Iterator[object]) -> Iterator[mr.Output]:
    yield mr.Output("n.txt", repr(next(iter(values))))


def write_better(key: str, values: Iterator[object]) -> Iterator[mr.Output]:
    yield mr.Output("better.txt", repr(next(iter(values))))


def total(key: str, values: Iterator[int]) -> Iterator[int]:
    yield sum(values)


def total_less(key: str, values: Iterator[int]) -> Iterator[int]:
    yield sum(values) - 1


def once(photos: Path, out: Path, **job: Any) -> Summary:
    return run(mr.Job(**job), str(photos), str(out), HERE)


def test_a_changed_mapper_or_combiner_is_refused_and_named(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    once(photos, out, map=over(1), combine=total, reduce=write)
    with pytest.raises(
        SinkError,
        match=r"a changed mapper test_identity:over.* \(the variable value of <lambda>\)\. Choose",
    ):
        once(photos, out, map=over(2), combine=total, reduce=write)
    with pytest.raises(
        SinkError, match="the combiner test_identity:total_less instead of test_identity:total"
    ):
        once(photos, out, map=over(1), combine=total_less, reduce=write)
    assert once(photos, out, map=over(1), combine=total, reduce=write).facts.tasks == ()


def test_a_mended_reducer_keeps_the_map(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the earlier reducer made goes, what the new one makes is that of a fresh run."""
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    once(photos, out, map=over(1), reduce=write)
    how = RunOptions(workers=1, thumbnails=False, quiet=False)
    summary = run(mr.Job(map=over(1), reduce=write_better), str(photos), str(out), how)
    assert [task.phase for task in summary.facts.tasks] == ["reduce"]
    printed = capsys.readouterr().err
    assert (
        "The job has the reducer test_identity:write_better instead of test_identity:write."
        in printed
    )
    assert "What map has done is kept; all groups are reduced again." in printed
    once(photos, fresh, map=over(1), reduce=write_better)
    files = [sorted(path.relative_to(of) for path in of.rglob("groups/*/*")) for of in (out, fresh)]
    assert files == [[Path("groups/k/better.txt")]] * 2
    assert summary.facts.removed_outputs == ("groups/k/n.txt",)
    with pytest.raises(SinkError, match="a changed mapper"):
        once(photos, out, map=over(2), reduce=write_better)
    assert once(photos, out, map=over(1), reduce=write_better).facts.tasks == ()


def test_another_group_reducer_keeps_the_map(photos: Path, tmp_path: Path) -> None:
    once(photos, tmp_path / "out", key="format", group="mean")
    summary = once(photos, tmp_path / "out", key="format", group=("mean", "contact-sheet"))
    assert {task.phase for task in summary.facts.tasks} == {"reduce"}
    assert len(list((tmp_path / "out").rglob("groups/*/*"))) == 4
    with pytest.raises(SinkError):  # it asks map for another column
        once(photos, tmp_path / "out", key="format", group="duplicates")


def test_a_reduce_that_failed_can_be_mended_without_mapping_again(
    photos: Path, tmp_path: Path
) -> None:
    def broken(key: str, values: object) -> object:
        raise KeyError("missing")

    with pytest.raises(mr_error(), match="KeyError: 'missing'"):
        once(photos, tmp_path / "out", map=over(1), reduce=broken)
    summary = once(photos, tmp_path / "out", map=over(1), reduce=write)
    assert [task.phase for task in summary.facts.tasks] == ["reduce"]


def mr_error() -> type[Exception]:
    from mrimage.errors import JobError

    return JobError


class Counting:
    """A mapper that changes by being used."""

    def __init__(self) -> None:
        self.count, self.seen = 0, {}

    def __call__(self, image: mr.Image) -> Iterator[tuple[str, int]]:
        self.count += 1
        self.seen[image.uri] = self.count
        yield "k", 1


def test_a_mapper_that_changes_by_being_used_is_the_same_job(photos: Path, tmp_path: Path) -> None:
    mapper, other = Counting(), Counting()
    once(photos, tmp_path / "out", map=mapper, reduce=write)
    assert mapper.count
    for same in (mapper, other, mapper):
        assert once(photos, tmp_path / "out", map=same, reduce=write).facts.tasks == ()
    other.count = 77  # nothing that a run did
    with pytest.raises(SinkError, match="the attribute count of Counting"):
        once(photos, tmp_path / "out", map=other, reduce=write)


def test_a_job_that_committed_nothing_has_no_claim(photos: Path, tmp_path: Path) -> None:
    def bad(key: str, values: object) -> object:
        raise ValueError("at once")

    with pytest.raises(mr_error(), match="at once"):
        once(photos, tmp_path / "out", map=over(1), combine=bad, reduce=write)
    once(photos, tmp_path / "out", map=over(1), combine=total, reduce=write)
