"""Where images come from: listings, archives, lists of uris, splits, and reading ahead."""

from mrimage.source.listing import list_entries, names_its_images
from mrimage.source.readahead import open_entry, read_ahead
from mrimage.source.selection import EXTENSIONS, Selection
from mrimage.source.several import below, check_sources, labels_of
from mrimage.source.sidecars import SIDECAR, beside, sidecar_uri
from mrimage.source.splits import cut_splits, find_starts, place_in_order

__all__ = [
    "EXTENSIONS",
    "SIDECAR",
    "Selection",
    "below",
    "beside",
    "check_sources",
    "cut_splits",
    "find_starts",
    "labels_of",
    "list_entries",
    "names_its_images",
    "open_entry",
    "place_in_order",
    "read_ahead",
    "sidecar_uri",
]
