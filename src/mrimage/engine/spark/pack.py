"""An archive of mrimage and what it needs, for workers whose Python lacks them.

    python -m mrimage.engine.spark.pack [--driver] environment.tar.gz

Spark unpacks it beside each executor with ``spark.archives=environment.tar.gz#environment``, and
``spark.executorEnv.PYTHONPATH=environment`` lets Python find it. Nothing is downloaded: the archive holds what is
installed here, so the workers need the same platform and the same minor version of Python. ``--driver`` adds what only
the driver of a run uses, for a cluster that starts the driver too.
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

NOWHERE = frozenset({"pyspark", "scikit-image"})
"""The cluster brings its own pyspark; the demo is made elsewhere."""

ON_THE_DRIVER = frozenset({"jinja2", "tqdm", "vl-convert-python", "weasyprint"})
"""What the report and the progress bar need."""


def write_archive(target: Path, driver: bool = False) -> int:
    """Write the archive; its name ends in .tar, .tar.gz or .tgz. Returns the number of its files."""
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
    """``plain``, compressed at the fastest level where the name of ``target`` asks for it."""
    if target.suffix == ".tar":
        return plain
    return cast(BinaryIO, gzip.GzipFile(fileobj=plain, mode="wb", compresslevel=1))


def files(driver: bool) -> Iterator[tuple[Path, str]]:
    """Each file with its name below the folder that Python imports from."""
    package = _package()
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path, f"mrimage/{path.relative_to(package).as_posix()}"
    for each in needed("mrimage", NOWHERE if driver else NOWHERE | ON_THE_DRIVER):
        for file in each.files or ():
            outside = file.parts[0] in ("..", "/") or "__pycache__" in file.parts
            if not outside and file.parts[0] != "mrimage" and file.suffix != ".pth":
                yield Path(str(each.locate_file(file))), file.as_posix()


def needed(name: str, left_out: frozenset[str]) -> list[Distribution]:
    """The installed distributions that ``name`` requires, itself first, optional ones among them, but those that
    are ``left_out``."""
    found: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found or name in left_out:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # an extra that nobody installed here, or a requirement of another platform
        requirements = [
            r for r in found[name].requires or () if name == "mrimage" or "extra ==" not in r
        ]
        waiting += [
            re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in requirements
        ]
    return list(found.values())


def _package() -> Path:
    """mrimage's own folder, wherever it is imported from: an editable installation's lists no files."""
    spec = find_spec("mrimage")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent


def main(arguments: list[str]) -> int:
    """Write the archive that the last argument names."""
    driver = arguments[:1] == ["--driver"]
    if len(arguments) != 1 + driver or not arguments[-1].endswith((".tar", ".tar.gz", ".tgz")):
        print("Expected the archive to write, for example environment.tar.gz", file=sys.stderr)
        return 2
    target = Path(arguments[-1])
    count = write_archive(target, driver)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    print(
        f"{target}: {count} files, {target.stat().st_size / 1e6:.0f} MB, for Python {version} on {sys.platform}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
