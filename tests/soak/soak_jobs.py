"""The jobs of the soak: with and without a mapper, a combiner, a reducer, edits and shards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import mrimage as mr

SMALL = mr.Edits(resize=(16, 16))


def by_shape(image: mr.Image) -> Iterator[tuple[str, int]]:
    found = image.metadata
    yield found.color_space, found.width
    yield "all", found.width * found.height


def add(key: str, values: Iterable[int]) -> Iterator[int]:
    yield sum(values)


def write_sum(key: str, values: Iterable[int]) -> Iterator[mr.Output]:
    yield mr.Output("sum.txt", str(sum(values)))


JOBS = {
    "edits": mr.Job(key=("format",), edits=SMALL),
    "reducer": mr.Job(map=by_shape, reduce=write_sum),
    "combiner": mr.Job(map=by_shape, combine=add, reduce=write_sum, edits=SMALL),
    "rules": mr.Job(
        map=by_shape,
        edits=SMALL,
        rules=(mr.Rule("gray", skip=True), mr.Rule("all", copy=True)),
        output="webdataset",
    ),
    "groups": mr.Job(key=("format",), edits=SMALL, group=("mean", "contact-sheet")),
    "duplicates": mr.Job(key=("all",), extract=("hash",), group=("duplicates",)),
    "tar": mr.Job(key=("format",), edits=SMALL, output="webdataset", shard_size=4_000),
    "parquet": mr.Job(key=("format",), edits=SMALL, output="parquet", group=("mean",)),
}
MUTANTS = mr.Job(
    all_files=True,
    extract=("content", "hash"),
    edits=mr.Edits(resize=(32, 32), fit="cover", to="srgb", format="png", metadata="keep"),
    limits=mr.Limits(max_pixels=4_000_000),
)
"""Asks for everything that opens more of a file."""
