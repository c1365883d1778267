"""Rounds: what they compute, in which order, and what is done again after a kill or when the source has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rounds.laboratory import Dying, Killed, Laboratory

import mrimage as mr
from mrimage.commit import rounds as state
from mrimage.errors import JobError, SinkError, UsageError
from mrimage.flow import rounds as flow
from mrimage.rounds import planning

Value = Any
Rounds = Generator[mr.Round, mr.Table, Any]


def same(key: str, value: Value, side: Value) -> Iterator[tuple[str, Value]]:
    yield key, value


def gather(key: str, values: Iterator[Value], side: Value) -> Iterator[tuple[str, Value]]:
    yield key, list(values)


def one_each(key: str, value: Value, side: Value) -> Iterator[tuple[str, int]]:
    yield key, 1


def add(key: str, values: Iterable[int]) -> Iterator[int]:
    yield sum(values)


def total(key: str, values: Iterator[int], side: Value) -> Iterator[tuple[str, int]]:
    yield key, sum(values)


def pages(table: mr.Table) -> Rounds:
    """The word count: how often each key occurs."""
    counted = yield mr.Round(table, one_each, total, combine=add)
    return list(counted)


def gathered(table: mr.Table) -> Rounds:
    """The values of each key, in the order in which they reach a reducer, and that of a second round."""
    first = yield mr.Round(table, same, gather)
    second = yield mr.Round(first, initial, gather)
    return list(first), list(second), first.id, second.id


def initial(key: str, value: Value, side: Value) -> Iterator[tuple[str, Value]]:
    for item in value:
        yield key[:1], item


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


@pytest.fixture(autouse=True)
def many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a small table makes several tasks."""
    monkeypatch.setattr(planning, "FEWEST", 2)


LETTERS = [(f"{number}.jpg", [("abcde"[number % 5], number)]) for number in range(20)]


def test_a_round_counts_words(laboratory: Laboratory) -> None:
    laboratory.commit("one", LETTERS)
    laboratory.commit("two", [("x.jpg", [("a", "x"), ("a", "y"), ("f", None)])])
    expected = [("a", 6), ("b", 4), ("c", 4), ("d", 4), ("e", 4), ("f", 1)]
    assert laboratory.found(pages) == expected


def test_an_empty_table_makes_outputs_too(laboratory: Laboratory) -> None:
    laboratory.commit("one", [("x.jpg", [])])
    laboratory.finish(pages_and_outputs)
    assert (laboratory.out / "groups/pages_and_outputs/counts.json").read_text() == "{}\n"


def test_a_table_is_sorted_and_knows_its_length(laboratory: Laboratory) -> None:
    laboratory.commit("one", LETTERS)

    def look(table: mr.Table) -> Rounds:
        yield mr.Round(table, same, gather)
        assert len(table) == len(LETTERS)
        # Two readers at once, one of which stops early.
        assert next(iter(table)) == ("a", 0)
        return list(table)

    expected = sorted((key, number) for _, pairs in LETTERS for key, number in pairs)
    found = laboratory.found(look)
    assert sorted(found) == expected
    assert [key for key, _ in found] == [key for key, _ in expected]


def test_two_tables_meet_in_one_reduce(laboratory: Laboratory) -> None:
    laboratory.commit("one", LETTERS)

    def left(key: str, value: int, side: Value) -> Iterator[tuple[str, Value]]:
        yield key, ("left", value)

    def right(key: str, value: Value, side: Value) -> Iterator[tuple[str, Value]]:
        yield key, ("right", value)

    def join(table: mr.Table) -> Rounds:
        counted = yield mr.Round(table, one_each, total)
        joined = yield mr.Round([table, counted], [left, right], gather)
        return dict(joined)

    found = laboratory.found(join)
    assert found.keys() == set("abcde")
    assert sorted(found["b"]) == [
        ("left", 1),
        ("left", 6),
        ("left", 11),
        ("left", 16),
        ("right", 4),
    ]


def test_side_data_reaches_map_and_reduce(laboratory: Laboratory) -> None:
    laboratory.commit("one", LETTERS)

    def times(key: str, value: int, side: dict[str, int]) -> Iterator[tuple[str, int]]:
        yield key, value * side["times"]

    def plus(key: str, values: Iterator[int], side: dict[str, int]) -> Iterator[tuple[str, int]]:
        yield key, sum(values) + side["plus"]

    def program(table: mr.Table) -> Rounds:
        return dict((yield mr.Round(table, times, plus, side={"times": 10, "plus": 3})))

    assert laboratory.found(program)["a"] == 303


def test_an_empty_table_makes_an_empty_table(laboratory: Laboratory) -> None:
    laboratory.commit("one", [("x.jpg", [])])
    first, second, _, _ = laboratory.found(gathered)
    assert (first, second, laboratory.found(pages)) == ([], [], [])


PLAIN = st.one_of(
    st.integers(), st.text(max_size=3), st.floats(allow_nan=False), st.tuples(st.booleans())
)
PAIRS = st.lists(st.tuples(st.sampled_from(["a", "aa", "b", "é", ""]), PLAIN), max_size=12)


@given(
    pairs=PAIRS,
    cuts=st.tuples(st.integers(0, 12), st.integers(0, 12)),
    share=st.sampled_from([1, 2, 5, 100]),
    compacts=st.booleans(),
)
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_neither_order_nor_cut_nor_partitions_nor_compaction_change_anything(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: list[tuple[str, Value]],
    cuts: tuple[int, int],
    share: int,
    compacts: bool,
) -> None:
    images = [(f"{number}.jpg", [pair]) for number, pair in enumerate(pairs)]
    plain = Laboratory(tmp_path_factory.mktemp("plain"))
    plain.commit("all", images)
    other = Laboratory(tmp_path_factory.mktemp("other"))
    first, last = sorted(cuts)
    for number, some in enumerate((images[last:], images[:first], images[first:last])):
        other.commit(f"split-{number}", some[::-1])
    expected = plain.found(gathered)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "share_of", lambda records, workers: share)
        patch.setattr(flow, "is_worth_compacting", lambda *_: compacts)
        assert other.found(gathered) == expected


def iterate(table: mr.Table) -> Rounds:
    """Three iterations, the last two over the table that the one before has made."""
    for step in range(3):
        table = yield mr.Round(table, one_each, total, side=step)
    return [mr.Output("counts.json", dict(table))]


def test_a_kill_between_any_two_tasks_loses_none(laboratory: Laboratory, tmp_path: Path) -> None:
    undisturbed = Laboratory(tmp_path / "undisturbed")
    undisturbed.folder.mkdir()
    whole = Dying()
    undisturbed.commit("one", LETTERS)
    undisturbed.finish(iterate, whole)
    assert len(whole.done) > 12
    laboratory.commit("one", LETTERS)
    runs = 0
    done: list[str] = []
    while True:
        runs += 1
        engine = Dying(tasks=1)
        try:
            laboratory.finish(iterate, engine)
        except Killed:
            done += [f"{report.phase} {report.task}" for report in engine.done]
            continue
        done += [f"{report.phase} {report.task}" for report in engine.done]
        break
    assert runs == len(whole.done)
    assert sorted(done) == sorted(f"{report.phase} {report.task}" for report in whole.done)
    counts = "out/groups/iterate/counts.json"
    assert (tmp_path / counts).read_bytes() == (undisturbed.folder / counts).read_bytes()


@pytest.mark.parametrize("place", ["write_result", "sort_records", "weigh_groups"])
def test_a_kill_in_the_driver_loses_no_task(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Before a round is finished, in the middle of a compaction, and between map and reduce."""
    laboratory.commit("one", LETTERS)
    monkeypatch.setattr(flow, "is_worth_compacting", lambda parts, *_: parts > 1)

    def die(*_: object) -> None:
        raise Killed

    before = Dying()
    with monkeypatch.context() as patch:
        patch.setattr(flow, place, die)
        with pytest.raises(Killed):
            laboratory.finish(iterate, before)
    assert before.done
    after = Dying()
    laboratory.finish(iterate, after)
    again = {report.task for report in before.done} & {
        report.task for report in after.done if report.phase == before.done[0].phase
    }
    assert again == set()


def test_a_kill_before_the_old_files_of_a_compacted_table_are_gone_leaves_no_trace(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "is_worth_compacting", lambda parts, *_: parts > 1)
    laboratory.commit("one", LETTERS)
    runner = laboratory.finish(iterate)
    assert list(laboratory.out.glob("_run/rounds/*/table-*"))
    laboratory.commit("two", [("new.jpg", [("a", 1), ("g", 2)])])

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(state.CommittedRounds, "clean", die)
        with pytest.raises(Killed):
            laboratory.finish(iterate)
    laboratory.finish(iterate)
    for name in runner.used:
        result = state.read_result(runner.store, name)
        assert result is not None
        parts = {part.path for part in result.parts}
        there = {
            path.relative_to(laboratory.out).as_posix()
            for path in laboratory.out.glob(f"_run/rounds/{name}/table-*")
        }
        assert there <= parts


def test_a_finished_program_is_not_run_again(laboratory: Laboratory) -> None:
    laboratory.commit("one", LETTERS)
    laboratory.finish(iterate)
    laboratory.outdated = 0
    assert laboratory.finish(iterate).used == []
    assert laboratory.outdated == 0


def test_more_records_are_mapped_and_reduced_alone(laboratory: Laboratory) -> None:
    laboratory.commit("one", LETTERS)
    laboratory.commit("two", [("b.jpg", [("b", 1), ("b", 2)])])
    first = Dying()
    laboratory.finish(pages_and_outputs, first)
    laboratory.commit("three", [("new.jpg", [("zz", 1)])])
    second = Dying()
    laboratory.finish(pages_and_outputs, second)
    phases = Counter(report.phase.rpartition("/")[2] for report in second.done)
    assert phases == {"map": 1, "reduce": 1}
    fresh = Laboratory(laboratory.folder / "fresh")
    fresh.folder.mkdir()
    fresh.commit("all", [*LETTERS, ("b.jpg", [("b", 1), ("b", 2)]), ("new.jpg", [("zz", 1)])])
    fresh.finish(pages_and_outputs)
    made = "groups/pages_and_outputs/counts.json"
    assert (laboratory.out / made).read_bytes() == (fresh.out / made).read_bytes()


def pages_and_outputs(table: mr.Table) -> Rounds:
    counted = yield mr.Round(table, one_each, total)
    return (mr.Output(name, dict(counted)) for name in ("counts.json", "again.json"))


def test_fewer_records_leave_no_trace(laboratory: Laboratory) -> None:
    laboratory.commit("one", LETTERS[:10])
    laboratory.commit("two", [("gone.jpg", [("a", 1), ("zz", 1)])])
    laboratory.finish(pages_and_outputs)
    for path in laboratory.out.glob("_run/map/two*"):
        path.unlink()
    runner = laboratory.finish(pages_and_outputs)
    assert laboratory.found(pages) == [(key, 2) for key in "abcde"]
    groups = laboratory.out.glob(f"_run/rounds/{runner.used[0]}/reduce/*.groups.parquet")
    from pyarrow.parquet import read_table

    keys = [key for path in groups for key in read_table(path)["key"].to_pylist()]
    assert sorted(keys) == list("abcde")


def test_rounds_that_the_program_does_not_use_any_more_are_forgotten(
    laboratory: Laboratory,
) -> None:
    laboratory.commit("one", LETTERS)
    used = laboratory.finish(iterate).used

    def shorter(table: mr.Table) -> Rounds:
        table = yield mr.Round(table, one_each, total, side=0)
        return table

    runner = laboratory.finish(shorter)
    assert runner.used == used[:1]
    assert [path.name for path in (laboratory.out / "_run/rounds").iterdir()] == used[:1]
    assert not (laboratory.out / "groups/iterate").exists()
    assert (laboratory.out / "groups/shorter/table.parquet").exists()


def test_the_same_round_twice_is_done_once(laboratory: Laboratory) -> None:
    laboratory.commit("one", LETTERS)

    def twice(table: mr.Table) -> Rounds:
        first = yield mr.Round(table, one_each, total)
        second = yield mr.Round(table, one_each, total)
        return [mr.Output("same.json", [first.id == second.id, list(first) == list(second)])]

    engine = Dying()
    laboratory.finish(twice, engine)
    assert len({report.phase for report in engine.done}) == 2
    assert (laboratory.out / "groups/twice/same.json").read_text().split() == [
        "[",
        "true,",
        "true",
        "]",
    ]


def test_a_round_is_named_by_code_side_and_origin_not_by_content(laboratory: Laboratory) -> None:
    laboratory.commit("one", LETTERS)
    table = laboratory.runner().tables.mapped()
    rounds = [
        mr.Round(table, one_each, total),
        mr.Round(table, same, total),
        mr.Round(table, one_each, total, side=1),
        mr.Round(table, one_each, total, combine=add),
        mr.Round([table, table], one_each, total),
    ]
    names = [each.name() for each in rounds]
    assert len(set(names)) == len(names)
    laboratory.commit("two", [("x.jpg", [("a", 1)])])
    grown = laboratory.runner().tables.mapped()
    assert grown.id != table.id
    assert mr.Round(grown, one_each, total).name() == names[0]


def broken(key: str, value: Value, side: Value) -> Iterator[tuple[str, Value]]:
    if value == 7:
        raise KeyError("no such thing")
    yield key, value


def broken_reduce(key: str, values: Iterator[Value], side: Value) -> Iterator[tuple[str, Value]]:
    if key == "c":
        raise ValueError(f"bad {key}")
    yield key, list(values)


def test_a_record_that_a_mapper_cannot_handle_is_named_with_its_image_and_round(
    laboratory: Laboratory,
) -> None:
    laboratory.commit("one", LETTERS)

    def program(table: mr.Table) -> Rounds:
        yield mr.Round(table, one_each, total)
        yield mr.Round(table, broken, gather)

    with pytest.raises(JobError) as caught:
        laboratory.found(program)
    message = str(caught.value)
    assert message.startswith("The mapper test_rounds:broken of round 2 failed on key")
    assert "key 'c' of image /photos/7.jpg. KeyError: 'no such thing' (" in message
    assert "test_rounds.py, line " in message
    assert "\n" not in message


def test_a_key_that_a_reducer_cannot_handle_is_named_with_its_round(laboratory: Laboratory) -> None:
    laboratory.commit("one", LETTERS)

    def program(table: mr.Table) -> Rounds:
        yield mr.Round(table, same, broken_reduce)

    with pytest.raises(JobError, match=r"broken_reduce of round 1 failed on key 'c'. ValueError"):
        laboratory.found(program)


def returns(value: object) -> Any:
    def function(*_: object) -> object:
        return value

    return function


def yields(value: object) -> Any:
    def function(*_: object) -> Iterator[object]:
        yield value

    return function


@pytest.mark.parametrize(
    ("mapper", "expected"),
    [
        (returns(None), "It needs to yield (key, value), but it returned None."),
        (returns("text"), "It needs to yield (key, value), but it returned 'text'."),
        (yields("key"), "It needs to yield (text key, value), but it yielded 'key'."),
        (yields((1, 2)), "It needs to yield (text key, value), but it yielded (1, 2)."),
        (yields(("\ud800", 2)), "It needs to yield keys of valid Unicode"),
        (yields(("a", object())), "It needs to yield plain data, but the value of key 'a' holds"),
    ],
)
def test_what_a_function_of_a_round_yields_is_checked(
    laboratory: Laboratory, mapper: Any, expected: str
) -> None:
    laboratory.commit("one", LETTERS[:1])

    def program(table: mr.Table) -> Rounds:
        yield mr.Round(table, mapper, gather)

    with pytest.raises(JobError) as caught:
        laboratory.found(program)
    assert expected in str(caught.value)


def fails_later(table: mr.Table) -> Rounds:
    yield mr.Round(table, one_each, total)
    raise RuntimeError("out of ideas")


def exits(table: mr.Table) -> Rounds:
    raise SystemExit(3)
    yield


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (fails_later, r"fails_later failed after round 1. RuntimeError: out of ideas \(.*line \d+"),
        (exits, r"exits failed. SystemExit: 3"),
        (yields(7), r"needs to yield mrimage.Round, but it yielded 7 \(.*line \d+, in function\)"),
        (returns(7), "needs to return mrimage.Output, several of them, a table or None.* 7"),
        (returns("text"), "needs to return mrimage.Output, several of them, a table or None"),
        (returns([7]), "needs to return mrimage.Output, but among what it returned is 7"),
        (
            returns([mr.Output("a.txt", "1"), mr.Output("a.txt", "2")]),
            "each output a different name, but it used 'a.txt' twice",
        ),
        (returns(mr.Output("a.png", "x" * 9)), None),
        (returns(mr.Output("a.json", object())), "failed. JobError"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_a_program_does_wrong_is_reported(
    laboratory: Laboratory, program: Any, expected: str | None
) -> None:
    laboratory.commit("one", LETTERS[:3])
    if expected is None:
        laboratory.finish(program)
        return
    with pytest.raises(JobError, match=expected) as caught:
        laboratory.finish(program)
    assert "\n" not in str(caught.value)


def test_a_program_that_yields_nothing_and_returns_nothing_is_done(laboratory: Laboratory) -> None:
    laboratory.commit("one", LETTERS[:3])
    laboratory.finish(returns(None))
    laboratory.outdated = 0
    laboratory.finish(returns(None))
    assert laboratory.outdated == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((7, same, gather), "Round.over needs a table of the program, or several, but got 7"),
        (((), same, gather), "Round.over needs a table"),
        (("TABLE", 7, gather), "Round.map needs a function, or one for each table"),
        (("TABLE", [same, same], gather), "Round.map needs a function, or one for each table"),
        (("TABLE", same, None), "Round.reduce needs a function, but got None"),
        (("TABLE", same, gather, 7), "Round.combine needs a function, but got 7"),
        (("TABLE", same, gather, None, object()), "Round.side needs plain data, but it holds"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_round_is_checked_when_it_is_made(
    laboratory: Laboratory, arguments: tuple[Any, ...], expected: str
) -> None:
    laboratory.commit("one", LETTERS[:1])
    table = laboratory.runner().tables.mapped()
    given = [table if argument == "TABLE" else argument for argument in arguments]
    with pytest.raises(UsageError, match=expected):
        mr.Round(*given)


def test_a_returned_table_is_published_with_the_items_of_its_values(laboratory: Laboratory) -> None:
    from pyarrow.parquet import read_table

    laboratory.commit("one", LETTERS[:5])

    def described(key: str, values: Iterator[int], side: Value) -> Iterator[tuple[str, Value]]:
        yield key, {"sum": sum(values), "name": key.upper()}

    def described_program(table: mr.Table) -> Rounds:
        return (yield mr.Round(table, same, described))

    laboratory.finish(described_program)
    rows = read_table(laboratory.out / "groups/described_program/table.parquet").to_pylist()
    assert rows[1] == {"key": "b", "sum": 1, "name": "B"}


def test_many_small_parts_become_few(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    laboratory.commit("one", [(f"{n}.jpg", [(f"{n:03}", n)]) for n in range(60)])
    shares = iter([15, 2, 15])  # of the map tasks, the partitions, and the parts of the table
    monkeypatch.setattr(flow, "share_of", lambda records, workers: next(shares))
    found: list[mr.Table] = []

    def program(table: mr.Table) -> Rounds:
        found.append((yield mr.Round(table, same, gather)))

    laboratory.found(program)
    (name,) = {path.name for path in (laboratory.out / "_run/rounds").iterdir()}
    assert len(list(laboratory.out.glob(f"_run/rounds/{name}/reduce/*.json"))) == 30
    # planning.share_of, which is_worth_compacting asks, is not patched.
    assert len(found[0].parts) == 4
    assert [number for _, (number,) in found[0]] == list(range(60))


def test_a_damaged_result_is_reported_with_the_way_out(laboratory: Laboratory) -> None:
    from mrimage.commit.damage import explain_damage
    from mrimage.storage import open_store

    laboratory.commit("one", LETTERS)
    used = laboratory.finish(iterate).used
    path = laboratory.out / f"_run/rounds/{used[0]}/table.json"
    path.write_text("{")
    store = open_store(str(laboratory.out))
    laboratory.commit("two", [("new.jpg", [("a", 1)])])
    with (
        pytest.raises(SinkError, match=r"table.json must be .* damaged. Remove"),
        explain_damage(store),
    ):
        laboratory.finish(iterate)


def test_the_shares_of_tasks_follow_the_workers() -> None:
    shares = [planning.share_of(100_000, workers) for workers in (1, 2, 8, 1000)]
    assert all(one > other for one, other in pairwise(shares))
    assert planning.share_of(0, 4) == planning.FEWEST
    assert planning.share_of(10**12, 4) == planning.MOST
    assert planning.is_worth_compacting(100, 400, 2)
    assert not planning.is_worth_compacting(1, 400, 2)
    assert not planning.is_worth_compacting(1000, 100_000_000, 2)
