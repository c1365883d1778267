"""A small soak: three schedules and sixty files of the seed that ``make soak`` starts with."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.states import everything
from tests.soak import disturbing
from tests.soak.mutants import mutant
from tests.soak.schedules import schedule
from tests.soak.soak import Soak

SEED = 1
SCHEDULES = (4, 217, 2156)
"""Of one job, so that it runs undisturbed only once; they stop and interrupt a run, kill a worker
and its driver, and start a second run."""


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> Soak:
    return Soak(tmp_path_factory.mktemp("soak"), SEED, "local")


def test_disturbed_runs_end_in_the_bytes_of_an_undisturbed_one(soak: Soak) -> None:
    for number in SCHEDULES:
        soak.run_schedule(number)
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


def test_a_lost_byte_fails_with_the_command_that_replays_it(
    soak: Soak, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose_a_byte(out: Path) -> dict[str, bytes]:
        found = everything(out)
        found["groups.parquet"] = found["groups.parquet"][:-1]
        return found

    monkeypatch.setattr(soak, "failures", [])
    monkeypatch.setattr(disturbing, "everything", lose_a_byte)
    soak.run_schedule(SCHEDULES[0])
    command = f"python -m tests.soak --seed {SEED} --engine local --replay {SCHEDULES[0]}"
    assert soak.failures == [command]
    assert "1 files differ: groups.parquet" in capsys.readouterr().out
