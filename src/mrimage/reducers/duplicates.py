"""Clusters of duplicates within a group: copies of one file, and pictures that look alike."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mrimage.reducers.hamming import Hashes, Indices, components, near_pairs
from mrimage.reducers.image_facts import ImageFacts
from mrimage.shuffle.records import Record
from mrimage.sink.output import Output
from mrimage.tables.schemas import DUPLICATES

NEAR = 6
"""Bits of 64 in which the perceptual hashes of near-duplicates differ at most.

N. Krawetz, Looks Like It, The Hacker Factor Blog (2011): at 5 "a few things may be different", 10 or more is "probably a
very different picture". Hashes with 32 set bits, and a picture with structure has such a one, differ in an even number of
bits; 6 is the first even number from 5. On the 8,121 drawings of openclipart the largest cluster is nearly the same for 4
and for 6; beyond, clusters run into each other.
"""

STRUCTURE = 16
"""Set bits that a perceptual hash has at least, or it is compared with no other. A picture with structure sets 32; in a flat
or a striped one most frequencies are exactly zero, and the few bits left are the same for a red and for a blue surface."""

ROWS = 50_000
"""Rows of a row group, and of facts in memory at once."""


def reduce_to_duplicates(key: str, records: Iterable[Record]) -> Iterator[Output]:
    """``--group duplicates``: ``duplicates.parquet``, a row for each image that has a duplicate in its group.

    - ``cluster``: a number from 0, in the order of the uris to keep. Two images are in one cluster when their files are
      equal, when their perceptual hashes differ in at most NEAR bits, or when others connect them in this way.
    - ``keep``: true for one image of a cluster, its first row: the one with the most pixels, of these with the most bytes,
      of these one that is no link, of these the first by uri. The other rows follow in the same order.
    - ``kind``: ``same-file`` where a row before this one is another name of the same file, as of a link and what it leads
      to; else ``exact`` where one has the same bytes (by SHA-256), else ``near``; null for the image to keep. So without
      the files of the ``exact`` rows each content is still there once. A ``same-file`` row is no copy, and deleting
      what its name leads to may delete the only one.
    - ``distance``: the bits in which the perceptual hash differs from that of the image to keep, 0..64.

    A group without duplicates gets no file. What is known of the images waits in temporary files; in memory are at most
    about 100 bytes for each.
    """
    with ImageFacts(records) as pile:
        images, clusters = _grouped(pile)
        if len(images):
            yield Output("duplicates.parquet", _to_parquet(pile, images, clusters))


def _grouped(pile: ImageFacts) -> tuple[Indices, Indices]:
    """The images that have a duplicate, in the order of the file, and the cluster of each."""
    labels = _labels(pile.column("phash"), pile.column("content"))
    images = np.flatnonzero(np.bincount(labels)[labels] > 1)
    labels = labels[images]
    # Sorting is stable, and images are numbered by uri.
    larger = -pile.column("bytes")[images], -pile.column("pixels")[images]
    order = np.lexsort((pile.column("is_link")[images], *larger, labels))
    images, labels = images[order], labels[order]
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    number = np.empty(len(starts), np.intp)
    number[np.argsort(images[starts])] = np.arange(len(starts))
    clusters = np.repeat(number, np.diff(starts, append=len(labels)))
    order = np.argsort(clusters, kind="stable")
    return images[order], clusters[order]


def _labels(hashes: Hashes, contents: Hashes) -> Indices:
    """A number for each image; the images of one cluster have the same."""
    structured = np.bitwise_count(hashes) >= STRUCTURE
    distinct = np.unique(hashes[structured])
    labels = np.empty(len(hashes), np.intp)
    roots = components(len(distinct), near_pairs(distinct, NEAR))
    labels[structured] = roots[np.searchsorted(distinct, hashes[structured])]
    labels[~structured] = len(distinct) + np.unique(contents[~structured], return_inverse=True)[1]
    return labels


def _to_parquet(pile: ImageFacts, images: Indices, clusters: Indices) -> bytes:
    keep = np.diff(clusters, prepend=-1) > 0
    hashes = pile.column("phash")[images]
    distances = np.bitwise_count(hashes ^ hashes[keep][clusters])
    del hashes
    twins = images[_first_of_each(pile.column("content")[images])]
    same_file = images != images[_first_of_each(pile.column("file")[images])]
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, DUPLICATES, compression="zstd") as writer:
        for start in range(0, len(images), ROWS):
            part = slice(start, start + ROWS)
            rows, exact = pile.rows(images[part]), images[part] != twins[part]
            exact[exact] = rows["sha256"][exact] == pile.rows(twins[part][exact])["sha256"]
            kinds = _kinds(keep[part], same_file[part], exact)
            columns = [clusters[part], pile.uris(rows), keep[part], kinds, distances[part]]
            arrays = [pa.array(column) for column in [*columns, rows["pixels"], rows["bytes"]]]
            writer.write_table(pa.Table.from_arrays(arrays, DUPLICATES.names).cast(DUPLICATES))
    return buffer.getvalue()


def _first_of_each(contents: Hashes) -> Indices:
    """For each row the first one that has the same content or file, as far as 64 bits can tell."""
    _, firsts, which = np.unique(contents, return_index=True, return_inverse=True)
    return firsts[which]


def _kinds(
    keep: NDArray[np.bool_], same_file: NDArray[np.bool_], exact: NDArray[np.bool_]
) -> list[str | None]:
    kinds: NDArray[np.object_] = np.full(len(keep), "near", object)
    kinds[exact] = "exact"
    kinds[same_file] = "same-file"
    kinds[keep] = None
    found: list[str | None] = kinds.tolist()
    return found
