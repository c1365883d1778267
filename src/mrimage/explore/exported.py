"""The page as files that need no server: the data and the scripts in one page, and the pictures on
sheets beside it. A browser opens it from a folder, too."""

from __future__ import annotations

import hashlib
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mrimage.errors import ImageError, StoreError, UsageError
from mrimage.explore import parts
from mrimage.explore.page_files import read_asset
from mrimage.explore.pictures import LIMITS
from mrimage.explore.pile import SEARCHED, Pile
from mrimage.guard.guard import Guard
from mrimage.image import Image, encode
from mrimage.storage import Store, StoreSettings, open_uri
from mrimage.storage.local import system_errors

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

MOST_IMAGES = 10_000
"""The most images of an exported page, whose data are all in one file."""

SIDE = 240
"""The longest side of a picture on a sheet, in pixels."""

PER_ROW = 8
PER_SHEET = 64

QUALITY = 70

NEAREST = 8
"""Pictures that look like an image, for each image."""

SHEETS = "sheets"

MODULES = (
    "dom",
    "crossfilter",
    "source",
    "exported",
    "pictures",
    "state",
    "where",
    "grid",
    "facets",
    "viewer",
    "sections",
    "map",
    "search",
    "acts",
    "main",
)
"""The scripts of the page; each imports only those before it."""


def export_to(pile: Pile, store: Store, settings: StoreSettings, folder: Path) -> Path:
    """Write the page into ``folder``, which is made, and return its path.

    Raises UsageError if there are too many images, or if ``folder`` is in OUT, and StoreError if it
    cannot be written.
    """
    if pile.count > MOST_IMAGES:
        raise UsageError(
            f"--export writes a page of {MOST_IMAGES} images at most, because all of them are in "
            f"one file, but OUT has {pile.count}. Without --export there is no limit."
        )
    if store.local and folder.resolve().is_relative_to(store.local.resolve()):
        raise UsageError("--export needs a folder outside OUT, in which nothing is written.")
    with system_errors(str(folder)):
        (folder / SHEETS).mkdir(parents=True, exist_ok=True)
        places, sheets = _write_sheets(pile, settings, folder)
        data = _data(pile) | {"places": places, "sheets": sheets}
        page = folder / "index.html"
        page.write_text(_page(data), encoding="utf-8")
    return page


def _data(pile: Pile) -> dict[str, Any]:
    rows = list(range(pile.count))
    details = pile.details(rows)
    columns = list(details[0]["facts"]) if details else []
    start = parts.start(pile, live=False)
    return {
        "start": start,
        "parts": {name: b64encode(part).decode() for name, part in _parts(pile, start)},
        "tiles": pile.tiles(rows),
        "columns": columns,
        "searched": [name for name in SEARCHED if name in columns],
        "facts": [list(one["facts"].values()) for one in details],
        "findings": [item for one in details for item in one["findings"]],
        "messages": [item for one in details for item in one["quarantine"]],
        "outputs": [item for one in details for item in one["outputs"]],
        "near": pile.all_near(NEAREST),
    }


def _parts(pile: Pile, start: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield the parts that the page may ask for, by the names that it asks by."""
    for column in pile.columns:
        yield f"filter/{column.name}", parts.filter_part(pile, column.name)
        if column.sortable and column.name != "duplicate":
            yield f"order/{column.name}", parts.order_part(pile, column.name)
    yield "order/name", parts.order_part(pile, "name")
    yield "edited", parts.edited_part(pile)
    if start["hasCopies"]:
        yield "copies", parts.copies_part(pile)
    if start["hasMap"]:
        yield "map", parts.map_part(pile)


def small_pixels(settings: StoreSettings, uri: str) -> Pixels:
    """Return a small picture, uint8 H x W x 3. Raises ImageError and StoreError."""
    pixels: Pixels = Image(open_uri(uri, settings), LIMITS).thumbnail(SIDE, SIDE)
    return pixels


def _write_sheets(
    pile: Pile, settings: StoreSettings, folder: Path
) -> tuple[list[list[int] | None], list[str]]:
    """Write the sheets; return the place of each image's picture, and the sheets' paths.

    A place is [sheet, x, y, width, height] in pixels, or None for an image without a picture.
    """
    guard: Guard[str, Pixels] = Guard(_Small(settings), LIMITS)
    places: list[list[int] | None] = [None] * pile.count
    sheets: list[str] = []
    drawn: list[tuple[int, Pixels]] = []
    try:
        for row in range(pile.count):
            if sys.stderr.isatty() and row % 20 == 0:
                print(f"\rpictures: {row} of {pile.count}", end="", file=sys.stderr, flush=True)
            try:
                drawn.append((row, guard(pile.uri(row))))
            except (ImageError, StoreError):
                continue
            if len(drawn) == PER_SHEET:
                sheets.append(_write_sheet(drawn, len(sheets), folder, places))
                drawn = []
    finally:
        guard.close()
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if drawn:
        sheets.append(_write_sheet(drawn, len(sheets), folder, places))
    return places, sheets


class _Small:
    """``small_pixels`` with its settings, in a form that a child process can get."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings

    def __call__(self, uri: str) -> Pixels:
        return small_pixels(self._settings, uri)


def _write_sheet(
    drawn: list[tuple[int, Pixels]], number: int, folder: Path, places: list[list[int] | None]
) -> str:
    lines = -(-len(drawn) // PER_ROW)
    sheet = np.full((lines * SIDE, PER_ROW * SIDE, 3), 255, np.uint8)
    for place, (row, pixels) in enumerate(drawn):
        height, width = pixels.shape[:2]
        y, x = (place // PER_ROW) * SIDE, (place % PER_ROW) * SIDE
        sheet[y : y + height, x : x + width] = pixels
        places[row] = [number, x, y, width, height]
    name = f"{SHEETS}/{number:04}.webp"
    (folder / name).write_bytes(encode(sheet, "webp", QUALITY))
    return name


_IMPORT = re.compile(r'^import (.+?) from "\./(\w+)\.js";$', re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const)) (\w+)", re.MULTILINE)


def bundled() -> str:
    """Return all scripts as one: a browser loads no modules from a folder."""
    pieces = []
    for name in MODULES:
        source = _text(f"{name}.js")
        exported = [found[2] for found in _EXPORT.finditer(source)]
        source = _EXPORT.sub(r"\1 \2", _IMPORT.sub(_as_constant, source))
        returned = ", ".join(exported)
        pieces.append(
            f"modules.{name} = await (async () => {{\n{source}\nreturn {{ {returned} }};\n}})();"
        )
    body = "\n".join(pieces)
    return f'"use strict";\n(async () => {{\nconst modules = {{}};\n{body}\n}})();\n'


def _as_constant(found: re.Match[str]) -> str:
    names = found[1].removeprefix("* as ")
    return f"const {names} = modules.{found[2]};"


def _text(name: str) -> str:
    content = read_asset(name)
    assert content is not None, name
    return content.decode()


def _page(data: dict[str, Any]) -> str:
    """Return the page with its style, its scripts and its data inside."""
    page = _text("index.html")
    style = _text("report.css") + _text("explore.css")
    # A "</script" anywhere in a script would end its element early.
    script = bundled().replace("</script", "<\\/script")
    island = msgspec.json.encode(data).decode().replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src 'self' data: file:; base-uri 'none'; form-action 'none'"
    )
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style}</style>'
    tail = (
        f'<script type="application/json" id="exported">{island}</script>\n'
        f"<script>{script}</script>\n</body>"
    )
    page = re.sub(r'<link rel="stylesheet".*?>\n', "", page)
    page = re.sub(r'<script type="module".*?</script>\n', "", page)
    # Not re.sub: the style and the scripts have backslashes of their own.
    return page.replace("</head>", f"{head}\n</head>").replace("</body>", tail)


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
