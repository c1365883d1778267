"""``--dry-run``: what a run would do, from the listing alone."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from mrimage.commit.inventory import Inventory
from mrimage.commit.out_folder import check_apart, require_place, temporary_folder
from mrimage.engine import require_engine
from mrimage.errors import ImageError, StoreError
from mrimage.flow.budget import Budget
from mrimage.flow.run import How, entries_of, require_images, require_sense, split_limits
from mrimage.flow.summary import describe_ignored
from mrimage.image import EXTRACTORS, Image, plan_scale
from mrimage.image.features import ANALYSIS_SIDE
from mrimage.job.job import NEEDS, Job, Plan
from mrimage.sink import describe_sink
from mrimage.source import cut_splits, open_entry
from mrimage.storage import open_store
from mrimage.tables.schemas import catalogue_schema
from mrimage.types import Entry

SAMPLE = 100
"""Images whose headers are read to tell the scale of decoding."""


def describe_plan(job: Job, source: str, out: str, how: How) -> list[tuple[str, str]]:
    """The plan as (label, text) pairs. Nothing is written, and no pixel is decoded."""
    require_sense(job)
    require_engine(how.engine)
    check_apart(source, out)
    plan = Plan(job, source, out, how.stores)
    plan.stores.apply()
    Budget.parse(how.max_failures)
    require_images(plan)
    require_place(open_store(out), plan, how.fresh)
    ignored: list[str] = []
    earlier: Counter[str] = Counter()
    with temporary_folder() as folder:
        inventory = Inventory(folder, [])
        inventory.write(entries_of(plan, ignored.append, lambda folder: earlier.update([folder])))
        images, size = inventory.totals()
        splits = sum(
            1
            for _ in cut_splits(
                inventory.to_map(), *split_limits(job, images, size, how.workers or 1)
            )
        )
        sample = list(islice(inventory.to_map(), SAMPLE))
    return [
        ("images", str(images)),
        ("bytes", f"{size} ({size / 1e6:.1f} MB)"),
        ("ignored", describe_ignored(len(ignored) + earlier.total(), earlier)),
        ("splits", str(splits)),
        ("key", ",".join(job.key) if job.map is None else "the job's own mapper"),
        ("columns", ", ".join(catalogue_schema(job.extract).names)),
        ("pixels", _decoding(job)),
        ("scale", _scales(job, sample)),
        ("reducers", ", ".join([*(["the job's own"] if job.reduce else []), *job.group]) or "none"),
        ("sink", describe_sink(job)),
        ("output", out),
    ]


def _decoding(job: Job) -> str:
    asked = {
        extractor: f" (needed by --group {group})"
        for group, extractor in NEEDS.items()
        if group in job.group
    }
    why = [f"{name}{asked.get(name, '')}" for name in job.extract if EXTRACTORS[name].pixels]
    why += ["edits"] if job.edits else []
    why += ["the job's own mapper, if it asks for them"] if job.map else []
    why += ["group reducers"] if any(name not in NEEDS for name in job.group) else []
    return f"decoded for {', '.join(why)}" if why else "not decoded: headers only"


def _scales(job: Job, sample: list[Entry]) -> str:
    """How many of the sample's JPEG files would be decoded at which scale."""
    if job.edits is None:
        if any(EXTRACTORS[name].pixels for name in job.extract):
            return f"the lowest that leaves {ANALYSIS_SIDE} pixels"
        return "none" if _decoding(job).startswith("not") else "the lowest that will do"
    counts: dict[str, int] = {}
    for entry in sample:
        try:
            metadata = Image(open_entry(entry), job.limits).metadata
        except (ImageError, StoreError):
            continue
        scale = (
            plan_scale(metadata.width, metadata.height, job.edits)
            if metadata.format == "jpeg"
            else "1"
        )
        counts[scale] = counts.get(scale, 0) + 1
    return (
        ", ".join(f"{count} at {scale}" for scale, count in sorted(counts.items()))
        + f" (first {len(sample)} images)"
    )
