"""Edits that see the group: group corrections, statistics and ``each``, through run, growth, removal, interruption, retry and
verify."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageCms

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import JobError, SinkError, UsageError
from mrimage.flow import members, phases
from mrimage.flow.run import RunOptions, run
from mrimage.image import Buffer
from mrimage.image.color.conversion import adobe_rgb
from mrimage.image.color.lab import rgb_space
from mrimage.job.job import Plan
from mrimage.shuffle.values import encode_value
from mrimage.sink.shards import read_shard
from mrimage.storage import open_store
from mrimage.tasks import kept_pictures
from mrimage.tasks.edit_member import ImageMembers, Member, edit_member_image
from mrimage.tasks.kept_pictures import KeptPictures
from mrimage.tasks.statistics import OWN
from mrimage.types import Entry

HERE = RunOptions(workers=1, thumbnails=False)
GO_ON = RunOptions(workers=1, thumbnails=False, max_failures="100%")
MATCH = mr.Job(key=("folder",), edits=mr.Edits(correct="match-group", format="png"))


@pytest.fixture(autouse=True)
def small_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images a split."""
    monkeypatch.setattr(phases, "split_limits", lambda *_: (1 << 40, 3))


def picture(number: int, side: int = 24) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """One scene, with another exposure for each number."""
    rng = np.random.default_rng(4)
    scene = rng.integers(40, 160, (side, side, 3)) * np.array([1.0, 0.9, 0.7])
    return (scene * (0.6 + 0.08 * number)).clip(1, 250).astype(np.uint8)


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Two folders: eight frames of one scene in ``a``, and three in ``b``."""
    folder = tmp_path / "series"
    for name, count in (("a", 8), ("b", 3)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            draw(folder / name / f"{number}.png", number)
    return folder


def draw(path: Path, number: int) -> None:
    Image.fromarray(picture(number)).save(path)


def outputs(out: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(out)): p.read_bytes() for p in out.rglob("images/**/*") if p.is_file()
    }


def stamps(out: Path) -> dict[str, int]:
    return {name: (out / name).stat().st_mtime_ns for name in outputs(out)}


def spread(paths: list[Path]) -> float:
    """The deviation of the mean lightness of the images."""
    means = []
    for path in paths:
        with Image.open(path) as image:
            codes = np.asarray(image.convert("RGB")).reshape(-1, 3) / np.float32(255)
        means.append(rgb_space("srgb").lab(codes)[:, 0].mean())
    return float(np.std(means))


def published(out: Path, table: str) -> list[dict[str, object]]:
    return pq.read_table(out / table).to_pylist()


def assert_sound(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(out)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("method", ["match-group", "match-histogram", "exposure-group"])
def test_the_images_of_each_group_come_together(
    series: Path, tmp_path: Path, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    job = mr.Job(key=("folder",), edits=mr.Edits(correct=method, format="png"))
    assert run(job, str(series), str(out), HERE).outputs == 11
    before = spread(sorted((series / "a").iterdir()))
    assert spread(sorted((out / "images" / "a").rglob("*.png"))) < 0.15 * before
    assert_sound(out, capsys)


def test_the_result_does_not_depend_on_splits(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(MATCH, str(series), str(tmp_path / "out"), HERE)
    monkeypatch.setattr(phases, "split_limits", lambda *_: (1 << 40, 100))
    run(MATCH, str(series), str(tmp_path / "whole"), HERE)
    assert outputs(tmp_path / "out") == outputs(tmp_path / "whole")


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """One scene as RGB, gray, CMYK, in a wide gamut, with alpha, and of 16 bits."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    rgb = Image.fromarray(picture(3))
    rgb.save(folder / "plain.png")
    rgb.convert("L").save(folder / "gray.png")
    rgb.convert("CMYK").save(folder / "ink.jpg", quality=95)
    rgb.save(folder / "adobe.png", icc_profile=adobe_rgb())
    with_alpha = np.dstack([picture(5), np.full((24, 24), 128, np.uint8)])
    Image.fromarray(with_alpha).save(folder / "alpha.png")
    deep = Image.fromarray(picture(1)[..., 1].astype(np.uint16) * 257)
    deep.save(folder / "deep.png")
    return folder


@pytest.mark.parametrize("to", [None, "gray", "display-p3"])
def test_the_second_pass_decodes_nothing_and_makes_what_a_decode_makes(
    mixed: Path, tmp_path: Path, to: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine that kept no pictures. The shape and the padding are not the source's own."""
    edits = mr.Edits(resize=(20, 16), fit="pad", to=to, correct="match-group", format="tiff")
    job = mr.Job(key=("all",), edits=edits)
    found: list[bool] = []

    def find(self: KeptPictures, *name: Any) -> Any:
        pixels = kept(self, *name)
        found.append(pixels is not None)
        return pixels

    kept = KeptPictures.find
    monkeypatch.setattr(KeptPictures, "find", find)
    run(job, str(mixed), str(tmp_path / "kept"), HERE)
    assert found == [True] * 6
    assert not (tmp_path / "kept/_run/scratch").exists()
    monkeypatch.setattr(KeptPictures, "find", lambda *_: None)
    run(job, str(mixed), str(tmp_path / "decoded"), HERE)
    assert outputs(tmp_path / "kept") == outputs(tmp_path / "decoded")


@pytest.mark.parametrize("limit", ["MOST_BYTES", "SPARE_BYTES"])
def test_pictures_are_kept_only_while_there_is_room(
    tmp_path: Path, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_pictures, limit, {"MOST_BYTES": 4_000, "SPARE_BYTES": 1 << 60}[limit])
    pictures = KeptPictures(str(tmp_path / "pictures"))
    for number in range(3):
        entry = Entry(f"{number}.png", f"{number}.png", 1, "1")
        pictures.keep(entry, MATCH.plain_edits, picture(number))
        found = pictures.find(entry, MATCH.plain_edits)
        if limit == "MOST_BYTES" and number < 2:
            assert (found == picture(number)).all()
        else:
            assert found is None


def test_alpha_gray_16_bits_wide_gamut_and_cmyk_in_a_group(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    job = mr.Job(key=("all",), edits=mr.Edits(correct="match-group", format="png"))
    assert run(job, str(mixed), str(out), HERE).processed == 6
    made = {path.name.split(".")[0].split("~")[0]: path for path in (out / "images/all").iterdir()}
    with Image.open(made["gray"]) as gray, Image.open(made["deep"]) as sixteen:
        assert (gray.mode, sixteen.mode) == ("L", "I;16")
    with Image.open(made["alpha"]) as alpha:
        assert (np.asarray(alpha)[..., 3] == 128).all()
    with Image.open(made["ink"]) as ink, Image.open(made["adobe"]) as adobe:
        assert (ink.mode, adobe.mode) == ("RGB", "RGB")
        profile = adobe.info.get("icc_profile")
        assert profile
        named = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.profile_description
        assert "srgb" in named.lower()
    color = [made[name] for name in ("plain", "ink", "adobe")]
    assert spread(color) < 1.0
    assert_sound(out, capsys)


GROWN: list[set[tuple[object, ...]]] = []


@pytest.mark.parametrize("sink", ["files", "webdataset", "parquet"])
def test_growth_and_removal_redo_the_groups_that_have_changed(
    series: Path, tmp_path: Path, sink: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    job = mr.Job(key=("folder",), edits=mr.Edits(correct="match-group", format="png"), output=sink)
    run(job, str(series), str(out), HERE)
    before = stamps(out)
    draw(series / "a" / "8.png", 8)
    (series / "a" / "0.png").unlink()
    grown = run(job, str(series), str(out), HERE)
    assert sum(task.images for task in grown.facts.tasks if task.phase == "members") == 8
    assert_sound(out, capsys)
    made = {
        (row["key"], Path(str(row["uri"])).name, row["sha256"])
        for row in published(out, "outputs.parquet")
    }
    # What an undisturbed run makes, which is the same in every sink.
    if sink == "files":
        run(job, str(series), str(tmp_path / "fresh"), HERE)
        assert outputs(out) == outputs(tmp_path / "fresh")
        GROWN.append(made)
        untouched = [name for name in before if name.startswith("images/b")]
        assert {name: stamps(out)[name] for name in untouched} == {
            name: before[name] for name in untouched
        }


def test_a_run_with_nothing_to_do_edits_nothing(series: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(MATCH, str(series), str(out), HERE)
    before = stamps(out)
    again = run(MATCH, str(series), str(out), HERE)
    assert "members" not in again.timings
    assert stamps(out) == before


@pytest.mark.parametrize("sink", ["files", "webdataset"])
def test_a_run_that_was_stopped_in_the_second_pass_goes_on_where_it_was(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sink: str
) -> None:
    job = mr.Job(key=("folder",), edits=mr.Edits(correct="match-group", format="png"), output=sink)
    done: list[str] = []
    real = members.edit_members

    def stops(*arguments: Any, **keywords: Any) -> object:
        if len(done) == 2:
            raise KeyboardInterrupt
        report = real(*arguments, **keywords)
        done.append(report.task)
        return report

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(members, "edit_members", stops)
        with pytest.raises(KeyboardInterrupt):
            run(job, str(series), str(out), HERE)
    assert len(done) == 2
    again = run(job, str(series), str(out), HERE)
    redone = {task.task for task in again.facts.tasks if task.phase == "members"}
    assert redone
    assert not redone & set(done)
    assert not [task for task in again.facts.tasks if task.phase == "map"]
    run(job, str(series), str(tmp_path / "whole"), HERE)
    assert outputs(out) == outputs(tmp_path / "whole")


def test_a_kill_while_outputs_are_removed_is_made_up_for(
    series: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    run(MATCH, str(series), str(out), HERE)
    (series / "a" / "3.png").unlink()

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        # After the outputs are gone, and before any table says so.
        patched.setattr("mrimage.commit.members.encode_arrow", stop)
        with pytest.raises(KeyboardInterrupt):
            run(MATCH, str(series), str(out), HERE)
    run(MATCH, str(series), str(out), HERE)
    assert_sound(out, capsys)
    run(MATCH, str(series), str(tmp_path / "fresh"), HERE)
    assert outputs(out) == outputs(tmp_path / "fresh")


def test_rules_may_correct_some_groups_and_an_image_may_be_in_two(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def by_folder_and_all(image: mr.Image) -> Iterator[tuple[str, object]]:
        yield image.path.split("/")[0], None
        yield "all", None

    rules = (
        mr.Rule("b", correct="exposure-group", format="png"),
        mr.Rule("all", correct="match-group", format="png"),
        mr.Rule("a", copy=True),
    )
    out = tmp_path / "out"
    assert (
        run(mr.Job(map=by_folder_and_all, rules=rules), str(series), str(out), HERE).outputs == 22
    )
    assert (out / "images/a/a/0.png").read_bytes() == (series / "a/0.png").read_bytes()
    assert spread(sorted((out / "images/all").rglob("*.png"))) < 0.5
    assert spread(sorted((out / "images/b").rglob("*.png"))) < 0.5
    assert_sound(out, capsys)


def test_a_function_of_edits_may_correct_by_group(series: Path, tmp_path: Path) -> None:
    def edits(key: str, metadata: Any) -> mr.Edits | None:
        return mr.Edits(correct="match-group", format="png") if key == "a" else None

    out = tmp_path / "out"
    assert run(mr.Job(key=("folder",), edits=edits), str(series), str(out), HERE).outputs == 8
    assert spread(sorted((out / "images/a").rglob("*.png"))) < 0.5


def test_deflicker_smooths_a_series_in_time_order(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    rng = np.random.default_rng(6)
    base = picture(2).astype(float)
    for number in range(24):
        frame = base * (1 + 0.02 * number) * (1 + 0.1 * rng.standard_normal())
        exif = Image.Exif()
        # Names go the other way round, so that they cannot be what sorts the frames.
        exif.get_ifd(0x8769)[0x9003] = f"2024:06:01 10:{number:02}:00"
        image = Image.fromarray(frame.clip(1, 250).astype(np.uint8))
        image.save(folder / f"{99 - number}.jpg", quality=98, subsampling=0, exif=exif)
    out = tmp_path / "out"
    job = mr.Job(key=("all",), edits=mr.Edits(correct="deflicker", format="png"))
    run(job, str(folder), str(out), HERE)

    def steps(paths: list[Path]) -> float:
        means = []
        for path in paths:
            with Image.open(path) as image:
                means.append(np.asarray(image, float).mean())
        return float(abs(np.diff(means)).max())

    before = sorted(folder.iterdir(), reverse=True)
    after = sorted((out / "images/all").iterdir(), reverse=True)
    assert steps(before) > 10
    assert steps(after) < 0.3 * steps(before)


def test_match_histogram_to_a_reference_is_one_pass(series: Path, tmp_path: Path) -> None:
    reference = tmp_path / "reference.png"
    draw(reference, 6)
    edits = mr.Edits(correct="match-histogram", reference=str(reference), format="png")
    out = tmp_path / "out"
    summary = run(mr.Job(key=("all",), edits=edits), str(series), str(out), HERE)
    assert "members" not in summary.timings
    with Image.open(out / "images/all/a/0.png") as first:
        assert abs(np.asarray(first, float).mean() - picture(6).mean()) < 2
    draw(reference, 7)
    with pytest.raises(SinkError, match="references"):
        run(mr.Job(key=("all",), edits=edits), str(series), str(out), HERE)


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ({"reference": "none.png", "correct": "match-histogram"}, "can be read, but none.png"),
        ({"reference": "none.png"}, "--reference needs --correct match-histogram, but got none"),
    ],
)
def test_a_reference_that_is_of_no_use_is_refused(
    series: Path, tmp_path: Path, edits: dict[str, str], expected: str
) -> None:
    with pytest.raises(UsageError, match=expected):
        run(mr.Job(edits=mr.Edits(**edits)), str(series), str(tmp_path / "out"), HERE)


# --- the user's own statistic and each ----------------------------------------------------------


def brightness(image: mr.Image) -> list[int]:
    pixels = image.thumbnail(8, 8)
    return [int(pixels.sum()), pixels.size]


def add(one: list[int], other: list[int]) -> list[int]:
    return [left + right for left, right in zip(one, other, strict=True)]


MEAN = mr.Statistic(brightness, add)


def folder_of(image: mr.Image) -> Iterator[tuple[str, object]]:
    yield image.path.split("/")[0], None


def to_the_mean(image: mr.Image, key: str, statistic: list[int]) -> Any:
    pixels = image.thumbnail(24, 24).astype(float)
    own = brightness(image)
    gain = (statistic[0] / statistic[1]) / (own[0] / own[1])
    return (pixels * gain).clip(0, 255).astype(np.uint8)


def test_each_image_is_edited_with_the_statistic_of_its_group(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    counted = mr.Job(map=folder_of, statistic=MEAN, each=to_the_mean, reduce=count)
    assert run(counted, str(series), str(out), HERE).outputs == 11 + 2
    assert spread(sorted((out / "images/a").rglob("*.png"))) < 0.3
    assert (out / "groups/a/count.json").read_text().strip() == "8"
    assert_sound(out, capsys)


def count(key: str, values: Iterator[object]) -> Iterator[mr.Output]:
    yield mr.Output("count.json", sum(1 for _ in values))


RESULTS: list[tuple[object, str | None]] = [
    (mr.Edits(resize=(6, 6), format="webp"), "0~png.webp"),
    (mr.Output("any.jpg", picture(1)), "1~png.jpg"),
    (mr.Output("facts.json", {"a": 1}), "2~png.json"),
    (Image.fromarray(picture(1)), "3.png"),
    (picture(1), "4.png"),
    (None, None),
    (picture(1)[..., 0].astype(np.uint16), "6.png"),
    (picture(1) > 80, "7.png"),
]


def test_what_each_may_return(series: Path, tmp_path: Path) -> None:
    def each(image: mr.Image, key: str, statistic: None) -> object:
        assert statistic is None
        return RESULTS[int(image.path[2])][0]

    run(mr.Job(map=folder_of, each=each), str(series), str(tmp_path / "out"), HERE)
    made = {path.name for path in (tmp_path / "out/images/a/a").iterdir()}
    assert made == {name for _, name in RESULTS if name}


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (
            lambda *_: 7,
            "to return mrimage.Edits, mrimage.Output, pixels or None, but it returned 7",
        ),
        (lambda *_: 1 / 0, "raised ZeroDivisionError: division by zero ("),
        (lambda *_: sys.exit(3), "raised SystemExit: 3"),
        (lambda *_: mr.Edits(quality=700), "to return valid edits, but Edits.quality needs"),
        (
            lambda *_: mr.Edits(correct="match-group"),
            "to return valid edits, but correct match-group",
        ),
        (lambda *_: mr.Output("x", b"1"), "whose name has an extension"),
        (lambda *_: mr.Output("x.png", {}), "to return an Output that can be written"),
        (lambda *_: np.zeros((2, 2, 9)), "to return pixels, but bool, uint8"),
    ],
)
def test_an_each_that_fails_is_reported_like_a_mapper(
    series: Path, each: Callable[..., Any], expected: str
) -> None:
    path = series / "a" / "0.png"
    member = Member("a", OWN, "", encode_value(None), None)
    image = ImageMembers(
        Entry(str(path), "a/0.png", path.stat().st_size, ""), (member,), encode_value({})
    )
    job = mr.Job(map=folder_of, each=each)
    failure = edit_member_image(
        Plan(job, "photos", "out"), image, Buffer(path.read_bytes())
    ).failure
    assert failure
    assert (failure.stage, failure.reason) == ("members", "mapper-failed")
    assert expected in failure.message
    assert "test_group_edits.py, line" in failure.message


def test_an_each_that_always_fails_ends_the_run(series: Path, tmp_path: Path) -> None:
    job = mr.Job(map=folder_of, each=lambda *_: 7)
    with pytest.raises(JobError, match="failed on all of the 11 images that reached it"):
        run(job, str(series), str(tmp_path / "out"), HERE)


def fails_on(name: str, image: mr.Image, key: str, statistic: object) -> mr.Edits:
    if image.path == name:
        raise ValueError(name)
    return mr.Edits(resize=(8, 8), format="png")


def test_an_image_that_fails_in_the_pass_is_quarantined_and_can_be_tried_again(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    job = mr.Job(map=folder_of, statistic=MEAN, each=partial(fails_on, "a/2.png"))
    summary = run(job, str(series), str(out), HERE)
    assert (summary.processed, summary.quarantined, summary.outputs) == (10, 1, 10)
    (row,) = published(out, "quarantine.parquet")
    assert (row["stage"], row["reason"]) == ("members", "mapper-failed")
    assert "ValueError: a/2.png (" in str(row["message"])
    assert "test_group_edits.py, line" in str(row["message"])
    assert_sound(out, capsys)
    # The same again is not tried again, and a corrected function edits all images anew.
    assert "members" not in run(job, str(series), str(out), HERE).timings
    corrected = mr.Job(map=folder_of, statistic=MEAN, each=partial(fails_on, "b/1.png"))
    again = run(corrected, str(series), str(out), HERE)
    assert not [task for task in again.facts.tasks if task.phase == "map"]
    assert (again.processed, again.quarantined, again.outputs) == (10, 1, 10)
    assert_sound(out, capsys)


def flaky(image: mr.Image, key: str, statistic: object) -> mr.Edits:
    if image.path in os.environ.get("FLAKY", "").split():
        raise OSError("the license server is down")
    return mr.Edits(format="png")


RETRIED = mr.Job(map=folder_of, each=flaky)


def test_retry_edits_the_images_that_failed_in_the_pass(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FLAKY", "a/1.png b/0.png")
        run(RETRIED, str(series), str(out), HERE)
    assert len(published(out, "quarantine.parquet")) == 2
    before = stamps(out)
    arguments = [
        "retry",
        str(out),
        "--job",
        f"{__name__}:RETRIED",
        "--workers",
        "1",
        "--no-thumbnails",
    ]
    assert main(arguments) == 0, capsys.readouterr().err
    assert published(out, "quarantine.parquet") == []
    assert len(outputs(out)) == 11
    assert all(stamps(out)[name] == before[name] for name in before)
    assert_sound(out, capsys)


def not_plain(image: mr.Image) -> object:
    return {1, 2} if image.path == "none" else memoryview(b"1")


def never(one: Any, other: Any) -> Any:
    raise KeyError("no such bin")


def unfit(one: Any, other: Any) -> Any:
    return object()


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        (mr.Statistic(not_plain, add), "Expected the statistic .*:not_plain to return plain data"),
        (mr.Statistic(brightness, never), "The merge .*:never failed on key 'a'. KeyError"),
        (mr.Statistic(brightness, unfit), "Expected the merge .*:unfit to return plain data"),
    ],
)
def test_a_statistic_that_is_of_no_use_is_reported_with_its_line(
    series: Path, tmp_path: Path, statistic: mr.Statistic, expected: str
) -> None:
    job = mr.Job(map=folder_of, statistic=statistic, each=to_the_mean)
    with pytest.raises(JobError, match=expected) as caught:
        run(job, str(series), str(tmp_path / "out"), GO_ON)
    assert "test_group_edits.py, line" in str(caught.value)


def weighed(one: list[int], other: list[int]) -> list[int]:
    return [max(left, right) for left, right in zip(one, other, strict=True)]


def test_a_changed_merge_keeps_the_map_and_a_changed_statistic_does_not(
    series: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job = mr.Job(map=folder_of, statistic=MEAN, each=to_the_mean)
    run(job, str(series), str(out), HERE)
    before = outputs(out)
    changed = mr.Job(map=folder_of, statistic=mr.Statistic(brightness, weighed), each=to_the_mean)
    again = run(changed, str(series), str(out), HERE)
    assert not [task for task in again.facts.tasks if task.phase == "map"]
    assert outputs(out) != before
    for other in (
        mr.Job(map=folder_of, statistic=mr.Statistic(not_plain, add), each=to_the_mean),
        mr.Job(map=folder_of, statistic=None, each=None),
    ):
        with pytest.raises(SinkError, match=r"statistic|edit of each image"):
            run(other, str(series), str(out), HERE)


def test_the_merge_is_in_the_order_of_the_images_whatever_the_splits(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(image: mr.Image) -> str:
        return image.path

    def joined(one: str, other: str) -> str:
        return f"{one} {other}"

    def shows(image: mr.Image, key: str, statistic: str) -> mr.Output:
        return mr.Output("x.txt", statistic)

    job = mr.Job(map=folder_of, statistic=mr.Statistic(names, joined), each=shows)
    run(job, str(series), str(tmp_path / "out"), HERE)
    text = (tmp_path / "out/images/b/b/0~png.txt").read_text()
    assert text == "b/0.png b/1.png b/2.png"


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (mr.Job(statistic=MEAN), "statistic is for the job's own each"),
        (mr.Job(each=to_the_mean, edits=mr.Edits()), "each says what becomes of every image"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    series: Path, tmp_path: Path, job: mr.Job, expected: str
) -> None:
    with pytest.raises(UsageError, match=expected):
        run(job, str(series), str(tmp_path / "out"), HERE)


def test_a_statistic_needs_functions() -> None:
    with pytest.raises(UsageError, match=r"Statistic\.merge needs a function, but got 7"):
        mr.Statistic(brightness, 7)  # type: ignore[arg-type]


def test_a_group_correction_needs_a_group(series: Path) -> None:
    image = mr.open_image(series / "a" / "0.png")
    with pytest.raises(UsageError, match="needs the other images of the group"):
        image.edited(mr.Edits(correct="match-group"))


def test_each_makes_shards_of_images_only(series: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = mr.Job(map=folder_of, each=to_the_mean, statistic=MEAN, output="webdataset")
    run(job, str(series), str(out), HERE)
    store = open_store(str(out))
    shards = [path.relative_to(out) for path in (out / "images").glob("*.tar")]
    assert sum(1 for shard in shards for _ in read_shard(store, str(shard))) == 11
    text = mr.Job(map=folder_of, each=lambda *_: mr.Output("a.txt", "1"), output="webdataset")
    with pytest.raises(JobError, match="to return images, because --output webdataset"):
        run(text, str(series), str(tmp_path / "text"), HERE)
