"""The image kernel beside its peers: bytes in, a 256x256 JPEG out, on one core, in one run.

    python -m benchmarks.kernel [PHOTOGRAPHS] [ROUNDS]

Then what features cost beside the decode they need, what a header costs, the decoders and resizers that could have been
taken, and each of the clipart PNGs of 623 megapixels in a process of its own. ``benchmarks.fidelity`` has the pictures.
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

import numpy as np
import simplejpeg

from benchmarks.corpus import CLIPART, package, photographs
from mrimage.image import Buffer, Image
from mrimage.image.decode.vips import vips
from mrimage.types import Edits

SIDE = 256
EDITS = Edits(resize=(SIDE, SIDE), fit="cover", format="jpeg")
HUGE = 600_000_000


def bare_loop(data: bytes) -> bytes:
    """The least that can be done: scaled decode to twice the side, Lanczos, encode. No EXIF, no profile, no checks."""
    height, width = simplejpeg.decode_jpeg_header(data)[:2]
    shrink = next((n for n in (8, 4, 2) if min(width, height) >= n * 2 * SIDE), 1)
    wide, high = (-(-side // shrink) for side in (width, height))
    small = simplejpeg.decode_jpeg(data, "RGB", min_width=wide, min_height=high)
    picture = vips().Image.new_from_memory(small.data, small.shape[1], small.shape[0], 3, "uchar")
    factor = max(SIDE / small.shape[1], SIDE / small.shape[0])
    picture = picture.resize(factor, kernel="lanczos3")
    picture = picture.crop((picture.width - SIDE) // 2, (picture.height - SIDE) // 2, SIDE, SIDE)
    pixels = np.frombuffer(picture.write_to_memory(), np.uint8).reshape(SIDE, SIDE, 3)
    return bytes(simplejpeg.encode_jpeg(pixels, quality=85, colorsubsampling="420"))


def mrimage_kernel(data: bytes) -> bytes:
    """This project's."""
    return Image(Buffer(data)).edited(EDITS).data


def pillow(data: bytes) -> bytes:
    """A full decode and Lanczos, as most scripts do it."""
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
    size = max(SIDE, round(picture.shape[1] * factor)), max(SIDE, round(picture.shape[0] * factor))
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    top, left = (picture.shape[0] - SIDE) // 2, (picture.shape[1] - SIDE) // 2
    cut = np.ascontiguousarray(picture[top : top + SIDE, left : left + SIDE])
    return bytes(cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def libvips_thumbnail(data: bytes) -> bytes:
    """libvips alone: its own scaled decode, its own encoder."""
    picture = vips().Image.thumbnail_buffer(data, SIDE, height=SIDE, crop="centre")
    return bytes(picture.jpegsave_buffer(Q=85))


def scaled_decode(data: bytes) -> object:
    """The decode that features need: the longer side has at least 128 pixels."""
    height, width = simplejpeg.decode_jpeg_header(data)[:2]
    shrink = next((n for n in (8, 4, 2) if -(-max(width, height) // n) >= 128), 1)
    wide, high = (-(-side // shrink) for side in (width, height))
    return simplejpeg.decode_jpeg(data, "RGB", min_width=wide, min_height=high)


def features(data: bytes) -> object:
    """Content features and both hashes."""
    return Image(Buffer(data)).features(["content", "hash"])


def header(data: bytes) -> object:
    """Every column of the catalogue."""
    return Image(Buffer(data)).metadata


Contenders = Mapping[str, Callable[[bytes], object]]


def race(contenders: Contenders, files: list[bytes], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of processor time an image, each round of each contender."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender(files[0])
    for _ in range(rounds):
        for name, contender in contenders.items():
            begun = time.process_time()
            for data in files:
                contender(data)
            found[name].append((time.process_time() - begun) / len(files) * 1e3)
    return found


def vipsthumbnail(paths: list[Path]) -> float:
    """Milliseconds of processor time an image of the command, which starts once for all of them."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["vipsthumbnail", "--vips-concurrency=1", "-s", f"{SIDE}x{SIDE}", "-m", "centre"]
        before = os.times()
        subprocess.run([*command, "-o", f"{folder}/%s.jpg[Q=85]", *map(str, paths)], check=True)
        after = os.times()
    spent = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return spent / len(paths) * 1e3


def show(title: str, found: Mapping[str, list[float]], floor: str, unit: str = "ms") -> None:
    """A table: medians, and the median of the ratios to ``floor`` of the same round."""
    print(f"\n{title}")
    for name, times in found.items():
        ratio = statistics.median(
            mine / least for mine, least in zip(times, found[floor], strict=True)
        )
        print(
            f"  {name:<28} {statistics.median(times):8.3f} {unit}   {ratio:6.2f} x {floor}",
            flush=True,
        )


def decoders(files: list[bytes], rounds: int) -> dict[str, list[float]]:
    """The libraries that could decode a JPEG at a quarter of its size; simplejpeg's also at 3/8, which is slower."""
    from PIL import Image as Pillow

    def by_pillow(data: bytes) -> object:
        picture = Pillow.open(io.BytesIO(data))
        picture.draft("RGB", (picture.width // 4, picture.height // 4))
        return picture.load()

    def by_simplejpeg(scale: float) -> Callable[[bytes], object]:
        def decode(data: bytes) -> object:
            height, width = simplejpeg.decode_jpeg_header(data)[:2]
            wide, high = math.ceil(width * scale), math.ceil(height * scale)
            return simplejpeg.decode_jpeg(data, "RGB", min_width=wide, min_height=high)

        return decode

    contenders = {
        "simplejpeg 1/4": by_simplejpeg(1 / 4),
        "libvips 1/4": lambda data: vips().Image.jpegload_buffer(data, shrink=4).write_to_memory(),
        "Pillow draft 1/4": by_pillow,
        "simplejpeg 3/8": by_simplejpeg(3 / 8),
        "simplejpeg 1/2": by_simplejpeg(1 / 2),
        "simplejpeg 5/8": by_simplejpeg(5 / 8),
        "simplejpeg 1": by_simplejpeg(1),
    }
    return race(contenders, files, rounds)


def resizers(rounds: int) -> dict[str, list[float]]:
    """Lanczos of an array of 900 x 600 to 256 x 171, by each library."""
    from PIL import Image as Pillow

    pixels = np.random.default_rng(0).integers(0, 255, (600, 900, 3), dtype=np.uint8)

    def by_vips(_: bytes) -> object:
        picture = vips().Image.new_from_memory(pixels.data, 900, 600, 3, "uchar")
        return picture.resize(256 / 900, kernel="lanczos3").write_to_memory()

    def by_pillow(_: bytes) -> object:
        return Pillow.fromarray(pixels).resize((256, 171), Pillow.Resampling.LANCZOS)

    return race({"libvips": by_vips, "Pillow": by_pillow}, [b""] * 50, rounds)


def huge() -> None:
    """Each of the largest PNGs through the kernel in a process of its own: seconds, and the peak of its memory."""
    print("\nPNG of more than 600 megapixels to 256x256 JPEG, a process each")
    for path in sorted(package(CLIPART).rglob("*.png")):
        if path.is_symlink() or path.stat().st_size < 200_000:
            continue
        size = Image(Buffer(path.open("rb").read(1 << 16))).metadata
        if size.width * size.height < HUGE:
            continue
        begun = time.monotonic()
        command = [sys.executable, "-m", "benchmarks.kernel", "--huge", str(path)]
        peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        taken = time.monotonic() - begun
        print(
            f"  {path.name}: {size.width}x{size.height}, {taken:.1f} s, peak {peak / 1e3:.0f} MB",
            flush=True,
        )


def one_huge(path: str) -> None:
    """Prints the peak of this process's memory in kilobytes."""
    mrimage_kernel(Path(path).read_bytes())
    status = Path("/proc/self/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def main(count: int = 200, rounds: int = 5) -> None:
    """Print all of it."""
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
        print("OpenCV is left out: pip install opencv-python-headless")
    found = race(contenders, files, rounds)
    if shutil.which("vipsthumbnail"):
        found["vipsthumbnail"] = [vipsthumbnail(paths) for _ in range(rounds)]
    show(
        f"{len(files)} photographs to {SIDE}x{SIDE} JPEG, milliseconds of one core an image",
        found,
        "bare loop",
    )
    analysed = race({"scaled decode": scaled_decode, "content and hashes": features}, files, rounds)
    show("features", analysed, "scaled decode")
    clipart = sorted(package(CLIPART).rglob("*.png"))[:400]
    for name, datas in (("JPEG", files), ("PNG", [path.read_bytes() for path in clipart])):
        show(f"header, {name}", race({"header": header}, datas, rounds), "header")
    show("decoders", decoders(files[::4], rounds), "simplejpeg 1/4")
    show("resizers", resizers(rounds), "libvips")
    huge()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--huge"]:
        one_huge(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:]))
