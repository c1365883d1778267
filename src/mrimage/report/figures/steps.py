"""Describes in words what a job does, for readers of the report who did not write the command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mrimage.report import text

_FITS = {
    "cover": "cut to fill it",
    "contain": "whole within it",
    "pad": "whole within it and padded",
    "stretch": "stretched to it",
}

MOST_SIZES = 4
"""More sizes than this are counted rather than listed."""

_METADATA = {
    "keep": "with all metadata",
    "strip": "without metadata",
}
_DEFAULT_METADATA = "with only artist and copyright as metadata"


def describe_steps(job: Mapping[str, object]) -> tuple[str, ...]:
    """Return a sentence for each step of the described ``job`` (see ``Job.describe``).

    >>> describe_steps({"key": ["format"], "extract": ["header"]})
    ('Read the header of each image; decoded nothing.', 'Grouped the images by format.')
    """
    return tuple(text.cut(f"{sentence}.", 300) for sentence in _steps(job))


def _steps(job: Mapping[str, object]) -> Iterator[str]:
    edits = job.get("edits")
    mapper = _function(job.get("map"))
    rules = _names(job.get("rules"))
    each = _function(job.get("each"))
    yield _reading(job, decodes=bool(mapper or edits or rules or each))
    if mapper:
        yield _mapping(job, mapper)
    else:
        yield f"Grouped the images by {_in_a_row(_names(job.get('key')))}"
    examples = job.get("examples")
    if examples:
        yield f"Labelled each image by the examples in {examples}"
    if isinstance(edits, Mapping):
        yield f"Edited each image: {', '.join(_edits(edits))}{_shards(job)}"
    elif edits:
        yield f"Edited each image as {_function(edits)} says for its key{_shards(job)}"
    if rules:
        shards = "" if edits else _shards(job)
        yield f"Edited by rules for keys: {'; '.join(rules)}{shards}"
    if each:
        statistic = _function(job.get("statistic"))
        knowing = f", which knew the {statistic} of its group" if statistic else ""
        yield f"Edited each image again with {each}{knowing}{_shards(job)}"
    results = _names(job.get("group"))
    reducer = _function(job.get("reduce"))
    if reducer:
        results.append(f"what {reducer} makes")
    if results:
        yield f"Reduced each group to: {_in_a_row(results)}"
    found = _names(job.get("find"))
    if found:
        yield f"Looked for {_in_a_row(found)} in the whole source"
    program = _function(job.get("program"))
    if program:
        yield f"Ran the rounds of {program} over all keys and values"


def _reading(job: Mapping[str, object], *, decodes: bool) -> str:
    """Return what was read of each image; ``decodes`` if a mapper or an edit may decode it."""
    extractors = [name for name in _names(job.get("extract")) if name != "header"]
    if extractors:
        return f"Read each image whole, for {_in_a_row(['header', *extractors])}"
    if decodes:
        return "Read the header of each image"
    return "Read the header of each image; decoded nothing"


def _mapping(job: Mapping[str, object], mapper: str) -> str:
    sentence = f"Emitted keys and values with {mapper}"
    combiner = _function(job.get("combine"))
    if combiner:
        sentence += f", combined by {combiner}"
    return sentence


def _edits(edits: Mapping[str, object]) -> Iterator[str]:
    """Yield the edits in the order in which they are applied to the pixels."""
    yield "upright"
    crop = edits.get("crop")
    if isinstance(crop, Mapping):
        yield f"cropped to {crop.get('width')} × {crop.get('height')}"
    if edits.get("resize"):
        yield _resizing(edits)
    if edits.get("to"):
        yield f"converted to {edits['to']}"
    if edits.get("correct"):
        yield f"corrected by {edits['correct']}"
    yield _encoding(edits)
    yield _METADATA.get(str(edits.get("metadata")), _DEFAULT_METADATA)


def _resizing(edits: Mapping[str, object]) -> str:
    how = _FITS[str(edits.get("fit", "contain"))]
    if not edits.get("enlarge", True):
        how += ", small images keep their size"
    return f"resized to {_sizes(edits['resize'])} ({how})"


def _sizes(resize: object) -> str:
    """Return the size, or the sizes of which each image gets the nearest to its shape."""
    if not isinstance(resize, Sequence) or isinstance(resize, str):
        return str(resize)
    if not all(isinstance(size, Sequence) for size in resize):
        return " × ".join(map(str, resize))
    if len(resize) > MOST_SIZES:
        return f"the nearest of {len(resize)} sizes"
    return f"the nearest of {_in_a_row([_sizes(size) for size in resize])}"


def _encoding(edits: Mapping[str, object]) -> str:
    encoding = f"as {edits.get('format')}"
    if edits.get("format") in (None, "keep"):
        encoding = "in its own format"
    if edits.get("quality"):
        encoding += f" at quality {edits['quality']}"
    return encoding


def _shards(job: Mapping[str, object]) -> str:
    """Return into which shards the outputs go, or "" if they are files."""
    output = job.get("output")
    if output in (None, "files"):
        return ""
    return f"; in {output} shards"


def _function(described: object) -> str:
    """Return ``module:name`` of a function that is described as that and the hash of its code."""
    if not described:
        return ""
    return str(described).partition(" ")[0]


def _names(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [str(name) for name in value]
    return []


def _in_a_row(names: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, or ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
