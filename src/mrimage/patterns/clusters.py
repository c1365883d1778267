"""``--find clusters``: images that look alike, by k-means over their vectors as rounds."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrimage.patterns.kmeans import (
    MOST_ITERATIONS,
    Sums,
    best_number,
    centers_of_sample,
    has_converged,
    moved,
    nearest,
    sums_of,
)
from mrimage.patterns.plane import Plane, plane_of
from mrimage.patterns.sample import chunks, pass_on, pieces, sample_of, vector_column
from mrimage.patterns.vectors import UNIT, Array, restored, stored, whole_vectors
from mrimage.rounds.programs import FoundTable
from mrimage.rounds.round import Pairs, Round
from mrimage.rounds.table import Table
from mrimage.sink.output import Output
from mrimage.tables.found import CLUSTERS

AUTO = "auto"

AUTO_SAMPLE = 2_000
"""Images by which the number of clusters is chosen: the distances of all pairs are held."""

NO_LABEL = "unsure"

TYPICAL = 5
"""Typical and atypical members of each cluster that clusters.json names."""

_ROW = 100
"""Bytes of an image's uri, numbers and label, about."""

Found = list[FoundTable | Output]


def find_clusters(images: Table, *, clusters: str) -> Generator[Round, Table, Found]:
    """Yield the rounds of k-means, and return clusters.parquet and clusters.json.

    ``clusters`` is their number, or ``auto``. They begin with the clusters of a sample. Each round
    then assigns all images to the nearest center, and moves the centers to their means, until the
    inertia hardly falls (see ``kmeans``).
    """
    if not len(images):
        return [FoundTable("clusters", CLUSTERS.empty_table())]
    column = vector_column(images)
    sample = yield from sample_of(images, column)
    wanted = best_number(sample.first(AUTO_SAMPLE)) if clusters == AUTO else int(clusters)
    centers = centers_of_sample(sample.vectors, wanted)
    inertias: list[int] = []
    converged = False
    while not converged and len(inertias) < MOST_ITERATIONS:
        side = {"column": column, "length": sample.length, "centers": stored(centers)}
        found = yield Round(images, assign, total, combine=add, side=side)
        [sums] = (_sums(value, sample.length) for _, value in found)
        converged = has_converged(inertias[-1] if inertias else None, sums.inertia)
        inertias.append(sums.inertia)
        if not converged:
            centers = moved(centers, sums)
    centers = _largest_first(centers, sums)
    plane = plane_of(sample.vectors)
    side = {
        "column": column,
        "length": sample.length,
        "centers": stored(centers),
        "axes": plane.axes.tobytes(),
        "offset": plane.offset.tobytes(),
    }
    placed = yield Round(images, place, pass_on, side=side)
    table = _table(value for _, value in placed)
    facts = {
        "vectors": column,
        "images": len(images),
        "clusters": len(centers),
        "chosen": AUTO if clusters == AUTO else "given",
        "iterations": len(inertias),
        "converged": converged,
        "inertia": [round(inertia / UNIT**2, 3) for inertia in inertias],
        "members": _members(table),
    }
    return [FoundTable("clusters", table), Output("clusters.json", facts)]


def assign(key: str, batch: pa.RecordBatch, side: Any) -> Pairs:
    """Yield what the images of a batch add up to in each cluster."""
    centers = restored(side["centers"], side["length"])
    for piece in pieces(batch):
        yield "sums", _plain(sums_of(whole_vectors(piece, side["column"]), centers))


def add(key: str, values: Iterable[Any]) -> Iterator[Any]:
    """Add up the sums of batches: whole numbers, in any order and any number of times."""
    counts: Any = 0
    totals: Any = 0
    inertia = 0
    for value in values:
        counts = counts + np.frombuffer(value["counts"], "<i8")
        totals = totals + np.frombuffer(value["totals"], "<i8")
        inertia += value["inertia"]
    yield {"counts": counts.tobytes(), "totals": totals.tobytes(), "inertia": inertia}


def total(key: str, values: Iterator[Any], side: Any) -> Pairs:
    """Yield the sums of all images."""
    for value in add(key, values):
        yield key, value


def place(key: str, batch: pa.RecordBatch, side: Any) -> Pairs:
    """Yield the cluster of each image, its distance to the center, and its place on the map."""
    length = side["length"]
    centers = restored(side["centers"], length)
    plane = Plane(
        np.frombuffer(side["axes"]).reshape(2, length),
        np.frombuffer(side["offset"]),
    )
    for piece in pieces(batch):
        vectors = whole_vectors(piece, side["column"])
        chosen, distances = nearest(vectors, centers)
        places = plane.places(vectors)
        uris = piece.column("uri").to_pylist()
        labels = piece.column("label").to_pylist() if "label" in piece.schema.names else None
        for part in chunks(len(uris), _ROW):
            value: dict[str, Any] = {
                "uris": uris[part],
                "clusters": chosen[part].astype("<i4").tobytes(),
                "distances": distances[part].astype("<i8").tobytes(),
                "places": places[part].astype("<f8").tobytes(),
            }
            if labels is not None:
                value["labels"] = labels[part]
            yield "images", value


def _plain(sums: Sums) -> dict[str, Any]:
    return {
        "counts": sums.counts.astype("<i8").tobytes(),
        "totals": sums.totals.astype("<i8").tobytes(),
        "inertia": sums.inertia,
    }


def _sums(value: Any, length: int) -> Sums:
    counts = np.frombuffer(value["counts"], "<i8")
    totals = np.frombuffer(value["totals"], "<i8").reshape(-1, length)
    return Sums(counts, totals, value["inertia"])


def _largest_first(centers: Array, sums: Sums) -> Array:
    """The centers that have images, those of large clusters first, and equally large ones in the
    order of their numbers."""
    order = sorted(
        np.flatnonzero(sums.counts).tolist(),
        key=lambda number: (-sums.counts[number], centers[number].tolist()),
    )
    return centers[order]


def _table(values: Iterable[Any]) -> pa.Table:
    """The rows of clusters.parquet: by cluster, the typical members first."""
    uris: list[str] = []
    labels: list[str | None] = []
    numbers: dict[str, list[Array]] = {"clusters": [], "distances": [], "places": []}
    for value in values:
        uris += value["uris"]
        labels += value.get("labels") or [None] * len(value["uris"])
        for name, dtype in (("clusters", "<i4"), ("distances", "<i8"), ("places", "<f8")):
            numbers[name].append(np.frombuffer(value[name], dtype))
    places = np.concatenate(numbers["places"]).reshape(-1, 2)
    rows = pa.table(
        {
            "cluster": pa.array(np.concatenate(numbers["clusters"]) + 1, pa.int32()),
            "uri": pa.array(uris, pa.string()),
            "label": pa.array(labels, pa.string()),
            "squared": pa.array(np.concatenate(numbers["distances"]), pa.int64()),
            "x": pa.array(places[:, 0], pa.float64()),
            "y": pa.array(places[:, 1], pa.float64()),
        }
    )
    rows = rows.sort_by([("cluster", "ascending"), ("squared", "ascending"), ("uri", "ascending")])
    clusters = np.array(rows["cluster"])
    sizes = np.bincount(clusters)[1:]
    ranks = np.arange(len(clusters)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1
    distances = np.round(np.sqrt(np.array(rows["squared"], dtype=np.float64)) / UNIT, 5)
    names = _names(rows, len(sizes))
    columns = {
        "cluster": rows["cluster"],
        "uri": rows["uri"],
        "name": pa.array(np.repeat(np.array(names, dtype=object), sizes), pa.string()),
        "distance": pa.array(distances, pa.float64()),
        "rank": pa.array(ranks, pa.int32()),
        "x": rows["x"],
        "y": rows["y"],
    }
    return pa.table(columns).cast(CLUSTERS).combine_chunks()


def _names(rows: pa.Table, clusters: int) -> list[str | None]:
    """The commonest label of each cluster, the first by name of equally common ones; None without
    labels."""
    # A label that is null is left out, too.
    known = rows.filter(pc.field("label") != NO_LABEL)
    counted = known.group_by(["cluster", "label"]).aggregate([("uri", "count")])
    best: dict[int, tuple[int, str]] = {}
    for row in counted.to_pylist():
        found = (-row["uri_count"], row["label"])
        cluster = row["cluster"]
        best[cluster] = min(best.get(cluster, found), found)
    return [best[number][1] if number in best else None for number in range(1, clusters + 1)]


def _members(table: pa.Table) -> list[dict[str, Any]]:
    """What clusters.json says about each cluster."""
    found = []
    sizes = np.bincount(np.array(table["cluster"]))[1:]
    for number, end in enumerate(np.cumsum(sizes).tolist(), 1):
        size = int(sizes[number - 1])
        rows = table.slice(end - size, size)
        uris = rows["uri"]
        distances: list[Any] = rows["distance"].to_pylist()
        mean = math.fsum(distances) / len(rows)
        found.append(
            {
                "cluster": number,
                "name": rows["name"][0].as_py(),
                "images": len(rows),
                "distance": round(mean, 5),
                "typical": uris[:TYPICAL].to_pylist(),
                "atypical": uris.to_pylist()[: TYPICAL - 1 : -1][:TYPICAL],
            }
        )
    return found
