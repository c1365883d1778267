"""What an OUT holds, for comparing runs, and what must not be left in it."""

from __future__ import annotations

from pathlib import Path

TABLES = ("groups.parquet", "outputs.parquet", "quarantine.parquet")


def everything(out: Path) -> dict[str, bytes]:
    """What two runs of the same job on the same source must agree on, byte for byte."""
    files = [
        path
        for top in ("images", "groups", "catalogue", "shards")
        for path in (out / top).rglob("*")
    ]
    files += [out / name for name in TABLES]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files if path.is_file()}


def leftovers(out: Path) -> list[str]:
    """Temporary files, locks and empty folders, which nothing should leave."""
    found = [
        path
        for path in out.rglob("*")
        if path.name.startswith(".mrimage") or path.name in ("lock", "scratch")
    ]
    found += [path for path in out.rglob("*") if path.is_dir() and not any(path.iterdir())]
    return [path.relative_to(out).as_posix() for path in found]
