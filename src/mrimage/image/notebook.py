"""How images show themselves in a notebook: a small picture, and what is known about the file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from html import escape

SIDE = 320
"""Longest side of a picture in pixels."""

MIME_TYPES = {
    "avif": "image/avif",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}
"""The types of the files that browsers show, by extension."""

_ROW = "<tr><th style='text-align:left'>{name}</th><td style='text-align:left'>{value}</td></tr>"


def html_of_file(data: bytes, extension: str) -> str:
    """Return an element that shows a file; empty for a type that browsers do not know."""
    if extension not in MIME_TYPES:
        return ""
    encoded = b64encode(data).decode()
    style = f"max-width:{SIDE}px;max-height:{SIDE}px"
    return f'<img src="data:{MIME_TYPES[extension]};base64,{encoded}" style="{style}">'


def html_of_facts(title: str, facts: Mapping[str, object]) -> str:
    """Return a table of the facts that are known. All text is escaped."""
    known = {name: value for name, value in facts.items() if value is not None}
    rows = [_ROW.format(name=name, value=escape(str(value))) for name, value in known.items()]
    return f"<p><bdi>{escape(title)}</bdi></p><table>{''.join(rows)}</table>"
