"""Files too large for memory on their way to a store: written on a disk first, then put in place as a whole."""

from __future__ import annotations

import mmap
import secrets
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from mrimage.commit.ledger import deliver
from mrimage.storage import Store
from mrimage.storage.local import STAGING, store_error
from mrimage.storage.names import local_path, scheme


class Spool:
    """A file in the making, bound for ``name`` below OUT; nobody sees it there before ``deliver``.

    Where OUT is local it grows in the run's scratch folder, on the same disk, and is renamed in the end. Elsewhere
    it has no name, so that it goes with its process however that ends, and is sent from there.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._path: Path | None = None
        try:
            if scheme(store.root) == "file":
                folder = Path(local_path(store.root), STAGING)
                folder.mkdir(parents=True, exist_ok=True)
                self._path = folder / f"shard-{secrets.token_hex(8)}"
            self.file = cast(
                BinaryIO, self._path.open("xb") if self._path else tempfile.TemporaryFile()
            )  # noqa: SIM115
        except OSError as error:
            raise store_error(error, "write", store.uri(name)) from error

    def deliver(self) -> None:
        """Put the file in place. Raises StoreError."""
        try:
            self.file.flush()
            if self._path:
                self.file.close()
                deliver(self._store, self._path, self._name)
                return
            # Mapped, not read: the pages of a large shard come and go as they are sent.
            with (
                self.file,
                mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
                memoryview(mapped) as view,
            ):
                self._store.write(self._name, cast(bytes, view))
        except OSError as error:
            raise store_error(error, "write", self._store.uri(self._name)) from error

    def discard(self) -> None:
        """Drop what was written."""
        self.file.close()
        if self._path:
            self._path.unlink(missing_ok=True)
