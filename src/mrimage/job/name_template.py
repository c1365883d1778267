"""Templates of output names such as ``{year}/{camera}/{stem}``: what they consist of.

``sink.templated`` makes names from them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

STEM = "stem"
FOLDER = "folder"
PATH = "path"
KEY = "key"
SIZE = "size"
OF_THE_NAME = (STEM, FOLDER, PATH, KEY, SIZE)
"""Fields that come from the names of the image, of its group and of its size, and not from the
catalogue."""

_FIELD = re.compile(r"\{([A-Za-z_][\w.-]*)(?::(%[^{}/]*))?\}")


@dataclass(frozen=True, slots=True)
class Part:
    """A literal text, or a field with the format of its date."""

    literal: str = ""
    field: str = ""
    date_format: str = ""

    @property
    def placeholder(self) -> str:
        """The field as it is written in the template, without its braces."""
        return f"{self.field}:{self.date_format}" if self.date_format else self.field


@dataclass(frozen=True, slots=True)
class Template:
    """A template, cut at its slashes: the parts of each folder and of the file's name."""

    components: tuple[tuple[Part, ...], ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The fields of the catalogue that it names, each once."""
        named = [part for parts in self.components for part in parts if part.field]
        return tuple(dict.fromkeys(part for part in named if part.field not in OF_THE_NAME))

    def names(self, field: str) -> bool:
        """Whether ``field`` is a part of the name."""
        return any(part.field == field for parts in self.components for part in parts)

    def ends_in(self, field: str) -> bool:
        """Whether ``field`` alone is the name of the file."""
        return self.components[-1] == (Part(field=field),)


@lru_cache(maxsize=16)
def read_template(text: str) -> Template:
    """Read a template. Raises ValueError if it is not one.

    Its pieces between slashes are not empty, and none of them is ``.`` or ``..``. ``{folder}`` and
    ``{path}``, which have slashes themselves, stand alone between slashes.

    >>> [part.placeholder for part in read_template("{taken_at:%Y}/{stem}").parts]
    ['taken_at:%Y']
    """
    components = []
    for piece in text.split("/"):
        parts = tuple(_parts(piece))
        is_wide = any(part.field in (FOLDER, PATH) for part in parts)
        if piece in ("", ".", "..") or (is_wide and len(parts) > 1):
            raise ValueError
        components.append(parts)
    template = Template(tuple(components))
    if template.ends_in(FOLDER):
        raise ValueError
    return template


def template_of(text: str | None) -> Template | None:
    """Return the template of the names of outputs, if a job has one."""
    return None if text is None else read_template(text)


def _parts(piece: str) -> list[Part]:
    parts = []
    position = 0
    for match in _FIELD.finditer(piece):
        parts += _literal(piece[position : match.start()])
        parts.append(Part(field=match[1], date_format=match[2] or ""))
        position = match.end()
    return parts + _literal(piece[position:])


def _literal(text: str) -> list[Part]:
    """A literal part; none for an empty text. Raises ValueError for a brace."""
    if "{" in text or "}" in text:
        raise ValueError
    return [Part(literal=text)] if text else []
