"""Shards of a source that changes, of runs that are stopped, and of disks that lie."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.sink.shard_files import images_in, shards_of

import mrimage as mr
from mrimage.cli.main import main
from mrimage.flow.run import RunOptions, run
from mrimage.storage.deliver import deliver
from mrimage.storage.local import LocalStore

HERE = RunOptions(workers=1, thumbnails=False)
SHARDS = pytest.mark.parametrize("output", ["webdataset", "parquet"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        Image.new("RGB", (20 + number, 20), (20 * number, 9, 0)).save(folder / f"{number:02}.png")
    return folder


def job(output: str) -> mr.Job:
    return mr.Job(key=("format",), edits=mr.Edits(resize=(9, 9), fit="stretch"), output=output)


def change(source: Path) -> None:
    """One image goes, one changes, one comes."""
    (source / "03.png").unlink()
    Image.new("RGB", (33, 33), (1, 2, 3)).save(source / "05.png")
    Image.new("RGB", (33, 33), (4, 5, 6)).save(source / "new.png")


def agrees(out: Path, fresh: Path) -> None:
    """Both runs hold the same images byte for byte, each once, and the lineage tells of nothing else."""
    assert images_in(out) == images_in(fresh)
    columns = ["uri", "key", "width", "height", "bytes", "sha256"]
    tables = [
        pq.read_table(place / "outputs.parquet", columns=columns).sort_by("uri")
        for place in (out, fresh)
    ]
    assert tables[0].equals(tables[1])
    assert tables[0].num_rows == len(images_in(out))
    assert main(["verify", str(out)]) == 0


@SHARDS
def test_a_grown_source_gives_the_images_of_a_fresh_run(
    source: Path, tmp_path: Path, output: str
) -> None:
    out = tmp_path / "out"
    run(job(output), str(source), str(out), HERE)
    Image.new("RGB", (20, 20)).save(source / "late.png")
    run(job(output), str(source), str(out), HERE)
    before = shards_of(out)
    change(source)
    grown = run(job(output), str(source), str(out), HERE)
    assert sum(task.images for task in grown.facts.tasks) == 2
    assert grown.facts.removed == 2
    run(job(output), str(source), str(tmp_path / "fresh"), HERE)
    agrees(out, tmp_path / "fresh")
    kept = {name for name, data in shards_of(out).items() if before.get(name) == data}
    assert kept, "the shard of the late image had no reason to change"
    again = run(job(output), str(source), str(out), HERE)
    assert again.facts.tasks == ()


@SHARDS
def test_a_source_that_lost_all_images_of_a_shard_loses_the_shard(
    source: Path, tmp_path: Path, output: str
) -> None:
    out = tmp_path / "out"
    run(job(output), str(source), str(out), HERE)
    Image.new("RGB", (20, 20)).save(source / "late.png")
    for path in source.glob("[01]*.png"):
        path.unlink()
    run(job(output), str(source), str(out), HERE)
    assert [uri for _, uri in images_in(out)] == [str(source / "late.png")]
    assert len(shards_of(out)) == 1


@SHARDS
def test_a_damaged_or_missing_shard_is_made_anew_when_it_has_to_change(
    source: Path, tmp_path: Path, output: str
) -> None:
    run(job(output), str(source), str(tmp_path / "first"), HERE)
    for number, harm in enumerate((Path.unlink, cut_short, flip_image_bit)):
        out = tmp_path / f"out{number}"
        run(job(output), str(source), str(out), HERE)
        [shard] = (out / "images").iterdir()
        harm(shard)
        Image.new("RGB", (50, 50), (number, 0, 0)).save(source / "05.png")
        run(job(output), str(source), str(out), HERE)
        run(job(output), str(source), str(tmp_path / f"fresh{number}"), HERE)
        agrees(out, tmp_path / f"fresh{number}")


def cut_short(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])


def flip_image_bit(shard: Path) -> None:
    """Change one bit of the pixels of the image 07.png."""
    name = next(name for (_, name) in images_in(shard.parents[1]) if name.endswith("07.png"))
    image = images_in(shard.parents[1])["png", name]
    data = bytearray(shard.read_bytes())
    data[data.index(image) + len(image) // 2] ^= 1
    shard.write_bytes(data)


class Stop(BaseException):
    """The machine goes down."""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, plain_report: None) -> Callable[[int], None]:
    """``steps(n)``: from now on the n-th step that changes OUT does not happen, and nothing after it."""
    left = [1 << 30]

    def counted(real: Callable[..., None]) -> Callable[..., None]:
        def step(*arguments: object, **named: object) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Stop
            real(*arguments, **named)

        return step

    monkeypatch.setattr(LocalStore, "write", counted(LocalStore.write))
    monkeypatch.setattr(LocalStore, "delete", counted(LocalStore.delete))
    for module in ("sink.spool", "commit.publish"):
        monkeypatch.setattr(f"mrimage.{module}.deliver", counted(deliver))
    return lambda n: left.__setitem__(0, n)


@SHARDS
def test_a_stop_between_any_two_steps_leaves_a_state_from_which_the_run_continues(
    source: Path, tmp_path: Path, output: str, steps: Callable[[int], None]
) -> None:
    command = job(output), str(source)
    run(*command, str(tmp_path / "before"), HERE)
    change(source)
    run(*command, str(tmp_path / "fresh"), HERE)
    for number in range(
        output == "parquet", 100, 2
    ):  # the steps are the same ones: each kind takes half of them
        out = tmp_path / f"out{number}"
        shutil.copytree(tmp_path / "before", out)
        steps(number)
        try:
            run(*command, str(out), HERE)
        except Stop:
            steps(1 << 30)
            run(*command, str(out), HERE)
        else:
            break
        agrees(out, tmp_path / "fresh")
        assert not list((out / "_run").glob("scratch/*"))
    assert number > 15


@SHARDS
def test_a_killed_run_continues_to_the_same_images_each_once(tmp_path: Path, output: str) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(30):
        Image.effect_noise((500, 400), 90).save(photos / f"{number:02}.png")
    options = [
        "--resize",
        "64x64",
        "--output",
        output,
        "--shard-size",
        "20kB",
        "--no-thumbnails",
        "--quiet",
    ]
    command = [sys.executable, "-m", "mrimage", "run", str(photos)]
    assert main([*command[3:], str(tmp_path / "whole"), *options, "--workers", "1"]) == 0
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [*command, str(out), *options, "--workers", "2"], start_new_session=True
    )
    wait_for(lambda: len(list(out.glob("images/*"))) >= 2 or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(list(out.glob("images/*"))) >= 2
    committed = {path.stem: path.stat().st_mtime_ns for path in out.glob("_run/map/*.json")}
    # What uncommitted attempts left must not stay beside what the run that continues writes.
    assert main([*command[3:], str(out), *options, "--workers", "1"]) == 0
    assert {path.stem for path in out.glob("_run/map/*.json")} >= set(committed)
    assert images_in(out) == images_in(tmp_path / "whole")
    assert sum(len(images_in_one(path)) for path in (out / "images").iterdir()) == 30
    assert main(["verify", str(out)]) == 0


def images_in_one(shard: Path) -> list[str]:
    if shard.suffix == ".parquet":
        return [str(uri) for uri in pq.read_table(shard, columns=["uri"]).column("uri").to_pylist()]
    with tarfile.open(shard) as tar:
        return [name for name in tar.getnames() if not name.endswith(".json")]


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(params=["webdataset", "parquet"])
def verified(
    source: Path, tmp_path: Path, capsys, request
) -> Iterator[tuple[Path, Callable[[], list[str]]]]:
    """A finished run, and its problems by ``verify``."""
    out = tmp_path / "out"
    run(job(request.param), str(source), str(out), HERE)

    def problems() -> list[str]:
        capsys.readouterr()
        status = main(["verify", str(out)])
        printed = capsys.readouterr().out.splitlines()
        assert status == (0 if "verified" in printed[-1] else 1)
        return [line for line in printed if "verified" not in line]

    return out, problems


def test_verify_finds_one_flipped_bit_of_an_image(verified) -> None:
    out, problems = verified
    assert problems() == []
    [shard] = (out / "images").iterdir()
    flip_image_bit(shard)
    [problem] = problems()
    assert problem.startswith(f"altered: images/{shard.name}!/png/")
    assert "07~png.png" in problem


def test_verify_finds_an_altered_fact(verified) -> None:
    out, problems = verified
    [shard] = (out / "images").iterdir()
    if shard.suffix == ".tar":
        data = shard.read_bytes()
        shard.write_bytes(data.replace(b'07.png","width":9', b'07.png","width":8'))
    else:
        table = pq.read_table(shard)
        width = pa.array([8 if n == 7 else 9 for n in range(12)], pa.int32())
        pq.write_table(
            table.set_column(table.column_names.index("width"), table.field("width"), width), shard
        )
    [problem] = problems()
    assert problem.startswith("altered: the facts of images/")
    assert "07~png.png" in problem


def test_verify_finds_missing_and_foreign_shards_and_images(verified) -> None:
    out, problems = verified
    [shard] = (out / "images").iterdir()
    whole = shard.read_bytes()
    (out / "images" / f"{'0' * 32}-00000{shard.suffix}").write_bytes(whole)
    assert problems() == [f"foreign: images/{'0' * 32}-00000{shard.suffix} is not in the lineage"]
    next((out / "images").glob("000*")).unlink()
    shard.unlink()
    assert problems() == [f"missing: images/{shard.name} with 12 outputs"]
    shard.write_bytes(without_last_and_with_a_stranger(whole, shard.suffix))
    assert [line.partition(":")[0] for line in sorted(problems())] == ["foreign", "missing"]
    shard.write_bytes(whole[: len(whole) // 2])
    assert any(line.startswith(("unreadable: ", "missing: ")) for line in problems())


def without_last_and_with_a_stranger(shard: bytes, suffix: str) -> bytes:
    new = io.BytesIO()
    if suffix == ".parquet":
        table = pq.read_table(io.BytesIO(shard))
        stranger = table.to_pylist()[0] | {"image": {"bytes": b"?", "path": "png/stranger.png"}}
        last = table.slice(0, 11).to_pylist()
        pq.write_table(pa.Table.from_pylist([*last, stranger], table.schema), new)
        return new.getvalue()
    with tarfile.open(fileobj=io.BytesIO(shard)) as old, tarfile.open(fileobj=new, mode="w") as tar:
        for member in old.getmembers()[:-2]:
            tar.addfile(member, old.extractfile(member))
        tar.addfile(tarfile.TarInfo("png/stranger.png"), io.BytesIO())
    return new.getvalue()


def test_a_key_that_looks_like_a_shard_is_verified_as_the_folder_that_it_is(
    source: Path, tmp_path: Path
) -> None:
    def mapper(image: mr.Image) -> Iterator[tuple[str, None]]:
        yield f"{'0' * 32}-00000.tar!", None

    out = tmp_path / "out"
    run(mr.Job(map=mapper, edits=mr.Edits(resize=(9, 9))), str(source), str(out), HERE)
    assert main(["verify", str(out)]) == 0
    next((out / "images").rglob("*.png")).write_bytes(b"")
    assert main(["verify", str(out)]) == 1
