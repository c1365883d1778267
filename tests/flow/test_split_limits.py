"""How many images a split takes: few enough for every worker, many enough to be worth a task."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mrimage.flow.run import HEADER_SPLIT, PIXEL_SPLIT, split_limits
from mrimage.job.job import Job
from mrimage.types import Edits


@given(st.integers(1, 10**9), st.integers(1, 10**14), st.integers(1, 1000))
def test_a_split_is_bounded_whatever_the_source_and_the_cluster(
    images: int, size: int, workers: int
) -> None:
    _, headers = split_limits(Job(), images, size, workers)
    assert HEADER_SPLIT[0] <= headers <= HEADER_SPLIT[1]
    most_bytes, most = split_limits(Job(edits=Edits(resize=(8, 8))), images, size, workers)
    assert PIXEL_SPLIT[0] <= most_bytes <= PIXEL_SPLIT[1]
    assert most == HEADER_SPLIT[1]


def test_a_small_catalogue_has_work_for_every_worker() -> None:
    _, most = split_limits(Job(), 2000, 0, 2)
    assert 2000 / most >= 4
