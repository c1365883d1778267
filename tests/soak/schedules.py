"""Schedules: a job, and what disturbs its runs until one comes to its end undisturbed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.soak.orders import SECOND, Order
from tests.soak.places import ANY, Place, place
from tests.soak.soak_jobs import JOBS

ENDS = ("SIGKILL", "SIGKILL", "SIGTERM", "SIGINT")
LATEST = {("driver", "import"): 900, ("driver", "change"): 90, ("worker", "change"): 12}
"""The moments that orders are drawn from, up to about the last one of a run."""


@dataclass(frozen=True)
class Schedule:
    """What happens to one OUT. ``runs`` holds the orders of each run; after each of them, a share
    ``cuts`` of a temporary file that was left over is cut off, unless it is 0."""

    job: str
    workers: int
    runs: tuple[tuple[Order, ...], ...]
    cuts: tuple[float, ...]
    place: Place

    def __str__(self) -> str:
        orders = " | ".join(" ".join(map(str, run)) for run in self.runs)
        return f"{self.job}, {self.workers} workers, {self.place}: {orders}"


def schedule(seed: int, number: int, engine: str = ANY) -> Schedule:
    """Derive the schedule ``number`` from the seed: always the same."""
    chance = random.Random(f"schedule {seed} {number}")
    job = chance.choice(sorted(JOBS))
    workers = chance.choice((1, 2, 2))
    count = chance.randint(1, 4)
    runs = tuple(tuple(_draw(chance, workers)) for _ in range(count))
    cuts = tuple(chance.choice((0.0, chance.random())) for _ in range(count))
    return Schedule(job, workers, runs, cuts, place(seed, number, engine))


def _draw(chance: random.Random, workers: int) -> list[Order]:
    """Zero to two orders that the run survives, and, mostly, one that ends it."""
    orders = []
    for _ in range(chance.randint(0, 2)):
        if workers > 1 and chance.random() < 0.7:
            orders.append(_order(chance, "worker", "change", (*ENDS, "SIGSTOP")))
        else:
            orders.append(_order(chance, "driver", "change", ("SIGSTOP", SECOND)))
    if not orders or chance.random() < 0.8:
        event = "import" if chance.random() < 0.1 else "change"
        orders.append(_order(chance, "driver", event, ENDS))
    return orders


def _order(chance: random.Random, role: str, event: str, actions: tuple[str, ...]) -> Order:
    # A run does most of its changes early where it continues another one, so early moments are
    # drawn more often.
    latest = LATEST[role, event]
    count = 1 + int(latest * chance.random() ** 1.5)
    return Order(role, event, count, chance.choice(actions))
