"""The pages of a Parquet column, read from their headers alone.

Arrow allocates what a page's header claims, up to 2 GiB, whatever the footer of the file says. So the
headers have to be read before Arrow decodes the pages. They are structs in Thrift's compact protocol
(https://parquet.apache.org/docs/file-format/data-pages/,
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
_MAP = 11
_STRUCT = 12
"""Types of a field."""

_DEEPEST = 10
"""Structs inside each other; those of a page header are four deep."""

Struct = dict[int, "int | Struct"]
"""The integers and structs in a struct, by the number of the field."""


class PageError(Exception):
    """The bytes are not the pages of a column."""


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


def _size(value: int | Struct | None) -> int:
    if not isinstance(value, int) or value < 0:
        raise PageError("the header of a page lacks a size")
    return value


class _CompactReader:
    """Reads one struct of Thrift's compact protocol."""

    def __init__(self, data: memoryview, position: int) -> None:
        self._data = data
        self.position = position

    def struct(self, depth: int = 0) -> Struct:
        """The integers and structs of a struct; everything else is skipped."""
        if depth > _DEEPEST:
            raise PageError("the header of a page is nested too deep")
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

    def _value(self, kind: int, depth: int) -> int | Struct | None:
        """Read a value; None if it is not an integer or a struct."""
        if kind in _INTEGERS:
            return self._integer()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind == _BINARY:
            self._skip(self._varint())
        elif kind == _DOUBLE:
            self._skip(8)
        elif kind == _BYTE:
            self._skip(1)
        elif kind in _LISTS:
            self._skip_list(depth)
        elif kind == _MAP:
            raise PageError("the header of a page holds a map")
        elif kind not in (_TRUE, _FALSE):
            raise PageError("the header of a page is not one")
        return None

    def _skip_list(self, depth: int) -> None:
        head = self._byte()
        count = head >> 4
        if count == 15:
            count = self._varint()
        for _ in range(count):
            kind = head & 15
            # In a list, unlike in a struct, true and false take a byte.
            self._value(_BYTE if kind in (_TRUE, _FALSE) else kind, depth + 1)

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
        raise PageError("the header of a page has a number that is too long")

    def _byte(self) -> int:
        if self.position >= len(self._data):
            raise PageError("a column ends within the header of a page")
        byte = self._data[self.position]
        self.position += 1
        return byte

    def _skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self._data):
            raise PageError("a column ends within the header of a page")
