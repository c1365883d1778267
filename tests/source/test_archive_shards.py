"""Archives as sources: whole, cut off at any place, hostile, and lying among other files."""

from __future__ import annotations

import gzip
import io
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
from mrimage.job.job import RunOptions
from mrimage.source import Selection, list_entries, open_entry
from mrimage.storage import open_uri
from mrimage.types import Edits, Entry

HOW = RunOptions(workers=1, thumbnails=False)
NAMES = ("a.jpg", "sub/b.jpg", "c")


def picture(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (30 + number, 20), (number, 99, 0)).save(file, "JPEG")
    return file.getvalue()


FILES = {name: picture(number) for number, name in enumerate(NAMES)} | {"label.cls": b"7"}


def write_tar(path: Path, mode: str = "w", **options: object) -> Path:
    with tarfile.open(path, mode, **options) as tar:  # type: ignore[call-overload]
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def write_zip(path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return path


def write_parquet(path: Path) -> Path:
    images = [{"bytes": FILES[name], "path": name} for name in NAMES]
    pq.write_table(pa.table({"image": images, "label": [1, 2, 3]}), path)
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    "s.tar": write_tar,
    "pax.tar": lambda path: write_tar(path, format=tarfile.PAX_FORMAT),
    "s.tar.gz": lambda path: write_tar(path, "w:gz"),
    "s.tgz": lambda path: write_tar(path, "w:gz"),
    "s.zip": write_zip,
    "stored.zip": lambda path: write_zip(path, zipfile.ZIP_STORED),
    "S.TAR": write_tar,
    "s.parquet": write_parquet,
}


def listed(source: Path) -> tuple[list[Entry], list[str]]:
    ignored: list[str] = []
    return list(
        list_entries(str(source), Selection(), lambda path, why: ignored.append(path))
    ), ignored


@pytest.mark.parametrize("name", WRITERS)
def test_members_are_entries_with_their_own_bytes(name: str, tmp_path: Path) -> None:
    shard = WRITERS[name](tmp_path / name)
    entries, ignored = listed(shard)
    assert [open_entry(entry).read() for entry in entries] == [FILES[name] for name in NAMES]
    assert [open_entry(entry).read(10, 30) for entry in reversed(entries)] == [
        FILES[n][10:40] for n in reversed(NAMES)
    ]
    assert [open_uri(entry.uri).read() for entry in entries] == [FILES[name] for name in NAMES]
    assert all(entry.uri.startswith(f"{shard}!/") for entry in entries)
    assert len(ignored) == (0 if name.endswith("parquet") else 1)


def test_an_archive_in_a_folder_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "in/more").mkdir(parents=True)
    write_tar(tmp_path / "in/more/s.tar")
    write_zip(tmp_path / "in/t.zip")
    (tmp_path / "in/x.jpg").write_bytes(picture(9))
    pq.write_table(pa.table({"text": ["no images"]}), tmp_path / "in/table.parquet")
    entries, ignored = listed(tmp_path / "in")
    assert sorted(entry.path for entry in entries) == [
        "more/s.tar!/a.jpg", "more/s.tar!/c", "more/s.tar!/sub/b.jpg", "t.zip!/a.jpg", "t.zip!/c", "t.zip!/sub/b.jpg", "x.jpg",
    ]  # fmt: skip
    assert len(ignored) == 3
    job = mr.Job(edits=Edits(resize=(4, 4), format="png"), exclude=("*.zip",), include=("*.jpg",))
    summary = run(job, str(tmp_path / "in"), str(tmp_path / "out"), HOW)
    assert summary.processed == 3


def test_a_shard_cut_off_anywhere_keeps_its_whole_members_and_one_row_for_the_rest(
    tmp_path: Path,
) -> None:
    whole = write_tar(tmp_path / "whole.tar").read_bytes()
    ends = [
        offset + len(FILES[name])
        for name, offset in offsets(tmp_path / "whole.tar").items()
        if name in NAMES
    ]
    for cut in (100, 600, ends[0], ends[0] + 300, ends[1] - 1, ends[1] + 600, ends[2] - 5):
        (tmp_path / "cut.tar").write_bytes(whole[:cut])
        entries, _ = listed(tmp_path / "cut.tar")
        kept = [entry for entry in entries if "!/" in entry.uri]
        assert [open_entry(entry).read() for entry in kept] == [FILES[n] for n in NAMES][
            : len(kept)
        ]
        assert len(kept) == sum(end <= cut for end in ends)
        (rest,) = [entry for entry in entries if "!/" not in entry.uri]
        with pytest.raises(ImageError) as caught:
            open_entry(rest).read()
        assert caught.value.reason == "truncated"


@pytest.mark.parametrize("name", ["s.tar", "s.tar.gz", "s.zip", "s.parquet"])
def test_a_run_on_cut_shards_accounts_for_every_one(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    data = WRITERS[name](tmp_path / name).read_bytes()
    (tmp_path / "in" / f"cut-{name}").write_bytes(data[: len(data) // 4])
    (tmp_path / "in" / f"whole-{name}").write_bytes(data)
    (tmp_path / "in" / f"empty-{name}").write_bytes(b"")
    (tmp_path / "in" / f"text-{name}").write_bytes(b"this is no archive at all" * 100)
    summary = run(mr.Job(), str(tmp_path / "in"), str(tmp_path / "out"), HOW)
    assert summary.processed >= 3
    assert summary.quarantined == 3
    assert summary.images == summary.processed + summary.quarantined
    assert summary.failures == {"empty": 1, "truncated": 1, "corrupt": 1}
    again = run(mr.Job(), str(tmp_path / "in"), str(tmp_path / "out"), HOW)
    assert (again.images, again.quarantined) == (summary.images, 3)


def test_hostile_names_links_and_devices_stay_inside_out(tmp_path: Path) -> None:
    names = (
        "../../evil.jpg",
        "/etc/evil.jpg",
        "C:\\evil.jpg",
        "a/../../../evil.jpg",
        "./fine.jpg",
        "fine.jpg",
        "n\nl.jpg",
    )
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        for number, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size = len(picture(number))
            tar.addfile(info, io.BytesIO(picture(number)))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("link.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    entries, ignored = listed(tmp_path / "evil.tar")
    assert (len(entries), len(ignored)) == (len(names), 4)
    before = set(tmp_path.rglob("*"))
    job = mr.Job(edits=Edits(resize=(4, 4), format="png"))
    summary = run(job, str(tmp_path / "evil.tar"), str(tmp_path / "out"), HOW)
    assert summary.processed == len(names)
    made = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(tmp_path / "out" in path.parents for path in made)
    assert len([path for path in made if path.suffix == ".png"]) == len(names)


def test_bombs_are_bounded(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small.jpg", picture(1))
    data = bytearray((tmp_path / "bomb.zip").read_bytes())
    directory = data.index(b"PK\1\2")
    data[directory + 24 : directory + 28] = struct.pack("<I", 3 << 30)  # claims three gigabytes
    (tmp_path / "bomb.zip").write_bytes(data)
    info = tarfile.TarInfo("huge.jpg")
    info.size = 2 << 30
    with (tmp_path / "bomb.tar").open("wb") as file:
        file.write(info.tobuf())
        file.truncate((2 << 30) + 512 + 1024 + 8192)
    with gzip.open(tmp_path / "bomb.tar.gz", "wb", compresslevel=1) as file:
        info.size = 1200 << 20
        file.write(info.tobuf())
        for _ in range(1200):
            file.write(bytes(1 << 20))
    for name in ("bomb.zip", "bomb.tar", "bomb.tar.gz"):
        entries, _ = listed(tmp_path / name)
        reasons = set()
        for entry in entries:
            with pytest.raises(ImageError) as caught:
                open_entry(entry).read()
            reasons.add(caught.value.reason)
        assert reasons == {"too-large"}, name


def test_a_shard_that_changed_since_it_was_listed_is_told(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "s.tar")
    entries, _ = listed(shard)
    with shard.open("ab") as file:
        file.write(b"\0" * 512)
    with pytest.raises(ImageError) as caught:
        open_entry(entries[0]).read()
    assert caught.value.reason == "changed"


def offsets(shard: Path) -> dict[str, int]:
    with tarfile.open(shard) as tar:
        return {info.name: info.offset_data for info in tar}
