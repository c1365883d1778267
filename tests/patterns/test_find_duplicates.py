"""``--find duplicates``: which copies are found in a whole source, what they are called, and what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

import mrimage as mr
from mrimage.cli.main import main
from mrimage.flow import rounds
from mrimage.flow.run import RunOptions, run

HERE = RunOptions(workers=1, thumbnails=False)


def scene(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """A picture with shapes of its own, like no other."""
    chance = np.random.default_rng(seed)
    picture = Image.new("RGB", (width, height), tuple(chance.integers(0, 256, 3).tolist()))
    draw = ImageDraw.Draw(picture)
    for _ in range(25):
        x, y = chance.integers(0, width), chance.integers(0, height)
        w, h = chance.integers(10, width // 3, 2)
        color = tuple(chance.integers(0, 256, 3).tolist())
        shape = draw.ellipse if chance.random() < 0.5 else draw.rectangle
        shape((x - w // 2, y - h // 2, x + w // 2, y + h // 2), color)
    return picture.filter(ImageFilter.GaussianBlur(1))


def copies_of(picture: Image.Image, folder: Path, exif: Image.Exif | None = None) -> None:
    """Save one picture in many ways; each file's name begins with what it should be called."""
    folder.mkdir(parents=True)
    picture.save(folder / "original.jpg", quality=95)
    (folder / "exact.jpg").write_bytes((folder / "original.jpg").read_bytes())
    with Image.open(folder / "original.jpg") as decoded:
        decoded.save(folder / "re-encoded.webp", quality=80)
        decoded.resize((160, 120)).save(folder / "resized.jpg", quality=90)
        ImageEnhance.Brightness(decoded).enhance(0.7).save(folder / "toned.jpg", quality=90)
        decoded.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "mirrored.jpg")
        decoded.transpose(Image.Transpose.ROTATE_270).save(folder / "turned 90.jpg")
        decoded.transpose(Image.Transpose.ROTATE_180).save(folder / "turned 180.jpg")
        decoded.crop((40, 20, 40 + 256, 20 + 192)).save(folder / "cropped.jpg", quality=90)


def found_in(out: Path, rows: Any) -> list[dict[str, Any]]:
    return [row | {"name": Path(row["uri"]).stem} for row in rows(out, "duplicates")]


def test_each_copy_is_found_and_called_what_it_is_across_keys(
    tmp_path: Path, rows: Any, plain_report: None
) -> None:
    for number in range(3):
        copies_of(scene(number), tmp_path / "photos" / f"{number}")
    out = tmp_path / "out"
    run(
        mr.Job(key=("format", "folder"), find="duplicates"),
        str(tmp_path / "photos"),
        str(out),
        HERE,
    )
    found = found_in(out, rows)
    assert len(found) == 27, sorted(row["uri"][-20:] for row in found)
    for cluster in range(3):
        members = [row for row in found if row["cluster"] == cluster]
        assert {Path(row["uri"]).parent.name for row in members} == {str(cluster)}
        kept = members[0]
        assert (kept["keep"], kept["kind"], kept["saved"]) == (True, None, 0)
        # The exact copy is the first by name.
        assert kept["name"] == "exact"
        kinds = {row["name"]: row["kind"] for row in members[1:]}
        assert kinds.pop("original") == "exact"
        assert all(name == kind for name, kind in kinds.items()), kinds
        (cropped,) = [row for row in members if row["name"] == "cropped"]
        assert np.allclose(cropped["rectangle"], (40, 20, 256, 192), atol=8)
        assert cropped["saved"] == cropped["bytes"] > 0
        reasons = {row["name"]: row["reason"] for row in members}
        assert (reasons["resized"], reasons["original"]) == ("more pixels", "first by name")


def test_flat_pictures_gradients_pages_and_logos_are_no_copies_of_each_other(
    tmp_path: Path, rows: Any, plain_report: None
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    chance = np.random.default_rng(0)
    for number in range(6):
        color = tuple(chance.integers(0, 256, 3).tolist())
        Image.new("RGB", (120, 90), color).save(photos / f"flat-{number}.png")
        blank = chance.normal(245, 2, (200, 150)).clip(0, 255).astype(np.uint8)
        Image.fromarray(blank).save(photos / f"blank-{number}.jpg", quality=70)
        ramp = np.linspace(10 * number, 255 - 5 * number, 120)[:, None, None]
        rising = (ramp * np.array(color) / 255).repeat(160, axis=1)
        Image.fromarray(rising.astype(np.uint8)).save(photos / f"gradient-{number}.jpg")
        page = Image.new("RGB", (320, 450), "white")
        text = ["".join(chance.choice(list("etaoin shrdlu"), 36)) for _ in range(30)]
        ImageDraw.Draw(page).multiline_text((25, 30), "\n".join(text), "black", font_size=11)
        page.save(photos / f"page-{number}.jpg", quality=85)
        logo = Image.new("RGB", (200, 200), "white")
        draw = ImageDraw.Draw(logo)
        if number < 3:
            draw.regular_polygon((100, 100, 60), 3 + number, 0, color)
        else:
            for bar in range(number):
                draw.rectangle((40, 40 + 30 * bar, 160, 50 + 30 * bar), color)
        logo.save(photos / f"logo-{number}.png")
    out = tmp_path / "out"
    run(mr.Job(find="duplicates"), str(photos), str(out), HERE)
    assert found_in(out, rows) == []


def test_strictness_decides_what_counts_and_shots_of_a_burst_never_do(
    tmp_path: Path, rows: Any, plain_report: None
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    picture = scene(7)
    for number, second in enumerate(("01", "02")):
        exif = Image.Exif()
        exif[0x0110] = "Camera"
        exif.get_ifd(0x8769)[0x9003] = f"2024:06:01 10:00:{second}"
        picture.save(photos / f"burst-{number}.jpg", quality=90 + number, exif=exif)
    small = picture.resize((160, 120))
    small.save(photos / "small.jpg")
    small.transpose(Image.Transpose.ROTATE_180).save(photos / "turned.jpg")
    names = {}
    for similar in ("copies", "same-picture"):
        out = tmp_path / similar
        job = mr.Job(find="duplicates", similar=similar, keep="original")
        run(job, str(photos), str(out), HERE)
        names[similar] = [(row["name"], row["kind"], row["reason"]) for row in found_in(out, rows)]
    # Of the two shots, only the earlier one is kept for the small copy.
    assert names["copies"] == [
        ("burst-0", None, "has EXIF"),
        ("small", "resized", "has EXIF"),
    ]
    assert sorted(row[:2] for row in names["same-picture"]) == [
        ("burst-0", None),
        ("small", "resized"),
        ("turned", "turned 180"),
    ]


def test_a_grown_source_has_the_clusters_of_a_fresh_run(
    tmp_path: Path, rows: Any, plain_report: None
) -> None:
    photos = tmp_path / "photos"
    copies_of(scene(1), photos / "1")
    job = mr.Job(find="duplicates")
    run(job, str(photos), str(tmp_path / "grown"), HERE)
    copies_of(scene(2), photos / "2")
    (photos / "1" / "exact.jpg").unlink()
    run(job, str(photos), str(tmp_path / "grown"), HERE)
    run(job, str(photos), str(tmp_path / "fresh"), HERE)
    grown = (tmp_path / "grown/duplicates.parquet").read_bytes()
    assert grown == (tmp_path / "fresh/duplicates.parquet").read_bytes()
    assert len(rows(tmp_path / "fresh", "duplicates")) == 17


def test_the_folder_that_comes_first_in_the_list_has_the_copy_to_keep(
    tmp_path: Path, rows: Any, plain_report: None
) -> None:
    photos = tmp_path / "photos"
    for folder in ("album", "camera"):
        (photos / folder).mkdir(parents=True)
    scene(3).save(photos / "camera" / "large.png")
    scene(3).resize((200, 150)).save(photos / "album" / "small.png")
    out = tmp_path / "out"
    job = mr.Job(find="duplicates", keep=("album", "camera"))
    run(job, str(photos), str(out), HERE)
    kept = [(row["name"], row["keep"], row["reason"]) for row in found_in(out, rows)]
    reason = "in the preferred folder"
    assert kept == [("small", True, reason), ("large", False, reason)]


def test_a_picture_is_looked_up_in_a_run_and_two_runs_are_compared(
    tmp_path: Path, plain_report: None, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        copies_of(scene(number), tmp_path / f"photos{number}" / "all")
    (tmp_path / "photos1/all/shared.jpg").write_bytes(
        (tmp_path / "photos0/all/turned 90.jpg").read_bytes()
    )
    outs = [str(tmp_path / f"out{number}") for number in range(2)]
    for number, out in enumerate(outs):
        run(mr.Job(find="duplicates"), str(tmp_path / f"photos{number}"), out, HERE)
    new = tmp_path / "new.png"
    scene(0).resize((280, 210)).save(new)
    unknown = tmp_path / "unknown.png"
    scene(9).save(unknown)
    capsys.readouterr()
    assert main(["similar", outs[0], str(new), str(unknown), "--json", "--limit", "20"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    kinds = {Path(match["uri"]).stem: match["kind"] for match in first["similar"]}
    assert len(kinds) == 9
    assert (kinds["original"], kinds["mirrored"]) == ("resized", "mirrored")
    assert (kinds["turned 90"], kinds["cropped"]) == ("turned 90", "cropped")
    assert second == {"file": str(unknown), "similar": []}
    assert main(["similar", outs[0], str(unknown)]) == 3
    assert main(["similar", outs[0], "--against", outs[1], "--json"]) == 0
    shared = [json.loads(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert [Path(row["file"]).stem for row in shared] == ["shared"]
    assert shared[0]["similar"][0]["kind"] == "exact"
    assert main(["similar", outs[0]]) == 2


def test_the_report_shows_copies_side_by_side_and_groups_that_share_pictures(
    tmp_path: Path, real_report: None, capsys: pytest.CaptureFixture[str]
) -> None:
    copies_of(scene(0), tmp_path / "photos" / "a")
    (tmp_path / "photos/b").mkdir()
    (tmp_path / "photos/a/mirrored.jpg").rename(tmp_path / "photos/b/other.jpg")
    out = tmp_path / "out"
    job = mr.Job(key="folder", find="duplicates")
    run(job, str(tmp_path / "photos"), str(out), RunOptions(workers=1))
    found = json.loads((out / "summary.json").read_bytes())["duplicates"]
    assert (found["total"], found["extra"]) == (1, 8)
    kinds = {kind: images for kind, images, _ in found["kinds"]}
    assert kinds["mirrored"] == kinds["cropped"] == 1
    assert found["shared"] == [["a", "b", 1]]
    (cluster,) = found["clusters"]
    assert cluster["images"][0]["keep"]
    assert "to keep" in cluster["images"][0]["kind"]
    page = (out / "report.html").read_text()
    assert "Groups that share pictures" in page
    assert main(["query", str(out), "SELECT count(*) AS n FROM duplicates", "--format", "csv"]) == 0
    assert capsys.readouterr().out.split()[-1] == "9"
    assert main(["verify", str(out)]) == 0


def test_a_program_leaves_the_compacted_tables_of_another_one_alone(
    tmp_path: Path, plain_report: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "is_worth_compacting", lambda parts, *_: parts > 0)
    copies_of(scene(0), tmp_path / "photos" / "a")
    out = tmp_path / "out"
    run(mr.Job(find=("duplicates", "clusters")), str(tmp_path / "photos"), str(out), HERE)
    assert len(list(out.glob("_run/rounds/*/table-*"))) > 1
    assert main(["verify", str(out)]) == 0
