"""One file of the demo, and the three ways to make one from a photograph."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
import pyvips
from PIL import Image

from mrimage.demo.edits import Edit, VipsEdit
from mrimage.demo.photos import Photos


@dataclass(frozen=True, slots=True)
class File:
    """One file of the demo: ``path`` below its folder, ``make`` gives the bytes. A ``damaged`` file has an
    image's extension but no whole image in it; an ``ignored`` one has another extension."""

    path: str
    make: Callable[[Photos], bytes]
    kind: Literal["image", "damaged", "ignored"] = "image"


def image(path: str, photo: str, *steps: Edit, **options: object) -> File:
    """``photo`` after the ``steps``, encoded by Pillow with ``options`` in the format of the path's extension."""
    extension = PurePosixPath(path).suffix.lower()
    settings = {"format": Image.registered_extensions().get(extension, "JPEG")} | options

    def make(photos: Photos) -> bytes:
        edited = photos.pixels(photo)
        for step in steps:
            edited = step(edited)
        return encoded(edited, settings)

    return File(path, make)


def frames(path: str, photo: str, *views: Edit, **options: object) -> File:
    """One frame of ``photo`` for each of the ``views``."""
    extension = PurePosixPath(path).suffix.lower()

    def make(photos: Photos) -> bytes:
        first, *rest = [view(photos.pixels(photo)) for view in views]
        settings = {
            "format": Image.registered_extensions()[extension],
            "save_all": True,
            "append_images": rest,
        }
        return encoded(first, settings | options)

    return File(path, make)


def vips_image(path: str, photo: str, step: VipsEdit, **options: object) -> File:
    """``photo`` after ``step``, encoded by libvips: for what Pillow cannot write."""
    extension = PurePosixPath(path).suffix

    def make(photos: Photos) -> bytes:
        pixels = pyvips.Image.new_from_array(
            np.asarray(photos.pixels(photo)), interpretation="srgb"
        )
        return bytes(step(pixels).write_to_buffer(extension, **options))

    return File(path, make)


def encoded(pixels: Image.Image, settings: dict[str, object]) -> bytes:
    """The file that Pillow writes with ``settings``, tagged with the profile that ``pixels`` carry, if any."""
    buffer = io.BytesIO()
    tag = {"icc_profile": pixels.info["icc_profile"]} if "icc_profile" in pixels.info else {}
    pixels.save(buffer, **(tag | settings))
    return buffer.getvalue()
