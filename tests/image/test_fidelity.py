"""Resized pictures are as close to a full-resolution Lanczos as they can be had, and closer than vipsthumbnail's."""

from __future__ import annotations

import os
import shutil
import statistics

import pytest
from benchmarks.fidelity import FITS, FORMATS, scores
from PIL import Image as Pillow
from skimage import data


@pytest.mark.parametrize("ratio", [1.1, 2.7, 8.0, 40.0])
@pytest.mark.parametrize("format", FORMATS)
def test_no_ratio_and_no_fit_is_less_faithful_than_vipsthumbnail(format: str, ratio: float) -> None:
    if shutil.which("vipsthumbnail") is None:
        if os.environ.get("CI"):
            pytest.fail("Expected vipsthumbnail: install Debian's libvips-tools")
        pytest.skip("vipsthumbnail is not installed (Debian: libvips-tools)")
    pictures = [Pillow.fromarray(data.coffee()), Pillow.fromarray(data.hubble_deep_field())]
    for fit in FITS:
        pairs = [pair for picture in pictures for pair in scores(picture, format, ratio, [fit])]
        mine, theirs = ([pair[i] for pair in pairs] for i in range(2))
        assert min(mine) >= 0.985, fit
        assert statistics.mean(mine) >= statistics.mean(theirs), fit
