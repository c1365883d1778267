"""The shape of the house: which way imports point, where codecs live, how long a file gets, what `import` costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mrimage

PACKAGE = Path(mrimage.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

ORDER = (
    {"errors"},
    {"types"},
    {"storage", "guard"},
    {"source", "image", "demo", "functions"},
    {"job"},
    {"tables"},
    {"sink", "shuffle"},
    {"mappers"},
    {"reducers"},
    {"tasks", "gallery"},
    {"report"},
    {"engine"},
    {"budget", "progress", "summary", "results"},
    {"flow"},
    {"api", "options"},
    {"dryrun", "retry"},
    {"commands"},
    {"cli"},
)
"""From the ground up; a part imports only itself and parts that stand lower."""

HEIGHT = {part: height for height, parts in enumerate(ORDER) for part in parts}

CODECS = {"PIL", "pyvips", "simplejpeg", "pillow_heif", "rawpy", "pillow_jxl"}
HEAVY = CODECS | {"numpy", "pyarrow", "duckdb", "jinja2", "vl_convert", "pyspark", "obstore", "hdfs_native", "psutil"}


def part_of(file: Path) -> str:
    """The part of the house that a file belongs to; ``""`` is the package's own ``__init__``."""
    first = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and full module name of every import that happens at run time; those for types only do not."""

    def walk(node: ast.AST) -> Iterator[tuple[int, str]]:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                    continue
                case ast.Import(names=names):
                    yield from ((child.lineno, name.name) for name in names)
                case ast.ImportFrom(module="mrimage", names=names):
                    yield from ((child.lineno, f"mrimage.{name.name}") for name in names)
                case ast.ImportFrom(module=str(module), level=0):
                    yield child.lineno, module
                case ast.ImportFrom():
                    raise AssertionError(f"{file}:{child.lineno}: a relative import hides its direction")
                case _:
                    yield from walk(child)

    yield from walk(ast.parse(file.read_text()))


def parts_imported(file: Path) -> Iterator[tuple[int, str]]:
    for line, module in imports(file):
        package, _, rest = module.partition(".")
        if package == "mrimage" and rest != "__version__":
            yield line, rest.partition(".")[0]


def test_every_part_has_its_place() -> None:
    assert {part_of(file) for file in FILES} - {"", "__main__"} <= set(HEIGHT)


def test_imports_point_one_way() -> None:
    wrong = [
        f"{file.relative_to(PACKAGE)}:{line}: {part} imports {imported}"
        for file in FILES
        if (part := part_of(file)) in HEIGHT
        for line, imported in parts_imported(file)
        if imported != part and HEIGHT[imported] >= HEIGHT[part]
    ]
    assert wrong == []


def test_the_image_kernel_knows_nothing_of_mapreduce() -> None:
    known = {imported for file in FILES if part_of(file) == "image" for _, imported in parts_imported(file)}
    assert known <= {"image", "types", "errors"}


def test_engines_know_nothing_of_images() -> None:
    known = {imported for file in FILES if part_of(file) == "engine" for _, imported in parts_imported(file)}
    assert known.isdisjoint({"image", "mappers", "reducers", "report"})


def test_codecs_are_imported_by_the_image_kernel_only() -> None:
    """The demo writes files that no one should read with the code that wrote them, and captions are drawn with
    Pillow's font; neither decodes an image of a job."""
    elsewhere = {
        file.relative_to(PACKAGE).as_posix()
        for file in FILES
        if part_of(file) not in {"image", "demo"}
        for _, module in imports(file)
        if module.partition(".")[0] in CODECS
    }
    assert elsewhere <= {"reducers/sheet.py"}


def test_no_file_is_longer_than_350_lines() -> None:
    lengths = {file.relative_to(PACKAGE).as_posix(): len(file.read_text().splitlines()) for file in FILES}
    assert {name: length for name, length in lengths.items() if length > 350} == {}


def test_importing_the_package_is_light() -> None:
    """A worker, a shell completion and `mrimage --help` pay for what they use only."""
    program = "import sys, mrimage; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert HEAVY.isdisjoint(loaded.split())
