"""Decoders say what they have to say in the image's error, and nothing on the terminal."""

from __future__ import annotations

import io
import os
import struct
import threading

import numpy as np
import pytest
import pyvips
from PIL import Image as Pillow
from tests.image.raw import raw_photograph
from tests.image.samples import opened, photograph, saved

from mrimage.errors import ImageError
from mrimage.image.decode.vips import vips
from mrimage.image.silence import silent
from mrimage.types import Edits


def cut_zstandard() -> bytes:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.asarray(photograph()), photometric="rgb", compression="zstd")
    return stream.getvalue()[:9000]


def cut_raw() -> bytes:
    pytest.importorskip("rawpy")
    return raw_photograph()[:-3000]


def long_tag() -> bytes:
    """A TIFF that Pillow reads and warns of: a tag says that it has more bytes than the file."""
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    pixels = np.asarray(photograph())
    tags = [(65_000, "s", 40, "x" * 39, True)]
    tifffile.imwrite(stream, pixels, photometric="rgb", compression="zstd", extratags=tags)
    entry = struct.pack("<HHI", 65_000, 2, 40)
    assert stream.getvalue().count(entry) == 1
    return stream.getvalue().replace(entry, struct.pack("<HHI", 65_000, 2, 1 << 24))


@pytest.mark.filterwarnings("always")
def test_warnings_of_pillow_are_kept_from_the_terminal(recwarn: pytest.WarningsRecorder) -> None:
    assert opened(long_tag()).thumbnail(20, 20).shape == (13, 20, 3)
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize("make", [cut_zstandard, cut_raw])
def test_libraries_that_print_are_kept_from_the_terminal(
    make, capfd: pytest.CaptureFixture[str]
) -> None:
    image = opened(make())
    for use in (lambda: image.edited(Edits(format="png")), lambda: image.thumbnail(20, 20)):
        with pytest.raises(ImageError):
            use()
    assert capfd.readouterr() == ("", "")
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


def test_silence_ends_with_the_last_of_the_threads_that_wanted_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    inside, leave = threading.Barrier(3), threading.Event()

    def hold(wait: bool) -> None:
        with silent():
            inside.wait(5)
            if wait:
                leave.wait(5)

    threads = [threading.Thread(target=hold, args=(wait,)) for wait in (True, False)]
    for thread in threads:
        thread.start()
    inside.wait(5)
    threads[1].join()
    os.write(2, b"lost")
    leave.set()
    threads[0].join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_loaders_that_libvips_does_not_trust_are_blocked() -> None:
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    with pytest.raises(pyvips.Error, match="blocked"):
        vips().Image.svgload_buffer(drawing)
    with pytest.raises(pyvips.Error):
        vips().Image.new_from_buffer(drawing, "")


def test_loaders_in_use_are_trusted() -> None:
    for format in ("PNG", "WEBP", "GIF", "TIFF", "AVIF"):
        assert opened(saved(Pillow.new("RGB", (20, 20)), format)).thumbnail(8, 8).shape == (8, 8, 3)
