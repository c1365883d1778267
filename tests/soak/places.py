"""Where a schedule's runs happen: on which engine, into which OUT, in which working directory."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from tests.flow.test_odd_places import ODD
from tests.services.seaweed import find_weed

ANY = "any"
"""Instead of an engine: engine and store are chosen by the seed."""

SPARK, RAY = "local[2]", "ray"

MODULES = ("random", "types", "json", "numpy", "pyarrow", "PIL", "mrimage", "usercustomize")
MARK = "imported"


@dataclass(frozen=True)
class Place:
    """``name`` is OUT below the schedule's folder. ``is_remote`` is whether OUT is in an object store.
    ``is_trap`` is whether the working directory has modules that leave a mark."""

    engine: str = "local"
    name: str = "out"
    is_remote: bool = False
    is_trap: bool = False

    def __str__(self) -> str:
        where = "in a bucket" if self.is_remote else f"in {self.name!r}"
        return f"{self.engine} {where}{' from a trap' if self.is_trap else ''}"


def place(seed: int, number: int, engine: str) -> Place:
    """Derive the place of the schedule ``number`` from the seed: always the same.

    Other engines and stores need many times as long, so they are rare.
    """
    chance = random.Random(f"place {seed} {number}")
    is_trap = chance.random() < 0.5
    name = chance.choice(("out", *ODD))
    rare = chance.random()
    drawn = Place(name=name, is_trap=is_trap)
    if engine != ANY:
        return replace(drawn, engine=engine)
    if rare < 0.02:
        return replace(drawn, engine=SPARK)
    if rare < 0.04:
        return replace(drawn, engine=RAY)
    if rare < 0.10:
        return replace(drawn, name="out", is_remote=True)
    return drawn


def missing_for(place: Place) -> str:
    """What the place needs and this machine lacks."""
    if place.is_remote and not find_weed():
        return "weed"
    if place.engine == SPARK and not (find_spec("pyspark") and shutil.which("java")):
        return "pyspark or Java"
    if place.engine == RAY and not find_spec("ray"):
        return "ray"
    return ""


def make_trap(folder: Path) -> None:
    """Fill a folder with modules of which each leaves a mark when it is imported."""
    folder.mkdir()
    for name in MODULES:
        mark = f"open({str(folder / MARK)!r}, 'a').write({name + ' '!r})\n"
        (folder / f"{name}.py").write_text(mark)


def sprung(folder: Path) -> str:
    """The modules of the trap that were imported."""
    mark = folder / MARK
    return mark.read_text().strip() if mark.exists() else ""
