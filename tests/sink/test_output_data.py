"""What a reducer may hand to ``mr.Output``: pixels, Pillow's images, tables and plain data, by the name's extension."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import tifffile
from PIL import Image, ImageCms

import mrimage as mr
from mrimage.errors import JobError
from mrimage.image.color.primaries import ADOBE_RGB
from mrimage.image.color.profiles import matrix_profile

IMAGES = ("png", "tif", "webp", "avif", "jpg")
TOLERANCE = {"png": 0, "tif": 0, "webp": 6, "avif": 8, "jpg": 6}
"""Of 255: flat colors come back nearly whole from lossy formats."""


def encoded(name: str, data: Any) -> bytes:
    made, width, height = mr.Output(name, data).encoded()
    assert (width, height) == (40, 24)
    return made


def flat(*color: float, kind: Any = np.uint8) -> np.ndarray:
    """24 x 40 pixels of one color."""
    return np.full(
        (24, 40, len(color)) if len(color) > 1 else (24, 40),
        color if len(color) > 1 else color[0],
        kind,
    )


def color_of(data: bytes) -> tuple[int, ...]:
    """The pixel in the middle, RGBA of 8 bits, as Pillow reads it; 16 bits of gray are cut to 8."""
    image = Image.open(io.BytesIO(data))
    if image.mode.startswith("I"):
        return (*[round(image.getpixel((20, 12)) / 257)] * 3, 255)
    return image.convert("RGBA").getpixel((20, 12))


@pytest.mark.parametrize("extension", IMAGES)
@pytest.mark.parametrize(
    ("pixels", "right"),
    [
        (flat(200), (200, 200, 200, 255)),
        (flat(200)[..., None], (200, 200, 200, 255)),
        (flat(200, 128), (200, 200, 200, 128)),
        (flat(200, 100, 50), (200, 100, 50, 255)),
        (flat(200, 100, 50, 128), (200, 100, 50, 128)),
        (flat(1, kind=bool), (255, 255, 255, 255)),
        (flat(51400, kind=np.uint16), (200, 200, 200, 255)),
        (flat(51400, 25700, 12850, kind=np.uint16), (200, 100, 50, 255)),
        (flat(51400, 25700, 12850, kind=">u2"), (200, 100, 50, 255)),
        (flat(51400, 25700, 12850, 32896, kind=np.uint16), (200, 100, 50, 128)),
        (flat(200 / 255, kind=np.float32), (200, 200, 200, 255)),
        (flat(200 / 255, 100 / 255, 50 / 255, kind=np.float64), (200, 100, 50, 255)),
        (flat(200, 100, 50)[:, ::-1], (200, 100, 50, 255)),
    ],
    ids=lambda value: f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else "",
)
def test_an_array_of_any_kind_has_its_color_in_any_format(
    extension: str, pixels: np.ndarray, right: tuple[int, ...]
) -> None:
    data = encoded(f"a.{extension}", pixels)
    if extension == "jpg" and right[3] < 255:
        right = (
            *(round((value * right[3] + 255 * (255 - right[3])) / 255) for value in right[:3]),
            255,
        )
    if (
        extension == "tif"
        and pixels.dtype.itemsize > 1
        and pixels.ndim == 3
        and pixels.shape[2] > 1
    ):
        deep = tifffile.imread(io.BytesIO(data))[12, 20]  # Pillow does not read 16 bits of color
        found = (*(round(value / 257) for value in deep), 255)[:4]
    else:
        found = color_of(data)
    assert (
        max(abs(one - other) for one, other in zip(found, right, strict=True))
        <= TOLERANCE[extension]
    )


def test_sixteen_bits_are_kept_where_the_format_holds_them() -> None:
    for pixels, right in (
        (flat(12345, kind=np.uint16), 12345),
        (flat(0.25, kind=np.float64), 16384),
    ):
        assert Image.open(io.BytesIO(encoded("a.png", pixels))).getpixel((0, 0)) == right
        assert tifffile.imread(io.BytesIO(encoded("a.tif", pixels)))[0, 0] == right


def pillow(mode: str) -> Image.Image:
    """An image of the mode, near (200, 100, 50) or the gray 200."""
    color = Image.new("RGBA", (40, 24), (200, 100, 50, 128))
    if mode == "P":
        return color.convert("RGB").quantize(4)
    if mode == "P with transparency":
        image = color.convert("RGB").quantize(4)
        image.info["transparency"] = image.getpixel((0, 0))
        return image
    if mode == "PA":
        palette = Image.new("L", (40, 24), 200).convert("P")
        palette.putalpha(128)
        assert palette.mode == "PA"
        return palette
    if mode in ("I;16", "I"):
        return Image.new(mode, (40, 24), 51400)
    if mode == "F":
        return Image.new("F", (40, 24), 200 / 255)
    if mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        srgb = ImageCms.createProfile("sRGB")
        made = ImageCms.profileToProfile(color.convert("RGB"), srgb, lab, outputMode="LAB")
        assert made
        return made
    if mode in ("1", "L", "LA", "La"):
        gray = Image.new("LA", (40, 24), (200, 128))
        return gray.convert(mode) if mode != "1" else Image.new("1", (40, 24), 1)
    return (
        color.convert(mode)
        if mode in ("RGB", "RGBA", "RGBa")
        else color.convert("RGB").convert(mode)
    )


@pytest.mark.parametrize(
    ("mode", "right"),
    [
        ("1", (255, 255, 255, 255)),
        *((mode, (200, 200, 200, 255)) for mode in ("L", "I", "I;16", "F")),
        *((mode, (200, 200, 200, 128)) for mode in ("LA", "La", "PA")),
        *(
            (mode, (200, 100, 50, 255))
            for mode in ("RGB", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "P")
        ),
        *((mode, (200, 100, 50, 128)) for mode in ("RGBA", "RGBa")),
        ("P with transparency", (200, 100, 50, 0)),
    ],
)
def test_an_image_of_pillow_s_has_its_color_whatever_its_mode(
    mode: str, right: tuple[int, ...]
) -> None:
    found = color_of(encoded("a.png", pillow(mode)))
    assert max(abs(one - other) for one, other in zip(found, right, strict=True)) <= 3


def test_an_image_of_pillow_s_is_turned_as_its_exif_says() -> None:
    image = Image.new("RGB", (24, 40), (200, 100, 50))
    image.getexif()[0x0112] = 6
    encoded("a.png", image)


def test_an_image_of_pillow_s_with_a_profile_is_converted() -> None:
    """Adobe RGB's red of 200 is redder than any sRGB of 200."""
    image = Image.new("RGB", (40, 24), (200, 100, 50))
    image.info["icc_profile"] = matrix_profile("Adobe RGB", ADOBE_RGB, 2.19921875)
    assert color_of(encoded("a.png", image))[0] > 210


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (flat(300.0, kind=np.float64), "floats from 0.0 to 1.0, but received 300 to 300"),
        (flat(float("nan"), kind=np.float64), "floats from 0.0 to 1.0, but received nan"),
        (
            flat(1, kind=np.int64),
            "H x W x 1, 2, 3 or 4, but received int64, 24 x 40; convert them, for example",
        ),
        (
            Image.new("I", (40, 24), 70_000),
            "whole numbers from 0 to 65535, but received 70000 to 70000",
        ),
        ([[1, 2]], "must be pixels (a numpy array or a Pillow image) or bytes, but got list"),
        (
            pa.table({"a": [1]}),
            "must be pixels (a numpy array or a Pillow image) or bytes, but got Table",
        ),
    ],
    ids=["above", "nan", "int64", "I", "list", "table"],
)
def test_other_pixels_are_refused_with_what_to_do(pixels: Any, expected: str) -> None:
    with pytest.raises(JobError) as caught:
        mr.Output("a.png", pixels).encoded()
    assert expected in str(caught.value)


ROWS = [
    {"key": "a", "n": 1, "on": date(2024, 1, 2), "tags": ["x", "y"]},
    {"key": "=1+1", "n": -2, "on": None, "tags": []},
]


class Stream:
    """A frame of any library that hands out an Arrow stream, as polars' are."""

    def __arrow_c_stream__(self, schema: object = None) -> object:
        return pa.Table.from_pylist(ROWS).__arrow_c_stream__(schema)


class Interchange:
    def __dataframe__(self, *given: object, **named: object) -> object:
        return pa.table({"key": ["a", "=1+1"], "n": [1, -2]}).__dataframe__(*given, **named)


TABLES = {
    "pyarrow": pa.Table.from_pylist(ROWS),
    "batch": pa.RecordBatch.from_pylist(ROWS),
    "pandas": pd.DataFrame(ROWS),
    "pandas with an index": pd.DataFrame(ROWS).set_index("key"),
    "stream": Stream(),
    "rows": ROWS,
}


def read(name: str, data: bytes) -> list[dict[str, Any]]:
    if name.endswith(".parquet"):
        return pq.read_table(io.BytesIO(data)).to_pylist()
    if name.endswith((".arrow", ".feather")):
        return feather.read_table(io.BytesIO(data)).to_pylist()
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in data.splitlines()]
    if name.endswith(".json"):
        return json.loads(data)
    return list(
        csv.DictReader(io.StringIO(data.decode()), delimiter="\t" if name.endswith(".tsv") else ",")
    )


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize(
    "extension", ["parquet", "arrow", "feather", "json", "jsonl", "csv", "tsv"]
)
def test_a_table_of_any_library_becomes_any_kind_of_file(kind: str, extension: str) -> None:
    name = f"t.{extension}"
    data = mr.Output(name, TABLES[kind]).encoded()[0]
    assert data == mr.Output(name, TABLES[kind]).encoded()[0]
    first, second = read(name, data)
    assert (first["key"], str(first["n"]), str(first["on"])) == ("a", "1", "2024-01-02")
    assert second["key"] == ("'=1+1" if extension in ("csv", "tsv") else "=1+1")
    assert str(second["n"]) == "-2"
    tags = json.loads(first["tags"]) if isinstance(first["tags"], str) else list(first["tags"])
    assert tags == ["x", "y"]


def test_frames_by_the_interchange_protocol_and_rows_with_numpy_s_numbers() -> None:
    assert read("t.csv", mr.Output("t.csv", Interchange()).encoded()[0])[1] == {
        "key": "'=1+1",
        "n": "-2",
    }
    rows = [
        {"mean": np.float64(1.5), "file": Path("a")},
        {"mean": np.float64(2), "more": Decimal("1.50")},
    ]
    assert mr.Output("t.csv", rows).encoded()[0] == b"mean,file,more\n1.5,a,\n2.0,,1.50\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_begins_like_a_formula_is_shown_by_a_spreadsheet_and_not_computed(
    text: str,
) -> None:
    quoted = mr.Output("t.csv", [{"a": text}]).encoded()[0].decode()
    plain = mr.Output("t.csv", [{"a": text}], quote_formulas=False).encoded()[0].decode()
    assert list(csv.reader(io.StringIO(quoted, newline="")))[1] == [f"'{text}"]
    assert list(csv.reader(io.StringIO(plain, newline="")))[1] == [text]


def test_plain_data_is_json_with_numpy_s_numbers_as_numbers() -> None:
    data = {
        "b": np.float64(1.5),
        "a": (1, 2),
        "c": np.arange(2),
        "d": {3, 1},
        "e": Path("x"),
        "f": date(2024, 1, 2),
    }
    assert json.loads(mr.Output("n.json", data).encoded()[0]) == {
        **{"a": [1, 2], "b": 1.5, "c": [0, 1], "d": [1, 3], "e": "x", "f": "2024-01-02"}
    }
    assert mr.Output("n.json", 1).encoded()[0] == b"1\n"
    assert json.loads(mr.Output("rows.json", [{"a": 1}, {"b": 2}]).encoded()[0]) == [
        {"a": 1},
        {"b": 2},
    ]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("t.xlsx", pa.table({"a": [1]}), "a table must end in .parquet, .csv, .tsv, .arrow"),
        ("n.json", {"a": 1j}, "got dict (JSON cannot hold a value of type complex)"),
        (
            "t.csv",
            pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]),
            "needs a name of its own",
        ),
        ("t.parquet", [{"a": 1}, {"a": "x"}], "must have values of one type in each column"),
    ],
)
def test_data_that_does_not_fit_the_name_says_what_would(
    name: str, data: Any, expected: str
) -> None:
    with pytest.raises(JobError) as caught:
        mr.Output(name, data).encoded()
    assert expected in str(caught.value)
