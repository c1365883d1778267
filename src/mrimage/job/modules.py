"""Tells the user's own code from that of libraries, which workers have installed as well."""

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

_PACKAGE_FOLDERS = {"site-packages", "dist-packages"}
_MRIMAGE = str(Path(__file__).resolve().parent.parent)


def is_library_file(path: str) -> bool:
    """Whether the file belongs to Python, to an installed package or to mrimage itself."""
    if path.startswith("<frozen "):
        return True
    file = Path(path)
    if _PACKAGE_FOLDERS.intersection(file.parts):
        return True
    return any(file.is_relative_to(folder) for folder in _library_folders())


def is_own_module(module: ModuleType) -> bool:
    """Whether the user wrote the module: a script, a notebook, a file of a project, or a package
    that is installed for development."""
    name = module.__name__
    if name == "__main__":
        return True
    places = _places(module)
    if places:
        return not all(is_library_file(place) for place in places)
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top == "mrimage":
        return False
    # The module was made in memory: by a compiled library for its own package, or by the user.
    if top == name or top not in sys.modules:
        return True
    return is_own_module(sys.modules[top])


def library_of(name: str) -> str:
    """Return the library of the module ``name`` with its version: ``numpy 2.2``.

    Python and mrimage have no version here, because a new release of theirs does not make a
    different job.
    """
    top = name.partition(".")[0]
    if top == "mrimage" or top in sys.stdlib_module_names:
        return top
    version = getattr(sys.modules.get(top), "__version__", None)
    if not isinstance(version, str):
        version = _installed_version(top)
    return f"{top} {version}"


def source_digest(name: str) -> bytes:
    """Return a digest of 16 bytes of a module that a function imports when it runs, and of the
    user's own modules that it imports in turn.

    Modules are read but not executed. Comments and blank lines make no difference.
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
    """Return the modules that a file imports, sorted, and its content without comments."""
    data = file.read_bytes()
    if file.suffix != ".py":
        return [], data
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        # The user sees this error when the module is imported.
        return [], data
    imported = sorted(set(_imports(tree)))
    return imported, ast.dump(tree).encode("utf-8", "surrogatepass")


def _imports(tree: ast.AST) -> Iterator[str]:
    """Yield the top-level modules that the code imports. Relative imports stay inside the
    package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _own_files(top: str) -> list[Path]:
    """Return the files of a module or package that the user wrote. For a library's, the list is
    empty."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        # ValueError: __main__, or a module without a spec.
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
    """Return the module's file, or the folders of a namespace package."""
    file = getattr(module, "__file__", None)
    if file:
        return [file]
    return [str(folder) for folder in getattr(module, "__path__", ())]


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
    return (*installed, site.getusersitepackages(), _MRIMAGE)
