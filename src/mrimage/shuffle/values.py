"""Values on their way from a mapper to a reducer: MessagePack that arrives as it left, of the same types.

What MessagePack has no form for travels as one of its extensions, whose number says what it is. Equal values are equal
bytes: sets are sorted by the bytes of their members. Nothing that is read can run code: types are named by numbers of this
table, never by names to import.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import io
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec.msgpack import Ext

from mrimage.errors import brief

PLAIN = "numbers, text, bytes, dates and times, lists, tuples, sets, dictionaries, or numpy scalars and arrays"
"""What may travel, for people."""

DEEPEST = 200
"""Levels of nesting; deeper values hold themselves, or would exhaust the stack of whoever reads them."""

_SIMPLE = frozenset((type(None), bool, float, bytes))
_PATH = type(Path())
_FACTORIES: Mapping[str, Callable[[], object]] = {
    kind.__name__: kind for kind in (int, float, str, bytes, bool, list, dict, set, tuple)
}
_NUMPY_KINDS = "biufcmM"
"""Kinds of numpy scalars whose bytes are their value: booleans, numbers, times."""

_EXTENDED = ("float128", "complex256", "longdouble", "clongdouble")


class UnfitValue(ValueError):
    """Says which type cannot travel, and what to do instead."""


def encode_value(value: object) -> bytes:
    """``value`` as MessagePack. Raises UnfitValue for what is not plain data."""
    return msgspec.msgpack.encode(_pack(value, 0))


def decode_value(data: bytes) -> Any:
    """The value that ``encode_value`` was given."""
    return msgspec.msgpack.decode(data, ext_hook=_unpack)


def _pack(value: Any, depth: int) -> object:
    """The value in the words of MessagePack."""
    kind = type(value)
    if kind in _SIMPLE:
        return value
    if kind is str:
        return value if _is_unicode(value) else _ext(_TEXT, value.encode("utf-8", "surrogatepass"))
    if kind is int:
        return value if -(1 << 63) <= value < 1 << 64 else _ext(_INTEGER, b"%d" % value)
    if depth > DEEPEST:
        raise UnfitValue(f"a value nested deeper than {DEEPEST} levels, or one that holds itself")
    if kind is list:
        return [_pack(item, depth + 1) for item in value]
    if kind is dict and all(type(name) is str and _is_unicode(name) for name in value):
        return {name: _pack(item, depth + 1) for name, item in value.items()}
    if kind not in _PACKERS:
        return _pack_numpy(value)
    code, take = _PACKERS[kind]
    parts = take(value)
    if isinstance(parts, bytes):
        return _ext(code, parts)
    return _ext(code, msgspec.msgpack.encode(_pack(parts, depth + 1)))


def _ext(code: int, data: bytes) -> Ext:
    return Ext(code, data)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unpack(code: int, data: memoryview) -> Any:
    return _UNPACKERS[code](bytes(data))


def _unpacked(make: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    return lambda data: make(decode_value(data))


def _members(value: Iterable[object]) -> bytes:
    """The members of a set, in an order of their own."""
    packed = sorted(encode_value(member) for member in value)
    return msgspec.msgpack.encode([msgspec.Raw(member) for member in packed])


def _pairs(value: Mapping[Any, object]) -> list[object]:
    return [[name, item] for name, item in value.items()]


def _datetime(value: dt.datetime) -> list[object]:
    return [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, _zone(value.tzinfo)]


def _time(value: dt.time) -> list[object]:
    return [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, _zone(value.tzinfo)]


def _zone(zone: dt.tzinfo | None) -> object:
    """A time zone: None, the key of a region, or an offset and its name."""
    if zone is None:
        return None
    if type(zone) is ZoneInfo and zone.key:
        return zone.key
    if type(zone) is dt.timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]  # what pickle asks for
        return [_duration(offset), *name]
    raise UnfitValue(
        f"a time zone of type {_named(zone)}; use value.astimezone(datetime.timezone.utc)"
    )


def _to_zone(parts: Any) -> dt.tzinfo | None:
    if parts is None:
        return None
    if isinstance(parts, str):
        return ZoneInfo(parts)
    return dt.timezone(dt.timedelta(*parts[0]), *parts[1:])


def _to_datetime(parts: Any) -> dt.datetime:
    text, fold, zone = parts
    return dt.datetime.fromisoformat(text).replace(tzinfo=_to_zone(zone), fold=fold)


def _to_time(parts: Any) -> dt.time:
    text, fold, zone = parts
    return dt.time.fromisoformat(text).replace(tzinfo=_to_zone(zone), fold=fold)


def _duration(value: dt.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _defaultdict(value: defaultdict[Any, Any]) -> list[object]:
    factory = value.default_factory
    name = getattr(factory, "__name__", None)
    if factory is not None and _FACTORIES.get(str(name)) is not factory:
        raise UnfitValue(
            f"a defaultdict that makes its values by {brief(factory)}; use dict(value)"
        )
    return [name, _pairs(value)]


def _to_defaultdict(parts: Any) -> defaultdict[Any, Any]:
    name, pairs = parts
    return defaultdict(None if name is None else _FACTORIES[name], pairs)


_TEXT, _INTEGER, _ARRAY, _SCALAR, _NUMPY_TEXT, _NUMPY_BYTES, _RECORD = range(1, 8)

_KINDS: tuple[tuple[int, type, Callable[[Any], object], Callable[[bytes], Any]], ...] = (
    (10, tuple, list, _unpacked(tuple)),
    (11, set, _members, _unpacked(set)),
    (12, frozenset, _members, _unpacked(frozenset)),
    (13, dict, _pairs, _unpacked(dict)),
    (14, OrderedDict, _pairs, _unpacked(OrderedDict)),
    (15, Counter, _pairs, _unpacked(lambda pairs: Counter(dict(pairs)))),
    (16, defaultdict, _defaultdict, _unpacked(_to_defaultdict)),
    (
        17,
        deque,
        lambda value: [value.maxlen, list(value)],
        _unpacked(lambda parts: deque(parts[1], parts[0])),
    ),
    (20, dt.datetime, _datetime, _unpacked(_to_datetime)),
    (21, dt.date, lambda value: value.isoformat(), _unpacked(dt.date.fromisoformat)),
    (22, dt.time, _time, _unpacked(_to_time)),
    (23, dt.timedelta, _duration, _unpacked(lambda parts: dt.timedelta(*parts))),
    (24, dt.timezone, _zone, _unpacked(_to_zone)),
    (25, ZoneInfo, _zone, _unpacked(_to_zone)),
    (30, complex, lambda value: [value.real, value.imag], _unpacked(lambda parts: complex(*parts))),
    (31, Decimal, str, _unpacked(Decimal)),
    (
        32,
        Fraction,
        lambda value: [value.numerator, value.denominator],
        _unpacked(lambda parts: Fraction(*parts)),
    ),
    (33, uuid.UUID, lambda value: value.bytes, lambda data: uuid.UUID(bytes=data)),
    (34, bytearray, bytes, bytearray),
    (
        35,
        range,
        lambda value: [value.start, value.stop, value.step],
        _unpacked(lambda parts: range(*parts)),
    ),
    (36, _PATH, str, _unpacked(Path)),
    (37, PurePosixPath, str, _unpacked(PurePosixPath)),
)
"""The number of each extension, its type, what it is taken apart into (bytes, or a value), and how it is put together. The
numbers are kept in every OUT: add, never change."""

_PACKERS: Mapping[type, tuple[int, Callable[[Any], object]]] = {
    kind: (code, take) for code, kind, take, _ in _KINDS
}


def _pack_numpy(value: Any) -> Ext:
    """numpy's scalars and arrays. Raises UnfitValue for everything else."""
    import numpy as np

    kind = type(value)
    if kind is np.ndarray:
        return _ext(_ARRAY, _save(value))
    if kind is np.str_:
        return _ext(_NUMPY_TEXT, str(value).encode("utf-8", "surrogatepass"))
    if kind is np.bytes_:
        return _ext(_NUMPY_BYTES, bytes(value))
    if kind is np.void:
        return _ext(_RECORD, _save(np.asarray(value)))
    if (
        isinstance(value, np.generic)
        and kind.__module__ == "numpy"
        and value.dtype.kind in _NUMPY_KINDS
    ):
        if kind.__name__ in _EXTENDED:
            raise UnfitValue(
                f"{_named(value)}, whose size depends on the machine; use float(value)"
            )
        return _ext(_SCALAR, msgspec.msgpack.encode([value.dtype.str, value.tobytes()]))
    raise UnfitValue(f"{_named(value)}{_mend(value)}")


def _save(array: Any) -> bytes:
    import numpy as np

    if array.dtype.hasobject:
        raise UnfitValue("a numpy array of Python objects; use value.tolist()")
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _load(data: bytes) -> Any:
    import numpy as np

    return np.load(io.BytesIO(data), allow_pickle=False)


def _to_scalar(data: bytes) -> Any:
    import numpy as np

    kind, content = msgspec.msgpack.decode(data)
    return np.frombuffer(content, np.dtype(kind))[0]


def _numpy_text(data: bytes) -> Any:
    import numpy as np

    return np.str_(data.decode("utf-8", "surrogatepass"))


def _numpy_bytes(data: bytes) -> Any:
    import numpy as np

    return np.bytes_(data)


_UNPACKERS: Mapping[int, Callable[[bytes], Any]] = {
    _TEXT: lambda data: data.decode("utf-8", "surrogatepass"),
    _INTEGER: int,
    _ARRAY: _load,
    _RECORD: lambda data: _load(data)[()],
    _SCALAR: _to_scalar,
    _NUMPY_TEXT: _numpy_text,
    _NUMPY_BYTES: _numpy_bytes,
    **{code: put for code, _, _, put in _KINDS},
}

_MENDS: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (lambda value: isinstance(value, enum.Enum), "use value.value"),
    (lambda value: dataclasses.is_dataclass(value), "use dataclasses.asdict(value)"),
    (
        lambda value: isinstance(value, tuple) and hasattr(value, "_asdict"),
        "use tuple(value) or value._asdict()",
    ),
    (lambda value: isinstance(value, memoryview), "use bytes(value)"),
    (lambda value: hasattr(value, "to_pydatetime"), "use value.to_pydatetime()"),
    (lambda value: hasattr(value, "tolist"), "use numpy.asarray(value) or value.tolist()"),
    (lambda value: isinstance(value, Mapping), "use dict(value)"),
    (
        lambda value: isinstance(value, str | int | float),
        "use str(value), int(value) or float(value)",
    ),
    (lambda value: isinstance(value, dt.date), "use datetime.datetime or datetime.date itself"),
    (lambda value: isinstance(value, Iterable), "use list(value)"),
    (
        lambda value: type(value).__module__.startswith("mrimage."),
        "yield image.uri, and open it again in the reducer",
    ),
)


def _mend(value: object) -> str:
    """What to do instead: ``; use value.value``."""
    mend = next((text for fits, text in _MENDS if fits(value)), f"use {PLAIN}")
    return f"; {mend}"


def _named(value: object) -> str:
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
