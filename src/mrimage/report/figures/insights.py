"""Findings in words, each with its rule and the query that lists its images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mrimage.report import text
from mrimage.report.figures.figures import Groups, Insight
from mrimage.report.figures.job import Health
from mrimage.report.figures.rules import RULES, Rule
from mrimage.report.figures.savings import find_savings
from mrimage.report.figures.survey import Survey, words_of
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

DOMINANT_SHARE = 0.5
"""The smallest share (0..1) of the images in the largest group that is worth a finding."""

TIMES_EVEN = 3
"""A group is worth a finding only if it has this many times its even share: half of the images are
no surprise in one group of three."""

SINGLE_SHARE = 0.2
"""The smallest share (0..1) of groups with one image that is worth a finding."""

SINGLE_GROUPS = 5
"""The fewest groups for that finding."""


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
    words = words_of(images, share, bytes_share)
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
