"""Shards that are cut, damaged or hostile, in all the ways in which they are written."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mrimage as mr
from mrimage.errors import ImageError
from mrimage.flow.run import run
from mrimage.job.job import How
from mrimage.source import Selection, list_entries, open_entry
from mrimage.types import Edits

HOW = How(workers=1, thumbnails=False)
FILES = {f"d/{number}.jpg": os.urandom(700 + number) for number in range(5)}


class Stream(io.RawIOBase):
    """A file that cannot go back, as a pipe."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.written += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


def tar(mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def zipped(method: int, *, stream: bool = False, zip64: bool = False) -> bytes:
    file: Stream | io.BytesIO = Stream() if stream else io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:  # type: ignore[arg-type]
        for name, data in FILES.items():
            with archive.open(name, "w", force_zip64=zip64) as member:
                member.write(data)
    return bytes(file.written) if isinstance(file, Stream) else file.getvalue()


SHARDS: dict[str, Callable[[], bytes]] = {
    "a.tar": lambda: tar("w"),
    "a.tar.gz": lambda: tar("w:gz"),
    "deflated.zip": lambda: zipped(zipfile.ZIP_DEFLATED),
    "stored.zip": lambda: zipped(zipfile.ZIP_STORED),
    "stream.zip": lambda: zipped(zipfile.ZIP_DEFLATED, stream=True),
    "stream64.zip": lambda: zipped(zipfile.ZIP_DEFLATED, stream=True, zip64=True),
    "zip64.zip": lambda: zipped(zipfile.ZIP_DEFLATED, zip64=True),
}


def outcome(shard: Path) -> tuple[list[bytes], list[str]]:
    """The bytes that can be read, and the reasons why the rest cannot."""
    read, reasons = [], []
    for entry in list_entries(str(shard), Selection(), lambda path: None):
        try:
            read.append(open_entry(entry).read())
        except ImageError as error:
            reasons.append(error.reason)
    return read, reasons


@pytest.mark.parametrize("name", SHARDS)
def test_cut_anywhere_its_whole_members_are_read_and_one_row_tells_of_the_rest(
    name: str, tmp_path: Path
) -> None:
    data, shard = SHARDS[name](), tmp_path / name
    shard.write_bytes(data)
    assert outcome(shard) == (list(FILES.values()), [])
    kept = []
    end = len(FILES) * (512 + 1024) if name == "a.tar" else len(data)  # zeros alone are behind that
    for cut in range(8, end, 67):
        shard.write_bytes(data[:cut])
        read, reasons = outcome(shard)
        assert read == list(FILES.values())[: len(read)]
        assert reasons == ["truncated"]
        kept.append(len(read))
    assert kept == sorted(kept)
    assert set(kept) >= set(range(len(FILES)))


@pytest.mark.parametrize("name", SHARDS)
def test_damaged_anywhere_nothing_worse_happens(name: str, tmp_path: Path) -> None:
    data, shard = SHARDS[name](), tmp_path / name
    for place in range(0, len(data), 37):
        shard.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        read, reasons = outcome(shard)
        assert len(set(read) & set(FILES.values())) + len(reasons) >= 1


def test_of_a_cut_parquet_file_one_row_tells(tmp_path: Path) -> None:
    """Its index is at its end, and there is nothing else to go by."""
    pq.write_table(
        pa.table({"image": list(FILES.values())}), tmp_path / "a.parquet", row_group_size=2
    )
    data = (tmp_path / "a.parquet").read_bytes()
    for cut in range(4, len(data), 211):
        (tmp_path / "a.parquet").write_bytes(data[:cut])
        assert outcome(tmp_path / "a.parquet") == ([], ["truncated"])


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (30, 20), (9, 99, 0)).save(file, "JPEG")
    return file.getvalue()


def test_a_cell_without_bytes_is_an_empty_image(tmp_path: Path) -> None:
    good = picture()
    cells = [
        {"bytes": good, "path": "../../x.jpg"},
        None,
        {"bytes": None, "path": "a.jpg"},
        {"bytes": b"", "path": None},
    ]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    pq.write_table(pa.table({"image": pa.array(cells, kind)}), tmp_path / "in.parquet")
    job = mr.Job(edits=Edits(resize=(4, 4), format="png"))
    summary = run(job, str(tmp_path / "in.parquet"), str(tmp_path / "out"), HOW)
    assert (summary.processed, summary.failures) == (1, {"empty": 3})
    assert {path.name for path in tmp_path.iterdir()} == {"in.parquet", "out"}


@pytest.mark.parametrize(
    "kind",
    [pa.binary(), pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int32(), pa.binary())],
)
def test_bytes_of_every_kind_are_read(kind: pa.DataType, tmp_path: Path) -> None:
    column = pa.array([*FILES.values(), None], pa.binary()).cast(kind)
    pq.write_table(pa.table({"image": column}), tmp_path / "a.parquet", row_group_size=2)
    assert outcome(tmp_path / "a.parquet") == ([*FILES.values(), b""], [])


def test_what_is_encrypted_sparse_or_packed_otherwise_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("bzip2.jpg", picture(), zipfile.ZIP_BZIP2)
        archive.writestr("lzma.jpg", picture(), zipfile.ZIP_LZMA)
        archive.writestr("secret.jpg", picture(), zipfile.ZIP_DEFLATED)
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(b"PK\1\2", data.index(b"PK\1\2", data.index(b"PK\1\2") + 1) + 1) + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert outcome(tmp_path / "a.zip") == ([], ["unsupported"] * 3)
    sparse = tarfile.TarInfo("sparse.jpg")
    sparse.pax_headers = {
        "GNU.sparse.map": "0,5,20,5",
        "GNU.sparse.size": "25",
        "GNU.sparse.name": "sparse.jpg",
    }
    sparse.size = 10
    with (tmp_path / "a.tar").open("wb") as file:
        file.write(sparse.tobuf(tarfile.PAX_FORMAT) + b"0123456789".ljust(512, b"\0") + bytes(1024))
    assert outcome(tmp_path / "a.tar") == ([], ["unsupported"])


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_name_of_a_gigabyte_is_not_read(name: str, tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    data = info.tobuf() + bytes(10_000)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert outcome(tmp_path / name) == ([], ["too-large"])


@pytest.mark.parametrize("size", ["-5", "99999999999999999999999", "abc"])
def test_a_size_that_is_none_is_no_reason_to_fall(size: str, tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.jpg")
    info.pax_headers = {"size": size}
    data = picture()
    (tmp_path / "a.tar").write_bytes(
        info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512 + 1024)
    )
    _, reasons = outcome(tmp_path / "a.tar")
    assert len(reasons) == 1


def test_files_of_a_zip_that_share_their_bytes_are_a_bomb(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.jpg", picture())
    data = (tmp_path / "a.zip").read_bytes()
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    index = data[start:end] * 500
    data = (
        data[:start]
        + index
        + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 500, 500, len(index), start, 0)
    )
    (tmp_path / "a.zip").write_bytes(data)
    assert outcome(tmp_path / "a.zip") == ([], ["too-large"])
