"""What the user thinks of the images: accepted or rejected, and tags. They are in a file of the
user's beside OUT, ``OUT.marks.parquet``, never in OUT."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.errors import NotFoundError, StoreError, UsageError
from mrimage.storage import Store, StoreSettings, layout, open_store, redact
from mrimage.storage.names import path_if_local

MARKS = pa.schema([("uri", pa.string()), ("mark", pa.string()), ("tags", pa.list_(pa.string()))])
"""One row for each image that has a mark, null for none, or a tag. Sorted by uri."""

WORDS = ("accept", "reject")

LONGEST_TAG = 60

MOST_TAGS = 200


@dataclass(frozen=True)
class Marks:
    """The marks and tags by uri."""

    marks: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class MarksFile:
    """The file ``name`` in a store, read when it is first asked for, and written at each change."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._lock = threading.Lock()
        self._marks: Marks | None = None

    @property
    def path(self) -> str:
        """Where the file is, as the user would write it."""
        return f"{self._store.root.rstrip('/')}/{self._name}"

    def read(self) -> Marks:
        """Return the marks; none if there is no file. Raises UsageError for a file of another kind."""
        with self._lock:
            return self._read()

    def change(
        self, uris: Iterable[str], *, mark: str | None = None, tag: str = "", untag: str = ""
    ) -> Marks:
        """Set the mark of images (``accept``, ``reject``, or ``none``), add or take away a tag.

        Raises UsageError for another mark or a bad tag, and StoreError if the file cannot be
        written.
        """
        if mark is not None and mark not in (*WORDS, "none"):
            raise UsageError(f"A mark is accept, reject or none, but got {mark!r}.")
        _check_tag(tag)
        with self._lock:
            before = self._read()
            marks, tags = dict(before.marks), dict(before.tags)
            for uri in uris:
                if mark == "none":
                    marks.pop(uri, None)
                elif mark:
                    marks[uri] = mark
                kept = {*tags.get(uri, ()), tag} - {untag, ""}
                tags[uri] = tuple(sorted(kept))
                if not kept:
                    del tags[uri]
            if len({tag for some in tags.values() for tag in some}) > MOST_TAGS:
                raise UsageError(f"There can be {MOST_TAGS} different tags at most.")
            after = Marks(marks, tags)
            self._write(after)
            self._marks = after
            return after

    def _read(self) -> Marks:
        if self._marks is None:
            self._marks = self._load()
        return self._marks

    def _load(self) -> Marks:
        try:
            data = self._store.read(self._name)
        except NotFoundError:
            return Marks()
        try:
            rows = pq.read_table(io.BytesIO(data), schema=MARKS).to_pylist()
        except (pa.ArrowException, OSError, KeyError) as error:
            raise UsageError(
                f"{self.path} should have the columns uri, mark and tags, but cannot be read "
                f"({error}). Move it away."
            ) from error
        marks = {row["uri"]: row["mark"] for row in rows if row["mark"] in WORDS}
        tags = {row["uri"]: tuple(row["tags"]) for row in rows if row["tags"]}
        return Marks(marks, tags)

    def _write(self, marks: Marks) -> None:
        rows = [
            {"uri": uri, "mark": marks.marks.get(uri), "tags": list(marks.tags.get(uri, ()))}
            for uri in sorted({*marks.marks, *marks.tags})
        ]
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, MARKS), file)
        try:
            self._store.write(self._name, file.getvalue())
        except StoreError as error:
            raise UsageError(f"The marks cannot be kept in {self.path}: {error}") from error


def marks_of(out: str, settings: StoreSettings) -> MarksFile:
    """Return the marks of the run in ``out``, a path or a url: ``out.marks.parquet`` beside it.

    Raises UsageError if nothing can be beside ``out``, such as a whole bucket.
    """
    path = path_if_local(out)
    if path is not None:
        folder = Path(path).absolute()
        return MarksFile(open_store(str(folder.parent), settings), f"{folder.name}{layout.MARKS}")
    parent, slash, name = out.rstrip("/").rpartition("/")
    if not slash or parent.endswith("/"):
        raise UsageError(f"{redact(out)} has nothing beside it, where marks could be kept.")
    return MarksFile(open_store(parent, settings), f"{name}{layout.MARKS}")


def _check_tag(tag: str) -> None:
    if len(tag) > LONGEST_TAG or not tag.isprintable():
        raise UsageError(f"A tag has at most {LONGEST_TAG} characters, all of them printable.")
