"""Splits: where they were cut once, they are cut again, whatever part of the entries is left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mrimage.source import cut_splits, find_starts, place_in_order
from mrimage.types import Entry

URIS = st.text(st.sampled_from("ab/é\U0001f600"), min_size=1, max_size=4)
SIZES = st.dictionaries(URIS, st.integers(0, 9), min_size=1, max_size=25)
SEEDS = st.none() | st.integers(0, 3)
LIMITS = st.tuples(st.integers(1, 20), st.integers(1, 6))


def entries_of(sizes: dict[str, int]) -> list[Entry]:
    return [Entry(uri, uri, sizes[uri], "1") for uri in sorted(sizes, key=str.encode)]


@given(SIZES, LIMITS, SEEDS, st.randoms(use_true_random=False))
def test_what_is_left_of_the_splits_is_cut_into_the_same_ones(sizes, limits, seed, chance) -> None:
    entries = sorted(entries_of(sizes), key=lambda entry: place_in_order(entry.uri, seed))
    splits = list(cut_splits(entries, *limits))
    starts = list(find_starts(entries, *limits, seed))
    assert starts == [place_in_order(split.entries[0].uri, seed) for split in splits]
    left = [split for split in splits if chance.random() < 0.5]
    rest = [entry for split in left for entry in split.entries]
    assert list(cut_splits(rest, *limits, starts, seed)) == left


@given(SIZES, LIMITS, URIS, st.integers(0, 9))
def test_an_entry_that_appears_or_disappears_changes_only_the_split_that_it_falls_into(
    sizes, limits, uri, size
) -> None:
    entries = entries_of({name: sizes[name] for name in sizes if name != uri})
    grown = entries_of({**sizes, uri: size})
    for before, after in ((entries, grown), (grown, entries)):
        splits = {split.id: split for split in cut_splits(before, *limits)}
        starts = list(find_starts(before, *limits))
        again = {split.id: split for split in cut_splits(after, *limits, starts)}
        gone = [splits[name] for name in splits.keys() - again.keys()]
        new = [again[name] for name in again.keys() - splits.keys()]
        assert len(gone) <= 1
        assert len(new) <= 3, "what no longer fits is cut in front of the new entry and behind it"
        touched = {entry for split in (*gone, *new) for entry in split.entries}
        changed = {entry for entry in (*entries, *grown) if entry.uri == uri}
        others = {entry for split in gone for entry in split.entries}
        assert touched <= changed | others
