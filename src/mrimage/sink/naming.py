"""Output names, made from source paths.

They are safe on every file system, and two sources never get the same name. (Names may differ only
in case: a file system that ignores case can take two names for one.)

Laws, tested with hypothesis: ``image_name`` is injective in ``(path, extension)``; no component is
empty, ``.``, ``..``, hidden, or longer than 240 bytes; only the characters listed here occur.

``~`` and ``%`` are always escaped in source names, so the names that use them here cannot collide
with others: ``photo.png`` becomes ``photo~png.webp`` if the format changes, and stays ``photo.png``
if it does not.
"""

from __future__ import annotations

import hashlib
import unicodedata

from mrimage.image.format_table import FORMATS

SAFE = frozenset(" !#$&'()+,-.=@[]^_`{}")
"""Characters that are kept, besides letters, digits and marks of any script."""

ALIASES = {"jpg": {"jpg", "jpeg", "jpe", "jfif"}, "tiff": {"tif", "tiff"}}
"""Extensions of source names that stay, because they mean the output's format too."""

MAX_BYTES = 200
"""Longest component in bytes of UTF-8. File systems allow 255; temporary names are longer."""

MAX_NAME = 700
"""Longest path below a group in bytes. S3 allows 1024 for a key, which the group and the prefix of
OUT share; a path of local folders may have 4096."""

LONGEST_EXTENSION = 8
"""Characters. What follows the last dot of a longer one is part of the name."""

_CUT_BYTES = MAX_BYTES - 26
"""What is left of a component that is cut: ``~~`` and 24 hex digits follow."""


def component(text: str, unsafe: str = "") -> str:
    """``text`` as one path component.

    Unsafe characters, and those in ``unsafe``, are percent-encoded. A name that is too long is cut
    and ends with a hash.

    >>> component("a/b<c>")
    'a%2Fb%3Cc%3E'
    """
    escaped = "".join(_escape(char, unsafe) for char in text)
    if escaped[:1] in {".", "-", " "}:
        escaped = _percent(escaped[0]) + escaped[1:]
    # "!/" separates a shard from a name in it, so a folder must not end with "!".
    if escaped[-1:] in {".", " ", "!"}:
        escaped = escaped[:-1] + _percent(escaped[-1])
    if not escaped:
        return "~empty"
    encoded = escaped.encode()
    if len(encoded) <= MAX_BYTES:
        return escaped
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    start = encoded[:_CUT_BYTES].decode("utf-8", "ignore").rstrip("% .")
    return f"{start}~~{digest}"


def image_name(path: str, extension: str) -> str:
    """The output's name below its group, for the source ``path`` and the new extension (no dot).

    >>> image_name("summer/Beach.JPG", "jpg"), image_name("summer/beach.png", "webp")
    ('summer/Beach.JPG', 'summer/beach~png.webp')
    """
    folders, name = _split_path(path)
    stem, old = _split_extension(name)
    file = component(stem) + extension_tail(old, extension)
    if len(file.encode()) > MAX_BYTES + 40:
        file = cut_name(name, extension)
    whole = "/".join([*folders, file])
    if len(whole.encode()) > MAX_NAME:
        return cut_name(path, extension)
    return whole


def extension_tail(old: str, extension: str) -> str:
    """The end of a name whose extension was ``old``: it stays if it means the same format.

    >>> extension_tail("JPEG", "jpg"), extension_tail("png", "jpg")
    ('.JPEG', '~png.jpg')
    """
    if old.lower() in ALIASES.get(extension, {extension}):
        return f".{old}"
    return f"~{_old_extension(old)}.{extension}"


def _split_path(path: str) -> tuple[list[str], str]:
    """The folders of a source path as components, and the file's name.

    A folder gets no dot, so that it never looks like an output file. Otherwise the sources
    ``x.jpg`` and ``x.jpg/y.jpg`` would need one name to be both a file and a folder.
    """
    folder, slash, name = path.rpartition("/")
    if not slash:
        return [], name
    return [component(part, unsafe=".") for part in folder.split("/")], name


def _split_extension(name: str) -> tuple[str, str]:
    """Stem and extension; the extension is empty if there is no dot, or nothing after it."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not extension:
        return name, ""
    return stem, extension


def _old_extension(old: str) -> str:
    return component(old) if old else ""


def cut_name(text: str, extension: str) -> str:
    """A single component for a name that is too long.

    The padding makes ``component`` cut it and add a hash even where the text itself would fit.
    """
    return f"{component(text + ' ' * MAX_BYTES)}.{extension}"


def source_extension(path: str, format: str) -> str:
    """The extension of an unchanged copy of the source ``path``, in lower case and without a dot.

    It is the source's own. If the source has none, or one that is not safe, it is the usual one of the
    image's ``format``.

    >>> source_extension("a/Beach.JPG", "jpeg"), source_extension("7f0c", "jpeg")
    ('jpg', 'jpg')
    """
    _, extension = _split_extension(path.rpartition("/")[2])
    # In a shard, NAME.json are the facts of an image.
    is_safe = extension.isascii() and extension.isalnum() and len(extension) <= LONGEST_EXTENSION
    if is_safe and extension.lower() != "json":
        return extension.lower()
    known = FORMATS.get(format)
    return known.extensions[0] if known else format


def image_path(key: str, path: str, extension: str, size: str = "") -> str:
    """``images/<key>/<name>.<extension>``, for the image made from the source ``path``.

    Of several sizes, each has a folder ``~<size>`` above the keys, none of which begins like that.

    >>> image_path("srgb", "a/b.jpg", "jpg", "50%")
    'images/~50pct/srgb/a/b.jpg'
    """
    name = f"{component(key)}/{image_name(path, extension)}"
    return f"images/{size_folder(size)}{name}"


def size_folder(size: str) -> str:
    """The folder of one of several sizes with its slash; empty without a ``size``."""
    return f"~{component(size.replace('%', 'pct'), unsafe='.')}/" if size else ""


def sample_name(key: str, path: str, extension: str, size: str = "") -> str:
    """``<key>/<name>.<extension>``, below the folder of its size if there are several: the name in a shard of the image made from the source ``path``.

    Readers of WebDataset take everything before a name's first dot as the name of the sample, and
    the rest as the name of a field. So the only dot of the last component is the extension's. The
    old extension always stays: without it ``a.jpg`` and ``a.png`` would be one sample. These
    readers also skip names that begin with a component such as ``__test__``.

    >>> sample_name("srgb", "summer/beach.v2.png", "webp"), sample_name("__test__", "a.jpg", "jpg")
    ('srgb/summer/beach%2Ev2~png.webp', '%5F_test__/a~jpg.jpg')
    """
    top = component(key)
    if top.startswith("__") and top.endswith("__"):
        top = f"%5F{top[1:]}"
    folders, name = _split_path(path)
    stem, old = _split_extension(name)
    file = f"{component(stem, unsafe='.')}~{_old_extension(old)}"
    if len(file.encode()) > MAX_BYTES:
        file = component(name + " " * MAX_BYTES, unsafe=".")
    return size_folder(size) + "/".join([top, *folders, f"{file}.{extension}"])


def group_path(key: str, name: str) -> str:
    """``groups/<key>/<name>``. Slashes in ``name`` make folders, each a safe component."""
    parts = [component(part) for part in name.split("/")]
    return "/".join(["groups", component(key), *parts])


def _escape(char: str, unsafe: str) -> str:
    if char in unsafe or not _is_safe(char):
        return _percent(char)
    return char


def _is_safe(char: str) -> bool:
    if char in SAFE:
        return True
    if char.isascii():
        return char.isalnum()
    # L, N and M are Unicode's letters, numbers and marks.
    return unicodedata.category(char)[0] in "LMN"


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
