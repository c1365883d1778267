"""The columns and pages of a Parquet file, read from its footer and the headers of its pages.

Arrow allocates what a page's header claims, up to 2 GiB, whatever the footer of the file says. So the
headers have to be read before Arrow decodes the pages. The footer says where they are. It is read
here too, because PyArrow 26 ends the process where the footer's facts of a column are damaged. Both are
structs in Thrift's compact protocol
(https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift,
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_DICTIONARY = 2
"""The type of a page that holds each value of the column once."""

_STOP = 0
_TRUE = 1
_FALSE = 2
_BYTE = 3
_INTEGERS = (4, 5, 6)
_DOUBLE = 7
_BINARY = 8
_LISTS = (9, 10)
_STRUCT = 12
"""Types of a field."""

_DEEPEST = 20
"""Structs and lists inside each other; those of a footer are ten deep."""

Value = int | bytes | list["Value"] | dict[int, "Value"]
Struct = dict[int, Value]
"""A struct by the numbers of its fields, without those that are true, false or of floating point."""


class PageError(Exception):
    """The bytes are not a footer, or not the pages of a column."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What the footer says of one column in one row group.

    ``path`` is its name in the schema, with dots. It has ``values`` values. ``start`` and
    ``compressed`` are the place of its pages in the file, in bytes.
    """

    path: str
    values: int
    start: int
    compressed: int
    uncompressed: int


@dataclass(frozen=True, slots=True)
class Page:
    """What the header of a page claims. ``values`` counts values; the sizes are in bytes.

    ``header`` is the length of the header itself.
    """

    is_dictionary: bool
    values: int
    header: int
    compressed: int
    uncompressed: int


def read_chunks(footer: bytes) -> list[list[Chunk]]:
    """Return the columns of each row group, from a footer without its length and magic number.

    Raises PageError for damage.
    """
    groups = _structs(_CompactReader(memoryview(footer), 0).struct(), 4)
    return [[_chunk(column) for column in _structs(group, 1)] for group in groups]


def _structs(fields: Struct, number: int) -> list[Struct]:
    found = fields.get(number, [])
    if not isinstance(found, list):
        raise PageError("the footer lacks a list")
    return [each for each in found if isinstance(each, dict)]


def _chunk(column: Struct) -> Chunk:
    facts = column.get(3)
    names = facts.get(3) if isinstance(facts, dict) else None
    if not isinstance(facts, dict) or not isinstance(names, list):
        raise PageError("the footer lacks a column")
    start = _size(facts.get(9))
    dictionary = facts.get(11)
    # As Arrow has it: the dictionary comes before the other pages, or does not exist.
    if isinstance(dictionary, int) and 0 < dictionary < start:
        start = dictionary
    return Chunk(
        path=".".join(name.decode("utf-8", "replace") for name in names if isinstance(name, bytes)),
        values=_size(facts.get(5)),
        start=start,
        compressed=_size(facts.get(7)),
        uncompressed=_size(facts.get(6)),
    )


def read_pages(chunk: memoryview, values: int) -> Iterator[Page]:
    """Yield the pages of a column chunk of ``values`` values, as far as Arrow reads them.

    Raises PageError for damage.
    """
    position = 0
    while values > 0:
        page = _read_page(chunk, position)
        yield page
        position += page.header + page.compressed
        if not page.is_dictionary:
            values -= page.values


def _read_page(chunk: memoryview, start: int) -> Page:
    reader = _CompactReader(chunk, start)
    fields = reader.struct()
    # The header of each kind of page is a field of its own: data, index, dictionary, data v2.
    kinds = [fields[number] for number in (5, 7, 8) if number in fields]
    values = kinds[0].get(1, 0) if kinds and isinstance(kinds[0], dict) else 0
    page = Page(
        is_dictionary=fields.get(1) == _DICTIONARY,
        values=_size(values),
        header=reader.position - start,
        compressed=_size(fields.get(3)),
        uncompressed=_size(fields.get(2)),
    )
    # A value in a dictionary has four bytes for its length.
    if page.is_dictionary and page.values > page.uncompressed // 4:
        raise PageError("a dictionary has more values than it has room for")
    return page


def _size(value: Value | None) -> int:
    if not isinstance(value, int) or value < 0:
        raise PageError("a size is missing or negative")
    return value


class _CompactReader:
    """Reads one struct of Thrift's compact protocol."""

    def __init__(self, data: memoryview, position: int) -> None:
        self._data = data
        self.position = position

    def struct(self, depth: int = 0) -> Struct:
        if depth > _DEEPEST:
            raise PageError("a struct is nested too deep")
        fields: Struct = {}
        number = 0
        while True:
            head = self._byte()
            kind = head & 15
            if kind == _STOP:
                return fields
            step = head >> 4
            number = number + step if step else self._integer()
            value = self._value(kind, depth)
            if value is not None:
                fields[number] = value

    def _value(self, kind: int, depth: int) -> Value | None:
        """Read a value; None if it is true, false or of floating point."""
        if kind in _INTEGERS:
            return self._integer()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind == _BINARY:
            return self._take(self._varint())
        if kind in _LISTS:
            return self._list(depth + 1)
        if kind in (_BYTE, _DOUBLE):
            self._take(1 if kind == _BYTE else 8)
        elif kind not in (_TRUE, _FALSE):
            raise PageError("a field has an unknown type")
        return None

    def _list(self, depth: int) -> list[Value]:
        head = self._byte()
        kind = head & 15
        count = head >> 4
        if count == 15:
            count = self._varint()
        # In a list, unlike in a struct, true and false take a byte.
        if kind in (_TRUE, _FALSE):
            kind = _BYTE
        values = (self._value(kind, depth) for _ in range(count))
        return [value for value in values if value is not None]

    def _integer(self) -> int:
        """A signed integer in zigzag code: 0, -1, 1, -2, ..."""
        code = self._varint()
        return (code >> 1) ^ -(code & 1)

    def _varint(self) -> int:
        """An unsigned integer, seven bits a byte, the lowest first."""
        value = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise PageError("a number is too long")

    def _byte(self) -> int:
        if self.position >= len(self._data):
            raise PageError("the data end within a field")
        byte = self._data[self.position]
        self.position += 1
        return byte

    def _take(self, count: int) -> bytes:
        start = self.position
        self.position += count
        if self.position > len(self._data):
            raise PageError("the data end within a field")
        return bytes(self._data[start : self.position])
