"""An archive of mrimage and its requirements, for workers whose Python lacks them.

    python -m mrimage.engine.spark.pack [--driver] environment.tar.gz

Spark unpacks it beside each executor with ``spark.archives=environment.tar.gz#environment``, and
``spark.executorEnv.PYTHONPATH=environment`` lets Python find it. Nothing is downloaded: the archive
holds what is installed here, so the workers need the same platform and the same minor version of
Python. ``--driver`` adds what only the driver of a run uses, for a cluster that starts the driver
too.
"""

from __future__ import annotations

import gzip
import re
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, cast

NEVER_PACKED = frozenset({"pyspark", "ray", "scikit-image"})
"""The cluster brings its own pyspark, Ray is another engine, and workers do not make the demo."""

DRIVER_ONLY = frozenset({"jinja2", "tqdm", "vl-convert-python", "weasyprint"})
"""What the report and the progress bar need."""


def write_archive(target: Path, driver: bool = False) -> int:
    """Write the archive, whose name ends in .tar, .tar.gz or .tgz; return its number of files."""
    written = 0
    with (
        target.open("wb") as plain,
        _compressed(plain, target) as stream,
        tarfile.open(fileobj=stream, mode="w") as tar,
    ):
        for path, name in files(driver):
            tar.add(path, name, recursive=False)
            written += 1
    return written


def _compressed(plain: BinaryIO, target: Path) -> BinaryIO:
    """``plain``, compressed at the fastest level unless ``target`` is a plain .tar."""
    if target.suffix == ".tar":
        return plain
    return cast(BinaryIO, gzip.GzipFile(fileobj=plain, mode="wb", compresslevel=1))


def files(driver: bool) -> Iterator[tuple[Path, str]]:
    """Yield each file with its name below the folder that Python imports from."""
    package = _package()
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path, f"mrimage/{path.relative_to(package).as_posix()}"
    left_out = NEVER_PACKED if driver else NEVER_PACKED | DRIVER_ONLY
    for installed in needed("mrimage", left_out):
        for file in installed.files or ():
            # Scripts and data lie outside the folder of packages.
            is_outside = file.parts[0] in ("..", "/")
            # Bytecode is made again, and .pth files have no effect where Spark unpacks the archive.
            is_useless = "__pycache__" in file.parts or file.suffix == ".pth"
            if not is_outside and not is_useless and file.parts[0] != "mrimage":
                yield Path(str(installed.locate_file(file))), file.as_posix()


def needed(name: str, left_out: frozenset[str]) -> list[Distribution]:
    """List the installed distributions that ``name`` requires, itself first.

    Our own extras are included if they are installed; those of other packages are not, nor are the
    names in ``left_out``.
    """
    found: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found or name in left_out:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # an extra that is not installed, or a requirement of another platform
        waiting += [
            re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
            for requirement in found[name].requires or ()
            if name == "mrimage" or "extra ==" not in requirement
        ]
    return list(found.values())


def _package() -> Path:
    """The folder of mrimage itself: an editable installation does not list its files."""
    spec = find_spec("mrimage")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent


def main(arguments: list[str]) -> int:
    """Write the archive that the last argument names."""
    driver = arguments[:1] == ["--driver"]
    if len(arguments) != 1 + driver or not arguments[-1].endswith((".tar", ".tar.gz", ".tgz")):
        print("pack needs the archive to write, such as environment.tar.gz.", file=sys.stderr)
        return 2
    target = Path(arguments[-1])
    count = write_archive(target, driver)
    megabytes = target.stat().st_size / 1e6
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    print(f"{target}: {count} files, {megabytes:.0f} MB, for Python {version} on {sys.platform}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
