"""A whole run, from a folder of files to images, tables and a report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

import mrimage as mr
from mrimage.commit.verify import verify
from mrimage.errors import (
    AccountingError,
    BudgetError,
    JobError,
    SinkError,
    SourceError,
    UsageError,
)
from mrimage.flow.run import RunOptions, run
from mrimage.report.figures.facts import decode_summary

HERE = RunOptions(workers=1, thumbnails=False)


def files(out: Path, top: str) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in (out / top).rglob("*")
        if path.is_file()
    }


def everything(out: Path) -> dict[str, bytes]:
    """What two runs of the same job must agree on, byte for byte."""
    tables = {
        name: (out / name).read_bytes()
        for name in ("groups.parquet", "outputs.parquet", "quarantine.parquet")
    }
    return files(out, "images") | files(out, "groups") | files(out, "catalogue") | tables


def test_every_listed_image_is_processed_or_quarantined(photos: Path, tmp_path: Path, rows) -> None:
    summary = run(mr.Job(), str(photos), str(tmp_path / "out"), HERE)
    assert (summary.images, summary.processed, summary.quarantined) == (11, 9, 2)
    assert summary.failures == {"empty": 1, "not-an-image": 1}
    assert summary.facts.ignored == 1
    catalogue = rows(tmp_path / "out", "catalogue")
    assert [row["uri"] for row in catalogue] == sorted(
        str(p) for p in photos.rglob("*") if p.suffix in {".jpg", ".png"}
    )
    assert {row["status"] for row in catalogue} == {"processed", "quarantined"}
    assert [row["reason"] for row in rows(tmp_path / "out", "quarantine")] == [
        "empty",
        "not-an-image",
    ]


def test_groups_add_up_to_the_catalogue(photos: Path, tmp_path: Path, rows) -> None:
    run(mr.Job(key=("color_space", "orientation")), str(photos), str(tmp_path / "out"), HERE)
    groups = {row["key"]: row for row in rows(tmp_path / "out", "groups")}
    assert {key: row["images"] for key, row in groups.items()} == {
        "cmyk,square": 1,
        "gray,portrait": 4,
        "srgb,landscape": 4,
    }
    assert groups["srgb,landscape"]["pixels"] == 4 * 64 * 48


def test_edited_images_lie_under_their_key_with_lineage(photos: Path, tmp_path: Path, rows) -> None:
    out = tmp_path / "out"
    edits = mr.Edits(resize=(16, 16), fit="cover", to="srgb", format="webp")
    run(mr.Job(key=("color_space",), edits=edits), str(photos), str(out), HERE)
    lineage = rows(out, "outputs")
    assert {row["output"] for row in lineage} == set(files(out, "images"))
    assert "images/srgb/wide 0~jpg.webp" in files(out, "images")
    assert "images/gray/trip/tall-0~png.webp" in files(out, "images")
    for row in lineage:
        with Image.open(out / str(row["output"])) as image:
            assert (image.format, image.size) == ("WEBP", (16, 16))
            assert (row["width"], row["height"]) == image.size


def test_group_reducers_write_a_sheet_and_a_mean_for_each_key(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(mr.Job(key=("color_space",), group=("contact-sheet", "mean")), str(photos), str(out), HERE)
    assert sorted(files(out, "groups")) == [
        f"groups/{key}/{name}"
        for key in ("cmyk", "gray", "srgb")
        for name in ("contact-sheet.jpg", "mean.png")
    ]
    with Image.open(out / "groups/gray/mean.png") as mean:
        assert mean.size == (30, 40)
        assert mean.convert("L").getpixel((5, 5)) == pytest.approx(30, abs=1)


def test_worker_processes_give_the_same_bytes_as_one_process(photos: Path, tmp_path: Path) -> None:
    job = mr.Job(
        key=("format",),
        edits=mr.Edits(resize=(20, 20)),
        group=("contact-sheet",),
        extract=("content", "hash"),
    )
    run(job, str(photos), str(tmp_path / "one"), HERE)
    run(job, str(photos), str(tmp_path / "two"), RunOptions(workers=2, thumbnails=False))
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_a_catalogue_job_decodes_no_pixel(photos: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from mrimage.flow.run import RunOptions, run; import mrimage as mr\n"
        f"run(mr.Job(), {str(photos)!r}, {str(tmp_path / 'out')!r}, RunOptions(workers=1, thumbnails=False))\n"
        "assert 'pyvips' not in sys.modules and 'simplejpeg' not in sys.modules, 'a codec was loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_users_mapper_combiner_and_reducer(photos: Path, tmp_path: Path) -> None:
    def by_shape(image: mr.Image):
        yield "wide" if image.metadata.width > image.metadata.height else "tall", 1

    def add(key: str, values):
        yield sum(values)

    def total(key: str, values):
        yield mr.Output("count.json", {"key": key, "images": sum(values)})

    for name, combine in (("plain", None), ("combined", add)):
        run(
            mr.Job(map=by_shape, combine=combine, reduce=total),
            str(photos),
            str(tmp_path / name),
            HERE,
        )
        counts = {
            key: json.loads((tmp_path / name / f"groups/{key}/count.json").read_text())
            for key in ("wide", "tall")
        }
        assert {key: count["images"] for key, count in counts.items()} == {"wide": 4, "tall": 5}


def test_a_mapper_that_raises_quarantines_its_image(photos: Path, tmp_path: Path, rows) -> None:
    def picky(image: mr.Image):
        if "ink" in image.uri:
            raise ValueError("no ink")
        yield "key", None

    summary = run(mr.Job(map=picky), str(photos), str(tmp_path / "out"), HERE)
    assert summary.failures["mapper-failed"] == 1
    assert "ValueError: no ink" in str(rows(tmp_path / "out", "quarantine"))


def test_a_reducer_that_raises_fails_the_job_and_names_the_key(
    photos: Path, tmp_path: Path
) -> None:
    def broken(key: str, values):
        raise ValueError("on purpose")
        yield

    with pytest.raises(JobError, match="failed on key '20x20'"):
        run(mr.Job(reduce=broken), str(photos), str(tmp_path / "out"), HERE)


def test_a_second_run_does_nothing_again(photos: Path, tmp_path: Path) -> None:
    job = mr.Job(key=("format",), edits=mr.Edits(resize=(20, 20)), group=("mean",))
    out = tmp_path / "out"
    run(job, str(photos), str(out), HERE)
    before = everything(out)
    stamps = {path: path.stat().st_mtime_ns for path in (out / "images").rglob("*")}
    again = run(job, str(photos), str(out), HERE)
    assert again.facts.reused == 11
    assert not again.facts.tasks
    assert {path: path.stat().st_mtime_ns for path in (out / "images").rglob("*")} == stamps
    assert everything(out) == before


def test_growth_equals_a_fresh_run_and_touches_only_its_groups(
    photos: Path, tmp_path: Path
) -> None:
    job = mr.Job(key=("format",), edits=mr.Edits(resize=(20, 20)), group=("mean",))
    out = tmp_path / "out"
    run(job, str(photos), str(out), HERE)
    untouched = (out / "groups/jpeg/mean.png").stat().st_mtime_ns
    (photos / "trip" / "tall-0.png").unlink()
    Image.new("L", (30, 40), 250).save(photos / "trip" / "tall-1.png")
    Image.new("RGB", (10, 10)).save(photos / "new.png")
    grown = run(job, str(photos), str(out), HERE)
    assert sum(task.images for task in grown.facts.tasks if task.phase == "map") == 2
    assert (grown.facts.removed, grown.facts.removed_outputs) == (
        1,
        ("images/png/trip/tall-0.png",),
    )
    assert (out / "groups/jpeg/mean.png").stat().st_mtime_ns == untouched
    run(job, str(photos), str(tmp_path / "fresh"), HERE)
    assert everything(out) == everything(tmp_path / "fresh")


@pytest.mark.usefixtures("real_report")
def test_the_summary_names_the_outputs_that_went_and_none_that_was_made_again(
    photos: Path, tmp_path: Path
) -> None:
    job = mr.Job(key=("format",), edits=mr.Edits(resize=(20, 20)), group=("mean",))
    out = tmp_path / "out"
    run(job, str(photos), str(out), HERE)
    gone = sorted(photos.rglob("*.png"))
    for path in gone:
        path.unlink()
    Image.new("L", (30, 40), 250).save(photos / "wide 0.jpg")
    grown = run(job, str(photos), str(out), HERE)
    names = ["groups/png/mean.png", *(f"images/png/{path.relative_to(photos)}" for path in gone)]
    assert list(grown.facts.removed_outputs) == names
    assert (
        f"{len(names)} outputs of images that are gone or have changed: groups/png/mean.png, "
        in repr(grown)
    )
    summary = json.loads((out / "summary.json").read_bytes())
    assert (summary["totals"]["removed"], summary["run"]["removed_outputs"]) == (len(names), names)
    assert pq.read_table(out / "_run/removed.parquet").column("output").to_pylist() == names
    assert not any((out / name).exists() for name in names)
    assert run(job, str(photos), str(out), HERE).facts.removed == 0
    del summary["run"]["removed_outputs"]
    summarized = decode_summary(json.dumps(summary).encode(), str(out))
    assert summarized.run.removed_outputs == (), (
        "a summary of before there were names is still read"
    )


def test_outputs_removed_by_a_run_that_was_killed_are_named_by_the_next(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mrimage.flow import phases

    job = mr.Job(key=("format",), edits=mr.Edits(resize=(20, 20)))
    run(job, str(photos), str(tmp_path / "out"), HERE)
    (photos / "trip" / "tall-0.png").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(phases.RunPhases, "map", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            run(job, str(photos), str(tmp_path / "out"), HERE)
    assert not (tmp_path / "out/images/png/trip/tall-0.png").exists()
    assert run(job, str(photos), str(tmp_path / "out"), HERE).facts.removed_outputs == (
        "images/png/trip/tall-0.png",
    )


def test_broken_accounting_stops_the_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mrimage.commit import task_writer as task

    real = task.TaskWriter.commit

    def lose_a_row(self, images, size, tables):
        return real(self, images, size, {"catalogue": tables["catalogue"].slice(1)})

    monkeypatch.setattr(task.TaskWriter, "commit", lose_a_row)
    with pytest.raises(AccountingError, match="11 were listed"):
        run(mr.Job(), str(photos), str(tmp_path / "out"), HERE)


def test_the_failure_budget_stops_the_run(photos: Path, tmp_path: Path) -> None:
    for text in ("1", "5%"):
        with pytest.raises(BudgetError, match="max-failures"):
            run(
                mr.Job(),
                str(photos),
                str(tmp_path / "out"),
                RunOptions(workers=1, max_failures=text),
            )
    run(
        mr.Job(),
        str(photos),
        str(tmp_path / "out"),
        RunOptions(workers=1, max_failures="2", thumbnails=False),
    )


def test_the_failure_budget_counts_each_image_of_the_source_once_and_no_other(
    photos: Path, tmp_path: Path
) -> None:
    for name in ("empty.jpg", "text.jpg"):
        (photos / name).unlink()
    (photos / "broken.jpg").write_bytes((photos / "wide 0.jpg").read_bytes()[:-200])
    other = tmp_path / "other.png"
    other.write_bytes(b"no image")

    def keys(image):
        yield from ((f"key-{number}", image.uri) for number in range(40))

    def look(key, uris):
        yield mr.Output("sheet.jpg", mr.contact_sheet([str(other), *uris]))

    def failing(limit: str) -> mr.Summary:
        job = mr.Job(map=keys, reduce=look)
        return run(
            job,
            str(photos),
            str(tmp_path / limit),
            RunOptions(workers=1, thumbnails=False, max_failures=limit),
        )

    assert failing("1").failures == {"truncated": 1}
    with pytest.raises(BudgetError, match="at most 0 quarantined images of 10"):
        failing("0")


def test_another_job_on_the_same_out_is_refused_by_its_difference(
    photos: Path, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    run(mr.Job(key=("format",)), str(photos), out, HERE)
    with pytest.raises(SinkError, match='key \\["camera"\\] instead of \\["format"\\]'):
        run(mr.Job(key=("camera",)), str(photos), out, HERE)
    summary = run(
        mr.Job(key=("camera",)),
        str(photos),
        out,
        RunOptions(workers=1, fresh=True, thumbnails=False),
    )
    assert summary.groups == 1


def test_a_folder_that_is_not_ours_is_left_alone(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "diary.txt").write_text("mine")
    for fresh in (False, True):
        with pytest.raises(SinkError, match="diary"):
            run(mr.Job(), str(photos), str(out), RunOptions(workers=1, fresh=fresh))
    assert [path.name for path in out.iterdir()] == ["diary.txt"]


def test_a_place_without_a_name_is_bad_usage_and_not_the_working_folder(
    photos: Path, tmp_path: Path
) -> None:
    for source, out in (("", tmp_path / "out"), (photos, "")):
        with pytest.raises(UsageError, match="empty text"):
            run(mr.Job(), str(source), str(out), HERE)


@pytest.mark.parametrize("inside", ["photos/out", ".", "photos"])
def test_source_and_out_must_be_apart(photos: Path, tmp_path: Path, inside: str) -> None:
    with pytest.raises(SourceError, match="apart"):
        run(mr.Job(), str(photos), str(tmp_path / inside), HERE)


def test_a_missing_and_an_empty_source_write_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source in ("missing", "empty"):
        with pytest.raises(SourceError):
            run(mr.Job(), str(tmp_path / source), str(tmp_path / "out"), HERE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"key": ("camra",)}, 'Did you mean "camera"'),
        ({"extract": ("hashes",)}, 'Did you mean "hash"'),
        ({"group": ("contact",)}, "contact-sheet"),
    ],
)
def test_unknown_names_are_bad_usage_with_the_nearest_one(
    photos: Path, tmp_path: Path, fields, expected: str
) -> None:
    with pytest.raises(UsageError, match=expected):
        run(mr.Job(**fields), str(photos), str(tmp_path / "out"), HERE)
    assert not (tmp_path / "out").exists()


def test_hostile_names_stay_inside_out(tmp_path: Path, rows) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    names = [
        "<script>alert(1)</script>.jpg",
        "new\nline.jpg",
        "-dash.jpg",
        "ünï çode.jpg",
        'quo"te.jpg',
        "a.jpg",
        "A.jpg",
    ]
    for name in [name.replace("/", "\u2215") for name in names]:
        Image.new("RGB", (8, 8)).save(photos / name, "JPEG")
    Image.new("RGB", (8, 8)).save(os.fsencode(photos) + b"/caf\xe9.jpg", "JPEG")
    Image.new("RGB", (8, 8)).save(photos / "a.png")
    out = tmp_path / "out"
    summary = run(mr.Job(edits=mr.Edits(format="webp")), str(photos), str(out), HERE)
    assert (summary.processed, summary.outputs) == (9, 9)
    assert {row["output"] for row in rows(out, "outputs")} == set(files(out, "images"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]


def test_verify_finds_one_flipped_bit_a_missing_and_a_foreign_file(
    photos: Path, tmp_path: Path
) -> None:
    from mrimage.flow.results import read_facts
    from mrimage.storage import open_store

    out = tmp_path / "out"
    run(mr.Job(edits=mr.Edits(resize=(9, 9)), key=("format",)), str(photos), str(out), HERE)
    store = open_store(str(out))

    def problems() -> list[str]:
        return [
            problem.text.partition(":")[0]
            for problem in verify(store, out, read_facts(store), tmp_path / "scratch")
        ]

    assert problems() == []
    first, second = sorted((out / "images").rglob("*.png"))[:2]
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    second.unlink()
    (out / "images" / "stranger.png").write_bytes(b"")
    assert sorted(problems()) == ["altered", "foreign", "missing"]


@pytest.mark.usefixtures("real_report")
def test_published_tables_have_the_contracts_columns(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(mr.Job(extract=("content", "hash")), str(photos), str(out), HERE)
    assert pq.read_table(out / "catalogue").column_names == [
        "uri",
        "size",
        "version",
        "file",
        "path",
        "keys",
        "status",
        "reason",
        "format",
        "width",
        "height",
        "bands",
        "bit_depth",
        "color_space",
        "has_alpha",
        "icc_profile",
        "frames",
        "orientation",
        "progressive",
        "dpi",
        "camera_make",
        "camera",
        "lens",
        "taken_at",
        "iso",
        "exposure_time",
        "f_number",
        "focal_length",
        "latitude",
        "longitude",
        "software",
        "taken_at_offset",
        "facts_from",
        "gain_map",
        "gain_map_kept",
        "brightness",
        "contrast",
        "sharpness",
        "entropy",
        "colorfulness",
        "mean_color",
        "dominant_colors",
        "phash",
        "sha256",
    ]
    assert pq.read_table(out / "groups.parquet").column_names[:4] == [
        "key",
        "images",
        "bytes",
        "pixels",
    ]
    assert pq.read_table(out / "outputs.parquet").column_names == [
        "uri",
        "key",
        "output",
        "width",
        "height",
        "bytes",
        "sha256",
    ]
    assert pq.read_table(out / "quarantine.parquet").column_names == [
        "uri",
        "stage",
        "reason",
        "message",
    ]
    assert json.loads((out / "summary.json").read_text())
    assert (out / "report.html").read_text().lstrip().startswith("<!doctype html>")


def test_a_group_that_grew_and_shrank_again_equals_a_fresh_run(
    photos: Path, tmp_path: Path
) -> None:
    job = mr.Job(key=("format",), group=("mean",))
    out = tmp_path / "out"
    run(job, str(photos), str(out), HERE)
    before = everything(out)
    Image.new("L", (30, 40), 250).save(photos / "visitor.png")
    run(job, str(photos), str(out), HERE)
    assert everything(out) != before
    (photos / "visitor.png").unlink()
    run(job, str(photos), str(out), HERE)
    assert everything(out) == before
