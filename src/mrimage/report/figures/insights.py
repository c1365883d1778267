"""Findings in words, each with its rule and the query that lists its images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mrimage.report import text
from mrimage.report.figures.copies import find_copies
from mrimage.report.figures.figures import Groups, Insight
from mrimage.report.figures.job import Health
from mrimage.report.figures.rules import RULES, Rule
from mrimage.report.figures.savings import find_savings
from mrimage.report.figures.scores import SCORES, count_scores
from mrimage.report.tables.views import Tables
from mrimage.types import RunFacts

_LEVELS = ("warning", "notice", "info", "good")

_URGENCY = (
    "quarantined",
    "located",
    "flat",
    "copies",
    "blurred",
    "lookalikes",
    "cmyk",
    "dark",
    "bright",
    "low_contrast",
    "color_cast",
    "compressed",
    "upscaled",
    "border",
    "misnamed",
    "savings",
    "tiny",
    "misdated",
    "elongated",
    "enlarged",
    "wide_gamut",
    "turned",
    "animated",
    "smaller",
    "large",
    "heaviest",
    "transparent",
    "deep",
    "odd_size",
    "odd_shape",
    "screenshot",
    "page",
    "low_information",
    "cameras",
    "dominant_group",
    "single_groups",
    "complete",
    "stragglers",
)
"""All findings, in the order in which the owner of the images would act on them."""

CAMERA_SHARE = 0.9
"""The finding on cameras names the fewest that took this share (0..1) of the images."""

MOST_CAMERAS = 100
"""More cameras than this are not worth a finding."""

HEAVIEST_IMAGES = 200
"""The fewest images for a finding on the largest 1 % of them."""

HEAVIEST_SHARE = 0.1
"""The smallest share (0..1) of the bytes in these files that is worth a finding."""

DOMINANT_SHARE = 0.5
"""The smallest share (0..1) of the images in the largest group that is worth a finding."""

TIMES_EVEN = 3
"""A group is worth a finding only if it has this many times its even share: half of the images are
no surprise in one group of three."""

SINGLE_SHARE = 0.2
"""The smallest share (0..1) of groups with one image that is worth a finding."""

SINGLE_GROUPS = 5
"""The fewest groups for that finding."""

# The words of a rule's sentences that depend on the number of images.
_SINGULAR = {"their": "its", "Their": "Its", "are": "is", "have": "has", "they": "it", "them": "it"}
_PLURAL = {word: word for word in _SINGULAR}


@dataclass(frozen=True, slots=True)
class Survey:
    """What a run's tables say about its images, before anyone asks what the job's edits settle.

    ``rules`` and ``scores`` are the images and bytes by name, of ``images`` images with ``bytes``
    in all. ``others`` are findings that no edit settles.
    """

    images: int
    bytes: int
    rules: Mapping[str, tuple[int, int]]
    scores: Mapping[str, tuple[int, int]]
    others: tuple[Insight, ...]


def survey(tables: Tables) -> Survey:
    """Count what the findings are made of."""
    images, size, rules = _count_images(tables)
    scores = count_scores(tables)
    others = (
        *_from_scores(tables, scores, images, size),
        *find_copies(tables),
        *_heaviest(tables),
        *_cameras(tables),
        *_outputs(tables),
    )
    return Survey(images, size, rules, scores, others)


def find_insights(
    tables: Tables, found: Survey, facts: RunFacts, groups: Groups, health: Health
) -> tuple[Insight, ...]:
    """Return what a person would want to know, the most pressing first."""
    insights = [
        *_from_job(facts, health),
        *findings_on_images(tables, found, _edits_of(facts)),
        *_from_groups(tables, groups),
    ]
    return tuple(sorted(insights, key=_urgency))


def findings_on_images(
    tables: Tables, found: Survey, edits: Sequence[Mapping[str, object] | None] = (None,)
) -> list[Insight]:
    """Return the findings that come from the tables alone, the most pressing first.

    A finding is settled if each of the described ``edits`` settles it; None edits nothing.
    """
    insights = [*_from_rules(tables, found, edits), *found.others, *find_savings(tables)]
    return sorted(insights, key=_urgency)


def _urgency(insight: Insight) -> tuple[bool, int, int]:
    # There is a finding on savings for each format.
    name = "savings" if insight.name.startswith("savings_") else insight.name
    return insight.about == "run", _LEVELS.index(insight.level), _URGENCY.index(name)


def count_rules(tables: Tables) -> dict[str, tuple[int, int]]:
    """Return the images and bytes that meet each rule whose columns the catalogue has, by name."""
    return _count_images(tables)[2]


def _count_images(tables: Tables) -> tuple[int, int, dict[str, tuple[int, int]]]:
    """Return the images, their bytes, and what ``count_rules`` does.

    One pass over the catalogue counts them all.
    """
    rules = [rule for rule in RULES if tables.has(*rule.needs)]
    counts = ["count(*)", "coalesce(sum(size), 0)::BIGINT"]
    for rule in rules:
        condition = rule.where(tables)
        counts.append(f"count(*) FILTER ({condition})")
        counts.append(f"coalesce(sum(size) FILTER ({condition}), 0)::BIGINT")
    images, total_bytes, *counted = tables.row(f"SELECT {', '.join(counts)} FROM image")
    pairs = zip(counted[::2], counted[1::2], strict=True)
    return images, total_bytes, {rule.name: pair for rule, pair in zip(rules, pairs, strict=True)}


def _edits_of(facts: RunFacts) -> list[Mapping[str, object] | None]:
    """Return the edits of the job, or those of each rule by key that applies to an image."""
    if facts.rules:
        return [count.edits for count in facts.rules if count.images]
    edits = facts.job.get("edits")
    return [edits if isinstance(edits, Mapping) else None]


def _from_rules(
    tables: Tables, found: Survey, edits: Sequence[Mapping[str, object] | None]
) -> Iterator[Insight]:
    """Yield the findings of RULES, without those that the run has scores for."""
    for rule in RULES:
        if rule.name in found.scores:
            continue
        images, size = found.rules.get(rule.name, (0, 0))
        if images and images >= rule.share * found.images:
            is_settled = all(map(rule.is_settled, edits))
            share = images / found.images
            bytes_share = size / found.bytes if found.bytes else 0.0
            condition = rule.where(tables)
            yield _insight(rule, condition, is_settled, images, share, bytes_share)


def _insight(
    rule: Rule, condition: str, is_settled: bool, images: int, share: float, bytes_share: float
) -> Insight:
    words = _words(images, share, bytes_share)
    columns = ", ".join(dict.fromkeys(("uri", *rule.needs)))
    order = f"{rule.order}, uri" if rule.order else "uri"
    advice = rule.settled if is_settled else rule.next
    return Insight(
        name=rule.name,
        level="info" if is_settled else rule.level,
        text=rule.text.format(**words),
        next=advice.format(**words),
        rule=rule.explained,
        sql=f"SELECT {columns} FROM image WHERE {condition} ORDER BY {order}",
        count=images,
        counts="images",
    )


def _from_scores(
    tables: Tables, counted: Mapping[str, tuple[int, int]], total: int, total_bytes: int
) -> Iterator[Insight]:
    """Yield the kinds of findings.parquet, if the run looked for them.

    ``counted`` are those of ``total`` images with ``total_bytes``.
    """
    for score in SCORES:
        images, size = counted.get(score.name, (0, 0))
        if not images:
            continue
        words = _words(images, images / total, size / total_bytes if total_bytes else 0.0)
        kind = f"FROM findings WHERE kind = '{score.name}'"
        threshold = tables.row(f"SELECT min(threshold) {kind}")[0]
        yield Insight(
            name=score.name,
            level=score.level,
            text=score.text.format(**words),
            next=score.next.format(**words),
            rule=f"{score.rule} The score is at least {threshold:g}, of 1 at most.",
            sql=f"SELECT uri, evidence, score {kind} ORDER BY score DESC, uri",
            count=images,
            counts="images",
        )


def _words(images: int, share: float, bytes_share: float) -> dict[str, str]:
    """Return what the texts of a Rule or a Score may use."""
    return {
        "images": text.plural(images, "image"),
        "share": text.percent(share),
        "bytes": text.percent(bytes_share),
        **(_SINGULAR if images == 1 else _PLURAL),
    }


def _from_job(facts: RunFacts, health: Health) -> Iterator[Insight]:
    """Yield whether every image was processed, and which tasks were slow."""
    if facts.quarantined:
        yield _quarantined(facts)
    elif facts.listed:
        yield Insight(
            name="complete",
            level="good",
            text="Every listed image was processed. The quarantine is empty.",
            next="",
            rule="The number of listed images equals the number of processed ones.",
            sql="SELECT uri FROM image ORDER BY uri",
            count=facts.processed,
            counts="images",
        )
    if health.straggling:
        yield _stragglers(health)


def _stragglers(health: Health) -> Insight:
    slowest = health.stragglers[0]
    tasks = text.plural(health.straggling, "task")
    their = "its" if health.straggling == 1 else "their"
    seconds = text.duration(slowest.seconds)
    return Insight(
        name="stragglers",
        level="info",
        text=f"{tasks} took at least twice as long as the median of {their} phase; the slowest ran "
        f"{seconds}, {slowest.times_median:.1f} times the median.",
        next="See what they had to do and what happened to them:",
        rule="Tasks that took at least a second and twice their phase's median.",
        sql="",
        count=health.straggling,
        counts="tasks",
        about="run",
    )


def _quarantined(facts: RunFacts) -> Insight:
    share = facts.quarantined / facts.listed if facts.listed else 0.0
    images = text.plural(facts.quarantined, "image")
    reason = _most_frequent_reason(facts)
    them = "it" if facts.quarantined == 1 else "them"
    return Insight(
        name="quarantined",
        level="warning",
        text=f"{images} ({text.percent(share)}) could not be handled{reason}.",
        next=f"See what to do about each reason, and how to try {them} again:",
        rule="The images in quarantine.",
        sql="SELECT uri, reason, message FROM quarantine ORDER BY reason, uri",
        count=facts.quarantined,
        counts="images",
    )


def _most_frequent_reason(facts: RunFacts) -> str:
    """Return the most frequent reason as the end of a sentence, or "" if none is known."""
    if not facts.reasons:
        return ""
    reason, count = max(facts.reasons.items(), key=lambda item: item[1])
    name = f'"{text.cut(reason, 40)}"'
    if len(facts.reasons) > 1:
        return f", most often as {name} ({text.number(count)})"
    if count == facts.quarantined:
        return f", all as {name}"
    return f", most as {name}"


def _heaviest(tables: Tables) -> Iterator[Insight]:
    """Yield how many of the bytes the largest 1 % of the files have."""
    total, total_bytes, limit = tables.row(
        "SELECT count(*), sum(size)::BIGINT, quantile_disc(size, 0.99) FROM image"
    )
    if total < HEAVIEST_IMAGES or not total_bytes:
        return
    images, size = tables.row(
        "SELECT count(*), sum(size)::BIGINT FROM image WHERE size > ?", [limit]
    )
    if not images or size / total_bytes < HEAVIEST_SHARE:
        return
    share = text.percent(images / total)
    bytes_share = text.percent(size / total_bytes)
    columns = "uri, size, width, height" if tables.has("width", "height") else "uri, size"
    yield Insight(
        name="heaviest",
        level="info",
        text=f"The {text.number(images)} largest files, {share} of all, hold {bytes_share} of the "
        "bytes.",
        next="",
        rule=f"Files over {text.size(limit)}, the 99th percentile.",
        sql=f"SELECT {columns} FROM image WHERE size > {limit} ORDER BY size DESC, uri",
        count=images,
        counts="images",
    )


def _cameras(tables: Tables) -> Iterator[Insight]:
    """Yield the fewest cameras that took most of the images, if there are several cameras."""
    if not tables.has("camera"):
        return
    counted = """SELECT trim(camera) AS camera, count(*) AS images FROM image
        WHERE nullif(trim(camera), '') IS NOT NULL GROUP BY ALL"""
    sql = f"""SELECT camera, images FROM ({counted}) WINDOW upto AS (ORDER BY images DESC, camera)
        QUALIFY sum(images) OVER upto - images < {CAMERA_SHARE} * sum(images) OVER () ORDER BY images DESC, camera"""
    sums = "count(*), coalesce(sum(images), 0)::BIGINT"
    fewest, images = tables.row(f"SELECT {sums} FROM ({sql})")
    cameras, total = tables.row(f"SELECT {sums} FROM ({counted})")
    if fewest == cameras or fewest > MOST_CAMERAS:
        return
    account = text.plural(fewest, "camera accounts", "cameras account")
    named = text.plural(total, "image that names one", "images that name one")
    yield Insight(
        name="cameras",
        level="info",
        text=f"{account} for {text.percent(images / total)} of the {named}.",
        next="",
        rule=f"The fewest cameras that together took {text.percent(CAMERA_SHARE)} of the images "
        "that name one.",
        sql=sql,
        count=fewest,
        counts="cameras",
    )


def _outputs(tables: Tables) -> Iterator[Insight]:
    """Yield how much smaller the outputs are, and whether some were enlarged."""
    sql = """SELECT uri, any_value(size) AS size, sum(o.bytes)::BIGINT AS made FROM image JOIN outputs o USING (uri)
        GROUP BY uri ORDER BY made DESC, uri"""
    images, before, after = tables.row(
        f"SELECT count(*), sum(size)::BIGINT, sum(made)::BIGINT FROM ({sql})"
    )
    if not images:
        return
    if after and before > 1.05 * after:
        take = text.plural(images, "edited image takes", "edited images take")
        yield Insight(
            name="smaller",
            level="good",
            text=f"{take} {text.size(after)}, {before / after:.1f} times less than before.",
            next="",
            rule="The bytes of the outputs against those of their sources.",
            sql=sql,
            count=images,
            counts="images",
        )
    if tables.has("width", "height"):
        yield from _enlarged(tables)


def _enlarged(tables: Tables) -> Iterator[Insight]:
    enlarged = """FROM outputs o JOIN image i USING (uri)
        WHERE o.width > i.width AND o.height > i.height"""
    count = tables.row(f"SELECT count(*) {enlarged}")[0]
    if not count:
        return
    if count == 1:
        words = "1 output is larger than its image, which adds no detail."
        advice = "--no-enlarge keeps its size."
    else:
        words = f"{text.number(count)} outputs are larger than their images, which adds no detail."
        advice = "--no-enlarge keeps their size."
    yield Insight(
        name="enlarged",
        level="notice",
        text=words,
        next=advice,
        rule="Outputs that are wider and higher than their source.",
        sql=f"""SELECT uri, i.width, i.height, o.width AS made_width, o.height AS made_height
        {enlarged} ORDER BY uri""",
        count=count,
        counts="files",
    )


def _from_groups(tables: Tables, groups: Groups) -> Iterator[Insight]:
    """Yield whether one group has most images, and whether many groups have a single one."""
    if groups.total > 1 and groups.largest >= max(DOMINANT_SHARE, TIMES_EVEN / groups.total):
        yield _dominant_group(tables, groups)
    if groups.total < SINGLE_GROUPS:
        return
    single = tables.row("SELECT count(*) FROM groups WHERE images = 1")[0]
    if single >= SINGLE_SHARE * groups.total:
        have = text.plural(single, "group has", "groups have")
        yield Insight(
            name="single_groups",
            level="info",
            text=f"{have} a single image: the key may be too fine.",
            next="",
            rule="At least a fifth of the groups have one image.",
            sql="SELECT key FROM groups WHERE images = 1 ORDER BY key",
            count=single,
            counts="groups",
        )


def _dominant_group(tables: Tables, groups: Groups) -> Insight:
    group = groups.rows[0]
    name = text.isolate(text.cut(group.key, 60))
    return Insight(
        name="dominant_group",
        level="info",
        text=f'One group, "{name}", holds {text.percent(groups.largest)} of all images.',
        next="",
        rule="A group with at least half of the images, and three times its even share.",
        sql=f"""SELECT DISTINCT uri FROM {tables.membership} WHERE uri IS NOT NULL
            AND key = (SELECT key FROM groups ORDER BY images DESC, key LIMIT 1) ORDER BY uri""",
        count=group.images,
        counts="images",
    )
