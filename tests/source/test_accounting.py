"""Nothing disappears: what is listed, what is ignored by reason, and what is repeated are all that a source holds."""

from __future__ import annotations

import io
import json
import os
import tarfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mrimage as mr
from mrimage.errors import SourceError, UsageError
from mrimage.flow.run import run
from mrimage.flow.summary import Summary
from mrimage.job.job import RunOptions
from mrimage.source import Selection, list_entries, open_entry
from mrimage.storage import LocalStore, open_uri
from mrimage.storage.archives import parquet
from mrimage.types import Edits

HOW = RunOptions(workers=1, thumbnails=False)


def picture(number: int = 0) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16 + number, 12), (number, 99, 0)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two images for lists to name."""
    place = tmp_path / "in"
    place.mkdir()
    for number in range(2):
        (place / f"{number}.png").write_bytes(picture(number))
    return place


def outcome(source: object, tmp_path: Path) -> Summary:
    return run(mr.Job(), str(source), str(tmp_path / "out"), HOW)


def counts(summary: Summary) -> tuple[int, int, dict[str, int]]:
    return summary.images, summary.facts.repeated, dict(summary.facts.ignored_reasons)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("kind", ["l.txt", "l.csv", "l.jsonl"])
def test_a_list_in_any_unicode_is_read(folder: Path, encoding: str, end: str, kind: str) -> None:
    (folder / "ü.png").write_bytes(picture())
    rows = {"txt": ["0.png", "ü.png"], "csv": ["n,url", "1,0.png", "2,ü.png"],
            "jsonl": ['{"file_name": "0.png"}', '{"file_name": "\\u00fc.png"}']}  # fmt: skip
    (folder / kind).write_bytes((end.join(rows[kind[2:]]) + end).encode(encoding))
    entries = list(list_entries(str(folder / kind), Selection(), lambda path, why: None))
    assert [(entry.path, entry.fault) for entry in entries] == [("0.png", None), ("ü.png", None)]


LISTS: dict[str, tuple[str, tuple[int, int, dict[str, int]]]] = {
    "a.txt": ("0.png\n\n# c\n./0.png\n1.png\n \n0.png", (2, 2, {"empty row": 2, "comment": 1})),
    "b.csv": ("url\n0.png\n0.png\n\n./0.png\n#x.png\n", (1, 2, {"empty row": 1, "comment": 1})),
    "c.csv": ("\nid,url\n1,0.png\n2,\n3\n4,1.png,more\n", (2, 0, {"empty row": 2})),
    "d.jsonl": (
        '{"url": "0.png"}\n\n{"url": null}\n[1]\nno\n{"url": 7}\n{"url": "0.png"}\n',
        (4, 1, {"empty row": 2}),
    ),
    "e.tsv": ("image\tx\n0.png\t1\ngone.png\t2\n", (2, 0, {})),
}


@pytest.mark.usefixtures("real_report")
@pytest.mark.parametrize("name", LISTS)
def test_every_row_of_a_list_is_accounted_for(folder: Path, tmp_path: Path, name: str) -> None:
    text, expected = LISTS[name]
    (folder / name).write_text(text)
    summary = outcome(folder / name, tmp_path)
    assert counts(summary) == expected
    assert summary.images == summary.processed + summary.quarantined
    totals = json.loads((tmp_path / "out/summary.json").read_text())["totals"]
    assert (totals["listed"], totals["repeated"], totals["ignored_reasons"]) == expected
    printed = str(summary)
    assert ("repeated" in printed, "ignored" in printed) == (bool(expected[1]), bool(expected[2]))
    again = outcome(folder / name, tmp_path)
    assert (counts(again), again.facts.reused) == (expected, expected[0])


def test_rows_that_cannot_be_names_cost_themselves_alone(folder: Path, tmp_path: Path) -> None:
    (folder / "l.txt").write_bytes(
        b"0.png\na\0b.png\nphotos.tar.xz\n\xff\xfe.png\n" + b"x" * 5000 + b"\n"
    )
    summary = outcome(folder / "l.txt", tmp_path)
    assert (summary.images, summary.processed) == (5, 1)
    assert summary.failures == {"unreadable": 2, "unsupported": 1, "vanished": 1}
    (folder / "l.csv").write_bytes(b'url\n0.png\n"' + b"y" * 200_000 + b'"\n1.png\n')
    assert outcome(folder / "l.csv", tmp_path / "2").failures == {"unreadable": 1}


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
)
def test_a_column_of_any_kind_of_text_is_a_list(
    folder: Path, tmp_path: Path, kind: pa.DataType
) -> None:
    column = pa.array(["0.png", "1.png", None, "0.png"]).cast(kind)
    pq.write_table(pa.table({"url": column}), folder / "l.parquet")
    assert counts(outcome(f"{folder}/l.parquet#url", tmp_path)) == (2, 1, {"empty row": 1})


def test_rows_that_hold_a_path_alone_are_read_there(folder: Path, tmp_path: Path) -> None:
    cells = [{"bytes": None, "path": "0.png"}, {"bytes": picture(5), "path": "0.png"}, {"bytes": None, "path": None},
             {"bytes": None, "path": str(folder / "1.png")}]  # fmt: skip
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(cells, kind)}), folder / "t.parquet")
    entries = list(list_entries(str(folder / "t.parquet"), Selection(), lambda path, why: None))
    assert [open_entry(entry).read() for entry in entries] == [
        picture(0),
        picture(5),
        b"",
        picture(1),
    ]
    assert entries[0].uri == str(folder / "0.png")
    summary = outcome(folder / "t.parquet", tmp_path)
    assert (summary.processed, summary.failures) == (3, {"empty": 1})
    assert counts(outcome(folder, tmp_path / "2"))[:2] == (4, 2), "the same files lie in the folder"


@pytest.mark.parametrize("name", ["c.tar.xz", "c.tar.bz2", "c.7z", "c.json", "c.arrow", "c.TXZ"])
def test_a_file_of_a_kind_that_is_not_read_is_bad_usage(
    folder: Path, tmp_path: Path, name: str
) -> None:
    with tarfile.open(folder / name, "w:xz") as tar:
        tar.add(folder / "0.png", "0.png")
    with pytest.raises(UsageError, match=r"\.tar\.gz.*whose kind is not read"):
        outcome(folder / name, tmp_path)
    assert counts(outcome(folder, tmp_path)) == (2, 0, {"extension": 1})


def test_members_with_made_up_names_never_meet_real_ones(tmp_path: Path) -> None:
    names = [
        "a.png",
        "a.png",
        "a~2.png",
        "a.png",
        "./a.png",
        "a~3.png",
        "",
        "unnamed",
        "unnamed",
        "",
        "b",
        "./b",
        "a~2.png",
    ]
    with (
        tarfile.open(tmp_path / "t.tar", "w") as tar,
        zipfile.ZipFile(tmp_path / "z.zip", "w") as packed,
    ):
        for number, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size = len(picture(number))
            tar.addfile(info, io.BytesIO(picture(number)))
            info_of_zip = zipfile.ZipInfo("x")
            info_of_zip.filename = name
            with warnings.catch_warnings(action="ignore"):
                packed.writestr(info_of_zip, picture(number))
    for source in ("t.tar", "z.zip"):
        entries = list(list_entries(str(tmp_path / source), Selection(), lambda path, why: None))
        assert len({entry.uri for entry in entries}) == len(names), source
        assert [open_entry(entry).read() for entry in entries] == [
            picture(n) for n in range(len(names))
        ]
        assert [open_uri(entry.uri).read() for entry in entries] == [
            picture(n) for n in range(len(names))
        ]
        job = mr.Job(edits=Edits(format="png"))
        summary = run(job, str(tmp_path / source), str(tmp_path / f"out-{source}"), HOW)
        assert (summary.processed, summary.outputs, summary.facts.repeated) == (
            len(names),
            len(names),
            0,
        )


def test_columns_of_a_table_do_not_meet_in_their_names(tmp_path: Path) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = {"a": pa.array([{"bytes": picture(1), "path": "b/c.png"}], kind),
             "a/b": pa.array([{"bytes": picture(2), "path": "c.png"}], kind)}  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    assert counts(outcome(tmp_path / "t.parquet", tmp_path)) == (2, 0, {})


def tar_with(path: Path, *members: tuple[str, bytes, str]) -> Path:
    """A tar of (name, type, content or target)."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            data = picture(int(content)) if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            info.linkname = "" if data else content
            tar.addfile(info, io.BytesIO(data))
    return path


FILE, HARD, SOFT = tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE


@pytest.mark.parametrize("name", ["t.tar", "t.tar.gz"])
def test_links_of_a_tar_are_their_members(tmp_path: Path, name: str) -> None:
    shard = tar_with(
        tmp_path / name, ("early.png", SOFT, "d/a.png"), ("d/a.png", FILE, "1"), ("hard.png", HARD, "d/a.png"),
        ("d/soft.png", SOFT, "a.png"), ("d/up.png", SOFT, "../top.png"), ("top.png", FILE, "2"),
        ("chain.png", SOFT, "d/soft.png"), ("out.png", SOFT, "../../etc/passwd"), ("abs.png", SOFT, "/d/a.png"),
        ("self.png", SOFT, "self.png"), ("folder", SOFT, "d"), ("pipe.png", tarfile.FIFOTYPE, ""),
        ("d", tarfile.DIRTYPE, ""),
    )  # fmt: skip
    ignored: Counter[str] = Counter()
    entries = list(list_entries(str(shard), Selection(), lambda path, why: ignored.update([why])))
    found = {entry.path: entry for entry in entries}
    expected = {
        "d/a.png": 1,
        "top.png": 2,
        "early.png": 1,
        "hard.png": 1,
        "d/soft.png": 1,
        "d/up.png": 2,
        "chain.png": 1,
    }
    assert {path: open_entry(entry).read() for path, entry in found.items()} == {
        path: picture(number) for path, number in expected.items()
    }
    assert all(open_uri(entry.uri).read() == open_entry(entry).read() for entry in entries)
    assert ignored == {"link": 4, "special file": 1}
    assert {path for path, entry in found.items() if entry.is_link} == expected.keys() - {
        "d/a.png",
        "top.png",
    }
    assert len({entry.file for entry in entries}) == 2


def test_links_of_a_zip_are_their_members(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("d/a.png", picture(1))
        for name, target in {
            "l.png": "d/a.png",
            "d/m.png": "../l.png",
            "x.png": "/etc/passwd",
            "c.png": "c.png",
        }.items():
            link = zipfile.ZipInfo(name)
            link.external_attr = 0o120777 << 16
            packed.writestr(link, target)
    ignored: list[str] = []
    entries = list(
        list_entries(str(tmp_path / "z.zip"), Selection(), lambda path, why: ignored.append(why))
    )
    assert [entry.path for entry in entries] == ["d/a.png", "l.png", "d/m.png"]
    assert {open_entry(entry).read() for entry in entries} == {picture(1)}
    assert ignored == ["link", "link"]


def test_links_of_a_tar_that_is_cut_off_are_told_as_well(tmp_path: Path) -> None:
    shard = tar_with(
        tmp_path / "t.tar", ("a.png", FILE, "1"), ("l.png", HARD, "a.png"), ("b.png", FILE, "2")
    )
    whole = shard.read_bytes()
    shard.write_bytes(whole[: whole.index(picture(2)) + 20])
    entries = list(list_entries(str(shard), Selection(), lambda path, why: None))
    assert [(entry.path, entry.fault and entry.fault.reason) for entry in entries] == [
        ("a.png", None), ("l.png", None), ("t.tar", "truncated"),
    ]  # fmt: skip


@pytest.mark.parametrize("many", [True, False])
def test_a_small_table_that_unpacks_to_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    """A value that is written once stands in every row, or zeros are packed to nothing."""
    monkeypatch.setattr(parquet, "_BOMB_FLOOR", 8_000_000)
    rows = 320 if many else 1
    column = pa.DictionaryArray.from_arrays(
        pa.array([0] * rows, pa.int32()), pa.array([bytes(40_000 if many else 9_000_000)])
    )
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"image": column}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 40_000
    entries = list(list_entries(str(path), Selection(all_files=True), lambda path, why: None))
    assert entries[-1].fault
    assert entries[-1].fault.reason == "too-large"
    assert sum(entry.size for entry in entries) <= 8_000_000


def locked_away(
    monkeypatch: pytest.MonkeyPatch, folder: Path, error: OSError
) -> Callable[[], None]:
    """Make the system refuse ``folder``; root, who may run the tests, is refused by no permission."""
    real = os.scandir

    def scandir(place: str) -> object:
        if place == str(folder):
            raise error
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    return lambda: monkeypatch.setattr(os, "scandir", real)


DENIED, GONE = PermissionError(13, "no"), FileNotFoundError(2, "gone")


@pytest.mark.parametrize("error", [DENIED, GONE])
def test_a_folder_that_cannot_be_listed_is_told_and_the_rest_is_done(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    (folder / "closed").mkdir()
    (folder / "closed/x.png").write_bytes(picture(7))
    locked_away(monkeypatch, folder / "closed", error)
    summary = outcome(folder, tmp_path)
    assert counts(summary) == (2, 0, {"folder": 1})
    assert "closed" in dict(summary.rows())["not listed"]
    assert "1 folder that could not be listed" in dict(summary.rows())["ignored"]
    with pytest.raises(SourceError, match="closed"):
        run(
            mr.Job(),
            str(folder),
            str(tmp_path / "out"),
            RunOptions(workers=1, thumbnails=False, strict=True),
        )
    with pytest.raises(SourceError):
        run(mr.Job(), str(folder / "closed"), str(tmp_path / "2"), HOW)


@pytest.mark.parametrize(("error", "kept"), [(DENIED, True), (GONE, False)])
def test_outputs_of_a_locked_folder_stay_and_those_of_a_gone_one_go(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, kept: bool
) -> None:
    (folder / "closed").mkdir()
    (folder / "closed/x.png").write_bytes(picture(7))
    job = mr.Job(edits=Edits(format="png"), key=("folder",))
    first = run(job, str(folder), str(tmp_path / "out"), HOW)
    unlock = locked_away(monkeypatch, folder / "closed", error)
    (folder / "new.png").write_bytes(picture(9))
    second = run(job, str(folder), str(tmp_path / "out"), HOW)
    assert (first.images, second.images) == (3, 4 if kept else 3)
    assert len(list((tmp_path / "out/images").rglob("x*.png"))) == kept
    unlock()
    third = run(job, str(folder), str(tmp_path / "out"), HOW)
    assert (third.images, third.facts.reused) == (4, 4 if kept else 3)


def test_a_store_leaves_out_a_locked_folder_only_where_somebody_listens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "closed").mkdir()
    locked_away(monkeypatch, folder / "closed", PermissionError(13, "no"))
    heard: list[str] = []
    found = LocalStore(str(folder)).list(unlisted=lambda uri, error: heard.append(uri))
    assert sorted(item.path for item in found) == ["0.png", "1.png"]
    assert heard == [str(folder / "closed")]
    with pytest.raises(Exception, match="closed"):
        list(LocalStore(str(folder)).list())


def test_a_file_whose_facts_are_refused_is_an_image_that_cannot_be_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "far.png").symlink_to("gone/x.png")
    summary = outcome(folder, tmp_path)
    assert (summary.processed, summary.failures) == (2, {"vanished": 2})
