"""What a header or the user's code says and a table cannot hold costs that image only."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

import mrimage as mr
from mrimage.flow.run import RunOptions, run
from mrimage.image import Metadata
from mrimage.shuffle import records as shuffle_records
from mrimage.tables.fitting import misfits
from mrimage.tables.schemas import catalogue_schema

HERE = RunOptions(workers=1, thumbnails=False)


def animated_png(frames: int) -> bytes:
    """A PNG of one gray pixel whose acTL chunk counts ``frames``."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        + chunk(b"acTL", struct.pack(">II", frames, 0))
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_number_that_no_column_holds_costs_its_image_only(
    photos: Path, tmp_path: Path, rows, workers: int
) -> None:
    (photos / "many frames.png").write_bytes(animated_png((1 << 31) + 1))
    job = mr.Job(key="format", group="contact-sheet")
    summary = run(
        job, str(photos), str(tmp_path / "out"), RunOptions(workers=workers, thumbnails=False)
    )
    assert (summary.images, summary.processed) == (12, 9)
    assert summary.failures == {"corrupt": 1, "empty": 1, "not-an-image": 1}
    (row,) = [row for row in rows(tmp_path / "out", "quarantine") if row["reason"] == "corrupt"]
    assert str(row["uri"]).endswith("many frames.png")
    assert "frames 2147483649 does not fit a column of int32" in str(row["message"])
    (facts,) = [row for row in rows(tmp_path / "out", "catalogue") if row["reason"] == "corrupt"]
    assert (facts["width"], facts["frames"]) == (1, None)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("width", 1 << 31),
        ("iso", -(1 << 40)),
        ("size", 1 << 63),
        ("camera", "a\ud800"),
        ("dpi", "fine"),
        ("iso", 1 << 80),
    ],
)
def test_any_column_may_be_the_one_that_does_not_fit(column: str, value: object) -> None:
    row: dict[str, object] = {
        "uri": "a.jpg",
        "width": 7,
        "dpi": 72.0,
        "has_alpha": False,
        column: value,
    }
    assert list(misfits(row, catalogue_schema(("header",)))) == [column]


def test_what_fits_is_let_through_as_arrow_would() -> None:
    schema = catalogue_schema(("header", "content", "hash"))
    row = {
        "uri": "é.jpg",
        "size": (1 << 63) - 1,
        "width": (1 << 31) - 1,
        "has_alpha": True,
        "dpi": 72,
        "taken_at": datetime(2024, 2, 29),
        "dominant_colors": ["#000000"],
    }
    assert misfits(row, schema) == {}
    assert pa.Table.from_pylist([row], schema).num_rows == 1


def test_a_header_of_any_format_may_say_it(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever reader it comes from: here a text that is not Unicode."""
    from mrimage.image import metadata

    real = metadata.color_space_of
    monkeypatch.setattr(
        metadata,
        "color_space_of",
        lambda header, *rest: "\udcff" if header.model == "gray" else real(header, *rest),
    )
    assert "color_space" in Metadata.__dataclass_fields__
    summary = run(mr.Job(), str(photos), str(tmp_path / "out"), HERE)
    assert summary.failures["corrupt"] == 4


def test_what_the_user_s_code_says_and_no_table_holds_is_the_mapper_s(
    photos: Path, tmp_path: Path, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shuffle_records, "LARGEST_VALUE", 1_000)

    def odd(image: mr.Image) -> Iterator[tuple[str, object]]:
        name = image.uri.rpartition("/")[2]
        if name == "wide 0.jpg":
            raise ValueError("no \udcff text")
        if name == "wide 1.jpg":
            yield "key \ud800", 1
        yield "all", "x" * 2_000 if name == "wide 2.jpg" else ""

    summary = run(mr.Job(map=odd), str(photos), str(tmp_path / "out"), HERE)
    assert summary.failures["mapper-failed"] == 3
    messages = {
        str(row["message"])
        for row in rows(tmp_path / "out", "quarantine")
        if row["reason"] == "mapper-failed"
    }
    assert any("no ? text" in message for message in messages)
    assert any(
        "2,0" in message and "bytes as a value of key 'all'" in message for message in messages
    )
