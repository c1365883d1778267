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
    {"types", "installed"},
    {"storage", "guard", "image", "report", "demo"},
    {"source", "tables", "mappers"},
    {"job"},
    {"sink"},
    {"shuffle", "explore"},
    {"rounds"},
    {"commit"},
    {"reducers", "engine"},
    {"patterns"},
    {"tasks"},
    {"flow"},
    {"cli"},
)
"""From the ground up; a folder imports only itself and folders that stand lower."""

HEIGHT = {part: height for height, parts in enumerate(ORDER) for part in parts}

CODECS = {"PIL", "pyvips", "simplejpeg", "pillow_heif", "rawpy", "pillow_jxl"}
HEAVY = CODECS | {
    "numpy",
    "pyarrow",
    "duckdb",
    "jinja2",
    "vl_convert",
    "pyspark",
    "ray",
    "obstore",
    "hdfs_native",
    "onnxruntime",
    "onnx",
    "starlette",
    "uvicorn",
}


def module_of(file: Path) -> str:
    """The dotted name of a file's module."""
    return ".".join(("mrimage", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    )


MODULES = {module_of(file): file for file in FILES}


def part_of(module: str) -> str:
    """The folder that a module belongs to; ``""`` for ``__init__`` and ``__main__`` of the root, which only point."""
    first = f"{module}.".split(".")[1]
    return "" if first == "__main__" else first


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and full module name of every import that happens at run time, inside functions too; those for types
    only do not happen."""

    def walk(node: ast.AST) -> Iterator[tuple[int, str]]:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                    continue
                case ast.Import(names=names):
                    yield from ((child.lineno, name.name) for name in names)
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    for name in names:
                        inner = f"{module}.{name.name}"
                        yield child.lineno, inner if inner in MODULES else module
                case ast.ImportFrom():
                    raise AssertionError(
                        f"{file}:{child.lineno}: a relative import hides its direction"
                    )
                case _:
                    yield from walk(child)

    yield from walk(ast.parse(file.read_text()))


def modules_imported(file: Path) -> Iterator[tuple[int, str]]:
    """Line and name of every module of the package that ``file`` imports."""
    for line, module in imports(file):
        if module in MODULES and module != "mrimage":
            yield line, module


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Every set of nodes that reach each other, by Tarjan's algorithm (SIAM J. Comput. 1, 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = lowest[node] = len(number)
        stack.append(node)
        for following in sorted(graph[node]):
            if following not in number:
                visit(following)
            if following in stack:
                lowest[node] = min(lowest[node], lowest[following])
        if lowest[node] == number[node]:
            at = stack.index(node)
            members = stack[at:]
            del stack[at:]
            if len(members) > 1:
                found.append(sorted(members))

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return found


def test_every_folder_has_its_place() -> None:
    assert {part_of(module) for module in MODULES} - {""} <= set(HEIGHT)


def test_the_root_holds_words_only() -> None:
    files = {file.name for file in PACKAGE.glob("*.py")}
    assert files == {"__init__.py", "__main__.py", "types.py", "errors.py"}


def test_imports_point_one_way() -> None:
    wrong = [
        f"{file.relative_to(PACKAGE)}:{line}: imports {imported}"
        for module, file in MODULES.items()
        for line, imported in modules_imported(file)
        if part_of(module) in HEIGHT
        and part_of(imported) != part_of(module)
        and HEIGHT[part_of(imported)] >= HEIGHT[part_of(module)]
    ]
    assert wrong == []


def test_no_file_imports_itself_by_a_detour() -> None:
    """A circle that a function hides is a circle too: whoever reads one file of it has to read them all."""
    graph = {
        module: {imported for _, imported in modules_imported(file)}
        for module, file in MODULES.items()
    }
    assert circles(graph) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def parts_imported_by(part: str) -> set[str]:
    """The folders that the files of ``part`` import from."""
    files = [file for module, file in MODULES.items() if part_of(module) == part]
    return {part_of(imported) for file in files for _, imported in modules_imported(file)}


def test_the_image_kernel_knows_nothing_of_mapreduce() -> None:
    assert parts_imported_by("image") <= {"image", "types", "errors", "installed"}


def test_tags_know_nothing_of_the_headers_that_they_stand_in() -> None:
    tags = [file for module, file in MODULES.items() if module.startswith("mrimage.image.tags")]
    imported = {name for file in tags for _, name in modules_imported(file)}
    assert {name for name in imported if name.startswith("mrimage.image.header")} == set()


def test_engines_know_nothing_of_images_or_tasks() -> None:
    assert parts_imported_by("engine").isdisjoint(
        {"image", "mappers", "reducers", "report", "tasks"}
    )


def test_codecs_are_imported_by_the_image_kernel_only() -> None:
    """The demo writes files that no one should read with the code that wrote them, and captions are drawn with
    Pillow's font; neither decodes an image of a job."""
    elsewhere = {
        file.relative_to(PACKAGE).as_posix()
        for home, file in MODULES.items()
        if part_of(home) not in {"image", "demo"}
        for _, module in imports(file)
        if module.partition(".")[0] in CODECS
    }
    assert elsewhere <= {"reducers/sheet.py"}


def test_no_file_is_longer_than_450_lines() -> None:
    lengths = {
        file.relative_to(PACKAGE).as_posix(): len(file.read_text().splitlines()) for file in FILES
    }
    assert {name: length for name, length in lengths.items() if length > 450} == {}


def test_importing_the_package_is_light() -> None:
    """A worker, a shell completion and `mrimage --help` pay for what they use only."""
    program = "import sys, mrimage; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert HEAVY.isdisjoint(loaded.split())


def test_a_run_and_its_workers_load_no_compute_functions_of_arrow() -> None:
    """They make a Python function of each kernel when they are imported, a tenth of a worker's start."""
    program = (
        "import sys, mrimage.cli.commands\n"
        "from mrimage.flow.run import TASKS\n"
        "for name in TASKS: __import__(name)\n"
        "sys.exit('pyarrow.compute' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
