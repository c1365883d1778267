"""Output names: made from source paths, safe on every file system, and never the same for two sources (capitals count:
a file system that ignores them can take two names for one).

Laws, tested with hypothesis: ``image_name`` is injective in ``(path, extension)``; no component is empty,
``.``, ``..``, hidden, or longer than 240 bytes; nothing but the listed characters appears.

``~`` and ``%`` never survive from a source name, so the names that use them here cannot be met by accident:
``photo.png`` becomes ``photo~png.webp`` when the format changes, and stays ``photo.png`` when it does not.
"""

from __future__ import annotations

import hashlib
import unicodedata

SAFE = frozenset(" !#$&'()+,-.=@[]^_`{}")
"""Characters that pass as they are, besides letters, digits and marks of any script."""

ALIASES = {"jpg": {"jpg", "jpeg", "jpe", "jfif"}, "tiff": {"tif", "tiff"}}
"""Extensions that a source may keep, because they name the output's own format."""

MAX_BYTES = 200
"""Longest component in bytes of UTF-8: file systems allow 255, and a temporary name needs a little more."""

MAX_NAME = 700
"""Longest path below a group in bytes: S3 allows 1024 for a key, of which the group and OUT's own prefix need some. A path
of local folders may have 4096."""


def component(text: str, unsafe: str = "") -> str:
    """``text`` as one path component: unsafe characters percent-encoded, too long a name cut and hashed.

    >>> component("a/b<c>")
    'a%2Fb%3Cc%3E'
    """
    escaped = "".join(
        char if _is_safe(char) and char not in unsafe else _percent(char) for char in text
    )
    if escaped[:1] in {".", "-", " "}:
        escaped = _percent(escaped[0]) + escaped[1:]
    if escaped[-1:] in {".", " ", "!"}:  # "!/" is what stands between a shard and a name in it
        escaped = escaped[:-1] + _percent(escaped[-1])
    if not escaped:
        return "~empty"
    if len(escaped.encode()) <= MAX_BYTES:
        return escaped
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    return (
        escaped.encode()[: MAX_BYTES - 26].decode("utf-8", "ignore").rstrip("% .") + "~~" + digest
    )


def image_name(path: str, extension: str) -> str:
    """The output's name below its group for the source ``path``, encoded as ``extension`` (no dot).

    >>> image_name("summer/Beach.JPG", "jpg"), image_name("summer/beach.png", "webp")
    ('summer/Beach.JPG', 'summer/beach~png.webp')
    """
    folder, slash, name = path.rpartition("/")
    stem, dot, old = name.rpartition(".")
    if not dot or not old:
        stem, old = name, ""
    # A folder never looks like an output file, or "x.jpg/y.jpg" would need a file x.jpg to be a folder too.
    folders = [component(part, unsafe=".") for part in folder.split("/")] if slash else []
    tail = (
        f".{old}"
        if old.lower() in ALIASES.get(extension, {extension})
        else f"~{component(old) if old else ''}.{extension}"
    )
    file = component(stem) + tail
    if len(file.encode()) > MAX_BYTES + 40:
        file = _cut(name, extension)
    path_of_folders = "/".join([*folders, file])
    return path_of_folders if len(path_of_folders.encode()) <= MAX_NAME else _cut(path, extension)


def _cut(text: str, extension: str) -> str:
    """A single component for a name that is too long, which ends in a hash whatever is left of it."""
    return f"{component(text + ' ' * MAX_BYTES)}.{extension}"


def image_path(key: str, path: str, extension: str) -> str:
    """``images/<key>/<name>.<extension>``."""
    return f"images/{component(key)}/{image_name(path, extension)}"


def sample_name(key: str, path: str, extension: str) -> str:
    """``<key>/<name>.<extension>``: what the image made from the source ``path`` is called in a shard.

    Readers of WebDataset take what precedes a name's first dot for the name of the sample, and what follows for the
    name of a field, so here the only dot of the last component is the extension's. The old extension always stays:
    without their extensions ``a.jpg`` and ``a.png`` would be one sample. They also pass over names that begin
    with two underscores and a component that ends with two.

    >>> sample_name("srgb", "summer/beach.v2.png", "webp"), sample_name("__test__", "a.jpg", "jpg")
    ('srgb/summer/beach%2Ev2~png.webp', '%5F_test__/a~jpg.jpg')
    """
    top = component(key)
    if top.startswith("__") and top.endswith("__"):
        top = f"%5F{top[1:]}"
    folder, slash, name = path.rpartition("/")
    stem, dot, old = name.rpartition(".")
    if not dot or not old:
        stem, old = name, ""
    file = f"{component(stem, unsafe='.')}~{component(old) if old else ''}"
    if len(file.encode()) > MAX_BYTES:
        file = component(name + " " * MAX_BYTES, unsafe=".")
    folders = [component(part, unsafe=".") for part in folder.split("/")] if slash else []
    return "/".join([top, *folders, f"{file}.{extension}"])


def group_path(key: str, name: str) -> str:
    """``groups/<key>/<name>``; a name with slashes makes folders, each a safe component."""
    return "/".join(["groups", component(key), *(component(part) for part in name.split("/"))])


def _is_safe(char: str) -> bool:
    return (
        char in SAFE
        or (char.isascii() and char.isalnum())
        or (not char.isascii() and unicodedata.category(char)[0] in "LMN")
    )


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
