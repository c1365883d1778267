"""Schedules: a job, and what disturbs its runs until one comes to its end undisturbed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.soak.orders import SECOND, Order
from tests.soak.places import ANY, Place, place
from tests.soak.soak_jobs import JOBS

ENDS = ("SIGKILL", "SIGKILL", "SIGTERM", "SIGINT")
ALONE = "alone"
"""The driver of a run without workers, which does their work too."""

LATEST = {
    ("driver", "import"): 900,
    (ALONE, "import"): 900,
    ("driver", "change"): 70,
    (ALONE, "change"): 230,
    ("worker", "change"): 140,
}
"""The moments that orders are drawn from, up to about the last one of a run."""

LONGER = {"members": 1.6, "rounds": 2.0}
"""How many times as many changes the runs of some jobs make."""


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
    runs = tuple(tuple(_draw(chance, job, workers)) for _ in range(count))
    cuts = tuple(chance.choice((0.0, chance.random())) for _ in range(count))
    return Schedule(job, workers, runs, cuts, place(seed, number, engine))


def _draw(chance: random.Random, job: str, workers: int) -> list[Order]:
    """Zero to two orders that the run survives, and, mostly, one that ends it."""

    def order(role: str, event: str, actions: tuple[str, ...]) -> Order:
        counted = ALONE if workers == 1 else role
        latest = LATEST[counted, event] * LONGER.get(job, 1.0)
        # A run does most of its changes early where it continues another one, so early moments are
        # drawn more often.
        count = 1 + int(latest * chance.random() ** 1.5)
        return Order(role, event, count, chance.choice(actions))

    orders = []
    for _ in range(chance.randint(0, 2)):
        if workers > 1 and chance.random() < 0.7:
            orders.append(order("worker", "change", (*ENDS, "SIGSTOP")))
        else:
            orders.append(order("driver", "change", ("SIGSTOP", SECOND)))
    if not orders or chance.random() < 0.8:
        event = "import" if chance.random() < 0.1 else "change"
        orders.append(order("driver", event, ENDS))
    return orders
