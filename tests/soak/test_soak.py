"""A small soak: two schedules and sixty files of the seed that ``make soak`` starts with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.flow.test_odd_places import ODD
from tests.soak.disturbing import Disturber, compare
from tests.soak.mutants import mutant
from tests.soak.places import RAY, SPARK, make_trap, sprung
from tests.soak.schedules import Schedule, schedule
from tests.soak.soak import Soak

SEED = 1
SCHEDULES = (9930, 3492)
"""The first starts a second run, and kills the driver in the second pass over the images. The other
kills and interrupts workers in the rounds of a program, and the driver before it has committed what
the program found."""


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> Soak:
    return Soak(tmp_path_factory.mktemp("soak"), SEED, "local")


def test_disturbed_runs_end_in_the_bytes_of_an_undisturbed_one(soak: Soak) -> None:
    for number in SCHEDULES:
        soak.run_schedule(number)
    assert [schedule(SEED, number).job for number in SCHEDULES] == ["members", "rounds"]
    assert soak.failures == []
    assert soak.carried_out >= len(SCHEDULES)


def test_mutated_files_are_images_or_get_a_true_reason(soak: Soak) -> None:
    soak.run_files(range(60))
    assert soak.failures == []
    assert soak.reasons.total() == 60
    assert len(soak.reasons) > 2


def test_a_number_is_always_the_same_schedule_and_the_same_file() -> None:
    assert schedule(7, 31) == schedule(7, 31) != schedule(8, 31)
    assert mutant(7, 31) == mutant(7, 31) != mutant(8, 31)


def test_the_seed_chooses_every_kind_of_place_unless_the_engine_is_given() -> None:
    places = [schedule(SEED, number).place for number in range(300)]
    assert {place.engine for place in places} == {"local", SPARK, RAY}
    assert {place.is_remote for place in places} == {place.is_trap for place in places}
    assert {place.name for place in places} == {"out", *ODD}
    given = [schedule(SEED, number, "local").place for number in range(300)]
    assert not any(place.is_remote or place.engine != "local" for place in given)


def test_the_trap_tells_which_modules_were_imported(tmp_path: Path) -> None:
    make_trap(tmp_path / "trap")
    for options, imported in ((["-P"], ""), ([], "random")):
        subprocess.run([sys.executable, *options, "-c", "import random"], cwd=tmp_path / "trap")
        assert sprung(tmp_path / "trap") == imported


def test_a_lost_byte_fails_with_the_command_that_replays_it(
    soak: Soak, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def carry_out(self: Disturber, plan: Schedule, name: str) -> int:
        expected = self.undisturbed(plan.job)
        groups = expected["groups.parquet"]
        compare(self.out_of_undisturbed(plan.job), expected | {"groups.parquet": groups[:-1]})
        return 1

    monkeypatch.setattr(soak, "failures", [])
    monkeypatch.setattr(Disturber, "carry_out", carry_out)
    soak.run_schedule(SCHEDULES[0])
    command = f"python -m tests.soak --seed {SEED} --engine local --replay {SCHEDULES[0]}"
    assert soak.failures == [command]
    assert "1 files differ: groups.parquet" in capsys.readouterr().out
