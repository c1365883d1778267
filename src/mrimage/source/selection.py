"""Which files of a source are entries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from mrimage.storage.names import suffix

_NAMES = """
    jpg jpeg jpe jfif png apng gif webp avif avifs heic heif hif tif tiff bmp dib jp2 j2k jpf jpx jxl
    ppm pgm pbm pnm pfm tga ico cur psd exr hdr qoi pcx dds sgi rgb xbm xpm fits fit
    dng cr2 cr3 nef nrw arw srf sr2 orf rw2 raf pef raw rwl srw 3fr iiq kdc mef mos mrw x3f
"""
EXTENSIONS = frozenset("." + name for name in _NAMES.split())
"""Extensions of images, in lower case with their dot."""

_BOOKKEEPING = frozenset({"_SUCCESS", "_temporary", "__MACOSX"})


@dataclass(frozen=True)
class Selection:
    """The choice of ``--include``, ``--exclude`` and ``--all-files``.

    By default the files with an image's extension or with none are entries; hidden ones (a name that begins with a
    dot, or one of the markers that Hadoop and macOS leave) are not. ``include`` patterns replace that rule for the
    files they match; one that matches a folder or a shard takes what is below it by the default rule. ``exclude``
    patterns win over everything, for files and whole folders. ``all_files`` takes every file, hidden ones too.

    A pattern with a slash is matched against the whole relative path, one without against every name in it. ``*``
    and ``?`` stay within one name, ``**`` crosses folders, ``[...]`` is a set of characters.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    all_files: bool = False

    def enters(self, folder: str) -> bool:
        """Whether anything below ``folder`` (a relative path) can be an entry."""
        return not _matches(self._excluded, folder) and (self.all_files or not is_hidden(folder))

    def takes(self, path: str) -> bool:
        """Whether the file ``path`` (relative, in folders that ``enters`` allowed) is an entry."""
        if self._excluded and self._hits(self._excluded, path):
            return False
        if self._included:
            if _matches(self._included, path):
                return True
            if not self._hits(self._included, path):
                return False
        return self.all_files or (not is_hidden(path) and suffix(path) in _TAKEN)

    def reaches(self, path: str) -> bool:
        """Whether every folder above the file ``path`` is entered, for a listing that goes without folders."""
        folder = path.rpartition("/")[0]
        known: dict[str, bool] = self._reached
        if folder not in known:
            if len(known) > 10_000:
                known.clear()
            parts = folder.split("/") if folder else []
            known[folder] = all(
                self.enters("/".join(parts[: end + 1])) for end in range(len(parts))
            )
        return known[folder]

    def admits(self, path: str) -> bool:
        """Whether the file ``path`` is an entry, and every folder above it is entered."""
        return self.reaches(path) and self.takes(path)

    def allows(self, path: str) -> bool:
        """Whether ``path``, which somebody named, is kept out by neither --exclude nor --include."""
        if self._excluded and self._hits(self._excluded, path):
            return False
        return not self._included or self._hits(self._included, path)

    @cached_property
    def _reached(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _included(self) -> re.Pattern[str] | None:
        return _compile(self.include)

    @cached_property
    def _excluded(self) -> re.Pattern[str] | None:
        return _compile(self.exclude)

    @staticmethod
    def _hits(pattern: re.Pattern[str], path: str) -> bool:
        """Whether ``pattern`` matches ``path`` or a folder above it."""
        end = 0
        while (end := path.find("/", end + 1)) > 0:
            if pattern.match(path, 0, end):
                return True
        return bool(pattern.match(path))


_TAKEN = EXTENSIONS | {""}


def is_hidden(path: str) -> bool:
    """Whether the last name of ``path`` is one that people do not see.

    >>> is_hidden("a/.DS_Store"), is_hidden("a/_SUCCESS"), is_hidden("a/_DSC0001.jpg")
    (True, True, False)
    """
    name = path.rpartition("/")[2]
    return (name.startswith(".") and name not in (".", "..")) or name in _BOOKKEEPING


def _matches(pattern: re.Pattern[str] | None, path: str) -> bool:
    return bool(pattern and pattern.match(path))


def _compile(globs: tuple[str, ...]) -> re.Pattern[str] | None:
    return (
        re.compile("|".join(f"(?:{_translate(glob)})" for glob in globs), re.DOTALL)
        if globs
        else None
    )


def _translate(glob: str) -> str:
    """The regular expression of a glob, to be matched from the start of a path to its end."""
    anchored = "/" in glob.rstrip("/")
    glob = glob.strip("/")
    parts = ["" if anchored else "(?:.*/)?"]
    position = 0
    while position < len(glob):
        for token, replacement in (
            ("**/", "(?:.*/)?"),
            ("**", ".*"),
            ("*", "[^/]*"),
            ("?", "[^/]"),
        ):
            if glob.startswith(token, position):
                parts.append(replacement)
                position += len(token)
                break
        else:
            text, position = _character(glob, position)
            parts.append(text)
    return "".join(parts) + r"\Z"


def _character(glob: str, position: int) -> tuple[str, int]:
    """The expression for the set or the plain character at ``position``, and where the glob goes on."""
    end = glob.find("]", position + 2) if glob[position] == "[" else -1
    if end < 0:
        return re.escape(glob[position]), position + 1
    body = glob[position + 1 : end].replace("\\", r"\\").replace("[", r"\[")
    return ("[^/" + body[1:] if body[0] in "!^" else "[" + body) + "]", end + 1
