"""How a mapper's values reach a reducer: as MessagePack that decodes to the same values and types.

Types that MessagePack lacks are encoded as its extensions, one number for each type. Equal values
give equal bytes; sets, for example, are sorted by the bytes of their members. Decoding cannot run
code, because types are named by the numbers of a table here, never by names to import.
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

PLAIN = (
    "numbers, text, bytes, dates and times, lists, tuples, sets, dictionaries, "
    "or numpy scalars and arrays"
)
"""What can be encoded, for messages."""

DEEPEST = 200
"""Levels of nesting at most. A deeper value contains itself, or overflows the reader's stack."""

_SIMPLE = frozenset((type(None), bool, float, bytes))
_PATH = type(Path())
"""PosixPath or WindowsPath."""

_FACTORIES: Mapping[str, Callable[[], object]] = {
    kind.__name__: kind for kind in (int, float, str, bytes, bool, list, dict, set, tuple)
}
"""The factories that a defaultdict may have, by name."""

_NUMPY_KINDS = "biufcmM"
"""numpy's letters for scalars whose bytes are their value: booleans, numbers, times."""

_EXTENDED = ("float128", "complex256", "longdouble", "clongdouble")
"""Names of numpy scalars whose size depends on the machine."""


class UnfitValue(ValueError):
    """A value cannot be encoded; the message says which type it is, and what to do instead."""


def encode_value(value: object) -> bytes:
    """Encode ``value`` as MessagePack. Raises UnfitValue if it is not plain data."""
    return msgspec.msgpack.encode(_pack(value, 0))


def decode_value(data: bytes) -> Any:
    """Return the value that ``encode_value`` encoded."""
    return msgspec.msgpack.decode(data, ext_hook=_unpack)


def _pack(value: Any, depth: int) -> object:
    """Convert ``value`` to types that MessagePack has, and extensions."""
    # Exact types only: a subclass would be decoded as its base class.
    kind = type(value)
    if kind in _SIMPLE:
        return value
    if kind is str:
        return _pack_text(value)
    if kind is int:
        return _pack_integer(value)
    if depth > DEEPEST:
        raise UnfitValue(
            f"a value nested deeper than {DEEPEST} levels, or one that contains itself"
        )
    if kind is list:
        return [_pack(item, depth + 1) for item in value]
    if kind is dict and all(type(name) is str and _is_unicode(name) for name in value):
        return {name: _pack(item, depth + 1) for name, item in value.items()}
    if kind not in _PACKERS:
        if _is_arrow_scalar(kind):
            # Its type is a library's wrapper: what it means is the value of Python.
            return _pack(value.as_py(), depth + 1)
        return _pack_numpy(value)
    code, take_apart = _PACKERS[kind]
    parts = take_apart(value)
    if isinstance(parts, bytes):
        return Ext(code, parts)
    return Ext(code, msgspec.msgpack.encode(_pack(parts, depth + 1)))


def _is_arrow_scalar(kind: type) -> bool:
    return kind.__module__ == "pyarrow.lib" and kind.__name__.endswith("Scalar")


def _pack_text(value: str) -> object:
    if _is_unicode(value):
        return value
    return Ext(_TEXT, value.encode("utf-8", "surrogatepass"))


def _pack_integer(value: int) -> object:
    # MessagePack's integers have 64 bits, signed or unsigned.
    if -(1 << 63) <= value < 1 << 64:
        return value
    return Ext(_INTEGER, b"%d" % value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unpack(code: int, data: memoryview) -> Any:
    return _UNPACKERS[code](bytes(data))


def _unpacked(make: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    """Return a function that decodes the parts of a value, and makes the value of them."""
    return lambda data: make(decode_value(data))


def _members(value: Iterable[object]) -> bytes:
    """The members of a set, sorted by their bytes."""
    packed = sorted(encode_value(member) for member in value)
    return msgspec.msgpack.encode([msgspec.Raw(member) for member in packed])


def _pairs(value: Mapping[Any, object]) -> list[object]:
    return [[name, item] for name, item in value.items()]


def _datetime(value: dt.datetime) -> list[object]:
    local = value.replace(tzinfo=None, fold=0)
    return [local.isoformat(), value.fold, _zone(value.tzinfo)]


def _time(value: dt.time) -> list[object]:
    local = value.replace(tzinfo=None, fold=0)
    return [local.isoformat(), value.fold, _zone(value.tzinfo)]


def _zone(zone: dt.tzinfo | None) -> object:
    """The parts of a time zone: None, the key of a region, or an offset and perhaps its name."""
    if zone is None:
        return None
    if type(zone) is ZoneInfo and zone.key:
        return zone.key
    if type(zone) is dt.timezone:
        # pickle calls the same method; it is the only way to learn whether there is a name.
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
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
        raise UnfitValue(f"a defaultdict with the factory {brief(factory)}; use dict(value)")
    return [name, _pairs(value)]


def _to_defaultdict(parts: Any) -> defaultdict[Any, Any]:
    name, pairs = parts
    factory = None if name is None else _FACTORIES[name]
    return defaultdict(factory, pairs)


def _deque(value: deque[Any]) -> list[object]:
    return [value.maxlen, list(value)]


def _to_deque(parts: Any) -> deque[Any]:
    longest, items = parts
    return deque(items, longest)


_TEXT = 1
_INTEGER = 2
_ARRAY = 3
_SCALAR = 4
_NUMPY_TEXT = 5
_NUMPY_BYTES = 6
_RECORD = 7

_KINDS: tuple[tuple[int, type, Callable[[Any], object], Callable[[bytes], Any]], ...] = (
    (10, tuple, list, _unpacked(tuple)),
    (11, set, _members, _unpacked(set)),
    (12, frozenset, _members, _unpacked(frozenset)),
    (13, dict, _pairs, _unpacked(dict)),
    (14, OrderedDict, _pairs, _unpacked(OrderedDict)),
    (15, Counter, _pairs, _unpacked(lambda pairs: Counter(dict(pairs)))),
    (16, defaultdict, _defaultdict, _unpacked(_to_defaultdict)),
    (17, deque, _deque, _unpacked(_to_deque)),
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
"""Each extension's number, its type, the function that takes a value apart (into bytes, or into a
value that can be encoded), and the function that puts it together again from the bytes.

The numbers are stored in every OUT: add new ones, but never change one.
"""

_PACKERS: Mapping[type, tuple[int, Callable[[Any], object]]] = {
    kind: (code, take_apart) for code, kind, take_apart, _ in _KINDS
}
"""For each type its number, and the function that takes a value apart."""


def _pack_numpy(value: Any) -> Ext:
    """Encode numpy's scalars and arrays. Raises UnfitValue for everything else."""
    import numpy as np

    kind = type(value)
    if kind is np.ndarray:
        return Ext(_ARRAY, _save(value))
    if kind is np.str_:
        return Ext(_NUMPY_TEXT, str(value).encode("utf-8", "surrogatepass"))
    if kind is np.bytes_:
        return Ext(_NUMPY_BYTES, bytes(value))
    if kind is np.void:
        return Ext(_RECORD, _save(np.asarray(value)))
    # Other libraries derive scalars from numpy's; those would come back as numpy's own.
    is_scalar = isinstance(value, np.generic) and kind.__module__ == "numpy"
    if is_scalar and value.dtype.kind in _NUMPY_KINDS:
        if kind.__name__ in _EXTENDED:
            raise UnfitValue(
                f"{_named(value)}, whose size depends on the machine; use float(value)"
            )
        return Ext(_SCALAR, msgspec.msgpack.encode([value.dtype.str, value.tobytes()]))
    raise UnfitValue(f"{_named(value)}; {_remedy(value)}")


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
    **{code: put_together for code, _, _, put_together in _KINDS},
}
"""For each extension's number the function that puts a value together."""

_REMEDIES: tuple[tuple[Callable[[Any], bool], str], ...] = (
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
"""What to do with values that cannot be encoded; the first condition that holds counts."""


def _remedy(value: object) -> str:
    """What to do instead: ``use value.value``."""
    for applies, text in _REMEDIES:
        if applies(value):
            return text
    return f"use {PLAIN}"


def _named(value: object) -> str:
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
