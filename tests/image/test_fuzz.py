"""Mutated files of every format: pixels or a typed reason, never a crash, a hang or another error.

Each file is judged in a child process, so that a crash of a decoder is found and not suffered. The examples are
always the same; MRIMAGE_FUZZ=N tries N new ones on each file.
"""

from __future__ import annotations

import io
import os
import resource
import select
import struct
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.image.crafted import photoshop, tiff
from tests.image.raw import canon_raw, fujifilm_raw, raw_photograph
from tests.image.samples import ARITHMETIC, SAMPLES, photograph, sample, saved

LONG = int(os.environ.get("MRIMAGE_FUZZ", "0"))
REASONS = {"not-an-image", "truncated", "corrupt", "too-large", "unsupported", "empty"}
SECONDS = 60
MEMORY = 4 << 30


def _extra(format: str) -> bytes:
    if format == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
        return saved(photograph(), "HEIF")
    pytest.importorskip("pillow_jxl")
    return saved(photograph(), "JXL")


DEEP = np.asarray(photograph()).astype(np.uint16) * 257


def _deep(coder: str, **how: object) -> bytes:
    codecs = pytest.importorskip("imagecodecs")
    return bytes(getattr(codecs, f"{coder}_encode")(DEEP, **how))


def _deep_tiff(**how: object) -> bytes:
    stream = io.BytesIO()
    pytest.importorskip("tifffile").imwrite(stream, DEEP, photometric="rgb", **how)
    return stream.getvalue()


FILES = {name: SAMPLES[name] for name in SAMPLES} | {
    "arithmetic.jpg": lambda: ARITHMETIC,
    "photo.heic": lambda: _extra("heic"),
    "photo.jxl": lambda: _extra("jxl"),
    "camera.dng": raw_photograph,
    "canon.cr3": canon_raw,
    "fujifilm.raf": fujifilm_raw,
    "deep.psd": lambda: photoshop(DEEP.transpose(2, 0, 1), 3, packed=True, layers=-1),
    "deep.ppm": lambda: b"P6 320 213 65535\n" + DEEP.astype(">u2").tobytes(),
    "float.pfm": lambda: b"PF\n320 213\n-1.0\n" + (DEEP / np.float32(65_535)).tobytes(),
    "moving.avif": lambda: saved(
        photograph(64, 43), "AVIF", save_all=True, append_images=[photograph(64, 43)]
    ),
    "deep.jp2": lambda: _deep("jpeg2k", level=0),
    "deep.jxl": lambda: _deep("jpegxl", lossless=True),
    "lossless.jpg": lambda: _deep("jpeg", lossless=True, bitspersample=16),
    "lzma.tif": lambda: _deep_tiff(compression="lzma"),
    "zstandard.tif": lambda: _deep_tiff(compression="zstd", tile=(64, 64)),
    "deep.tif": lambda: tiff(DEEP[:64, :64, 0].tobytes(), (64, 64), 12, 1, 1),
    "odd.tif": lambda: tiff(DEEP[:64, :64, 0].tobytes(), (64, 64), 8, 1, 2, extra=(0,)),
}


class Child:
    """The process that judges; a new one when the last has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def judge(self, content: bytes) -> str:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.image.fuzzed"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(struct.pack("<I", len(content)) + content)
        process.stdin.flush()
        if not select.select([process.stdout], [], [], SECONDS)[0]:
            process.kill()
            process.wait()
            return f"hung for {SECONDS} s"
        line = process.stdout.readline()
        return line.decode().strip() if line else f"crashed: {process.wait()}"

    def close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(timeout=SECONDS)
            if self._process.stdout is not None:
                self._process.stdout.close()


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    found = Child()
    yield found
    found.close()


KINDS = ("set", "fill", "flip", "cut", "insert", "number", "splice", "end")
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, 1 << 30),
        st.booleans(),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=12,
)
NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def changed(content: bytes, changes: list[tuple[str, int, bool, bytes]]) -> bytes:
    """``content`` after a few accidents, half of them in its header."""
    result = bytearray(content)
    for kind, place, in_header, junk in changes:
        at = place % max(1, min(len(result), 400) if in_header else len(result))
        if kind == "set":
            result[at : at + 1] = junk[:1]
        elif kind == "fill":
            result[at : at + 4] = (b"\xff" if junk[0] & 1 else b"\x00") * 4
        elif kind == "flip" and at < len(result):
            result[at] ^= 1 << (junk[0] & 7)
        elif kind == "cut":
            del result[at : at + len(junk)]
        elif kind == "insert":
            result[at:at] = junk
        elif kind == "number":
            order = "<" if junk[0] & 1 else ">"
            result[at : at + 4] = struct.pack(order + "I", NUMBERS[junk[0] % len(NUMBERS)])
        elif kind == "splice":
            start = place * 7 % max(1, len(content))
            result[at : at + 64] = content[start : start + 64]
        elif kind == "end" and not in_header:
            del result[at:]
    return bytes(result)


@pytest.mark.parametrize("name", sorted(FILES))
@settings(
    max_examples=LONG or 8,
    derandomize=not LONG,
    database=None,
    deadline=None,
    phases=[Phase.generate] if not LONG else [Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(changes=CHANGES)
def test_a_damaged_file_gives_pixels_or_a_reason(
    child: Child, name: str, changes: list[tuple[str, int, bool, bytes]]
) -> None:
    content = sample(name) if name in SAMPLES else FILES[name]()
    for said in child.judge(changed(content, changes)).split(" | "):
        assert said in REASONS or said == "fine", said
