"""Which code is the user's own, and which is a library's that a worker has installed too."""

from __future__ import annotations

import ast
import hashlib
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

_PACKAGES = ("site-packages", "dist-packages")
_HERE = str(Path(__file__).resolve().parent.parent)


def is_library_file(path: str) -> bool:
    """Whether the file belongs to Python, to an installed package or to mrimage itself."""
    if path.startswith("<frozen "):
        return True
    file = Path(path)
    return bool(set(_PACKAGES) & set(file.parts)) or any(
        file.is_relative_to(folder) for folder in _library_folders()
    )


def is_own_module(module: ModuleType) -> bool:
    """Whether the user wrote the module: a script, a notebook, a file of the project, a package in development."""
    name = module.__name__
    if name == "__main__":
        return True
    if places := _places(module):
        return not all(map(is_library_file, places))
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top == "mrimage":
        return False
    # Made in memory: by a compiled library for its own package, or by the user.
    return top == name or top not in sys.modules or is_own_module(sys.modules[top])


def library_of(name: str) -> str:
    """The library that holds the module ``name``, with its version: ``numpy 2.2``. Python and mrimage bear none: a new
    release of theirs makes no other job."""
    top = name.partition(".")[0]
    if top == "mrimage" or top in sys.stdlib_module_names:
        return top
    version = getattr(sys.modules.get(top), "__version__", None)
    return f"{top} {version if isinstance(version, str) else _installed_version(top)}"


def source_digest(name: str) -> bytes:
    """What a module is that is imported by a function when it runs, and all of the user's own that it imports in turn.

    The module is read and not executed. A comment or a blank line changes nothing.
    """
    digest = hashlib.blake2b(digest_size=16)
    seen: set[str] = set()
    waiting = [name.partition(".")[0]]
    while waiting:
        top = waiting.pop()
        if top in seen:
            continue
        seen.add(top)
        digest.update(f"{top}\0".encode())
        files = _own_files(top)
        if not files:
            digest.update(library_of(top).encode())
        for file in files:
            imported, content = _read_source(file)
            digest.update(content)
            waiting += imported
    return digest.digest()


def _read_source(file: Path) -> tuple[list[str], bytes]:
    """The modules that a file imports, sorted, and its content without comments."""
    data = file.read_bytes()
    if file.suffix != ".py":
        return [], data
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):  # what it raises when it is imported is the user's to see
        return [], data
    return sorted(set(_imports(tree))), ast.dump(tree).encode("utf-8", "surrogatepass")


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _own_files(top: str) -> list[Path]:
    """The files of a module or package of the user's own; none of a library's."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):  # ValueError: __main__, or a module without a spec
        return []
    if spec is None:
        return []
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if any(is_library_file(str(folder)) for folder in folders):
        return []
    if folders:
        return sorted(file for folder in folders for file in folder.rglob("*.py"))
    if spec.origin is None or not spec.has_location or is_library_file(spec.origin):
        return []
    return [Path(spec.origin)]


def _places(module: ModuleType) -> list[str]:
    file = getattr(module, "__file__", None)
    return [file] if file else [str(folder) for folder in getattr(module, "__path__", ())]


@cache
def _installed_version(top: str) -> str:
    try:
        return metadata.version(top)
    except metadata.PackageNotFoundError:
        return ""


@cache
def _library_folders() -> tuple[str, ...]:
    installed = [
        sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    ]
    return (*installed, site.getusersitepackages(), _HERE)
