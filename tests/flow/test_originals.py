"""Originals copied into folders, with their sidecars, under names from the catalogue."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main
from mrimage.job.name_template import read_template
from mrimage.sink.templated import templated_path
from mrimage.source.sidecars import with_sidecars
from mrimage.storage import Item

Rows = Callable[[Path, str], list[dict[str, object]]]

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" xmp:Label="Red"
 xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:subject><rdf:Bag><rdf:li>owl</rdf:li><rdf:li>night</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def photograph(path: Path, taken: str, camera: str, value: int) -> None:
    exif = Image.Exif()
    exif[0x0110] = camera
    exif.get_ifd(0x8769)[0x9003] = taken
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (value, 9, 9)).save(path, "JPEG", exif=exif)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two cards with the same names, a RAW file beside its JPEG, and sidecars."""
    folder = tmp_path / "archive"
    photograph(folder / "card1/IMG_1.JPG", "2023:05:01 10:00:00", "X100", 1)
    photograph(folder / "card2/IMG_1.JPG", "2023:07:01 10:00:00", "X100", 2)
    photograph(folder / "top.jpg", "2024:01:02 03:04:05", "Z 9", 3)
    Image.new("L", (4, 4)).save(folder / "scan.png")
    # A DNG is a TIFF: its header is all that a copy needs.
    Image.new("RGB", (16, 12)).save(folder / "card1/IMG_1.DNG", "TIFF")
    (folder / "card1/IMG_1.xmp").write_bytes(XMP)
    (folder / "top.jpg.xmp").write_bytes(XMP)
    (folder / "alone.xmp").write_bytes(XMP)
    return folder


def run(source: Path, out: Path, *options: str) -> int:
    common = ["--workers", "1", "--quiet", "--no-thumbnails"]
    return main(["run", str(source), str(out), *common, *options])


def made(out: Path) -> list[str]:
    folder = out / "images"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


SORTED = ("--output", "originals", "--name", "{year}/{camera}/{stem}")


@pytest.mark.usefixtures("plain_report")
def test_an_archive_is_sorted_with_its_sidecars_and_the_second_time_does_nothing(
    archive: Path, tmp_path: Path, rows: Rows
) -> None:
    out = tmp_path / "out"
    assert run(archive, out, *SORTED) == 0
    names = made(out)
    [card1, card2] = [name for name in names if name.startswith("2023/")]
    assert card1 != card2
    assert {name.rpartition("~")[0] for name in (card1, card2)} == {"2023/X100/IMG_1"}
    hash_of_card1 = next(name for name in names if name.endswith(".DNG"))[-16:-4]
    assert names == sorted(
        [
            card1,
            card2,
            "2024/Z 9/top.jpg",
            "2024/Z 9/top.jpg.xmp",
            f"unknown/unknown/IMG_1~{hash_of_card1}.DNG",
            f"unknown/unknown/IMG_1~{hash_of_card1}.xmp",
            "unknown/unknown/scan.png",
        ]
    )
    # The RAW file, its JPEG and its sidecar keep a common name.
    assert hash_of_card1 in card1 + card2
    originals = {
        path.read_bytes()
        for path in archive.rglob("*")
        if path.name != "alone.xmp" and path.is_file()
    }
    assert {(out / "images" / name).read_bytes() for name in names} == originals
    raw = next(row for row in rows(out, "catalogue") if str(row["uri"]).endswith("DNG"))
    assert raw["sidecar"] == "card1/IMG_1.xmp"
    assert (raw["sidecar_rating"], raw["sidecar_label"]) == (4, "Red")
    assert raw["sidecar_keywords"] == ["owl", "night"]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert run(archive, out, *SORTED) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == before
    assert main(["verify", str(out)]) == 0
    (out / "images/2024/Z 9/top.jpg.xmp").unlink()
    assert main(["verify", str(out), "--repair", "--workers", "1"]) == 0
    assert made(out) == names


@pytest.mark.usefixtures("plain_report")
def test_a_changed_sidecar_and_a_vanished_original_are_followed(
    archive: Path, tmp_path: Path, rows: Rows
) -> None:
    out = tmp_path / "out"
    options = ["--output", "originals", "--key", "format"]
    assert run(archive, out, *options) == 0
    assert made(out) == [
        "jpeg/card1/IMG_1.JPG",
        "jpeg/card2/IMG_1.JPG",
        "jpeg/top.jpg",
        "jpeg/top.jpg.xmp",
        "png/scan.png",
        *[name for name in made(out) if name.startswith(("raw", "tiff"))],
    ]
    (archive / "top.jpg.xmp").write_bytes(XMP.replace(b'"4"', b'"5"'))
    (archive / "card1/IMG_1.xmp").unlink()
    (archive / "scan.png").unlink()
    assert run(archive, out, *options) == 0
    assert b'"5"' in (out / "images/jpeg/top.jpg.xmp").read_bytes()
    assert not [name for name in made(out) if "scan" in name or name.endswith("IMG_1.xmp")]
    shutil.rmtree(out)
    assert (archive / "card1/IMG_1.DNG").exists()


def test_each_sidecar_goes_to_one_image_and_none_is_lost() -> None:
    names = ["a.xmp", "a.CR2", "a.DNG", "a.jpg", "a.CR2.xmp", "b.jpg", "b.xmp", "c.NEF", "c.XMP"]
    items = [Item(f"x/{name}", 1, "1") for name in names]
    for by_folder in (True, False):
        pairs = {
            item.path[2:]: sidecar and sidecar.path[2:]
            for item, sidecar in with_sidecars(items, by_folder=by_folder)
        }
        assert pairs == {
            "a.CR2": "a.CR2.xmp",
            "a.DNG": "a.xmp",
            "a.jpg": None,
            "b.jpg": None,
            "b.xmp": None,
            "c.NEF": "c.XMP",
        }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "originals", "--resize", "8x8"], "--output originals copies images as they"),
        (["--name", "{stem}"], "--name needs images to name"),
        (["--name", "../{stem}", "--format", "png"], "--name needs a template"),
        (["--name", "/x", "--format", "png"], "--name needs a template"),
        (["--name", "{year", "--format", "png"], "--name needs a template"),
        (["--name", "a{path}", "--format", "png"], "--name needs a template"),
        (["--name", "{yaer}/{stem}", "--format", "png"], 'Did you mean "year"'),
        (["--name", "{stem}", "--format", "png", "--output", "parquet"], "--name is for files"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    archive: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    assert run(archive, tmp_path / "out", *options) in (1, 2)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_job_of_several_keys_needs_the_key_in_its_names(archive: Path, tmp_path: Path) -> None:
    def both(image):
        yield "one", None
        yield "two", None

    job = mr.Job(map=both, output="originals", output_name="{stem}")
    with pytest.raises(mr.UsageError, match="in a job with its own map"):
        mr.run(job, archive, tmp_path / "out", workers=1, thumbnails=False)


@pytest.mark.usefixtures("plain_report")
def test_edited_images_are_named_by_the_template_in_both_passes(
    archive: Path, tmp_path: Path
) -> None:
    name = ["--name", "{taken_at:%Y-%m}/{key}/{stem}"]
    assert run(archive, tmp_path / "one", "--key", "all", "--format", "png", *name) == 0
    options = ["--key", "all", "--format", "png", "--correct", "exposure-group", *name]
    assert run(archive, tmp_path / "two", *options) == 0
    assert "2024-01/all/top~jpg.png" in made(tmp_path / "one")
    assert made(tmp_path / "two") == made(tmp_path / "one")


def test_the_dry_run_says_what_is_copied_and_how_it_is_named(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(archive, tmp_path / "out", *SORTED, "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "images/{year}/{camera}/{stem}, the originals, with their sidecars" in printed
    assert "none: the originals are copied" in printed


NAME = st.text("aB~.%/ é-", min_size=1, max_size=12).filter(
    lambda text: all(part.strip(".") for part in text.split("/"))
)
VALUES = st.fixed_dictionaries({"camera": st.text("a/.~ é", max_size=6)})
TEMPLATES = [
    "{stem}",
    "{camera}/{stem}",
    "{camera}{stem}",
    "{camera}",
    "{camera}/{path}",
    "{folder}/x",
]


@given(NAME, NAME, VALUES, VALUES, st.sampled_from(TEMPLATES), st.sampled_from(["jpg", "a"]))
def test_no_template_gives_two_images_one_name_or_leaves_out(
    one: str, other: str, its: dict[str, str], others: dict[str, str], text: str, extension: str
) -> None:
    template = read_template(text)
    names = [
        templated_path(template, values, "key", path, extension)
        for path, values in ((one, its), (other, others))
    ]
    assert one == other or names[0] != names[1]
    for name in names:
        folders = name.split("/")
        assert folders[0] == "images"
        assert not {"", ".", ".."} & set(folders)
        assert all(len(folder.encode()) <= 255 for folder in folders)
