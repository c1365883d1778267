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

N. Krawetz, Looks Like It, The Hacker Factor Blog (2011): at 5 "a few things may be different", 10
or more is "probably a very different picture". The hash of a picture with structure has 32 set
bits, and two such hashes differ in an even number of bits; 6 is the first even number from 5. On
the 8,121 drawings of openclipart the largest cluster is nearly the same for 4 and for 6; above
that, clusters merge.
"""

STRUCTURE = 16
"""Set bits that a perceptual hash needs to be compared with others.

A picture with structure has 32. In a flat or striped one most frequencies are exactly zero, and
the few set bits are the same for a red and for a blue surface.
"""

ROWS = 50_000
"""Rows of a row group, and of facts in memory at once."""


def reduce_to_duplicates(key: str, records: Iterable[Record]) -> Iterator[Output]:
    """``--group duplicates``: ``duplicates.parquet``, a row for each image that has a duplicate.

    - ``cluster``: a number from 0, in the order of the uris to keep. Two images are in one cluster
      if their files are equal, if their perceptual hashes differ in at most NEAR bits, or if other
      images connect them in this way.
    - ``keep``: true for one image of a cluster, its first row: the one with the most pixels, then
      the most bytes, then one that is not a link, then the first by uri. The other rows follow in
      the same order.
    - ``kind``: null for the image to keep; ``same-file`` if an earlier row is another name of the
      same file, such as a link and its target; else ``exact`` if an earlier row has the same bytes
      (by SHA-256); else ``near``. So without the files of the ``exact`` rows, each content still
      exists once. A ``same-file`` row is not a copy: deleting the file behind its name may delete
      the only one.
    - ``distance``: the bits in which the perceptual hash differs from that of the image to keep,
      0..64.

    A group without duplicates gets no file. Facts of the images are in temporary files; memory is
    at most about 100 bytes for each image.
    """
    with ImageFacts(records) as facts:
        images, clusters = _clustered(facts)
        if len(images):
            yield Output("duplicates.parquet", _to_parquet(facts, images, clusters))


def _clustered(facts: ImageFacts) -> tuple[Indices, Indices]:
    """The images that have a duplicate, in the order of the file, and the cluster of each."""
    labels = _labels(facts.column("phash"), facts.column("content"))
    images = np.flatnonzero(np.bincount(labels)[labels] > 1)
    labels = labels[images]
    order = _best_first(facts, images, labels)
    images = images[order]
    labels = labels[order]
    # The first image of each cluster is the one to keep. Clusters are numbered by its uri, which
    # is the order of the images' numbers.
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    number = np.empty(len(starts), np.intp)
    number[np.argsort(images[starts])] = np.arange(len(starts))
    sizes = np.diff(starts, append=len(labels))
    clusters = np.repeat(number, sizes)
    order = np.argsort(clusters, kind="stable")
    return images[order], clusters[order]


def _best_first(facts: ImageFacts, images: Indices, labels: Indices) -> Indices:
    """The order that puts each cluster together, the image to keep first."""
    pixels = -facts.column("pixels")[images]
    sizes = -facts.column("bytes")[images]
    is_link = facts.column("is_link")[images]
    # lexsort takes the first key last. It is stable, and images are numbered by uri.
    return np.lexsort((is_link, sizes, pixels, labels))


def _labels(hashes: Hashes, contents: Hashes) -> Indices:
    """A number for each image; the images of one cluster have the same."""
    structured = np.bitwise_count(hashes) >= STRUCTURE
    labels = np.empty(len(hashes), np.intp)
    # Each distinct hash is compared only once.
    distinct = np.unique(hashes[structured])
    roots = components(len(distinct), near_pairs(distinct, NEAR))
    labels[structured] = roots[np.searchsorted(distinct, hashes[structured])]
    # Pictures without structure are in one cluster only if their files are equal.
    _, same_content = np.unique(contents[~structured], return_inverse=True)
    labels[~structured] = len(distinct) + same_content
    return labels


def _to_parquet(facts: ImageFacts, images: Indices, clusters: Indices) -> bytes:
    keep = np.diff(clusters, prepend=-1) > 0
    hashes = facts.column("phash")[images]
    kept_hashes = hashes[keep]
    distances = np.bitwise_count(hashes ^ kept_hashes[clusters])
    del hashes, kept_hashes  # large groups: only what is needed below stays in memory
    twins = images[_first_of_each(facts.column("content")[images])]
    same_file = images != images[_first_of_each(facts.column("file")[images])]
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, DUPLICATES, compression="zstd") as writer:
        for start in range(0, len(images), ROWS):
            chunk = slice(start, start + ROWS)
            rows = facts.rows(images[chunk])
            exact = _exact(facts, rows, images[chunk], twins[chunk])
            columns = [
                clusters[chunk],
                facts.uris(rows),
                keep[chunk],
                _kinds(keep[chunk], same_file[chunk], exact),
                distances[chunk],
                rows["pixels"],
                rows["bytes"],
            ]
            arrays = [pa.array(column) for column in columns]
            writer.write_table(pa.Table.from_arrays(arrays, DUPLICATES.names).cast(DUPLICATES))
    return buffer.getvalue()


def _exact(
    facts: ImageFacts, rows: NDArray[np.void], images: Indices, twins: Indices
) -> NDArray[np.bool_]:
    """Whether each image, whose facts are ``rows``, has the same bytes as its twin.

    The twin is the first image with an equal ``content``, which is only 64 bits of the SHA-256, so
    the whole hashes are compared.
    """
    exact: NDArray[np.bool_] = images != twins
    hashes = rows["sha256"][exact]
    twins_hashes = facts.rows(twins[exact])["sha256"]
    exact[exact] = hashes == twins_hashes
    return exact


def _first_of_each(contents: Hashes) -> Indices:
    """For each row the first row with an equal 64-bit hash of its content or file."""
    _, firsts, which = np.unique(contents, return_index=True, return_inverse=True)
    return firsts[which]


def _kinds(
    keep: NDArray[np.bool_], same_file: NDArray[np.bool_], exact: NDArray[np.bool_]
) -> list[str | None]:
    kinds: NDArray[np.object_] = np.full(len(keep), "near", object)
    # In rising order of precedence.
    kinds[exact] = "exact"
    kinds[same_file] = "same-file"
    kinds[keep] = None
    found: list[str | None] = kinds.tolist()
    return found
