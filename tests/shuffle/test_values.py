"""Values of mappers arrive as they left: equal, and of the same types all the way down."""

from __future__ import annotations

import dataclasses
import enum
import subprocess
import sys
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrimage.shuffle.values import UnfitValue, decode_value, encode_value

AT = datetime(2024, 10, 27, 2, 30, 5, 123456)
EAST = timezone(timedelta(hours=2))

VALUES = [
    *(
        None,
        True,
        7,
        -(1 << 63),
        (1 << 64) - 1,
        1 << 64,
        -(10**40),
        1.5,
        -0.0,
        float("inf"),
        1 + 2j,
    ),
    *("", "é", "\ud800name", b"\x00", bytearray(b"x")),
    *(
        AT,
        AT.replace(tzinfo=UTC),
        AT.replace(tzinfo=EAST),
        AT.replace(tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    ),
    *(
        AT.replace(tzinfo=timezone(timedelta(hours=-3, minutes=-30), "NST")),
        datetime.min,
        datetime.max,
    ),
    *(
        date(2024, 2, 29),
        time(1, 2, 3, 4),
        time(1, 2, tzinfo=EAST),
        timedelta(days=-1, microseconds=5),
    ),
    *(
        Decimal("1.50"),
        Decimal("-0"),
        Decimal("1E+50"),
        Fraction(1, 3),
        uuid.UUID(int=5),
        Path("a/b"),
        range(1, 9, 2),
    ),
    *((), (1, (2, [3])), [(1,), [2]], {1, "a", (2, 3)}, frozenset({1, frozenset({2})}), set()),
    *({1: 2}, {None: 1, (1, 2): "t", True: 0}, {"b": 1, "a": [AT, {3: (4,)}]}, {"\ud800": 1}, {}),
    *(
        OrderedDict(b=1, a=2),
        Counter("abca"),
        defaultdict(int, a=1),
        defaultdict(list, {1: [2]}),
        deque([1, 2], 3),
    ),
    *(
        np.float64(1.5),
        np.float32(0.1),
        np.int64(-1),
        np.uint8(255),
        np.bool_(True),
        np.complex64(1j),
    ),
    *(
        np.datetime64("2024-01-02T03:04"),
        np.timedelta64(5, "s"),
        np.str_("é"),
        np.str_(""),
        np.bytes_(b"x\x00y"),
    ),
]


def same(one: object, other: object) -> bool:
    """Equal, and of the same types all the way down; ``repr`` tells 1 from True, and the order of a dictionary."""
    return type(one) is type(other) and one == other and repr(one) == repr(other)


@pytest.mark.parametrize(
    "value", VALUES, ids=[f"{type(value).__name__} {n}" for n, value in enumerate(VALUES)]
)
def test_a_value_arrives_as_it_left(value: object) -> None:
    for sent in (value, [value], {"x": value}, (value, value)):
        back = decode_value(encode_value(sent))
        assert same(back, sent) or (
            isinstance(value, set | frozenset) and type(back) is type(sent) and back == sent
        )


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text()
        | st.datetimes(),
        lambda inner: (
            st.lists(inner)
            | st.tuples(inner, inner)
            | st.dictionaries(st.integers() | st.text(), inner)
        ),
        max_leaves=8,
    )
)
def test_any_plain_value_arrives_as_it_left(value: object) -> None:
    assert same(decode_value(encode_value(value)), value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.uint16).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10)[::2],
        np.zeros((0, 3), np.float32),
        np.array(5),
        np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", "<f8")]),
        np.array(["a", "bc"]),
        np.array([True, False]),
        np.array(["2024-01-02"], "M8[D]"),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_an_array_arrives_as_it_left(array: np.ndarray) -> None:
    back = decode_value(encode_value(array))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert (back == array).all()
    assert back.flags.writeable  # it is the reducer's own


def test_a_record_of_an_array_arrives_as_it_left() -> None:
    record = np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", "<f8")])[0]
    assert decode_value(encode_value(record)) == record


class Color(enum.IntEnum):
    RED = 1


@dataclasses.dataclass
class Facts:
    size: int = 1


class Somewhere(tzinfo):
    def utcoffset(self, at: datetime | None) -> timedelta:
        return timedelta(0)


Pair = namedtuple("Pair", "a b")
CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (object(), "object; use numbers, text"),
        (Color.RED, "Color; use value.value"),
        (Facts(), "Facts; use dataclasses.asdict(value)"),
        (Pair(1, 2), "Pair; use tuple(value) or value._asdict()"),
        (memoryview(b"x"), "memoryview; use bytes(value)"),
        ((n for n in [1]), "generator; use list(value)"),
        (np.array([object()]), "a numpy array of Python objects; use value.tolist()"),
        (np.ma.masked_array([1]), "MaskedArray; use numpy.asarray(value)"),
        (np.longdouble(1), "use float(value)"),
        (defaultdict(lambda: 1), "use dict(value)"),
        (datetime(2024, 1, 2, tzinfo=Somewhere()), "use value.astimezone(datetime.timezone.utc)"),
        (CIRCLE, "one that contains itself"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_travel_names_its_type_and_what_to_do(value: object, expected: str) -> None:
    for sent in (value, {"x": [value]}):
        with pytest.raises(UnfitValue) as caught:
            encode_value(sent)
        assert expected in str(caught.value)


def test_sets_are_the_same_bytes_in_every_process() -> None:
    code = (
        "from mrimage.shuffle.values import encode_value\n"
        "print(encode_value({'a', 'b', 'c', 1, (2, frozenset('xyz'))}).hex())"
    )
    made = {
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
                       capture_output=True, check=True).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(made) == 1


def test_scalars_of_arrow_arrive_as_values_of_python() -> None:
    sent = {
        "n": pa.scalar(3),
        "at": pa.scalar(AT),
        "names": pa.scalar(["a", None]),
        "none": pa.scalar(None),
    }
    assert decode_value(encode_value(sent)) == {
        "n": 3,
        "at": AT,
        "names": ["a", None],
        "none": None,
    }
