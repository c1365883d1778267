"""Which files of a source are entries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from mrimage import image
from mrimage.storage.names import suffix

EXTENSIONS = frozenset("." + name for name in image.EXTENSIONS)
"""Extensions of every image format that mrimage knows, in lower case with their dot."""

_TAKEN = EXTENSIONS | {""}
"""Extensions of the files that are entries by default."""

_BOOKKEEPING = frozenset({"_SUCCESS", "_temporary", "__MACOSX"})
"""Names that Hadoop and macOS give to their own files and folders."""

_MAX_KNOWN = 10_000
"""Folders whose answer is remembered, so that memory stays bounded."""

_WILDCARDS = (("**/", "(?:.*/)?"), ("**", ".*"), ("*", "[^/]*"), ("?", "[^/]"))
"""Wildcards of a pattern and their regular expressions, the longest first."""


@dataclass(frozen=True)
class Selection:
    """The files that ``--include``, ``--exclude`` and ``--all-files`` select.

    By default, files with an image's extension or without any extension are entries. Hidden ones
    are not: their name begins with a dot, or is one of the markers of Hadoop and macOS.
    ``include`` patterns replace that rule for the files they match; below a folder or shard that
    they match, the default rule applies. ``exclude`` patterns override everything, for files and
    whole folders. ``all_files`` selects every file, hidden ones too.

    A pattern with a slash is matched against the whole relative path, and one without against
    every name in it. ``*`` and ``?`` stay within one name, ``**`` crosses folders, and ``[...]``
    is a set of characters.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    all_files: bool = False

    def enters(self, folder: str) -> bool:
        """Whether anything below ``folder`` (a relative path) can be an entry."""
        if _matches(self._excluded, folder):
            return False
        return self.all_files or not is_hidden(folder)

    def takes(self, path: str) -> bool:
        """Whether the file ``path`` (relative, in folders that ``enters`` allowed) is an entry."""
        if _matches_or_folder(self._excluded, path):
            return False
        if self._included:
            if _matches(self._included, path):
                return True
            if not _matches_or_folder(self._included, path):
                return False
        return self.all_files or (not is_hidden(path) and suffix(path) in _TAKEN)

    def reaches(self, path: str) -> bool:
        """Whether ``enters`` is true for every folder above the file ``path``.

        For listings that do not go folder by folder.
        """
        folder = path.rpartition("/")[0]
        known = self._reached
        if folder not in known:
            if len(known) > _MAX_KNOWN:
                known.clear()
            known[folder] = all(self.enters(each) for each in _with_parents(folder))
        return known[folder]

    def admits(self, path: str) -> bool:
        """Whether the file ``path`` is an entry, and every folder above it is entered."""
        return self.reaches(path) and self.takes(path)

    def guesses(self, path: str) -> bool:
        """Whether the entry ``path`` was selected only because its name has no extension."""
        path = path.replace("!/", "/")
        is_included = _matches(self._included, path)
        return not self.all_files and not is_included and suffix(path) == ""

    def why_not(self, path: str) -> str:
        """The reason why ``path`` is not an entry: a key of ``types.IGNORED``."""
        if self._included or _matches_or_folder(self._excluded, path):
            return "excluded"
        parts = path.split("/")
        return "hidden" if any(is_hidden(part) for part in parts) else "extension"

    def allows(self, path: str) -> bool:
        """Whether --exclude and --include allow ``path``, which a list names."""
        if _matches_or_folder(self._excluded, path):
            return False
        return not self._included or _matches_or_folder(self._included, path)

    @cached_property
    def _reached(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _included(self) -> re.Pattern[str] | None:
        return _compile(self.include)

    @cached_property
    def _excluded(self) -> re.Pattern[str] | None:
        return _compile(self.exclude)


def is_hidden(path: str) -> bool:
    """Whether the last name of ``path`` is hidden by convention.

    >>> is_hidden("a/.DS_Store"), is_hidden("a/_SUCCESS"), is_hidden("a/_DSC0001.jpg")
    (True, True, False)
    """
    name = path.rpartition("/")[2]
    has_dot = name.startswith(".") and name not in (".", "..")
    return has_dot or name in _BOOKKEEPING


def _with_parents(folder: str) -> list[str]:
    """``folder`` and the folders above it, from the top.

    >>> _with_parents("a/b"), _with_parents("")
    (['a', 'a/b'], [])
    """
    parts = folder.split("/") if folder else []
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _matches(pattern: re.Pattern[str] | None, path: str) -> bool:
    return bool(pattern and pattern.match(path))


def _matches_or_folder(pattern: re.Pattern[str] | None, path: str) -> bool:
    """Whether ``pattern`` matches ``path`` or a folder above it."""
    if pattern is None:
        return False
    end = path.find("/", 1)
    while end > 0:
        if pattern.match(path, 0, end):
            return True
        end = path.find("/", end + 1)
    return bool(pattern.match(path))


def _compile(globs: tuple[str, ...]) -> re.Pattern[str] | None:
    """One regular expression that matches if any of the globs does."""
    if not globs:
        return None
    alternatives = [f"(?:{_translate(glob)})" for glob in globs]
    return re.compile("|".join(alternatives), re.DOTALL)


def _translate(glob: str) -> str:
    """The regular expression of a glob, which matches a path from its start to its end."""
    is_whole_path = "/" in glob.rstrip("/")
    glob = glob.strip("/")
    parts = ["" if is_whole_path else "(?:.*/)?"]
    position = 0
    while position < len(glob):
        for wildcard, expression in _WILDCARDS:
            if glob.startswith(wildcard, position):
                parts.append(expression)
                position += len(wildcard)
                break
        else:
            expression, position = _translate_character(glob, position)
            parts.append(expression)
    return "".join(parts) + r"\Z"


def _translate_character(glob: str, position: int) -> tuple[str, int]:
    """The expression for the set or plain character at ``position``, and the position after it."""
    # A ] right after the [ belongs to the set.
    end = glob.find("]", position + 2) if glob[position] == "[" else -1
    if end < 0:
        return re.escape(glob[position]), position + 1
    body = glob[position + 1 : end].replace("\\", r"\\").replace("[", r"\[")
    if body[0] in "!^":
        # A set of characters to leave out would otherwise match a slash.
        return f"[^/{body[1:]}]", end + 1
    return f"[{body}]", end + 1
