"""Programs by name: what ``--find`` looks for in the whole source.

To add one, write a generator of rounds in a file of its own, and register it here. The file is
imported only when a job uses the program, so that ``--help`` can name all of them and load none.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import cast

from mrimage.job.columns import columns_of
from mrimage.job.functions import innermost
from mrimage.job.job import Job
from mrimage.job.option_types import require_known
from mrimage.rounds.programs import NamedProgram
from mrimage.rounds.round import Program


@dataclass(frozen=True, slots=True)
class Pattern:
    """A program that a job can use by name.

    ``function`` is a Program as ``module:name``. Its table is one of images (see ``Table``), with
    ``columns`` of the catalogue; those that are not in every catalogue are computed by the
    extractors ``needs``, in map. It also gets the fields ``options`` of the job, as keywords.

    With ``vectors``, the table has the job's embedding as well, or else the descriptor, and the
    columns ``also`` if the job's extractors compute them.
    """

    name: str
    function: str
    help: str
    columns: tuple[str, ...]
    needs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    vectors: bool = False
    also: tuple[str, ...] = ()

    def needs_of(self, job: Job) -> tuple[str, ...]:
        """The extractors that the program needs in a job."""
        return (*self.needs, _vector_of(job)) if self.vectors else self.needs

    def columns_of(self, job: Job) -> tuple[str, ...]:
        """The columns that the program's table has in a job."""
        if not self.vectors:
            return self.columns
        known = set(columns_of(job.built_in))
        return (*self.columns, _vector_of(job), *(name for name in self.also if name in known))

    def load(self) -> Program:
        """Import the function."""
        module, _, name = self.function.partition(":")
        return cast(Program, getattr(importlib.import_module(module), name))


_PATTERNS = (
    Pattern(
        "duplicates",
        "mrimage.patterns.duplicates:find_duplicates",
        "copies of images: equal, re-encoded, resized, mirrored, turned, cropped",
        columns=(
            "sha256",
            "picture_hash",
            "descriptor",
            "miniature",
            "width",
            "height",
            "size",
            "file",
            "format",
            "camera",
            "taken_at",
        ),
        needs=("hash", "descriptor", "miniature"),
        options=("similar", "keep"),
    ),
    Pattern(
        "clusters",
        "mrimage.patterns.clusters:find_clusters",
        "images that look alike, in --clusters groups, and a map of all images",
        columns=(),
        options=("clusters",),
        vectors=True,
        also=("label",),
    ),
    Pattern(
        "neighbors",
        "mrimage.patterns.neighbors:find_neighbors",
        "the most similar images of each image, and which images are unlike all others",
        columns=(),
        vectors=True,
    ),
)

VECTORS = ("embedding", "descriptor")
"""The columns of vectors that programs use; the first of them that the job has, else the last."""


def _vector_of(job: Job) -> str:
    return next((name for name in VECTORS if name in job.built_in), VECTORS[-1])


PATTERNS: Mapping[str, Pattern] = MappingProxyType({pattern.name: pattern for pattern in _PATTERNS})
"""The programs that ``--find`` accepts, by name."""


def pattern_of(name: str) -> Pattern:
    """Return the program of this name. Raises UsageError for an unknown name."""
    require_known("find", [name], PATTERNS)
    return PATTERNS[name]


def with_columns(job: Job) -> Job:
    """Return the job with the extractors that its programs need. Raises UsageError for an unknown
    program."""
    needs = [need for name in job.find for need in pattern_of(name).needs_of(job)]
    if not needs:
        return job
    return replace(job, extract=(*job.extract, *needs))


def programs_of(job: Job) -> tuple[NamedProgram, ...]:
    """The programs of a job in the order in which they run: those by name, then its own."""
    programs = [_named(job, pattern_of(name)) for name in job.find]
    if job.program is not None:
        named = innermost(job.program)
        if not hasattr(named, "__name__"):
            named = type(named)
        programs.append(NamedProgram(str(named.__name__), job.program))
    return tuple(programs)


def _named(job: Job, pattern: Pattern) -> NamedProgram:
    options = {name: getattr(job, name) for name in pattern.options}
    return NamedProgram(pattern.name, partial(pattern.load(), **options), pattern.columns_of(job))
