"""What the tests of the image kernel share."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def exiftool() -> str:
    """The path of exiftool, the reader that columns are compared with."""
    tool = shutil.which("exiftool")
    if tool is None:
        if os.environ.get("CI"):
            pytest.fail("Expected exiftool: install Debian's libimage-exiftool-perl")
        pytest.skip("exiftool is not installed (Debian: libimage-exiftool-perl)")
    return tool
