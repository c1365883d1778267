"""What ``module:name`` stands for."""

from __future__ import annotations

import importlib
import os
import re
import sys

from mrimage.errors import UsageError, brief, describe, unknown

_NAME = re.compile(r"([^\W\d]\w*\.)*[^\W\d]\w*:[^\W\d]\w*")


def load_object(spec: str) -> object:
    """``module:name`` imported, from the working directory too. Raises UsageError."""
    if not _NAME.fullmatch(spec):
        raise UsageError(f"A name in Python is written module:name, but got {brief(spec)}.")
    module, _, name = spec.partition(":")
    if os.getcwd() not in sys.path:  # noqa: PTH109  # sys.path holds text
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(
            f'"{spec}" needs the module {error.name}, but there is no such module.'
        ) from None
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # importing runs any code
        raise UsageError(
            f'"{spec}" cannot be imported: {module} raised {describe(error)}.'
        ) from error
    if not hasattr(found, name):
        public = [key for key in vars(found) if not key.startswith("_")]
        raise unknown(f"a name of module {module}", name, public)
    return getattr(found, name)
