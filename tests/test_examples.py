"""The worked examples, run as their first lines say, on a part of the demo."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mrimage.demo.cameras import TRIPS
from mrimage.demo.photos import find_photos
from mrimage.demo.variants import FILES

EXAMPLES = Path(__file__).parents[1] / "examples"
PARTS = (
    "trips/",
    "color/",
    "damaged/text.jpg",
    "originals/coffee",
    "originals/motorcycle",
    "README.txt",
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "photos"
    wheel = find_photos()
    for file in FILES:
        if file.path.startswith(PARTS):
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.make(wheel))
    return folder


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_job(name: str, photos: Path, out: Path) -> str:
    return run(
        "-m", "mrimage", "run", photos, out, "--job", EXAMPLES / name, "--quiet", "--no-thumbnails"
    )


def shots() -> Counter[str]:
    """Images per camera, as the demo's own list has them: each trip shows every scene twice."""
    count = Counter({trip.camera.model: 0 for trip in TRIPS})
    for trip in TRIPS:
        count[trip.camera.model] += 2 * len(trip.photos)
    return count


def groups(out: Path) -> dict[str, int]:
    table = pq.read_table(out / "groups.parquet")
    return dict(zip(table["key"].to_pylist(), table["images"].to_pylist(), strict=True))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image).astype(int)


def test_every_camera_gets_a_contact_sheet(photos: Path, tmp_path: Path) -> None:
    printed = run(EXAMPLES / "by_camera_contact_sheet.py", photos, tmp_path / "out")
    cameras = groups(tmp_path / "out")
    assert str(tmp_path / "out" / "report.html") in printed
    assert Counter(cameras) - Counter(unknown=cameras["unknown"]) == shots()
    for camera in cameras:
        sheet = pixels(tmp_path / "out" / "groups" / camera / "sheet.jpg")
        assert sheet.std() > 5  # a blank sheet has no spread
    rows = pq.read_table(tmp_path / "out" / "quarantine.parquet").to_pylist()
    assert [(Path(row["uri"]).name, row["reason"]) for row in rows] == [
        ("text.jpg", "not-an-image")
    ]


def test_hues_are_counted_decade_by_decade(photos: Path, tmp_path: Path) -> None:
    run(EXAMPLES / "hue_count.py", photos, tmp_path / "out")
    expected = Counter[str]()
    for trip in TRIPS:
        expected[f"{trip.start.year // 10}0s"] += 2 * len(trip.photos)
    counted = {
        path.parent.name: msgspec.json.decode(path.read_bytes())
        for path in tmp_path.glob("out/groups/*/hues.json")
    }
    assert {
        decade: count["images"] for decade, count in counted.items() if decade != "undated"
    } == expected
    assert all(sum(count["hues"].values()) == count["images"] for count in counted.values())
    assert (
        counted["2010s"]["hues"]["azure"] == 2
    )  # the rocket, from afar and from near, against the evening sky


def test_images_are_clustered_by_color(photos: Path, tmp_path: Path) -> None:
    run(EXAMPLES / "kmeans_colors.py", photos, tmp_path / "out")
    folder = tmp_path / "out/groups/kmeans"
    centers = np.array(msgspec.json.decode((folder / "centers.json").read_bytes()))
    assert centers.shape == (5, 3)
    lines = (folder / "clusters.csv").read_text().splitlines()[1:]
    clusters = Counter(line.rpartition(",")[2].strip('"') for line in lines)
    assert len(lines) == sum(groups(tmp_path / "out").values())
    assert clusters.keys() == set("01234")
    # No center is another one's, and they are in the order of the first, which were sorted by red.
    assert len({tuple(center) for center in centers.tolist()}) == 5


def test_photographs_of_one_minute_are_joined(tmp_path: Path) -> None:
    pair = tmp_path / "pair"
    pair.mkdir()
    shots = [("a.jpg", "A", "12:30:20"), ("b.jpg", "B", "12:30:55"), ("c.jpg", "A", "12:31:00")]
    for name, model, clock in shots:
        exif = Image.Exif()
        exif[0x0110] = model
        exif.get_ifd(0x8769)[0x9003] = f"2024:06:01 {clock}"
        Image.new("RGB", (16, 12)).save(pair / name, exif=exif)
    run(EXAMPLES / "same_minute.py", pair, tmp_path / "out")
    found = msgspec.json.decode((tmp_path / "out/groups/same_minute/pairs.json").read_bytes())
    assert found == [
        {
            "minute": "2024-06-01 12:30",
            "camera": "A",
            "uri": str(pair / "a.jpg"),
            "other_camera": "B",
            "other": str(pair / "b.jpg"),
        }
    ]


def test_every_color_space_becomes_srgb(photos: Path, tmp_path: Path) -> None:
    run_job("color_space_convert.toml", photos, tmp_path / "out")
    images = tmp_path / "out" / "images"
    assert {"srgb", "adobe-rgb", "display-p3", "cmyk", "lab"} <= {
        folder.name for folder in images.iterdir()
    }
    assert {path.suffix for path in images.rglob("*") if path.is_file()} == {".webp"}
    with Image.open(photos / "originals/motorcycle_left.png") as image:
        original = np.asarray(image).astype(int)
    for space in ("adobe-rgb", "display-p3"):
        converted = pixels(images / space / "color" / f"motorcycle-{space}~jpg.webp")
        assert (
            np.abs(converted - original).mean() < 5
        )  # two lossy encodings; unconverted numbers are further off


def test_a_training_set_has_one_size_and_one_folder_a_class(photos: Path, tmp_path: Path) -> None:
    run_job("training_set.toml", photos, tmp_path / "out")
    outputs = [path for path in (tmp_path / "out" / "images").rglob("*") if path.is_file()]
    processed = [
        row
        for row in pq.read_table(tmp_path / "out" / "catalogue").to_pylist()
        if row["status"] == "processed"
    ]
    assert len(outputs) == len(processed) > 60
    for path in outputs:
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (224, 224))
    assert all(row["phash"] is not None and row["sharpness"] is not None for row in processed)
    classes = {f"trips/{trip.folder}" for trip in TRIPS} | {"color", "originals"}
    assert set(groups(tmp_path / "out")) == classes


def test_a_training_set_in_buckets_leaves_panoramas_out(tmp_path: Path) -> None:
    source = tmp_path / "photos"
    source.mkdir()
    sizes = {"wide": (90, 60), "square": (60, 60), "upright": (70, 90), "panorama": (120, 30)}
    for name, size in sizes.items():
        Image.new("RGB", size, (90, 120, 30)).save(source / f"{name}.png")
    run_job("training_buckets.toml", source, tmp_path / "out")
    images = tmp_path / "out" / "images"
    assert sorted(str(path.relative_to(images)) for path in images.rglob("*.jpg")) == [
        "1024x1024/square~png.jpg",
        "1216x832/wide~png.jpg",
        "896x1152/upright~png.jpg",
    ]
    for path in images.rglob("*.jpg"):
        with Image.open(path) as image:
            assert f"{image.width}x{image.height}" == path.parent.name
    assert groups(tmp_path / "out")["2048x512"] == 1  # in its group, but without an output


def test_an_even_series_has_one_mean_in_each_folder(photos: Path, tmp_path: Path) -> None:
    run(EXAMPLES / "even_series.py", photos / "trips", tmp_path / "out")
    folders = [folder for folder in (tmp_path / "out/images").iterdir() if folder.is_dir()]
    assert len(folders) == len(TRIPS)
    for folder in folders:
        means = []
        for path in folder.rglob("*.jpg"):
            with Image.open(path) as image:
                means.append(float(np.asarray(image).mean()))
        # Highlights that are cut off lower the mean of some, but not of most.
        middle = np.median(means)
        assert np.median(np.abs(np.array(means) - middle)) < 3
