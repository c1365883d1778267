"""Importing an object by ``module:name``."""

from __future__ import annotations

import importlib
import os
import re
import sys

from mrimage.errors import UsageError, brief, describe, unknown

_SPEC = re.compile(r"([^\W\d]\w*\.)*[^\W\d]\w*:[^\W\d]\w*")


def is_object_name(text: str) -> bool:
    """Whether ``text`` has the form ``module:name``."""
    return bool(_SPEC.fullmatch(text))


def load_object(spec: str) -> object:
    """Import ``module:name`` and return the object. Modules in the working directory are found
    too. Raises UsageError."""
    if not _SPEC.fullmatch(spec):
        raise UsageError(
            "A Python object needs a name such as module:name (jobs:by_camera), "
            f"but got {brief(spec)}."
        )
    module_name, _, name = spec.partition(":")
    module = _import(module_name, spec)
    if not hasattr(module, name):
        public = [key for key in vars(module) if not key.startswith("_")]
        raise unknown(f"a name of module {module_name}", name, public)
    return getattr(module, name)


def _import(module_name: str, spec: str) -> object:
    working_folder = os.getcwd()  # noqa: PTH109  # sys.path holds text
    if working_folder not in sys.path:
        sys.path.insert(0, working_folder)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f'"{spec}" needs the module {error.name}, but there is no such module.'
        ) from None
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # importing runs any code
        raise UsageError(
            f'"{spec}" cannot be imported: {module_name} raised {describe(error)}.'
        ) from error
