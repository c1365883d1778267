"""``--dry-run``: what a run would do, from the listing alone."""

from __future__ import annotations

from itertools import islice

from mrimage.commit.inventory import Inventory
from mrimage.commit.out_folder import check_apart, require_place, temporary_folder
from mrimage.engine import require_engine
from mrimage.errors import ImageError, StoreError
from mrimage.flow.budget import Budget
from mrimage.flow.listing import ListingCounts, entries_of, require_images
from mrimage.flow.prepare import prepare_job
from mrimage.flow.splitting import split_limits
from mrimage.flow.summary import describe_ignored
from mrimage.image import EXTRACTORS, Image, plan_scale
from mrimage.image.features import ANALYSIS_SIDE
from mrimage.job.description import describe
from mrimage.job.job import Job, Plan, RunOptions
from mrimage.reducers import GROUPS
from mrimage.sink import describe_sink
from mrimage.source import cut_splits, open_entry
from mrimage.storage import StoreSettings, open_store
from mrimage.tables.schemas import catalogue_schema
from mrimage.types import Entry

SAMPLE = 100
"""Images whose headers are read to tell the scale of decoding."""


def describe_plan(job: Job, source: str, out: str, how: RunOptions) -> list[tuple[str, str]]:
    """The plan as (label, text) pairs. Nothing is written, and no pixel is decoded."""
    job = prepare_job(job)
    require_engine(how.engine)
    check_apart(source, out)
    plan = Plan(job, source, out, how.stores)
    Budget.parse(how.max_failures)
    require_images(plan, how.strict)
    require_place(open_store(out, how.stores), describe(plan), how.fresh)
    counts = ListingCounts()
    with temporary_folder() as folder:
        inventory = Inventory(folder, [])
        inventory.write(entries_of(plan, counts, how.strict))
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
        ("ignored", describe_ignored(counts.ignored, counts.earlier)),
        ("splits", str(splits)),
        ("key", ",".join(job.key) if job.map is None else "the job's own mapper"),
        ("columns", ", ".join(catalogue_schema(job.extract).names)),
        ("pixels", _decoding(job)),
        ("scale", _scales(job, sample, how.stores)),
        ("reducers", ", ".join([*(["the job's own"] if job.reduce else []), *job.group]) or "none"),
        ("sink", describe_sink(job)),
        ("output", out),
    ]


def _decoding(job: Job) -> str:
    why = [_why_extracted(job, name) for name in job.extract if EXTRACTORS[name].pixels]
    why += ["edits"] if job.edits else []
    why += ["the job's own mapper, if it asks for them"] if job.map else []
    why += [f"--group {name}" for name in job.group if GROUPS[name].pixels]
    return f"decoded for {', '.join(why)}" if why else "not decoded: headers only"


def _why_extracted(job: Job, extractor: str) -> str:
    """The extractor, and which group reducers need it."""
    groups = [f"--group {name}" for name in job.group if extractor in GROUPS[name].needs]
    return f"{extractor} (needed by {', '.join(groups)})" if groups else extractor


def _scales(job: Job, sample: list[Entry], stores: StoreSettings) -> str:
    """How many of the sample's JPEG files would be decoded at which scale."""
    if job.edits is None:
        if any(EXTRACTORS[name].pixels for name in job.extract):
            return f"the lowest that leaves {ANALYSIS_SIDE} pixels"
        return "none" if _decoding(job).startswith("not") else "the lowest that will do"
    counts: dict[str, int] = {}
    for entry in sample:
        try:
            metadata = Image(open_entry(entry, stores), job.limits).metadata
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
