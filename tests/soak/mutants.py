"""Mutated files of every format, and a run on them: it ends well, and every file is accounted for."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
from tests.image.test_fuzz import FILES
from tests.soak.soak_process import FailedError, Process

from mrimage.errors import REASONS


def mutant(seed: int, number: int) -> tuple[str, bytes]:
    """Derive the name and the content of the file ``number`` from the seed: always the same."""
    chance = random.Random(f"file {seed} {number}")
    name = sorted(FILES)[number % len(FILES)]
    content = bytearray(FILES[name]())
    for _ in range(chance.randint(1, 4)):
        chance.choice((_truncate, _flip, _splice, _zero, _repeat))(content, chance)
    return f"{number:07}-{name}", bytes(content)


def _place(content: bytearray, chance: random.Random) -> tuple[int, int]:
    """Start and end of a stretch, which half of the time is short and near the start: headers are
    where most decisions are made."""
    if chance.random() < 0.5:
        start, length = chance.randrange(400), chance.randint(1, 8)
    else:
        start, length = chance.randrange(len(content) + 1), chance.randint(1, 4_096)
    start = min(start, len(content))
    return start, min(start + length, len(content))


def _truncate(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content) + 1) :]


def _flip(content: bytearray, chance: random.Random) -> None:
    start, end = _place(content, chance)
    if start < end:
        content[start] ^= 1 << chance.randrange(8)


def _splice(content: bytearray, chance: random.Random) -> None:
    """Put one stretch over another."""
    start, end = _place(content, chance)
    other = chance.randrange(len(content) + 1)
    content[other : other + end - start] = content[start:end]


def _zero(content: bytearray, chance: random.Random) -> None:
    start, end = _place(content, chance)
    content[start:end] = bytes(end - start)


def _repeat(content: bytearray, chance: random.Random) -> None:
    start, end = _place(content, chance)
    content[end:end] = content[start:end] * chance.randint(1, 3)


def run_on(
    seed: int, numbers: range, folder: Path, environment: dict[str, str], engine: str
) -> Counter[str]:
    """Write the files, run a job on them, and count the reasons, where ``done`` stands for images
    that were processed. Raises FailedError."""
    source, out = folder / "files", folder / "out"
    source.mkdir(parents=True)
    for number in numbers:
        name, content = mutant(seed, number)
        (source / name).write_bytes(content)
    log = folder / "log"
    arguments = ["mutants", str(source), str(out), engine, "2"]
    with Process(arguments, environment, log) as process:
        status, line = process.result()
    quarantined = _quarantined(out)
    internal = [
        f"{row['uri']}: {row['message']}" for row in quarantined if row["reason"] == "internal"
    ]
    if internal:
        raise FailedError(f"{len(internal)} internal: {internal[0]}")
    if status != 0:
        raise FailedError(f"the run ended with status {status}: {line}")
    return _accounted(out, quarantined, len(numbers))


def _quarantined(out: Path) -> list[dict[str, str]]:
    path = out / "quarantine.parquet"
    return pq.read_table(path).to_pylist() if path.exists() else []


def _accounted(out: Path, quarantined: list[dict[str, str]], count: int) -> Counter[str]:
    rows = pq.read_table(out / "catalogue").to_pylist()
    reasons = Counter(row["reason"] or "done" for row in rows)
    if len({row["uri"] for row in rows}) != count or len(rows) != count:
        raise FailedError(f"{len(rows)} images are in the catalogue of {count}")
    if reasons.total() - reasons["done"] != len(quarantined):
        raise FailedError(f"{len(quarantined)} images are in quarantine, but reasons are {reasons}")
    unknown = set(reasons) - set(REASONS) - {"done"}
    if unknown:
        raise FailedError(f"reasons that do not exist: {unknown}")
    images = [path for path in (out / "images").rglob("*") if path.is_file()]
    if len(images) != reasons["done"]:
        raise FailedError(f"{reasons['done']} images were processed, but {len(images)} are there")
    return reasons
