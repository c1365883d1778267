"""Putting a finished file of this machine into a store."""

from __future__ import annotations

from pathlib import Path

from mrimage.storage.store import Store


def deliver(store: Store, path: Path, name: str) -> None:
    """Move the finished file ``path`` to ``name`` below the store's root, atomically: by renaming it where the store
    is a folder on the same disk, else by sending its bytes."""
    if store.local:
        target = store.local / name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    else:
        store.write(name, path.read_bytes())
        path.unlink()
