"""The source of a run, listed: its entries, and what is not an entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from mrimage.errors import SourceError, StoreError, unknown
from mrimage.flow.summary import describe_ignored
from mrimage.job.catalogue import catalogue_of
from mrimage.job.job import Job, Plan
from mrimage.mappers.keys import columns_among, unknown_key
from mrimage.source import Selection, list_entries
from mrimage.tables.source_columns import named_columns
from mrimage.types import Entry


@dataclass
class ListingCounts:
    """What a listing found besides entries.

    ``ignored`` counts files, members and rows by reason. ``unlisted`` has the folders that could
    not be listed, each with its error. ``earlier`` counts the files of earlier runs, by their OUT
    below the source.
    """

    ignored: Counter[str] = field(default_factory=Counter)
    unlisted: list[tuple[str, StoreError]] = field(default_factory=list)
    earlier: Counter[str] = field(default_factory=Counter)

    def ignore(self, path: str, reason: str) -> None:
        """Count a file, member or row that is not an entry."""
        self.ignored[reason] += 1

    def ignore_earlier(self, folder: str) -> None:
        """Count a file that an earlier run wrote below ``folder``."""
        self.ignored["earlier run"] += 1
        self.earlier[folder] += 1

    def skip_folder(self, uri: str, error: StoreError) -> None:
        """Count a folder that could not be listed."""
        self.ignored["folder"] += 1
        self.unlisted.append((uri, error))


def entries_of(plan: Plan, counts: ListingCounts, strict: bool) -> Iterator[Entry]:
    """Every entry of the plan's source that the job selects. ``counts`` gets everything else.

    Raises SourceError if a folder cannot be listed and ``strict`` is set. Otherwise ``counts`` gets
    the folder too.
    """
    selection = Selection(plan.job.include, plan.job.exclude, plan.job.all_files)
    on_unlisted = None if strict else counts.skip_folder
    return list_entries(
        plan.source, selection, counts.ignore, plan.stores, on_unlisted, counts.ignore_earlier
    )


def require_images(plan: Plan, strict: bool, known: Collection[str] = ()) -> None:
    """Raise SourceError if the source is missing or holds no image, and UsageError if no image has
    a column that is a key. This is before anything is written, and reads the listing only as far as
    it must. The columns ``known`` come from an earlier run."""
    counts = ListingCounts()
    columns = [name for name in expected_columns(plan.job) if name not in known]
    seen: set[str] = set()
    is_empty = True
    for entry in entries_of(plan, counts, strict):
        is_empty = False
        seen |= named_columns(entry.fields, plan.job.taken).keys()
        if seen.issuperset(columns):
            return
    missing = [name for name in columns if name not in seen]
    if missing and not is_empty:
        if missing[0] in plan.job.carry:
            known = catalogue_of(plan.job).names
            raise unknown("carry", missing[0], [*known, *seen])
        raise unknown_key(missing[0], seen)
    if is_empty:
        raise SourceError(
            f"There are no images in {plan.source} (ignored {describe_ignored(counts.ignored)}). "
            "Check the path, --include and --exclude, or add --all-files."
        )


def expected_columns(job: Job) -> list[str]:
    """The columns that the source must have: keys, and what shards carry."""
    keys = columns_among(job.key, job.built_in) if job.map is None else []
    known = catalogue_of(job).names
    return [*keys, *(name for name in job.carry if name not in known)]
