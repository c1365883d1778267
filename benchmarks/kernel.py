"""The image kernel beside other tools: from bytes to a 256x256 JPEG, on one core, in one run.

    python -m benchmarks.kernel [PHOTOGRAPHS] [ROUNDS]

Also the cost of features beside the decode they need, the cost of a header, other decoders and
resizers that the kernel could use, and each clipart PNG of 623 megapixels in a process of its own.
``benchmarks.fidelity`` measures the quality of the results.
"""

from __future__ import annotations

import io
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from benchmarks.corpus import CLIPART, package, photographs
from mrimage.image import Buffer, Image
from mrimage.image.decode.vips import vips
from mrimage.types import Edits

Array = np.ndarray[Any, np.dtype[np.uint8]]

SIDE = 256
EDITS = Edits(resize=(SIDE, SIDE), fit="cover", format="jpeg")
HUGE = 600_000_000
"""Pixels."""


def bare_loop(data: bytes) -> bytes:
    """The least possible work: scaled decode to twice the side, Lanczos, encode.

    No EXIF, no profile, no checks.
    """
    height, width = simplejpeg.decode_jpeg_header(data)[:2]
    enough = 2 * SIDE
    shrink = next((n for n in (8, 4, 2) if min(width, height) >= n * enough), 1)
    small = simplejpeg_decode(data, width, height, 1 / shrink)
    picture = vips().Image.new_from_memory(small.data, small.shape[1], small.shape[0], 3, "uchar")
    factor = max(SIDE / small.shape[1], SIDE / small.shape[0])
    picture = picture.resize(factor, kernel="lanczos3")
    picture = picture.crop((picture.width - SIDE) // 2, (picture.height - SIDE) // 2, SIDE, SIDE)
    pixels = np.frombuffer(picture.write_to_memory(), np.uint8).reshape(SIDE, SIDE, 3)
    return bytes(simplejpeg.encode_jpeg(pixels, quality=85, colorsubsampling="420"))


def simplejpeg_decode(data: bytes, width: int, height: int, scale: float) -> Array:
    """The pixels of a JPEG of ``width`` x ``height``, at ``scale``: a multiple of 1/8."""
    # simplejpeg takes the lowest scale that reaches these sizes, and libjpeg-turbo rounds sizes up.
    least = {"min_width": math.ceil(width * scale), "min_height": math.ceil(height * scale)}
    pixels: Array = simplejpeg.decode_jpeg(data, "RGB", **least)
    return pixels


def mrimage_kernel(data: bytes) -> bytes:
    """The kernel of this project."""
    return Image(Buffer(data)).edited(EDITS).data


def pillow(data: bytes) -> bytes:
    """A full decode and Lanczos, as in most scripts."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    stream = io.BytesIO()
    picture = Pillow.open(io.BytesIO(data)).convert("RGB")
    ImageOps.fit(picture, (SIDE, SIDE), Pillow.Resampling.LANCZOS).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def opencv(data: bytes) -> bytes:
    """A full decode and INTER_AREA."""
    import cv2

    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    factor = SIDE / min(picture.shape[:2])
    width = max(SIDE, round(picture.shape[1] * factor))
    height = max(SIDE, round(picture.shape[0] * factor))
    picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    top = (height - SIDE) // 2
    left = (width - SIDE) // 2
    cut = np.ascontiguousarray(picture[top : top + SIDE, left : left + SIDE])
    return bytes(cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def libvips_thumbnail(data: bytes) -> bytes:
    """libvips alone, with its own scaled decode and encoder."""
    picture = vips().Image.thumbnail_buffer(data, SIDE, height=SIDE, crop="centre")
    return bytes(picture.jpegsave_buffer(Q=85))


def scaled_decode(data: bytes) -> object:
    """The decode that features need, whose longer side has at least 128 pixels."""
    height, width = simplejpeg.decode_jpeg_header(data)[:2]
    longer = max(width, height)
    shrink = next((n for n in (8, 4, 2) if math.ceil(longer / n) >= 128), 1)
    return simplejpeg_decode(data, width, height, 1 / shrink)


def features(data: bytes) -> object:
    """Content features and both hashes."""
    return Image(Buffer(data)).features(["content", "hash"])


def header(data: bytes) -> object:
    """All columns of the catalogue."""
    return Image(Buffer(data)).metadata


Contenders = Mapping[str, Callable[[bytes], object]]


def race(contenders: Contenders, files: list[bytes], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of processor time per image, for each round of each contender."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender(files[0])  # Imports and caches are not part of the race.
    for _ in range(rounds):
        for name, contender in contenders.items():
            start = time.process_time()
            for data in files:
                contender(data)
            seconds = time.process_time() - start
            found[name].append(seconds / len(files) * 1e3)
    return found


def vipsthumbnail(paths: list[Path]) -> float:
    """Milliseconds of processor time per image of the command, which starts once for all files."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["vipsthumbnail", "--vips-concurrency=1", "-s", f"{SIDE}x{SIDE}", "-m", "centre"]
        before = os.times()
        subprocess.run([*command, "-o", f"{folder}/%s.jpg[Q=85]", *map(str, paths)], check=True)
        after = os.times()
    user = after.children_user - before.children_user
    system = after.children_system - before.children_system
    return (user + system) / len(paths) * 1e3


def show(title: str, found: Mapping[str, list[float]], floor: str, unit: str = "ms") -> None:
    """Print the median of each contender, and the median of its ratios to ``floor`` by round."""
    print(f"\n{title}")
    for name, times in found.items():
        ratios = [own / least for own, least in zip(times, found[floor], strict=True)]
        median = statistics.median(times)
        ratio = statistics.median(ratios)
        print(f"  {name:<28} {median:8.3f} {unit}   {ratio:6.2f} x {floor}", flush=True)


def decoders(files: list[bytes], rounds: int) -> dict[str, list[float]]:
    """Decoders of a JPEG at 1/4 of its size, and simplejpeg at other scales too."""
    from PIL import Image as Pillow

    def by_pillow(data: bytes) -> object:
        picture = Pillow.open(io.BytesIO(data))
        picture.draft("RGB", (picture.width // 4, picture.height // 4))
        return picture.load()

    def by_simplejpeg(scale: float) -> Callable[[bytes], object]:
        def decode(data: bytes) -> object:
            height, width = simplejpeg.decode_jpeg_header(data)[:2]
            return simplejpeg_decode(data, width, height, scale)

        return decode

    def by_libvips(data: bytes) -> object:
        return vips().Image.jpegload_buffer(data, shrink=4).write_to_memory()

    contenders = {
        "simplejpeg 1/4": by_simplejpeg(1 / 4),
        "libvips 1/4": by_libvips,
        "Pillow draft 1/4": by_pillow,
        "simplejpeg 3/8": by_simplejpeg(3 / 8),
        "simplejpeg 1/2": by_simplejpeg(1 / 2),
        "simplejpeg 5/8": by_simplejpeg(5 / 8),
        "simplejpeg 1": by_simplejpeg(1),
    }
    return race(contenders, files, rounds)


def resizers(rounds: int) -> dict[str, list[float]]:
    """Lanczos from 900x600 to 256x171 pixels in memory, by each library."""
    from PIL import Image as Pillow

    pixels = np.random.default_rng(0).integers(0, 255, (600, 900, 3), dtype=np.uint8)

    def by_vips(_: bytes) -> object:
        picture = vips().Image.new_from_memory(pixels.data, 900, 600, 3, "uchar")
        return picture.resize(256 / 900, kernel="lanczos3").write_to_memory()

    def by_pillow(_: bytes) -> object:
        return Pillow.fromarray(pixels).resize((256, 171), Pillow.Resampling.LANCZOS)

    return race({"libvips": by_vips, "Pillow": by_pillow}, [b""] * 50, rounds)


def huge() -> None:
    """The kernel on each of the largest PNGs, in a process of its own: seconds and peak memory."""
    print("\nPNG of more than 600 megapixels to 256x256 JPEG, a process each")
    for path in sorted(package(CLIPART).rglob("*.png")):
        if path.is_symlink() or path.stat().st_size < 200_000:
            continue
        size = Image(Buffer(path.open("rb").read(1 << 16))).metadata
        if size.width * size.height < HUGE:
            continue
        start = time.monotonic()
        command = [sys.executable, "-m", "benchmarks.kernel", "--huge", str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        peak = int(ended.stdout)
        taken = time.monotonic() - start
        print(
            f"  {path.name}: {size.width}x{size.height}, {taken:.1f} s, peak {peak / 1e3:.0f} MB",
            flush=True,
        )


def one_huge(path: str) -> None:
    """Run the kernel, and print the peak memory of this process in kB."""
    mrimage_kernel(Path(path).read_bytes())
    status = Path("/proc/self/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def main(count: int = 200, rounds: int = 5) -> None:
    """Print all measurements."""
    paths = sorted(photographs(2000).iterdir())[:: max(1, 2000 // count)]
    files = [path.read_bytes() for path in paths]
    contenders: dict[str, Callable[[bytes], object]] = {
        "bare loop": bare_loop,
        "mrimage": mrimage_kernel,
        "libvips thumbnail": libvips_thumbnail,
        "Pillow": pillow,
    }
    try:
        import cv2

        cv2.setNumThreads(1)
        contenders["OpenCV, INTER_AREA"] = opencv
    except ImportError:
        print("OpenCV is not installed, so it is left out: pip install opencv-python-headless")
    found = race(contenders, files, rounds)
    if shutil.which("vipsthumbnail"):
        found["vipsthumbnail"] = [vipsthumbnail(paths) for _ in range(rounds)]
    show(
        f"{len(files)} photographs to {SIDE}x{SIDE} JPEG, milliseconds of one core per image",
        found,
        "bare loop",
    )
    analyzed = race({"scaled decode": scaled_decode, "content and hashes": features}, files, rounds)
    show("features", analyzed, "scaled decode")
    clipart = sorted(package(CLIPART).rglob("*.png"))[:400]
    pngs = [path.read_bytes() for path in clipart]
    for name, contents in (("JPEG", files), ("PNG", pngs)):
        show(f"header, {name}", race({"header": header}, contents, rounds), "header")
    show("decoders", decoders(files[::4], rounds), "simplejpeg 1/4")
    show("resizers", resizers(rounds), "libvips")
    huge()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--huge"]:
        one_huge(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:]))
