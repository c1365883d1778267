"""The jobs of the soak: with and without a mapper, a combiner, a reducer, edits, shards, a second pass
over the images and a program."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence

import mrimage as mr

SMALL = mr.Edits(resize=(16, 16))
MATCH = mr.Edits(resize=(16, 16), correct="match-group", format="png")

CENTERS = (40, 42)
"""Where the two clusters of the program begin. In its second iteration, some values change sides."""


def by_shape(image: mr.Image) -> Iterator[tuple[str, int]]:
    found = image.metadata
    yield found.color_space, found.width
    yield "all", found.width * found.height


def add(key: str, values: Iterable[int]) -> Iterator[int]:
    yield sum(values)


def write_sum(key: str, values: Iterable[int]) -> Iterator[mr.Output]:
    yield mr.Output("sum.txt", str(sum(values)))


def brightness(image: mr.Image) -> list[int]:
    """The sum of an image's samples, and how many there are."""
    pixels = image.thumbnail(16, 16)
    return [int(pixels.sum()), pixels.size]


def add_each(one: list[int], other: list[int]) -> list[int]:
    return [left + right for left, right in zip(one, other, strict=True)]


def to_mean(image: mr.Image, key: str, statistic: list[int]) -> mr.Output:
    """The image, moved so that its mean is about that of its group."""
    total, count = brightness(image)
    shift = statistic[0] // statistic[1] - total // count
    pixels = image.thumbnail(16, 16).astype("int16") + shift
    return mr.Output("moved.png", pixels.clip(0, 255).astype("uint8"))


def to_nearest(key: str, value: int, centers: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    distances = [abs(value - center) for center in centers]
    yield str(distances.index(min(distances))), [value, 1]


def add_all(key: str, values: Iterable[list[int]]) -> Iterator[list[int]]:
    total = [0, 0]
    for value in values:
        total = add_each(total, value)
    yield total


def add_cluster(key: str, values: Iterable[list[int]], side: object) -> Iterator[tuple[str, int]]:
    ((total, count),) = add_all(key, values)
    yield key, total // count


def name_by_cluster(
    key: str, value: int, centers: Sequence[int]
) -> Iterator[tuple[str, list[object]]]:
    ((cluster, _),) = to_nearest(key, value, centers)
    yield cluster, [key, value]


def keep_center(key: str, center: int, side: object) -> Iterator[tuple[str, list[object]]]:
    yield key, ["", center]


def meet(
    key: str, values: Iterable[list[object]], side: object
) -> Iterator[tuple[str, list[list[object]]]]:
    """Where the two tables of a join meet: the members of a cluster, and its center."""
    yield key, sorted(map(list, values), key=str)


def two_means(table: mr.Table) -> Generator[mr.Round, mr.Table, list[mr.Output]]:
    """Two iterations of k-means, and a join of their centers with what is nearest to them."""
    centers = list(CENTERS)
    for _ in range(2):
        found = yield mr.Round(table, to_nearest, add_cluster, combine=add_all, side=centers)
        moved = dict(found)
        centers = [moved.get(str(number), old) for number, old in enumerate(centers)]
    joined = yield mr.Round((table, found), (name_by_cluster, keep_center), meet, side=centers)
    return [mr.Output("clusters.json", dict(joined)), mr.Output("centers.json", centers)]


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
    "match": mr.Job(key=("format",), edits=MATCH, output="webdataset", shard_size=4_000),
    "members": mr.Job(
        map=by_shape,
        statistic=mr.Statistic(brightness, add_each),
        each=to_mean,
        reduce=write_sum,
    ),
    "rounds": mr.Job(map=by_shape, edits=SMALL, program=two_means),
}
MUTANTS = mr.Job(
    all_files=True,
    extract=("content", "hash"),
    edits=mr.Edits(resize=(32, 32), fit="cover", to="srgb", format="png", metadata="keep"),
    limits=mr.Limits(max_pixels=4_000_000),
)
"""Asks for everything that opens more of a file."""
