"""What a job does, in words, for readers of the report who did not write the command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mrimage.report import text

_FITS = {
    "cover": "cut to fill it",
    "contain": "whole within it",
    "pad": "whole within it and padded",
    "stretch": "stretched to it",
}


def describe_steps(job: Mapping[str, object]) -> tuple[str, ...]:
    """One sentence for each thing that the described ``job`` (see ``Job.describe``) does to its images.

    >>> describe_steps({"key": ["format"], "extract": ["header"]})
    ('Read the header of each image; decoded nothing.', 'Grouped the images by format.')
    """
    return tuple(text.cut(f"{sentence}.", 300) for sentence in _steps(job))


def _steps(job: Mapping[str, object]) -> Iterator[str]:
    extracts = [name for name in _names(job.get("extract")) if name != "header"]
    edits = job.get("edits")
    mapper = _function(job.get("map"))
    if extracts:
        yield f"Read each image whole, for {_listed(['header', *extracts])}"
    elif mapper or edits:
        yield "Read the header of each image"
    else:
        yield "Read the header of each image; decoded nothing"
    if mapper:
        combiner = _function(job.get("combine"))
        combined = f", combined by {combiner}" if combiner else ""
        yield f"Emitted keys and values with {mapper}{combined}"
    else:
        yield f"Grouped the images by {_listed(_names(job.get('key')))}"
    if isinstance(edits, Mapping):
        yield f"Edited each image: {', '.join(_edits(edits))}{_sink(job)}"
    makers = _names(job.get("group"))
    if reducer := _function(job.get("reduce")):
        makers.append(f"what {reducer} makes")
    if makers:
        yield f"Reduced each group to: {_listed(makers)}"


def _edits(edits: Mapping[str, object]) -> Iterator[str]:
    """The edits in the order in which the pixels meet them."""
    yield "upright"
    crop = edits.get("crop")
    if isinstance(crop, Mapping):
        yield f"cropped to {crop.get('width')} × {crop.get('height')}"
    box = edits.get("resize")
    if isinstance(box, Sequence) and len(box) == 2:
        fit = _FITS[str(edits.get("fit", "contain"))]
        small = "" if edits.get("enlarge", True) else ", small images keep their size"
        yield f"resized to {box[0]} × {box[1]} ({fit}{small})"
    if edits.get("to"):
        yield f"converted to {edits['to']}"
    if edits.get("correct"):
        yield f"corrected by {edits['correct']}"
    quality = f" at quality {edits['quality']}" if edits.get("quality") else ""
    if edits.get("format") in (None, "keep"):
        yield f"in its own format{quality}"
    else:
        yield f"as {edits['format']}{quality}"
    metadata = {"keep": "with all metadata", "strip": "without metadata"}
    yield metadata.get(str(edits.get("metadata")), "with only artist and copyright as metadata")


def _sink(job: Mapping[str, object]) -> str:
    return "" if job.get("output") in (None, "files") else f"; in {job['output']} shards"


def _function(described: object) -> str:
    """``module:name`` of a function that is described with the hash of its code."""
    return str(described).partition(" ")[0] if described else ""


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list | tuple) else []


def _listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
