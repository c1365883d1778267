"""Files too large for memory: they are first written to a local disk, then delivered as a whole."""

from __future__ import annotations

import mmap
import secrets
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from mrimage.storage import Store
from mrimage.storage.deliver import deliver
from mrimage.storage.local import STAGING, store_error


class Spool:
    """An unfinished file that will become ``name`` below OUT. It is not visible before ``deliver``.

    If OUT is local, the file grows in the run's scratch folder, which is on the same disk, and is
    renamed at the end. Otherwise it is a temporary file without a name, which disappears with its
    process however that ends, and ``deliver`` sends it.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._path: Path | None = None
        try:
            if store.local:
                folder = store.local / STAGING
                folder.mkdir(parents=True, exist_ok=True)
                self._path = folder / f"shard-{secrets.token_hex(8)}"
            # The file stays open until the spool is delivered or discarded.
            file = self._path.open("xb") if self._path else tempfile.TemporaryFile()  # noqa: SIM115
            self.file = cast(BinaryIO, file)
        except OSError as error:
            raise store_error(error, "write", store.uri(name)) from error

    def deliver(self) -> None:
        """Put the file under its final name. Raises StoreError."""
        try:
            self.file.flush()
            if self._path:
                self.file.close()
                deliver(self._store, self._path, self._name)
                return
            # Mapped rather than read, so that a large shard never has to be in memory as a whole.
            with (
                self.file,
                mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
                memoryview(mapped) as view,
            ):
                self._store.write(self._name, cast(bytes, view))
        except OSError as error:
            raise store_error(error, "write", self._store.uri(self._name)) from error

    def discard(self) -> None:
        """Delete what was written."""
        self.file.close()
        if self._path:
            self._path.unlink(missing_ok=True)
