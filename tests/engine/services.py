"""What tests of engines need of the machine."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

import pytest


def require(package: str, program: str | None = None) -> None:
    """Skip where ``package`` or ``program`` is missing; fail where CI is set."""
    missing = (
        package
        if find_spec(package) is None
        else program
        if program and not shutil.which(program)
        else None
    )
    if missing and "CI" in os.environ:
        pytest.fail(f"{missing} is not installed")
    if missing:
        pytest.skip(f"{missing} is not installed")
