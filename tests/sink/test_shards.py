"""Shards as a sink: what they hold, how large they are, and that nothing is lost or doubled in them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.sink.shard_files import images_in, samples_in_tar, shards_of

import mrimage as mr
from mrimage.cli.main import main
from mrimage.flow.run import RunOptions, run
from mrimage.flow.splitting import split_limits
from mrimage.job.job import Plan
from mrimage.sink.shards import SHARD_FORMATS, ShardSink, read_shard
from mrimage.source import Selection, cut_splits, list_entries
from mrimage.storage import Item, open_store, open_uri
from mrimage.storage.local import LocalStore
from mrimage.tasks.map_split import map_split
from mrimage.types import Attempt, OutputRow

HERE = RunOptions(workers=1, thumbnails=False)
EDITS = mr.Edits(resize=(16, 16), fit="cover", format="webp")
SHARDS = pytest.mark.parametrize("output", ["webdataset", "parquet"])


def job(output: str, size: int | None = None, **more: object) -> mr.Job:
    return mr.Job(key=("color_space",), edits=EDITS, output=output, shard_size=size, **more)  # type: ignore[arg-type]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Forty images that cannot be squeezed much."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):
        Image.effect_noise((40, 30), 90).save(folder / f"{number:02}.png")
    return folder


@SHARDS
def test_a_shard_holds_the_very_bytes_that_files_would(
    photos: Path, tmp_path: Path, rows, output: str
) -> None:
    run(job("files"), str(photos), str(tmp_path / "files"), HERE)
    summary = run(job(output), str(photos), str(tmp_path / "out"), HERE)
    assert summary.outputs == 9
    assert images_in(tmp_path / "out") == images_in(tmp_path / "files")
    assert not list((tmp_path / "out").rglob("*.webp"))
    facts = [
        {
            (row["uri"], row["key"], row["width"], row["height"], row["bytes"], row["sha256"])
            for row in lineage
        }
        for lineage in (rows(tmp_path / "out", "outputs"), rows(tmp_path / "files", "outputs"))
    ]
    assert facts[0] == facts[1]


@SHARDS
def test_lineage_points_into_the_shard_and_any_reader_of_uris_follows(
    photos: Path, tmp_path: Path, rows, output: str
) -> None:
    out = tmp_path / "out"
    run(job(output), str(photos), str(out), HERE)
    for row in rows(out, "outputs"):
        assert row["output"].startswith("images/")
        data = open_uri(str(out / row["output"])).read()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (row["bytes"], row["sha256"])


def test_each_sample_of_a_tar_is_an_image_and_its_facts(photos: Path, tmp_path: Path) -> None:
    run(job("webdataset"), str(photos), str(tmp_path / "out"), HERE)
    [shard] = (tmp_path / "out/images").iterdir()
    samples = samples_in_tar(shard)
    assert set(samples["gray/trip/tall-0~png"]) == {"webp", "json"}
    assert json.loads(samples["gray/trip/tall-0~png"]["json"]) == {
        "height": 16,
        "key": "gray",
        "sha256": hashlib.sha256(samples["gray/trip/tall-0~png"]["webp"]).hexdigest(),
        "uri": str(photos / "trip/tall-0.png"),
        "width": 16,
    }


def test_a_parquet_shard_is_an_image_data_set_of_small_row_groups(
    many: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("mrimage.sink.parquet.ROWS", 7)
    run(job("parquet"), str(many), str(tmp_path / "out"), HERE)
    [shard] = (tmp_path / "out/images").iterdir()
    file = pq.ParquetFile(shard)
    features = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == file.schema_arrow.names
    assert features["image"] == {"_type": "Image"}
    assert [str(field.type) for field in file.schema_arrow.field("image").type] == [
        "binary",
        "string",
    ]
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [
        7,
        7,
        7,
        7,
        7,
        5,
    ]
    [row] = file.read_row_group(5).slice(4).to_pylist()
    assert row["image"]["path"] == "gray/39~png.webp"
    assert (row["key"], row["uri"], row["width"]) == ("gray", str(many / "39.png"), 16)


@SHARDS
def test_no_shard_is_larger_than_asked_and_all_but_the_last_are_nearly_full(
    many: Path, tmp_path: Path, output: str
) -> None:
    limit = 30_000
    png = mr.Edits(format="png")
    run(mr.Job(edits=png, output=output, shard_size=limit), str(many), str(tmp_path / "out"), HERE)
    sizes = [len(data) for data in shards_of(tmp_path / "out").values()]
    assert len(sizes) > 1
    assert max(sizes) <= limit
    assert min(sizes[:-1]) > limit / 3
    run(mr.Job(edits=png, output=output, shard_size=1), str(many), str(tmp_path / "single"), HERE)
    assert len(shards_of(tmp_path / "single")) == 40
    assert images_in(tmp_path / "single") == images_in(tmp_path / "out")


@SHARDS
def test_the_same_run_makes_the_same_shards(photos: Path, tmp_path: Path, output: str) -> None:
    for name, how in (
        ("one", HERE),
        ("two", RunOptions(workers=1, thumbnails=False)),
        ("pool", RunOptions(workers=2, thumbnails=False)),
    ):
        run(job(output, 12_000), str(photos), str(tmp_path / name), how)
    assert shards_of(tmp_path / "one") == shards_of(tmp_path / "two")
    assert images_in(tmp_path / "one") == images_in(tmp_path / "pool")


@SHARDS
def test_attempts_that_race_leave_one_whole_set_of_shards(
    many: Path, tmp_path: Path, output: str
) -> None:
    plan = Plan(job(output, 20_000), str(many), str(tmp_path / "out"))
    [split] = cut_splits(
        sorted(list_entries(str(many), Selection(), print), key=lambda e: e.uri), 1 << 40, 1000
    )
    open_store(plan.out, create=True)
    map_split(plan, split, Attempt())
    alone = shards_of(tmp_path / "out")
    racers = [
        threading.Thread(target=map_split, args=(plan, split, Attempt(number=n))) for n in range(3)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert shards_of(tmp_path / "out") == alone
    assert not list((tmp_path / "out/_run/scratch").iterdir())


def test_tar_to_parquet_and_parquet_to_tar_give_the_images_of_files(
    photos: Path, tmp_path: Path
) -> None:
    """The same edits on images from shards, into shards of the other kind."""
    first = mr.Job(key=("folder",), edits=mr.Edits(format="png"), output="webdataset")
    run(first, str(photos), str(tmp_path / "tar"), HERE)
    run(
        mr.Job(key=("folder",), edits=mr.Edits(format="png")),
        str(photos),
        str(tmp_path / "files"),
        HERE,
    )
    expected = sorted(images_in_run(tmp_path, "files", "files"))
    assert sorted(images_in_run(tmp_path, "tar", "parquet")) == expected
    run(replace_output(first, "parquet"), str(photos), str(tmp_path / "parquet"), HERE)
    assert sorted(images_in_run(tmp_path, "parquet", "webdataset")) == expected


def images_in_run(folder: Path, source: str, output: str) -> list[bytes]:
    out = folder / f"{source}-to-{output}"
    summary = run(job(output), str(folder / source / "images"), str(out), HERE)
    assert (summary.images, summary.quarantined) == (9, 0)
    return list(images_in(out).values())


def replace_output(old: mr.Job, output: str) -> mr.Job:
    return mr.Job(key=old.key, edits=old.edits, output=output)


@SHARDS
def test_one_image_under_several_keys_is_a_sample_under_each(
    photos: Path, tmp_path: Path, output: str
) -> None:
    def mapper(image: mr.Image):
        yield "all", None
        yield "../..", None
        yield image.metadata.format or "", None

    summary = run(
        mr.Job(map=mapper, edits=EDITS, output=output), str(photos), str(tmp_path / "out"), HERE
    )
    images = images_in(tmp_path / "out")
    assert summary.outputs == len(images) == 27
    assert {key for key, _ in images} == {"all", "../..", "png", "jpeg"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]


@SHARDS
def test_group_outputs_stay_files_and_thumbnails_come_from_shards(
    photos: Path, tmp_path: Path, output: str
) -> None:
    out = tmp_path / "out"
    run(job(output, group=("mean",)), str(photos), str(out), RunOptions(workers=1))
    assert sorted(path.name for path in (out / "groups").iterdir()) == ["cmyk", "gray", "srgb"]
    drawn = set(pq.read_table(out / "_run/thumbnails.parquet").column("uri").to_pylist())
    assert any("!/" in uri for uri in drawn)


@SHARDS
def test_a_large_shard_is_not_held_in_memory(tmp_path: Path, output: str) -> None:
    code = f"""
import os
from mrimage.sink.shards import SHARD_FORMATS, ShardSink, read_shard
from mrimage.commit.task_writer import peak_memory
from mrimage.storage import open_store
from mrimage.types import OutputRow
sink = ShardSink(open_store({str(tmp_path / "out")!r}, create=True), SHARD_FORMATS[{output!r}], "0" * 32, 1 << 40)
row = lambda n, data: OutputRow("uri", "key", f"key/{{n}}.jpg", 1, 1, len(data), "")
for number in range(20):
    data = os.urandom(1 << 20)
    sink.put(row(number, data), data)
before = peak_memory()
for number in range(200):
    data = os.urandom(1 << 20)
    sink.put(row(20 + number, data), data)
sink.close()
print(peak_memory() - before)
"""
    grown = int(
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout
    )
    [shard] = (tmp_path / "out/images").iterdir()
    assert shard.stat().st_size > 220 << 20
    assert grown < 60 << 20
    shard.unlink()


class Elsewhere:
    """A store that is no local folder, as far as a spool can tell; it keeps what it is sent."""

    root = "memory://bucket"
    local = None

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def uri(self, path: str) -> str:
        return f"{self.root}/{path}"

    def write(self, path: str, data: bytes, *, durable: bool = False) -> None:
        self.objects[path] = bytes(data)


@SHARDS
def test_a_shard_for_another_machine_is_sent_whole_and_leaves_no_file_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    there, here = Elsewhere(), open_store(str(tmp_path / "out"), create=True)
    for store in (there, here):
        sink = ShardSink(store, SHARD_FORMATS[output], "0" * 32, 5_000)  # type: ignore[arg-type]  # it writes, and no more
        for number in range(20):
            data = hashlib.sha512(bytes([number])).digest() * 20
            sink.put(OutputRow("u", "k", f"k/{number}.jpg", 1, 1, len(data), ""), data)
        sink.close()
    assert {name.rpartition("/")[2]: data for name, data in there.objects.items()} == shards_of(
        tmp_path / "out"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--output", "webdatset", "--resize", "8x8"], 'Did you mean "webdataset"?'),
        (["--output", "webdataset"], "--output webdataset needs edits"),
        (["--output", "parquet", "--group", "mean"], "--output parquet needs edits"),
        (
            ["--shard-size", "1MB", "--resize", "8x8"],
            "--shard-size needs --output webdataset or parquet",
        ),
        (["--output", "parquet", "--resize", "8x8", "--shard-size", "big"], "a size such as 256MB"),
        (["--output", "parquet", "--resize", "8x8", "--shard-size", "0"], "a size such as 256MB"),
    ],
)
def test_shards_that_make_no_sense_are_bad_usage(
    photos: Path, tmp_path: Path, capsys, options, told: str
) -> None:
    assert main(["run", str(photos), str(tmp_path / "out"), *options]) == 2
    [error] = capsys.readouterr().err.strip().splitlines()
    assert told in error
    assert not (tmp_path / "out").exists()


def test_shards_from_toml_and_in_the_dry_run(photos: Path, tmp_path: Path, capsys) -> None:
    toml = tmp_path / "job.toml"
    toml.write_text('resize = "8x8"\nto = "srgb"\noutput = "parquet"\nshard-size = "7kB"\n')
    command = [
        "run",
        str(photos),
        str(tmp_path / "out"),
        "--job",
        str(toml),
        "--workers",
        "1",
        "--no-thumbnails",
    ]
    assert main([*command, "--dry-run"]) == 0
    assert "images/*.parquet, shards of at most 0.007 MB" in capsys.readouterr().out
    assert main([*command, "--quiet"]) == 0
    assert max(map(len, shards_of(tmp_path / "out").values())) <= 7000
    assert main([*command, "--output", "webdataset", "--fresh", "--dry-run"]) == 0
    assert "images/*.tar, shards of at most 0.007 MB" in capsys.readouterr().out


class Strict(LocalStore):
    """Refuses a read from the end on, as S3 does, unless it was told how long the file is."""

    def read(
        self, path: str, start: int = 0, length: int | None = None, *, expected: Item | None = None
    ) -> bytes:
        if start >= self.stat(path).size:
            assert expected, "416 InvalidRange"
            return b""
        return super().read(path, start, length, expected=expected)


@SHARDS
def test_a_shard_is_read_without_asking_behind_its_end(
    photos: Path, tmp_path: Path, output: str
) -> None:
    run(job(output), str(photos), str(tmp_path / "out"), HERE)
    [shard] = (tmp_path / "out/images").iterdir()
    samples = list(read_shard(Strict(str(tmp_path / "out")), f"images/{shard.name}"))
    assert {
        (str(s.facts["key"]), str(s.facts["uri"])): s.data for s in samples if s.facts
    } == images_in(tmp_path / "out")


def test_tasks_are_larger_where_shards_are_made_of_what_they_make() -> None:
    """A shard is no larger than what one task makes."""
    for workers in (1, 4, 32):
        files, shards = (
            split_limits(job(output), 10**6, 10**11, workers) for output in ("files", "webdataset")
        )
        assert shards[0] > files[0]
        assert shards[1] > files[1]
