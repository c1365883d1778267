"""``--dry-run``: what a run would do, from the listing and a few images."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from mrimage.commit.inventory import Inventory
from mrimage.commit.model_copy import write_model_copy
from mrimage.commit.out_folder import require_usable, temporary_folder
from mrimage.engine import require_engine
from mrimage.errors import ImageError, StoreError
from mrimage.flow.earlier import Earlier, earlier_of
from mrimage.flow.examples import with_examples
from mrimage.flow.listing import ListingCounts, entries_of, require_images
from mrimage.flow.prepare import prepare_job
from mrimage.flow.run import sources_of
from mrimage.flow.splitting import split_limits
from mrimage.flow.summary import describe_ignored
from mrimage.guard.guard import Guard
from mrimage.image import EXTRACTORS, Image, Metadata, plan_scale
from mrimage.image.features import ANALYSIS_SIDE
from mrimage.job.catalogue import published_catalogue_of
from mrimage.job.description import describe
from mrimage.job.edits_by_key import edits_for
from mrimage.job.functions import name_function
from mrimage.job.job import Job, Plan, RunOptions
from mrimage.job.references import with_references
from mrimage.job.rules import NoEdit, first_match
from mrimage.mappers.keys import needs_extractor
from mrimage.patterns import pattern_of, programs_of
from mrimage.reducers import group_reducer
from mrimage.report import text
from mrimage.sink import describe_sink
from mrimage.source import cut_splits, read_ahead
from mrimage.storage import StoreSettings, open_store
from mrimage.tables.source_columns import named_columns
from mrimage.tasks.map_image import mapper_of
from mrimage.tasks.map_split import map_entry
from mrimage.types import Edits, Entry

MAPPED = 8
"""How many images are mapped to predict the time and the size of the outputs."""

SAMPLE = 100
"""How many headers are read to predict the scale of decoding."""

RULE_SAMPLE = 10_000
"""How many headers are read to count the images of each rule."""


def describe_plan(
    job: Job,
    source: Sequence[str],
    out: str,
    options: RunOptions,
    names: tuple[str, ...] | None = None,
) -> list[tuple[str, str]]:
    """Return the plan as (label, text) pairs. Writes nothing, and maps only a few images."""
    job = with_references(prepare_job(job), options.stores)
    job = with_examples(job, options.stores)
    require_engine(options.engine)
    sources = sources_of(source, out)
    plan = Plan(job, sources[0], out, options.stores, others=sources[1:], names=names)
    counts = ListingCounts()
    with earlier_of(plan) as earlier, temporary_folder() as folder:
        require_images(plan, options.strict, earlier.columns if earlier else ())
        require_usable(open_store(out, options.stores), describe(plan), options.fresh)
        inventory = Inventory(folder, [], job.taken)
        inventory.write(entries_of(plan, counts, options.strict))
        if earlier:
            counts.ignored["not selected"] += inventory.select(earlier.chosen)
        counts.ignored["not in the sample"] += inventory.narrow(job.sample, job.limit)
        counts.ignored += Counter()  # without counts of 0
        images, size = inventory.totals()
        limits = split_limits(job, images, size, options.workers or 1)
        splits = sum(1 for _ in cut_splits(inventory.to_map(), *limits))
        sample = list(islice(inventory.to_map(), RULE_SAMPLE if job.rules else SAMPLE))
        write_model_copy(open_store(str(folder), options.stores), job)
        # Tasks read the model from OUT, which must stay as it is.
        sample_plan = replace(plan, out=str(folder), columns=inventory.columns())
        estimate = _estimate(sample_plan, sample[:SAMPLE], images, options.workers)
        schema = published_catalogue_of(job, inventory.columns())
    return [
        ("images", str(images)),
        ("bytes", f"{size} ({size / 1e6:.1f} MB)"),
        ("ignored", describe_ignored(counts.ignored, counts.earlier)),
        *_describe_earlier(job, earlier),
        ("splits", str(splits)),
        ("key", ",".join(job.key) if job.map is None else "the job's own mapper"),
        *([("examples", job.example_set.summary())] if job.example_set else []),
        *_describe_rules(job, sample, images, options.stores),
        ("columns", ", ".join(schema.names)),
        ("pixels", _describe_decoding(job)),
        ("scale", _describe_scales(job, sample[:SAMPLE], options.stores)),
        ("reducers", _describe_reducers(job)),
        *_describe_later_phases(job),
        ("sink", describe_sink(job)),
        ("estimate", estimate),
        ("output", out),
    ]


def _describe_earlier(job: Job, earlier: Earlier | None) -> Iterator[tuple[str, str]]:
    """Say what is taken of an earlier run, if there is one."""
    if earlier is None:
        return
    condition = f" where {job.where}" if job.where else ""
    taken = f"{text.plural(earlier.images, 'image')} of {job.from_out}{condition}"
    if earlier.columns:
        taken += f", with {', '.join(earlier.columns)}"
    yield "from", taken


def _estimate(plan: Plan, sample: list[Entry], images: int, workers: int | None) -> str:
    """Map a few images in a guarded process, and say what that means for all of them.

    Reading is part of the time; the shuffle, group reducers, a second pass over the images and
    programs are not. The size is not said if a second pass makes some of the images.
    """
    step = max(1, len(sample) // MAPPED)
    chosen = sample[::step][:MAPPED]
    guard = Guard(partial(map_entry, plan), plan.job.limits)
    seconds = 0.0
    written = 0
    done = 0
    has_members = False
    try:
        # The first call starts the process.
        for number, entry in enumerate([*chosen[:1], *chosen]):
            started = time.monotonic()
            try:
                mapped = guard(entry)
            except (ImageError, StoreError):
                continue
            if number > 0:
                seconds += time.monotonic() - started
                written += sum(len(output.made.data) for output in mapped.outputs)
                has_members |= bool(mapped.members)
                done += 1
    finally:
        guard.close()
    if not done:
        return "none: no image of the sample could be mapped"
    count = workers or len(os.sched_getaffinity(0))
    total = text.duration(seconds / done * images / count)
    size = ""
    if written and not has_members:
        size = f"{text.size(written * images // done)} of images, "
    return f"about {size}{total} with {count} local workers (from {done} images)"


def _describe_reducers(job: Job) -> str:
    own = ["the job's own"] if job.reduce else []
    return ", ".join([*own, *job.group]) or "none"


def _describe_later_phases(job: Job) -> Iterator[tuple[str, str]]:
    """Say whether images are read a second time, and whether a program runs after that."""
    if job.has_members:
        yield "members", f"a second pass over {_describe_members(job)}"
    for program in programs_of(job):
        over = "what map found in each image" if program.columns else "the records of map"
        yield "program", f"{program.function}: rounds over {over}"


def _describe_members(job: Job) -> str:
    if job.each is not None:
        return f"the images, for {name_function(job.each)}"
    if job.edits_function is not None:
        return "the images that the job's own edits correct by their group, if any"
    names = sorted({str(edits.correct) for edits in job.known_edits if edits.sees_group})
    return f"the images of each group, for --correct {', '.join(names)}"


def _describe_decoding(job: Job) -> str:
    """Say what pixels are decoded for."""
    reasons = _reasons_to_decode(job)
    if not reasons:
        return "not decoded: headers only"
    return f"decoded for {', '.join(reasons)}"


def _reasons_to_decode(job: Job) -> list[str]:
    reasons = [_describe_extractor(job, name) for name in job.built_in if EXTRACTORS[name].pixels]
    reasons += [f"{extractor.name}, if it asks for them" for extractor in job.own_extractors]
    if job.edits or any(not (rule.skip or rule.copy) for rule in job.rules):
        reasons.append("edits")
    if job.map:
        reasons.append("the job's own mapper, if it asks for them")
    if job.statistic or job.each:
        reasons.append("the job's own statistic and each, if they ask for them")
    reasons += [f"--group {name}" for name in job.group if group_reducer(name).pixels]
    return reasons


def _describe_extractor(job: Job, extractor: str) -> str:
    """Name the extractor, and the group reducers and programs that need it."""
    users = [f"--group {name}" for name in job.group if extractor in group_reducer(name).needs]
    users += [f"--find {name}" for name in job.find if extractor in pattern_of(name).needs_of(job)]
    if not users:
        return extractor
    return f"{extractor} (needed by {', '.join(users)})"


def _describe_scales(job: Job, sample: list[Entry], stores: StoreSettings) -> str:
    """Say how many images of the sample would be decoded at which scale."""
    if job.copies_originals:
        return "none: the originals are copied"
    if not job.edits_images:
        if any(EXTRACTORS[name].pixels for name in job.built_in):
            return f"the lowest that leaves {ANALYSIS_SIDE} pixels"
        if not _reasons_to_decode(job):
            return "none"
        return "the lowest that is sufficient"
    is_decided_by_key = job.rules or job.edits_function
    source = _unknown_keys(job)
    if source and is_decided_by_key:
        return f"depends on the keys that {source} makes"
    counts: Counter[str] = Counter()
    for key, metadata in _read_keys(job, sample, stores):
        try:
            counts[_scale(metadata, edits_for(job, key, metadata))] += 1
        except ImageError:  # a crop outside the image, or the job's own function
            continue
    scales = ", ".join(f"{count} {scale}" for scale, count in sorted(counts.items()))
    return f"{scales} (first {len(sample)} images)"


def _describe_rules(
    job: Job, sample: list[Entry], images: int, stores: StoreSettings
) -> Iterator[tuple[str, str]]:
    """Say how many images fall under each rule, if there are rules."""
    if not job.rules:
        return
    source = _unknown_keys(job)
    if source:
        yield "rules", f"depends on the keys that {source} makes"
        return
    counts: Counter[int | None] = Counter()
    for key, _ in _read_keys(job, sample, stores):
        counts[first_match(job.rules, key)] += 1
    named = [(rule.key, counts[index]) for index, rule in enumerate(job.rules)]
    named.append(("all other keys", counts[None]))
    unread = len(sample) - counts.total()
    if unread:
        named.append(("headers that cannot be read", unread))
    text = "; ".join(f"{name}: {count}" for name, count in named)
    if images > len(sample):
        text += f" (first {len(sample)} of {images} images)"
    yield "rules", text


def _unknown_keys(job: Job) -> str:
    """What makes the keys of the job, if they are not known from the headers; else empty."""
    if job.map:
        return "the job's own mapper"
    return "the job's model or its examples" if needs_extractor(job.key, job.built_in) else ""


def _read_keys(
    job: Job, entries: list[Entry], stores: StoreSettings
) -> Iterator[tuple[str, Metadata]]:
    """Yield the key and the metadata of each image that has a header. The key is empty if it is not
    known from that."""
    mapper = None if _unknown_keys(job) else mapper_of(job)
    for entry, source in read_ahead(entries, whole=False, settings=stores):
        fields = named_columns(entry.fields, job.taken)
        image = Image(source, job.limits, entry.path, fields=fields)
        try:
            keys = [key for key, _ in mapper(image)] if mapper else [""]
            metadata = image.metadata
        except (ImageError, StoreError):
            continue
        for key in keys:
            yield key, metadata


def _scale(metadata: Metadata, edits: Edits | NoEdit | None) -> str:
    if edits is NoEdit.COPY:
        return "copied"
    if not isinstance(edits, Edits):
        return "left out"
    return f"at {_decoding_scale(metadata, edits)}"


def _decoding_scale(metadata: Metadata, edits: Edits) -> str:
    # Only JPEG can be decoded at a smaller scale.
    if metadata.format != "jpeg":
        return "1"
    return plan_scale(metadata.width, metadata.height, edits)
