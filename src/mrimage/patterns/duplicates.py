"""``--find duplicates``: copies of images in the whole source."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pyarrow as pa

from mrimage.rounds.programs import FoundTable
from mrimage.rounds.round import Pairs, Round
from mrimage.rounds.table import Table


def find_duplicates(images: Table) -> Generator[Round, Table, FoundTable]:
    """Find the images whose files are equal."""
    found = yield Round(images, by_content, copies)
    columns: dict[str, list[Any]] = {"cluster": [], "uri": [], "keep": []}
    for cluster, (_, uris) in enumerate(found):
        columns["cluster"] += [cluster] * len(uris)
        columns["uri"] += uris
        columns["keep"] += [uri == uris[0] for uri in uris]
    return FoundTable("duplicates", pa.table(columns))


def by_content(key: str, batch: Any, side: object) -> Pairs:
    """Yield the uri of each image under its hash."""
    for row in batch.select(["uri", "sha256"]).to_pylist():
        yield row["sha256"], row["uri"]


def copies(key: str, uris: Iterator[str], side: object) -> Pairs:
    """Yield the uris of equal files, if there are several."""
    found = sorted(uris)
    if len(found) > 1:
        yield found[0], found
