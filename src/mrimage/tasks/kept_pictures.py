"""Decoded pictures that map keeps for the second pass, so that this decodes nothing.

They are files of pixels in a folder of this machine, below the run's scratch folder, and go with it.
A picture that is not there is decoded again, so that no result depends on what was kept.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mrimage.types import Edits, Entry

Array = np.ndarray[Any, np.dtype[Any]]

MOST_BYTES = 1 << 30
"""Bytes that one worker process keeps at most."""

SPARE_BYTES = 2 << 30
"""Bytes of the disk that stay free, for the outputs."""

_kept_bytes: Counter[str] = Counter()
"""Bytes that this process has kept, by folder."""


@dataclass(frozen=True, slots=True)
class KeptPictures:
    """The pictures in ``folder``; if it is empty, nothing is kept."""

    folder: str

    def keep(self, entry: Entry, edits: Edits, pixels: Array) -> None:
        """Keep ``pixels``, what the edits make of the image before its correction, if there is room."""
        if not self.folder or _kept_bytes[self.folder] + pixels.nbytes > MOST_BYTES:
            return
        path = self._path(entry, edits)
        # Two attempts may keep the same picture at once.
        unfinished = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(path.parent).free < SPARE_BYTES:
                return
            with unfinished.open("wb") as file:
                np.save(file, pixels, allow_pickle=False)
            unfinished.rename(path)
        except OSError:
            # A disk that is full, or that fails: the picture is decoded again.
            with suppress(OSError):
                unfinished.unlink()
            return
        _kept_bytes[self.folder] += pixels.nbytes

    def find(self, entry: Entry, edits: Edits) -> Array | None:
        """Return the pixels that map kept of the image; None if it kept none."""
        if not self.folder:
            return None
        try:
            with self._path(entry, edits).open("rb") as file:
                pixels: Array = np.load(file, allow_pickle=False)
        except (OSError, ValueError):
            return None
        return pixels

    def _path(self, entry: Entry, edits: Edits) -> Path:
        name = f"{entry.uri}\0{entry.version}\0{entry.place!r}\0{edits!r}"
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return Path(self.folder, digest[:2], f"{digest}.npy")
