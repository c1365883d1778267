"""Rows as CSV, and cells in it that a spreadsheet would take for formulas."""

from __future__ import annotations

import csv
from collections.abc import Iterable

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet computes instead of showing it (OWASP, CSV Injection)."""


def write_csv(
    rows: Iterable[Iterable[object]], *, quote_formulas: bool, delimiter: str = ","
) -> str:
    """``rows`` as CSV with a line feed after each, or as TSV where the ``delimiter`` is a tab.

    With ``quote_formulas``, a text that begins like a formula gets an apostrophe before it, which spreadsheets take for
    "this is text". Numbers stay as they are.
    """
    lines = _Lines()
    quoted = ([_quoted(cell) for cell in row] for row in rows) if quote_formulas else rows
    # The module quotes a carriage return within a cell only where it ends the lines.
    csv.writer(lines, delimiter=delimiter, lineterminator="\r\n").writerows(quoted)
    return "".join(lines.texts)


class _Lines:
    """Takes the lines of a CSV writer, which writes each as a whole."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, line: str) -> None:
        self.texts.append(line.removesuffix("\r\n") + "\n")


def _quoted(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
