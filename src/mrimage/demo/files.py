"""A file of the demo, and three ways to make one from a photograph."""

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
    """One file of the demo: its ``path`` below the folder, and ``make``, which returns its bytes.

    A ``damaged`` file has the extension of an image but no intact image in it; an ``ignored`` file
    has another extension.
    """

    path: str
    make: Callable[[Photos], bytes]
    kind: Literal["image", "damaged", "ignored"] = "image"


def image(path: str, photo: str, *steps: Edit, **options: object) -> File:
    """``photo`` after the ``steps``, encoded by Pillow.

    The extension of ``path`` gives the format, JPEG if Pillow does not know it; ``options`` go to
    ``Image.save``.
    """
    extension = PurePosixPath(path).suffix.lower()
    settings = {"format": Image.registered_extensions().get(extension, "JPEG")} | options

    def make(photos: Photos) -> bytes:
        edited = photos.pixels(photo)
        for step in steps:
            edited = step(edited)
        return encoded(edited, settings)

    return File(path, make)


def frames(path: str, photo: str, *views: Edit, **options: object) -> File:
    """An image of several frames: ``photo`` after each of the ``views``."""
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
    """``photo`` after ``step``, encoded by libvips, for files that Pillow cannot write."""
    extension = PurePosixPath(path).suffix

    def make(photos: Photos) -> bytes:
        pixels = pyvips.Image.new_from_array(
            np.asarray(photos.pixels(photo)), interpretation="srgb"
        )
        return bytes(step(pixels).write_to_buffer(extension, **options))

    return File(path, make)


def encoded(pixels: Image.Image, settings: dict[str, object]) -> bytes:
    """The bytes that Pillow writes with ``settings``, and with the profile of ``pixels`` if any."""
    buffer = io.BytesIO()
    profile = {key: value for key, value in pixels.info.items() if key == "icc_profile"}
    pixels.save(buffer, **(profile | settings))
    return buffer.getvalue()
