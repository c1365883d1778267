"""Moves a finished local file into a store."""

from __future__ import annotations

from pathlib import Path

from mrimage.storage.store import Store


def deliver(store: Store, path: Path, name: str) -> None:
    """Move the finished local file ``path`` to ``name`` below the store's root, atomically.

    Renames it if the store is a folder on this machine (``path`` must be on the same disk), and
    uploads it otherwise.
    """
    if store.local:
        target = store.local / name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    else:
        store.write(name, path.read_bytes())
        path.unlink()
