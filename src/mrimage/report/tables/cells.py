"""Rows as CSV, with protection against cells that a spreadsheet would run as formulas."""

from __future__ import annotations

import csv
from collections.abc import Iterable

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a cell that a spreadsheet computes instead of showing (OWASP, CSV Injection)."""


def write_csv(
    rows: Iterable[Iterable[object]], *, quote_formulas: bool, delimiter: str = ","
) -> str:
    """Return ``rows`` as CSV with a line feed after each row, or as TSV if ``delimiter`` is a tab.

    With ``quote_formulas``, a text that begins like a formula gets an apostrophe before it, which
    spreadsheets read as "this is text". Numbers stay as they are.
    """
    lines = _Lines()
    # The csv module quotes a cell with a carriage return only if its line terminator contains one.
    writer = csv.writer(lines, delimiter=delimiter, lineterminator="\r\n")
    if quote_formulas:
        writer.writerows([_quoted(cell) for cell in row] for row in rows)
    else:
        writer.writerows(rows)
    return "".join(lines.texts)


class _Lines:
    """A text file in memory whose lines end with a line feed.

    ``csv.writer`` calls ``write`` once for each row, with the whole line.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, line: str) -> None:
        self.texts.append(line.removesuffix("\r\n") + "\n")


def _quoted(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return cell
