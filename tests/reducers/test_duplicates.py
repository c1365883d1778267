"""``--group duplicates``: which images are clusters, which one is kept, and that nothing is decoded for it in reduce."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from tests.faults.states import everything

import mrimage as mr
from mrimage.cli.main import main
from mrimage.demo.photos import find_photos
from mrimage.demo.variants import FILES
from mrimage.flow import phases, splitting
from mrimage.flow.prepare import prepare_job
from mrimage.flow.run import RunOptions, run
from mrimage.reducers.duplicates import reduce_to_duplicates
from mrimage.shuffle.records import Record, make_record
from mrimage.tables.schemas import DUPLICATES
from mrimage.types import Entry

HERE = RunOptions(workers=1, thumbnails=False)
JOB = mr.Job(key=("all",), group=("duplicates",))

FULL = 0x5555_5555_5555_5555
"""A hash of 32 set bits, as that of any picture with structure."""


def record(
    name: str,
    phash: int,
    content: str,
    pixels: int,
    size: int,
    images: int = 1,
    file: str = "",
    is_link: bool = False,
) -> Record:
    carried = {"phash": f"{phash:016x}", "sha256": hashlib.sha256(content.encode()).hexdigest()}
    carried |= {"file": file, "is_link": is_link}
    return make_record(
        "k", Entry(f"/{name}.jpg", f"{name}.jpg", size, "v"), 0, None, pixels, images, carried
    )


def clusters(records: list[Record]) -> list[dict[str, object]]:
    outputs = list(reduce_to_duplicates("k", sorted(records, key=lambda record: record.entry.uri)))
    if not outputs:
        return []
    [output] = outputs
    assert output.name == "duplicates.parquet"
    table = pq.read_table(io.BytesIO(output.data))
    assert table.schema.equals(DUPLICATES)
    return table.to_pylist()


def shortened(rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [
        (row["cluster"], str(row["uri"])[1:-4], row["keep"], row["kind"], row["distance"])
        for row in rows
    ]


def test_a_worked_example() -> None:
    """Two clusters: a photograph with a copy, a smaller version and the copy of that; and two others of which the
    larger file is kept. What resembles nothing is left out."""
    rows = clusters(
        [
            record("small", FULL ^ 0b11, "small", 100, 10),
            record("small copy", FULL ^ 0b11, "small", 100, 10),
            record("whole", FULL, "whole", 400, 50),
            record("a copy", FULL, "whole", 400, 50),
            record("alone", FULL ^ 0x7F0, "alone", 900, 90),
            record("light", ~FULL & (2**64 - 1), "light", 400, 20),
            record("rich", ~FULL & (2**64 - 1) ^ 0b111111, "rich", 400, 30),
        ]
    )
    assert shortened(rows) == [
        (0, "a copy", True, None, 0),
        (0, "whole", False, "exact", 0),
        (0, "small copy", False, "near", 2),
        (0, "small", False, "exact", 2),
        (1, "rich", True, None, 0),
        (1, "light", False, "near", 6),
    ]
    assert [(row["pixels"], row["bytes"]) for row in rows][:3] == [(400, 50), (400, 50), (100, 10)]


def test_names_of_one_file_are_no_copies_and_a_link_is_never_kept_over_its_file() -> None:
    rows = clusters(
        [
            record("a link", FULL, "x", 100, 10, file="1:7", is_link=True),
            record("real", FULL, "x", 100, 10, file="1:7"),
            record("copy", FULL, "x", 100, 10, file="1:8"),
            record("link to copy", FULL, "x", 100, 10, file="1:8", is_link=True),
            record("elsewhere", FULL, "x", 100, 10),
            record("z hard", FULL, "x", 100, 10, file="1:7"),
        ]
    )
    assert shortened(rows) == [
        (0, "copy", True, None, 0),
        (0, "elsewhere", False, "exact", 0),
        (0, "real", False, "exact", 0),
        (0, "z hard", False, "same-file", 0),
        (0, "a link", False, "same-file", 0),
        (0, "link to copy", False, "same-file", 0),
    ]
    only_links = [record(name, FULL, "x", 1, 1, file="1:9", is_link=True) for name in ("l1", "l2")]
    assert [row["kind"] for row in clusters(only_links)] == [None, "same-file"]


@pytest.mark.usefixtures("real_report")
def test_deleting_what_the_guide_says_loses_no_picture(tmp_path: Path, photos: Path) -> None:
    """Links to files and to folders, hard links and copies: after the recipe every content is still there, and bytes are
    counted once for each file."""
    source = tmp_path / "in"
    source.mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    names = ("wide 0.jpg", "wide 1.jpg", "wide 2.jpg", "wide 3.jpg")
    for number, name in enumerate(names):
        shutil.copy(photos / name, source / f"z{number}.jpg")
    (source / "a0.jpg").symlink_to("z0.jpg")
    os.link(source / "z1.jpg", source / "a1.jpg")
    shutil.copy(photos / names[2], outside / "2.jpg")
    (source / "album").symlink_to(outside)
    (source / "b2.jpg").symlink_to(outside / "2.jpg")
    shutil.copy(photos / names[3], source / "y3.jpg")
    (source / "a3.jpg").symlink_to("y3.jpg")
    contents = {path.read_bytes() for path in source.rglob("*.jpg")}
    real = {
        path.stat().st_ino: path.stat().st_size
        for path in [*source.glob("*.jpg"), *outside.glob("*.jpg")]
    }
    summary = run(JOB, str(source), str(tmp_path / "out"), HERE)
    assert (summary.images, summary.facts.bytes) == (10, sum(real.values()))
    rows = pq.read_table(tmp_path / "out/groups/all/duplicates.parquet").to_pylist()
    kinds = {Path(row["uri"]).relative_to(source).as_posix(): row["kind"] for row in rows}
    assert kinds == {
        "z0.jpg": None, "a0.jpg": "same-file", "a1.jpg": None, "z1.jpg": "same-file", "z2.jpg": None,
        "album/2.jpg": "exact", "b2.jpg": "same-file", "y3.jpg": None, "z3.jpg": "exact", "a3.jpg": "same-file",
    }  # fmt: skip
    figures = json.loads((tmp_path / "out/summary.json").read_text())
    (copies,) = [insight for insight in figures["insights"] if insight["name"] == "copies"]
    assert copies["count"] == 2
    listed = (
        duckdb.connect()
        .execute(
            "SELECT count(*) FROM ("
            + copies["sql"].replace("FROM image", f"FROM '{tmp_path}/out/catalogue/*.parquet'")
            + ")"
        )
        .fetchall()
    )
    assert listed == [(2,)]
    for row in rows:
        if row["kind"] == "exact":
            Path(row["uri"]).unlink()
    left = [path for path in [*source.rglob("*.jpg"), *outside.glob("*.jpg")] if path.exists()]
    assert {path.read_bytes() for path in left} == contents


def test_links_of_an_archive_are_the_same_file(tmp_path: Path, photos: Path) -> None:
    with tarfile.open(tmp_path / "in.tar", "w") as tar:
        tar.add(photos / "wide 0.jpg", "z.jpg")
        tar.add(photos / "wide 0.jpg", "copy.jpg")
        link = tarfile.TarInfo("a.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "z.jpg"
        tar.addfile(link)
    summary = run(JOB, str(tmp_path / "in.tar"), str(tmp_path / "out"), HERE)
    assert summary.facts.bytes == 2 * (photos / "wide 0.jpg").stat().st_size
    rows = pq.read_table(tmp_path / "out/groups/all/duplicates.parquet").to_pylist()
    assert [(row["uri"].rpartition("/")[2], row["kind"]) for row in rows] == [
        ("copy.jpg", None), ("z.jpg", "exact"), ("a.jpg", "same-file"),
    ]  # fmt: skip


def test_images_that_others_connect_are_one_cluster() -> None:
    chain = [
        record(str(number), FULL ^ (2 ** (5 * number) - 1), str(number), 9 - number, 1)
        for number in range(4)
    ]
    assert shortened(clusters(chain)) == [
        (0, "0", True, None, 0),
        (0, "1", False, "near", 5),
        (0, "2", False, "near", 10),
        (0, "3", False, "near", 15),
    ]


def test_pictures_without_structure_are_duplicates_only_when_their_bytes_are_equal() -> None:
    flat = 1 << 63
    rows = clusters(
        [
            record("red", flat, "red", 1, 1),
            record("blue", flat, "blue", 1, 1),
            record("rot", flat, "red", 1, 1),
        ]
    )
    assert shortened(rows) == [(0, "red", True, None, 0), (0, "rot", False, "exact", 0)]


def test_several_records_of_one_image_are_no_duplicates() -> None:
    assert clusters([record("a", FULL, "a", 1, 1), record("a", FULL, "a", 0, 1, images=0)]) == []
    assert clusters([]) == []


def test_memory_is_some_bytes_for_each_image() -> None:
    def many(count: int) -> Iterator[Record]:
        for number in range(count):
            text = str(number - number % 100 // 99)  # each hundredth image is like the one before
            hashed = int.from_bytes(
                hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"
            )
            yield record(f"{number:08}", hashed, text, 100, 10)

    list(reduce_to_duplicates("k", many(200)))  # what it imports is not counted
    tracemalloc.start()
    try:
        [output] = reduce_to_duplicates("k", many(30_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert pq.read_table(io.BytesIO(output.data)).num_rows == 2 * 300
    assert peak < 16 << 20  # of which the part that is being written is 9; the records would be 60


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The near-duplicates of four photographs of the demo, and other photographs."""
    folder, photos = tmp_path_factory.mktemp("demo"), find_photos()
    for file in FILES:
        if file.path.startswith(("near duplicates/", "originals/")):
            (folder / file.path).parent.mkdir(exist_ok=True)
            (folder / file.path).write_bytes(file.make(photos))
    return folder


def test_the_demo_s_near_duplicates_are_found_and_nothing_else(
    demo: Path, tmp_path: Path, rows
) -> None:
    out = tmp_path / "out"
    run(JOB, str(demo), str(out), HERE)
    table = pq.read_table(out / "groups/all/duplicates.parquet").to_pylist()
    families: dict[object, set[str]] = {}
    for row in table:
        families.setdefault(row["cluster"], set()).add(re.split("[ _.-]", Path(row["uri"]).name)[0])
    assert sorted(map(sorted, families.values())) == [
        ["chelsea"],
        ["coffee"],
        ["motorcycle"],
        ["rocket"],
    ]
    missing = {str(path) for path in (demo / "near duplicates").iterdir()} - {
        row["uri"] for row in table
    }
    assert missing == set()
    copies = [Path(row["uri"]).name for row in table if row["kind"] == "exact"]
    assert sorted(copies) == ["chelsea.jpg", "coffee.jpg", "motorcycle.jpg", "rocket.jpg"]
    assert [row["width"] for row in rows(out, "outputs")] == [None]


def test_it_is_the_same_however_the_images_are_spread_over_tasks(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(JOB, str(demo), str(tmp_path / "one"), HERE)
    monkeypatch.setattr(splitting, "PIXEL_SPLIT", (200_000, 200_000))
    run(JOB, str(demo), str(tmp_path / "two"), RunOptions(workers=2, thumbnails=False))
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_reduce_needs_neither_the_images_nor_a_decoder(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(demo / "near duplicates", photos)
    real = phases.RunPhases.reduce

    def reduce(self, exchange):
        shutil.rmtree(photos)
        real(self, exchange)

    monkeypatch.setattr(phases.RunPhases, "reduce", reduce)
    summary = run(JOB, str(photos), str(tmp_path / "out"), HERE)
    assert (summary.processed, summary.quarantined, summary.outputs) == (32, 0, 1)


def test_a_mapper_and_a_reducer_of_the_user_s_do_not_notice(photos: Path, tmp_path: Path) -> None:
    shutil.copy(photos / "wide 1.jpg", photos / "again.jpg")

    def mapper(image: mr.Image):
        yield "all", {"format": image.metadata.format}
        yield "all", 7

    def reducer(key: str, values):
        yield mr.Output("values.json", list(values))

    job = mr.Job(map=mapper, reduce=reducer, group=("duplicates",))
    run(job, str(photos), str(tmp_path / "out"), HERE)
    values = (tmp_path / "out/groups/all/values.json").read_text()
    assert (values.count("jpeg"), values.count("7"), values.count("phash")) == (6, 10, 0)
    table = pq.read_table(tmp_path / "out/groups/all/duplicates.parquet").to_pylist()
    assert [Path(row["uri"]).name for row in table] == ["again.jpg", "wide 1.jpg"]


def test_growth_equals_a_fresh_run(photos: Path, tmp_path: Path) -> None:
    shutil.copy(photos / "wide 1.jpg", photos / "again.jpg")
    run(JOB, str(photos), str(tmp_path / "out"), HERE)
    (photos / "again.jpg").unlink()
    run(JOB, str(photos), str(tmp_path / "out"), HERE)
    assert not (tmp_path / "out/groups").exists()
    shutil.copy(photos / "wide 2.jpg", photos / "twice.jpg")
    run(JOB, str(photos), str(tmp_path / "out"), HERE)
    run(JOB, str(photos), str(tmp_path / "fresh"), HERE)
    assert everything(tmp_path / "out") == everything(tmp_path / "fresh")
    assert (tmp_path / "out/groups/all/duplicates.parquet").is_file()


def test_it_extracts_hashes_and_the_dry_run_says_why(photos: Path, tmp_path: Path, capsys) -> None:
    assert prepare_job(JOB).extract == ("header", "hash")
    assert (
        main(["run", str(photos), str(tmp_path / "out"), "--group", "duplicates", "--dry-run"]) == 0
    )
    printed = capsys.readouterr().out
    assert "decoded for hash (needed by --group duplicates)\n" in printed
    assert "phash, sha256" in printed
    assert main(["run", str(photos), str(tmp_path / "out"), "--group", "duplicate"]) == 2
    assert 'Did you mean "duplicates"?' in capsys.readouterr().err
