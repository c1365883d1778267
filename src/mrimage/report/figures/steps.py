"""What a job does, in words: for whoever opens the report without having written the command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mrimage.report import text

_FITS = {
    "cover": "cut to fill it",
    "contain": "whole within it",
    "pad": "whole within it and padded",
    "stretch": "stretched to it",
}


def tell_steps(job: Mapping[str, object]) -> tuple[str, ...]:
    """One sentence for each thing that the described ``job`` (see ``Job.describe``) does to its images.

    >>> tell_steps({"key": ["format"], "extract": ["header"]})
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
        yield f"Gave keys and values by {mapper}" + (
            f", combined by {combiner}" if (combiner := _function(job.get("combine"))) else ""
        )
    else:
        yield f"Grouped the images by {_listed(_names(job.get('key')))}"
    if isinstance(edits, Mapping):
        yield f"Made an image of each: {', '.join(_edits(edits))}{_sink(job)}"
    makers = _names(job.get("group"))
    if reducer := _function(job.get("reduce")):
        makers.append(f"what {reducer} makes")
    if makers:
        yield f"Made of each group: {_listed(makers)}"


def _edits(edits: Mapping[str, object]) -> Iterator[str]:
    """The edits in the order in which the pixels meet them."""
    yield "upright"
    if isinstance(crop := edits.get("crop"), Mapping):
        yield f"cropped to {crop.get('width')} × {crop.get('height')}"
    if isinstance(box := edits.get("resize"), Sequence) and len(box) == 2:
        small = "" if edits.get("enlarge", True) else ", small ones as they are"
        yield f"resized to {box[0]} × {box[1]} ({_FITS[str(edits.get('fit', 'contain'))]}{small})"
    if space := edits.get("to"):
        yield f"converted to {space}"
    if method := edits.get("correct"):
        yield f"corrected by {method}"
    quality = f" at quality {edits['quality']}" if edits.get("quality") else ""
    yield (
        f"in its own format{quality}"
        if edits.get("format") in (None, "keep")
        else f"as {edits['format']}{quality}"
    )
    kept = {"keep": "with all metadata", "strip": "without metadata"}
    yield kept.get(str(edits.get("metadata")), "with artist and copyright as only metadata")


def _sink(job: Mapping[str, object]) -> str:
    return "" if job.get("output") in (None, "files") else f"; in {job['output']} shards"


def _function(described: object) -> str:
    """``module:name`` of a function that is described with the hash of its code."""
    return str(described).partition(" ")[0] if described else ""


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list | tuple) else []


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
