"""Which images a key has is known whatever a combiner makes of their values: every pair of combiner, keys and sink,
through run, report, verify, compare, retry and growth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main
from mrimage.flow.results import results_folder
from mrimage.flow.run import RunOptions, run
from mrimage.report.figures.facts import decode_summary
from mrimage.storage import open_store

HERE = RunOptions(workers=1, thumbnails=False)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        draw(folder, number)
    return folder


def draw(folder: Path, number: int) -> None:
    pixels = np.random.default_rng(number).integers(0, 255, (20 + number, 30, 3), np.uint8)
    Image.fromarray(pixels).save(folder / f"{number:02}.png")


def by_one_key(image: mr.Image) -> Iterator[tuple[str, int]]:
    yield f"mod {int(image.path[:2]) % 3}", 1


def by_several_keys(image: mr.Image) -> Iterator[tuple[str, int]]:
    number = int(image.path[:2])
    yield "all", 1
    yield f"mod {number % 3}", 1
    yield f"mod {number % 3}", 1  # a second value of the same image under the same key
    yield "none", 0


def add(key: str, counts: Iterable[int]) -> Iterator[int]:
    total = sum(counts)
    if total:
        yield total


def write(key: str, counts: Iterable[int]) -> Iterator[mr.Output]:
    yield mr.Output("count.txt", str(sum(counts)))


def members_of(mapper: Any, numbers: Iterable[int]) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {}
    for number in numbers:
        keys = ["all", "none"] * (mapper is by_several_keys) + [f"mod {number % 3}"]
        for key in keys:
            members.setdefault(key, []).append(f"{number:02}.png")
    return members


def require(out: Path, corpus: Path, mapper: Any, numbers: list[int]) -> None:
    """All that a run says of its keys agrees with what the mapper said."""
    members = members_of(mapper, numbers)
    found: dict[str, list[str]] = {}
    for row in pq.read_table(out / "_run/members.parquet").to_pylist():
        found.setdefault(row["key"], []).append(str(row["uri"]).rpartition("/")[2])
    assert found == members
    groups = {row["key"]: row for row in pq.read_table(out / "groups.parquet").to_pylist()}
    assert {key: group["images"] for key, group in groups.items()} == {
        key: len(names) for key, names in members.items()
    }
    for key, names in members.items():
        assert groups[key]["pixels"] == sum(30 * (20 + int(name[:2])) for name in names)
        assert groups[key]["bytes"] == sum((corpus / name).stat().st_size for name in names)
    summary = decode_summary((out / "summary.json").read_bytes(), str(out))
    assert {group.key: group.images for group in summary.groups.rows} == {
        key: len(members[key]) for key in members
    }
    for gallery in summary.galleries.groups:
        assert {picture.uri.rpartition("/")[2] for picture in gallery.pictures} <= set(
            members[gallery.name]
        )


def published(out: Path) -> dict[str, bytes]:
    names = ["groups.parquet", "_run/members.parquet", "quarantine.parquet"]
    tops = [path for path in (out / "groups").rglob("*") if path.is_file()]
    return {name: (out / name).read_bytes() for name in names} | {
        path.relative_to(out).as_posix(): path.read_bytes() for path in tops
    }


@pytest.mark.usefixtures("real_report")
@pytest.mark.parametrize(
    ("mapper", "sink", "combine"),
    [
        (by_one_key, "files", None),
        (by_one_key, "webdataset", add),
        (by_one_key, "parquet", None),
        (by_several_keys, "files", add),
        (by_several_keys, "webdataset", None),
        (by_several_keys, "parquet", add),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_members_groups_and_report_agree(
    corpus: Path,
    tmp_path: Path,
    rows,
    mapper: Any,
    sink: str,
    combine: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    job = mr.Job(
        map=mapper, combine=combine, reduce=write, edits=mr.Edits(resize=(8, 8)), output=sink
    )
    run(job, str(corpus), str(out), HERE)
    require(out, corpus, mapper, list(range(12)))

    # The source changes: one image is gone, one is new, one is damaged and one is another.
    (corpus / "03.png").unlink()
    draw(corpus, 12)
    (corpus / "05.png").write_bytes((corpus / "05.png").read_bytes()[:60])
    Image.new("RGB", (30, 26)).save(corpus / "06.png")
    summary = run(job, str(corpus), str(out), HERE)
    assert (summary.processed, summary.quarantined) == (11, 1)
    left = [number for number in range(13) if number not in (3, 5)]
    require(out, corpus, mapper, left)
    assert main(["verify", str(out)]) == 0
    run(job, str(corpus), str(fresh), HERE)
    assert published(out) == published(fresh)

    # The damaged one is mended, and asked for again.
    draw(corpus, 5)
    summary = run(job, str(corpus), str(out), HERE)
    assert (summary.processed, summary.quarantined) == (12, 0)
    require(out, corpus, mapper, sorted([*left, 5]))
    again = run(job, str(corpus), str(out), HERE)
    assert again.facts.tasks == ()
    assert main(["report", str(out), "--against", str(fresh)]) == 0
    capsys.readouterr()


def test_group_reducers_see_every_image_beside_a_combiner(corpus: Path, tmp_path: Path) -> None:
    group = ("contact-sheet", "mean", "duplicates")
    Image.open(corpus / "00.png").save(corpus / "12.png")
    for name, combine in (("plain", None), ("combined", add)):
        job = mr.Job(map=by_several_keys, combine=combine, reduce=write, group=group)
        run(job, str(corpus), str(tmp_path / name), RunOptions(workers=1, thumbnails=False))
    made = [published(tmp_path / name) for name in ("plain", "combined")]
    assert "groups/mod 0/duplicates.parquet" in made[0]
    for name in made[0]:
        if name != "groups.parquet" and not name.startswith("groups/none/count"):
            assert made[0][name] == made[1][name], name


@pytest.mark.usefixtures("real_report")
def test_retry_maps_the_images_of_a_combined_split_again(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows
) -> None:
    marker = tmp_path / "mended"
    (tmp_path / "combined_job.py").write_text(
        "from pathlib import Path\n"
        "from collections.abc import Iterable\n"
        "import mrimage as mr\n"
        f"MENDED = Path({str(marker)!r})\n"
        "def by_parity(image):\n"
        "    number = int(image.path[:2])\n"
        "    if number == 5 and not MENDED.exists():\n"
        "        raise ValueError('not yet')\n"
        "    yield f'mod {number % 3}', 1\n"
        "def add(key, values):\n"
        "    yield sum(values)\n"
        "def write(key, values):\n"
        "    yield mr.Output('count.txt', str(sum(values)))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "job.toml").write_text(
        'map = "combined_job:by_parity"\ncombine = "combined_job:add"\nreduce = "combined_job:write"\n'
    )
    out = tmp_path / "out"
    arguments = [
        "run",
        str(corpus),
        str(out),
        "--job",
        str(tmp_path / "job.toml"),
        "--quiet",
        "--workers",
        "1",
    ]
    assert main(arguments) == 0
    assert [row["reason"] for row in rows(out, "quarantine")] == ["mapper-failed"]
    require(out, corpus, by_one_key, [number for number in range(12) if number != 5])
    marker.touch()
    assert main(["retry", str(out), "--trust", "--quiet", "--workers", "1"]) == 0
    require(out, corpus, by_one_key, list(range(12)))
    assert (out / "groups/mod 2/count.txt").read_text() == "4"
    with results_folder(open_store(str(out)), tmp_path) as results:
        assert results == out
