"""The parts of the page's data, by name: the server sends them one by one, ``exported`` all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrimage import __version__
from mrimage.errors import REASONS, UsageError
from mrimage.explore.bins import ArrowColumn
from mrimage.explore.columns import Column
from mrimage.explore.marks import WORDS, Marks
from mrimage.explore.packing import Array, pack
from mrimage.explore.pile import VECTORS, Many, Pile
from mrimage.explore.scatter import scatter

NO_MARK = 255


def start(pile: Pile, *, live: bool, marks_path: str = "") -> dict[str, Any]:
    """Return what the page needs first: names, counts, and the columns that it may ask for.

    ``live`` says whether there is a server; then ``marks_path`` is where marks are kept.
    """
    facts = pile.facts
    names = set(pile.schema.names)
    return {
        "version": __version__,
        "live": live,
        "count": pile.count,
        "title": facts.title,
        "source": facts.source,
        "out": facts.out,
        "started": facts.started,
        "processed": facts.processed,
        "quarantined": facts.quarantined,
        "outputs": facts.outputs,
        "filters": [_described(column) for column in pile.columns],
        "completions": [field.name for field in pile.schema if field.name not in VECTORS],
        "reasons": REASONS,
        "hasMap": bool(names & set(VECTORS)) or (pile.results / "clusters.parquet").is_file(),
        "hasNear": bool(names & set(VECTORS)),
        "hasCopies": bool(len(pile.copies)),
        "marksPath": marks_path,
        # SQL sees marks beside a local OUT.
        "marksInSql": marks_path.startswith("/"),
    }


def _described(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "title": column.title,
        "kind": column.kind,
        "sql": column.sql,
        "unit": column.unit,
    }


def filter_part(pile: Pile, name: str) -> bytes:
    """Return a filter: its values or edges, and its codes. ``useful`` is false if it has only one."""
    column = pile.column(name)
    if column.kind == "many":
        return _many_part(pile.many(name))
    coded = pile.coded(name)
    if coded is None or not coded.useful:
        return pack({"useful": False}, {})
    header = {"useful": True, "values": coded.values, "edges": coded.edges}
    return pack(header, {"codes": coded.codes})


def _many_part(many: Many) -> bytes:
    header = {"useful": bool(len(many.rows)), "values": many.values, "edges": ()}
    return pack(header, {"rows": many.rows, "codes": many.codes})


def order_part(pile: Pile, name: str) -> bytes:
    """Return all rows in the order of a column, and how many at the end have no value."""
    rows, missing = pile.order(name)
    return pack({"missing": missing}, {"rows": rows})


def copies_part(pile: Pile) -> bytes:
    """Return the images that have duplicates, by cluster."""
    copies = pile.copies
    sizes = np.zeros(0)
    if "size" in pile.schema.names:
        column: ArrowColumn = pc.fill_null(pile.read("size"), 0)
        sizes = column.combine_chunks().to_numpy()[copies.rows].astype(np.float64)
    names = sorted(set(copies.relations))
    places = {name: place for place, name in enumerate(names)}
    relations = np.array([places[name] for name in copies.relations], np.uint8)
    arrays = {
        "rows": copies.rows,
        "clusters": copies.clusters,
        "keep": copies.keep.astype(np.uint8),
        "relationCodes": relations,
        "sizes": sizes,
    }
    return pack({"relations": names}, arrays)


def map_part(pile: Pile) -> bytes:
    """Return the map. Raises UsageError if there is none."""
    made = scatter(pile)
    if made is None:
        raise UsageError(
            "The map needs --extract descriptor or embedding, or --find clusters in the run."
        )
    return pack({"about": made.about}, {"x": made.x, "y": made.y})


def edited_part(pile: Pile) -> bytes:
    """Return the rows of the images that have outputs."""
    rows = pile.database.table(
        "SELECT DISTINCT row FROM rows JOIN outputs USING (uri) ORDER BY row"
    )["row"]
    return pack({}, {"rows": rows.to_numpy().astype(np.uint32)})


def marks_part(pile: Pile, marks: Marks) -> bytes:
    """Return the mark of each row (0 accept, 1 reject, 255 none), and the tags as pairs."""
    codes = np.full(pile.count, NO_MARK, np.uint8)
    places = _rows_of(pile, list(marks.marks))
    for (_, mark), row in zip(marks.marks.items(), places, strict=True):
        if row is not None:
            codes[row] = WORDS.index(mark)
    names = sorted({tag for tags in marks.tags.values() for tag in tags})
    rows, tag_codes = [], []
    for tags, row in zip(marks.tags.values(), _rows_of(pile, list(marks.tags)), strict=True):
        if row is not None:
            rows += [row] * len(tags)
            tag_codes += [names.index(tag) for tag in tags]
    arrays: dict[str, Array] = {
        "codes": codes,
        "rows": np.array(rows, np.uint32),
        "tagCodes": np.array(tag_codes, np.uint8),
    }
    return pack({"tags": names}, arrays)


def _rows_of(pile: Pile, uris: list[str]) -> list[int | None]:
    if not uris:
        return []
    found = pc.index_in(pa.array(uris, pa.string()), value_set=pile.uris.combine_chunks())
    rows: list[int | None] = found.to_pylist()
    return rows
