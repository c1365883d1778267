"""Names of outputs by a template."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from mrimage.job.name_template import FOLDER, KEY, PATH, SIZE, STEM, Part, Template
from mrimage.sink.naming import (
    LONGEST_EXTENSION,
    MAX_NAME,
    component,
    cut_name,
    extension_tail,
)

UNKNOWN = "unknown"
"""What stands for a value that an image does not have."""


def show_value(value: Any, date_format: str = "") -> str:
    """A value of the catalogue as text for a name."""
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, datetime):
        return value.strftime(date_format or "%Y-%m-%d_%H-%M-%S")
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def templated_path(
    template: Template,
    values: Mapping[str, str],
    key: str,
    path: str,
    extension: str,
    size: str = "",
) -> str:
    """``images/<name>.<extension>`` for the image made from the source ``path`` under ``key``, in
    one of several sizes if ``size`` names one.

    ``values`` has the text of each field of the catalogue, by its placeholder. The names of
    different images differ: see ``hidden_place``.
    """
    folder, _, name = path.rpartition("/")
    stem, old = split_name(name)
    known = {**values, STEM: stem, KEY: key}
    if size:
        known[SIZE] = size.replace("%", "pct")
    folders: list[str] = []
    for parts in template.components[:-1]:
        if parts == (Part(field=FOLDER),):
            folders += [component(each, unsafe=".") for each in folder.split("/") if folder]
        elif parts == (Part(field=PATH),):
            folders += [component(each, unsafe=".") for each in path.split("/")]
        else:
            folders.append(component(_filled(parts, known), unsafe="."))
    last = template.components[-1]
    if last == (Part(field=PATH),):
        folders += [component(each, unsafe=".") for each in folder.split("/") if folder]
        last = (Part(field=STEM),)
    place = hidden_place(template, path)
    mark = f"~{place}" if place else ""
    file = component(_filled(last, known)) + mark + extension_tail(old, extension)
    whole = "/".join(["images", *folders, file])
    if len(whole.encode()) > MAX_NAME:
        return "images/" + cut_name("/".join([*folders, file, path]), extension)
    return whole


def _filled(parts: tuple[Part, ...], values: Mapping[str, str]) -> str:
    return "".join(part.literal or values.get(part.placeholder, UNKNOWN) for part in parts)


def hidden_place(template: Template, path: str) -> str:
    """What the template does not show of the source ``path``, as a hash; empty if two images cannot
    get the same name without it.

    If the name ends in ``/{path}``, all of it shows. If it ends in ``/{stem}``, only the folder is
    hidden: the files of a folder get the same hash, so that a RAW file and its JPEG keep a common
    name, and those of SOURCE itself get none.
    """
    if template.ends_in(PATH):
        return ""
    folder, _, name = path.rpartition("/")
    if template.ends_in(STEM):
        return _hash(folder) if folder else ""
    return _hash(posixpath.join(folder, split_name(name)[0]))


def split_name(name: str) -> tuple[str, str]:
    """Stem and extension. What follows the last dot of a long one is part of the stem: it could be
    taken for a hash."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not extension or not stem or len(extension) > LONGEST_EXTENSION:
        return name, ""
    return stem, extension


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
