"""The source of a run, listed: its entries, and what is not an entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from mrimage.commit.names import read_names
from mrimage.errors import SourceError, StoreError, unknown
from mrimage.flow.summary import describe_ignored
from mrimage.job.catalogue import catalogue_of
from mrimage.job.job import Job, Plan
from mrimage.job.name_template import OF_THE_NAME, template_of
from mrimage.mappers.keys import KEYS_OF_HEADERS, columns_among, unknown_key
from mrimage.source import Selection, below, labels_of, list_entries
from mrimage.storage import open_store
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
    """Every entry of the plan's sources that the job selects. ``counts`` gets everything else. The
    paths of several sources begin with the names of these.

    Raises SourceError if a folder cannot be listed and ``strict`` is set. Otherwise ``counts`` gets
    the folder too.
    """
    if not plan.others:
        return _entries_of(plan, plan.source, counts, strict)
    labeled = zip(labels_of(plan.sources), plan.sources, strict=True)
    return (
        below(label, entry)
        for label, source in labeled
        for entry in _entries_of(plan, source, counts, strict)
    )


def _entries_of(plan: Plan, source: str, counts: ListingCounts, strict: bool) -> Iterator[Entry]:
    selection = Selection(plan.job.include, plan.job.exclude, plan.job.all_files)
    on_unlisted = None if strict else counts.skip_folder
    names = plan.names
    if names == ():
        # The run has left them there.
        names = read_names(open_store(plan.out, plan.stores))
    return list_entries(
        source, selection, counts.ignore, plan.stores, on_unlisted, counts.ignore_earlier, names
    )


def require_images(plan: Plan, strict: bool, known: Collection[str] = ()) -> None:
    """Raise SourceError if the source is missing or holds no image, and UsageError if no image has
    a column that is a key. This is before anything is written, and reads the listing only as far as
    it must. The columns ``known`` come from an earlier run."""
    counts = ListingCounts()
    for source in plan.others:
        # The first of several has the images that the loop below finds.
        next(_entries_of(plan, source, counts, strict), None)
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
        known = catalogue_of(plan.job).names
        if missing[0] in plan.job.carry:
            raise unknown("carry", missing[0], [*known, *seen])
        if missing[0] not in plan.job.key:
            raise unknown("name", missing[0], [*OF_THE_NAME, *KEYS_OF_HEADERS, *known, *seen])
        raise unknown_key(missing[0], seen)
    if is_empty:
        raise SourceError(
            f"There are no images in {', '.join(plan.sources)} (ignored {describe_ignored(counts.ignored)}). "
            "Check the path, --include and --exclude, or add --all-files."
        )


def expected_columns(job: Job) -> list[str]:
    """The columns that the source must have: keys, what shards carry, and what names consist of."""
    keys = columns_among(job.key, job.built_in) if job.map is None else []
    known = catalogue_of(job).names
    template = template_of(job.output_name)
    named = [part.field for part in template.parts] if template else []
    in_names = [name for name in named if name not in KEYS_OF_HEADERS]
    return [*keys, *(name for name in (*job.carry, *in_names) if name not in known)]
