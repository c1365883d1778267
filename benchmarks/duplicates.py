"""How many changed copies ``--find duplicates`` finds, and how many false pairs; and how it scales.

    python -m benchmarks.duplicates quality 10
    python -m benchmarks.duplicates scale 1000000

``quality N`` changes each Nth picture of ``pictures`` in all the ways of TRANSFORMS, and looks for the
copies among all of these files and DISTRACTORS that look alike. ``scale`` makes signatures without
images: a tenth of them in clusters, and hot bands.
"""

from __future__ import annotations

import io
import random
import re
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

import mrimage as mr
from benchmarks.corpus import CACHE, CLIPART, package, wallpapers
from mrimage.commit.task_writer import TaskWriter
from mrimage.engine import EngineOptions, open_engine
from mrimage.flow.budget import Budget
from mrimage.flow.execution import Execution
from mrimage.flow.programs import drive
from mrimage.flow.progress import Silent
from mrimage.flow.rounds import RoundRunner
from mrimage.flow.run import RunOptions, run
from mrimage.flow.tables import Tables
from mrimage.job.job import Plan
from mrimage.patterns import programs_of
from mrimage.sink.files import FileSink
from mrimage.storage import open_store
from mrimage.types import Attempt

SIDE = 640
"""The longer side of the original pictures."""

PHOTOGRAPHS = ("lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "ukui-wallpapers")
GAMES = "gcompris-qt-data"
GAMES_WITH_PICTURES = (
    "categorization",
    "clickgame",
    "erase",
    "explore_farm_animals",
    "explore_monuments",
    "explore_world_animals",
    "explore_world_music",
    "lang",
    "solar_system",
)
"""Resources of a collection of games. Most of their pictures are photographs."""

SMALLEST = 150
"""Pixels of the shorter side of an original, at least."""

LARGEST = 1_000_000
"""Bytes of a drawing, at most."""

LEAST_CONTRAST = 8
"""Originals with a smaller deviation of their levels are left out: they are nearly flat."""

Picture = Image.Image


def pictures() -> Iterator[tuple[str, Picture]]:
    """Yield the originals by name: one of each wallpaper, and the pictures of games."""
    seen = set()
    paths = list(wallpapers())
    for name in PHOTOGRAPHS:
        paths += sorted(package(name).rglob("*.jpg"))
    for path in paths:
        # A wallpaper of Plasma is a folder with the picture in several sizes and crops.
        name = path.parents[2].name if path.parent.parent.name == "contents" else path.stem
        name = re.split(r"_\d+x\d+", name)[0]
        if name in seen or path.is_symlink():
            continue
        seen.add(name)
        with Image.open(path) as image:
            picture = _normal(image)
        if _has_contrast(picture):
            yield name, picture
    for game in GAMES_WITH_PICTURES:
        (file,) = package(GAMES).rglob(f"{game}.rcc")
        for number, data in enumerate(_webp_files(file.read_bytes())):
            with Image.open(io.BytesIO(data)) as image:
                picture = _normal(image)
            if min(picture.size) >= SMALLEST and _has_contrast(picture):
                yield f"{game}-{number:03}", picture


def _has_contrast(picture: Picture) -> bool:
    return float(np.asarray(picture.convert("L")).std()) >= LEAST_CONTRAST


def _webp_files(data: bytes) -> Iterator[bytes]:
    """Yield the WebP files in a file of resources, which are not compressed again."""
    for found in re.finditer(b"RIFF(....)WEBPVP8", data, re.DOTALL):
        size = int.from_bytes(found[1], "little")
        yield data[found.start() : found.start() + size + 8]


def _normal(image: Picture) -> Picture:
    """The picture in RGB on white, of at most SIDE pixels a side."""
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    picture = Image.alpha_composite(white, image).convert("RGB")
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return picture


def _crop(picture: Picture, chance: random.Random, keep: float) -> Picture:
    width = round(picture.width * keep)
    height = round(picture.height * keep)
    left = chance.randint(0, picture.width - width)
    top = chance.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))


def _scale(picture: Picture, chance: random.Random, by: float) -> Picture:
    size = max(1, round(picture.width * by)), max(1, round(picture.height * by))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _gamma(picture: Picture, chance: random.Random) -> Picture:
    return picture.point([round(255 * (level / 255) ** 0.7) for level in range(256)] * 3)


def _bright(picture: Picture, chance: random.Random) -> Picture:
    return ImageEnhance.Brightness(picture).enhance(1.25)


def _gray(picture: Picture, chance: random.Random) -> Picture:
    return picture.convert("L").convert("RGB")


def _border(picture: Picture, chance: random.Random) -> Picture:
    return ImageOps.expand(picture, round(0.05 * max(picture.size)), "white")


def _letterbox(picture: Picture, chance: random.Random) -> Picture:
    bar = round(0.12 * picture.height)
    framed = Image.new("RGB", (picture.width, picture.height + 2 * bar))
    framed.paste(picture, (0, bar))
    return framed


def _lettered(picture: Picture, chance: random.Random) -> Picture:
    changed = picture.copy()
    size = max(12, picture.height // 12)
    place = (picture.width // 20, picture.height - 2 * size)
    ImageDraw.Draw(changed).text(place, "A line of text over it, 2024", "white", font_size=size)
    return changed


def _turn(picture: Picture, chance: random.Random, how: Image.Transpose) -> Picture:
    return picture.transpose(how)


def _same(picture: Picture, chance: random.Random) -> Picture:
    return picture


def _pasted(picture: Picture, chance: random.Random) -> Picture:
    """The picture at 60 % of its size in a noisy one."""
    noise = Image.effect_noise(picture.size, 60).filter(ImageFilter.GaussianBlur(3))
    ground = ImageOps.colorize(noise, "navy", "wheat")
    small = _scale(picture, chance, 0.6)
    left = chance.randint(0, ground.width - small.width)
    top = chance.randint(0, ground.height - small.height)
    ground.paste(small, (left, top))
    return ground


Change = Callable[[Picture, random.Random], Picture]

TRANSFORMS: Mapping[str, tuple[Change, str, int]] = {
    "jpeg 10": (_same, "jpg", 10),
    "jpeg 30": (_same, "jpg", 30),
    "jpeg 50": (_same, "jpg", 50),
    "webp": (_same, "webp", 70),
    "png": (_same, "png", 0),
    "avif": (_same, "avif", 60),
    "half": (partial(_scale, by=0.5), "jpg", 85),
    "quarter": (partial(_scale, by=0.25), "jpg", 85),
    "brighter": (_bright, "jpg", 85),
    "gamma": (_gamma, "jpg", 85),
    "gray": (_gray, "jpg", 85),
    "mirrored": (partial(_turn, how=Image.Transpose.FLIP_LEFT_RIGHT), "jpg", 85),
    "turned 90": (partial(_turn, how=Image.Transpose.ROTATE_270), "jpg", 85),
    "turned 180": (partial(_turn, how=Image.Transpose.ROTATE_180), "jpg", 85),
    "turned 270": (partial(_turn, how=Image.Transpose.ROTATE_90), "jpg", 85),
    "crop 0.9": (partial(_crop, keep=0.9), "jpg", 85),
    "crop 0.8": (partial(_crop, keep=0.8), "jpg", 85),
    "crop 0.7": (partial(_crop, keep=0.7), "jpg", 85),
    "crop 0.5": (partial(_crop, keep=0.5), "jpg", 85),
    "border": (_border, "jpg", 85),
    "letterbox": (_letterbox, "jpg", 85),
    "text over it": (_lettered, "jpg", 85),
    "pasted 0.6": (_pasted, "jpg", 85),
}
"""How copies are made: the change, and the format and the quality of the file."""


def build() -> Path:
    """A folder of the originals, their changed copies and the distractors; made once."""
    folder = CACHE / "duplicates"
    if folder.exists():
        return folder
    unfinished = folder.with_suffix(".part")
    originals = list(pictures())
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_write_copies, unfinished), originals))
    _write_distractors(unfinished, originals)
    unfinished.rename(folder)
    return folder


def _write_copies(folder: Path, named: tuple[str, Picture]) -> None:
    name, picture = named
    target = folder / "families" / name
    target.mkdir(parents=True, exist_ok=True)
    picture.save(target / "original.jpg", quality=92)
    for transform, (change, extension, quality) in TRANSFORMS.items():
        chance = random.Random(f"{name} {transform}")
        options = {"quality": quality} if quality else {}
        changed = change(picture, chance)
        changed.save(target / f"{transform.replace(' ', '-')}.{extension}", **options)


def _write_distractors(folder: Path, originals: list[tuple[str, Picture]]) -> None:
    """Write pictures that look alike but are none of each other's copies: pages of text, gradients,
    flat and nearly blank pictures, logos on white, drawings, and cuts of one texture."""
    target = folder / "distractors"
    target.mkdir(parents=True)
    for number in range(600):
        chance = random.Random(f"page {number}")
        page = Image.new("RGB", (640, 900), "white")
        words = " ".join(
            "".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(400)
        )
        lines = [words[start : start + 60] for start in range(0, 2400, 60)]
        ImageDraw.Draw(page).multiline_text((50, 60), "\n".join(lines), "black", font_size=16)
        page.save(target / f"page-{number:04}.jpg", quality=80)
    for number in range(300):
        chance = random.Random(f"gradient {number}")
        ends = np.array([[chance.randint(0, 255) for _ in range(3)] for _ in range(2)])
        share = np.linspace(0, 1, 300)[:, None, None]
        rows = (ends[0] * (1 - share) + ends[1] * share).repeat(400, axis=1)
        Image.fromarray(rows.astype(np.uint8)).save(target / f"gradient-{number:04}.jpg")
    for number in range(300):
        chance = np.random.default_rng(number)
        blank = chance.normal(245, 2, (400, 300)).clip(0, 255).astype(np.uint8)
        Image.fromarray(blank).save(target / f"blank-{number:04}.jpg", quality=70)
        color = tuple(int(value) for value in chance.integers(0, 256, 3))
        Image.new("RGB", (300, 200), color).save(target / f"flat-{number:04}.png")
    for number in range(300):
        chance = random.Random(f"logo {number}")
        logo = Image.new("RGB", (400, 400), "white")
        draw = ImageDraw.Draw(logo)
        x, y, r = (chance.randint(150, 250), chance.randint(150, 250), chance.randint(30, 90))
        color = tuple(chance.randint(0, 200) for _ in range(3))
        shape = chance.choice([draw.ellipse, draw.rectangle])
        shape((x - r, y - r, x + r, y + r), color)
        logo.save(target / f"logo-{number:04}.png")
    drawings = sorted(package(CLIPART).rglob("*.png"))
    for number, path in enumerate(drawings[:: max(1, len(drawings) // 2000)]):
        if path.stat().st_size < LARGEST:
            with Image.open(path) as image:
                _normal(image).save(target / f"drawing-{number:04}.jpg", quality=85)
    for name, picture in originals[:60]:
        texture = picture.resize((96, 96)).filter(ImageFilter.GaussianBlur(1))
        noise = np.random.default_rng(len(name)).normal(128, 40, (1200, 1200)).clip(0, 255)
        tile = Image.fromarray(noise.astype(np.uint8)).filter(ImageFilter.GaussianBlur(4))
        tint = texture.resize((1, 1)).getpixel((0, 0))
        cloth = ImageOps.colorize(ImageOps.autocontrast(tile), "black", tint)
        for part in range(12):
            left, top = 400 * (part % 3), 300 * (part // 3)
            cut = cloth.crop((left, top, left + 400, top + 300))
            cut.save(target / f"texture-{name}-{part:02}.jpg", quality=85)


def measure_quality(every: int = 1) -> None:
    """Print the recall of each transform, and the false pairs. Only one of ``every`` families and
    distractors is looked at."""
    source = build()
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        chosen = Path(folder) / "source"
        for kind in ("families", "distractors"):
            (chosen / kind).mkdir(parents=True)
            for path in sorted((source / kind).iterdir())[::every]:
                (chosen / kind / path.name).symlink_to(path)
        _measure_quality(chosen, Path(folder) / "out")


def _measure_quality(source: Path, out: Path) -> None:
    begun = time.monotonic()
    summary = run(
        mr.Job(find="duplicates", keep="original"),
        str(source),
        str(out),
        RunOptions(thumbnails=False),
    )
    print(f"{summary.processed} images in {time.monotonic() - begun:.0f} s")
    rows = pq.read_table(out / "duplicates.parquet").to_pylist()
    clusters: dict[int, list[str]] = {}
    for row in rows:
        clusters.setdefault(row["cluster"], []).append(row["uri"])
    found: Counter[str] = Counter()
    false: list[tuple[str, str]] = []
    for uris in clusters.values():
        first = Path(uris[0])
        # The cluster with the original counts; a copy in another one was not found.
        has_original = any(Path(uri).stem == "original" for uri in uris)
        for uri in uris:
            if _family(uri) != _family(str(first)):
                false.append((str(first), uri))
            elif has_original:
                found[Path(uri).stem] += 1
    families = sum(1 for _ in (source / "families").iterdir())
    for transform in TRANSFORMS:
        recall = found[transform.replace(" ", "-")] / families
        print(f"{transform:14} {recall:.3f}")
    print(f"{families} families, {len(rows)} images in {len(clusters)} clusters")
    print(f"{len(false)} images in clusters of another family")
    for first, other in false[:40]:
        print("  ", *(str(Path(path).relative_to(source)) for path in (first, other)))


def _family(uri: str) -> str:
    """The name of an original; of a distractor, its own path."""
    path = Path(uri)
    return path.parent.name if path.parent.parent.name == "families" else uri


CHUNK = 10_000
"""Images of a part of the catalogue that ``scale`` makes."""

PLANTED = 0.1
"""The share of the images that are in clusters of four."""

HOT = 0.02
"""The share of the images whose sketches agree in many bits, though they are no copies."""


def measure_scale(images: int, added: int = 0) -> None:
    """Print the seconds and the memory of a run of the program over made signatures."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        out = Path(folder) / "out"
        _commit_signatures(out, 0, images)
        _measure(out, Path(folder), images)
        if added:
            _commit_signatures(out, images, added)
            _measure(out, Path(folder), images + added)


def _measure(out: Path, folder: Path, images: int) -> None:
    job = mr.Job(find="duplicates", extract=("hash", "descriptor", "miniature"))
    store = open_store(str(out))
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    plan = Plan(job, "/photos", str(out))
    execution = Execution(store, scratch, Budget(), Silent(), "")
    engine = open_engine("local", EngineOptions(workers=2))
    tables = Tables(store, scratch, job)
    runner = RoundRunner(plan, store, engine, scratch, execution, tables, lambda: None)
    (named,) = programs_of(job)
    begun = time.monotonic()
    try:
        found = drive(named, tables.images(named.columns), runner)
    finally:
        engine.close()
    seconds = time.monotonic() - begun
    sizes = Counter(found.rows["cluster"].to_pylist())
    whole = sum(1 for size in sizes.values() if size == 4)
    peak = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    planted = int(images * PLANTED) // 4
    rounds = ", ".join(f"{phase.name} {phase.seconds:.1f}" for phase in execution.phases)
    print(
        f"{images} images: {seconds:.1f} s ({rounds}), at most {peak / 1e3:.0f} MB a process; "
        f"{whole} of {planted} planted clusters, {len(sizes)} clusters in all",
        flush=True,
    )


def _commit_signatures(out: Path, start: int, images: int) -> None:
    """Commit parts of the catalogue as map would."""
    store = open_store(str(out), create=True)
    for first in range(start, start + images, CHUNK):
        split = f"split-{first:09}"
        writer = TaskWriter(store, FileSink(store), "map", split, Attempt())
        table = _signatures(first, min(CHUNK, start + images - first))
        writer.commit(table.num_rows, 0, {"catalogue": table})


def _signatures(first: int, count: int) -> pa.Table:
    """The catalogue of ``count`` made images: first planted clusters of four, then hot ones."""
    chance = np.random.default_rng(first)
    planted = int(count * PLANTED) // 4 * 4
    vectors = chance.normal(size=(count, 236))
    vectors[:planted] = vectors[:planted:4].repeat(4, axis=0)
    vectors[:planted] += 0.05 * chance.normal(size=(planted, 236))
    hot = slice(planted, planted + int(count * HOT))
    vectors[hot] = np.random.default_rng(1).normal(size=236) + 0.7 * vectors[hot]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    small = chance.normal(128, 50, (count, 16, 16)).repeat(2, axis=1).repeat(2, axis=2)
    small = small.reshape(count, 1024)
    small[:planted] = small[:planted:4].repeat(4, axis=0)
    small[:planted] += chance.normal(0, 2, (planted, 1024))
    hashes = [chance.bytes(32).hex() for _ in range(count)]
    return pa.table(
        {
            "uri": [f"/photos/{number:09}.jpg" for number in range(first, first + count)],
            "version": ["1"] * count,
            "status": ["processed"] * count,
            "sha256": hashes,
            "picture_hash": [text[:32] for text in hashes],
            "descriptor": _vectors(vectors.astype(np.float16)),
            "miniature": _vectors(small.clip(0, 255).astype(np.uint8)),
            "width": pa.array([4000] * count, pa.int32()),
            "height": pa.array([3000] * count, pa.int32()),
            "size": pa.array(chance.integers(10**6, 10**7, count), pa.int64()),
            "file": pa.nulls(count, pa.string()),
            "format": ["jpeg"] * count,
            "camera": pa.nulls(count, pa.string()),
            "taken_at": pa.nulls(count, pa.timestamp("ms")),
        }
    )


def _vectors(values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


if __name__ == "__main__":
    if sys.argv[1:2] == ["quality"]:
        measure_quality(*map(int, sys.argv[2:]))
    else:
        measure_scale(*map(int, sys.argv[2:] or ["100000"]))
