"""CIELab TIFF files of eight bits."""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageCms

import mrimage as mr
from mrimage.image import Image
from mrimage.storage import open_uri


def test_a_lab_tiff_has_the_colours_it_was_made_from(tmp_path: Path) -> None:
    color = (180, 90, 40)
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    ImageCms.applyTransform(Pillow.new("RGB", (40, 30), color), to_lab).save(tmp_path / "lab.tif")
    image = Image(open_uri(str(tmp_path / "lab.tif")))
    assert image.metadata.color_space == "lab"
    mean = image.thumbnail(20, 20).reshape(-1, 3).mean(axis=0)
    assert max(abs(mean - color)) < 6
    assert image.edited(mr.Edits(resize=(8, 8), fit="cover", to="srgb", format="png")).width == 8
