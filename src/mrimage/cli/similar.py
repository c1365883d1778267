"""``mrimage similar``: is this picture in that run already?"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mrimage.commit.damage import explain_damage
from mrimage.commit.ledger import list_names, localize
from mrimage.commit.out_folder import temporary_folder
from mrimage.errors import UsageError
from mrimage.flow.results import read_facts
from mrimage.image import Image
from mrimage.patterns.nearest import COLUMNS, Known, Match, find_similar, known_images
from mrimage.patterns.signatures import NUMBERS, SIGNATURE, UNIT, ids_of
from mrimage.report import text
from mrimage.storage import StoreSettings, open_store, open_uri
from mrimage.storage.local import system_errors

NOT_FOUND = 3
"""The exit status if no image is a copy of any of the pictures."""

AT_ONCE = 200
"""Images of another run that are looked for in one pass over the catalogue."""

BATCH = 5_000


def find_similar_images(options: argparse.Namespace, stores: StoreSettings) -> int:
    """Print the copies of each file, or of each image of the other run. The status is 0 if there is
    any, else 3."""
    if bool(options.files) == bool(options.against):
        raise UsageError("mrimage similar needs files, or --against with the OUT of another run.")
    found = 0
    if options.files:
        wanted = [_picture(file, stores) for file in options.files]
        found = _search(options, stores, wanted)
    else:
        others = _images(options.against, stores)
        for first in others:
            chunk = [first, *islice(others, AT_ONCE - 1)]
            found += _search(options, stores, chunk)
    return 0 if found else NOT_FOUND


def _search(options: argparse.Namespace, stores: StoreSettings, wanted: list[Known]) -> int:
    """Look for pictures in OUT, print their copies, and return the number of those that have any."""
    found = 0
    batches = _batches(options.out, stores)
    for picture, matches in find_similar(wanted, batches, options.similar):
        found += bool(matches)
        # Of another run, which may be large, only what is shared is of interest.
        if matches or options.files:
            _print(picture, matches[: options.limit], options.json)
    return found


def _print(picture: Known, matches: list[Match], as_json: bool) -> None:
    if as_json:
        rows = [dataclasses.asdict(match) for match in matches]
        print(msgspec.json.encode({"file": picture.uri, "similar": rows}).decode())
        return
    if not matches:
        print(text.visible(f"{picture.uri}: none"))
    for match in matches:
        words = f"{picture.uri}: {match.uri}, {match.kind} ({match.score:.2f})"
        print(text.visible(words))


def _picture(file: str, stores: StoreSettings) -> Known:
    """Read a picture that need not be in the run. Raises ImageError or StoreError."""
    uri = file if "://" in file else str(Path(file).absolute())
    image = Image(open_uri(uri, stores))
    features: dict[str, Any] = image.features(["hash", "descriptor", "miniature"])
    signature = np.zeros(1, SIGNATURE)
    signature["id"] = ids_of([uri])
    numbers = np.array(features["descriptor"], np.float16).astype(np.float32)
    signature["descriptor"] = np.clip(np.rint(numbers * UNIT), -127, 127).reshape(1, NUMBERS)
    signature["miniature"] = features["miniature"]
    size = (image.metadata.width, image.metadata.height)
    picture = (str(features["picture_hash"]), *size)
    return Known(file, signature[0], str(features["sha256"]), picture)


def _images(out: str, stores: StoreSettings) -> Iterator[Known]:
    for batch in _batches(out, stores):
        yield from known_images(batch)


def _batches(out: str, stores: StoreSettings) -> Iterator[Any]:
    """Yield the processed images of a run in batches. Raises UsageError if it lacks columns."""
    store = open_store(out, stores)
    with temporary_folder() as scratch, system_errors(out), explain_damage(store):
        read_facts(store)  # raises an error if there is no finished run
        for path in localize(store, list_names(store, "catalogue"), scratch):
            yield from _batches_of(path, out)


def _batches_of(path: str, out: str) -> Iterable[Any]:
    with pq.ParquetFile(path) as file:
        missing = set(COLUMNS) - set(file.schema_arrow.names)
        if missing:
            raise UsageError(
                f"mrimage similar needs a run with --find duplicates, or with --extract "
                f"hash,descriptor,miniature, but {out} has no column {min(missing)}."
            )
        for batch in file.iter_batches(BATCH, columns=["uri", "status", *COLUMNS]):
            processed = batch.filter(pc.field("status") == "processed")
            if processed.num_rows:
                yield processed
