"""Findings in words, each with the rule that made it and the query that lists its images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mrimage.report import text
from mrimage.report.figures.copies import find_copies
from mrimage.report.figures.figures import Groups, Insight
from mrimage.report.figures.job import Health
from mrimage.report.figures.rules import RULES, Rule
from mrimage.report.figures.savings import find_savings
from mrimage.report.tables.views import Tables
from mrimage.types import RunFacts

_ORDER = ("warning", "notice", "info", "good")

CAMERA_SHARE = 0.9
"""The finding on cameras names the fewest that took this share of the images."""

MOST_CAMERAS = 100
"""More cameras than this are not worth a finding."""


_SINGULAR = {"their": "its", "Their": "Its", "are": "is", "have": "has", "they": "it", "them": "it"}
_PLURAL = {word: word for word in _SINGULAR}
"""The words of a rule's sentences that follow the number of images."""


def find_insights(
    tables: Tables, facts: RunFacts, groups: Groups, health: Health
) -> tuple[Insight, ...]:
    """What a person would want to know, the most pressing first."""
    found = [
        *_from_job(facts, health),
        *_from_rules(tables, facts.job),
        *find_copies(tables),
        *_heaviest(tables),
        *_cameras(tables),
        *find_savings(tables),
        *_outputs(tables),
        *_from_groups(tables, groups),
    ]
    return tuple(sorted(found, key=lambda insight: _ORDER.index(insight.level)))


def _from_rules(tables: Tables, job: Mapping[str, object]) -> Iterator[Insight]:
    """All conditions on single images are counted in one pass over the catalogue."""
    rules = [rule for rule in RULES if tables.has(*rule.needs)]
    counts = ", ".join(
        f"count(*) FILTER ({rule.condition}), coalesce(sum(size) FILTER ({rule.condition}), 0)::BIGINT"
        for rule in rules
    )
    row = tables.row(
        f"SELECT count(*), coalesce(sum(size), 0)::BIGINT{', ' if counts else ''}{counts} FROM image"
    )
    total, size = row[:2]
    edits = job.get("edits")
    for rule, images, held in zip(rules, row[2::2], row[3::2], strict=True):
        if images and images >= rule.share * total:
            settled = rule.is_settled(edits if isinstance(edits, Mapping) else None)
            yield _insight(rule, settled, images, images / total, held / size if size else 0.0)


def _insight(rule: Rule, settled: bool, images: int, share: float, bytes_share: float) -> Insight:
    words = {
        "images": text.plural(images, "image"),
        "share": text.percent(share),
        "bytes": text.percent(bytes_share),
        **(_SINGULAR if images == 1 else _PLURAL),
    }
    columns = ", ".join(dict.fromkeys(("uri", *rule.needs)))
    order = f"{rule.order}, uri" if rule.order else "uri"
    sql = f"SELECT {columns} FROM image WHERE {rule.condition} ORDER BY {order}"
    return Insight(
        name=rule.name,
        level="info" if settled else rule.level,
        text=rule.text.format(**words),
        next=(rule.settled if settled else rule.next).format(**words),
        rule=rule.rule,
        sql=sql,
        count=images,
        counts="images",
    )


def _from_job(facts: RunFacts, health: Health) -> Iterator[Insight]:
    if facts.quarantined:
        yield _quarantined(facts)
    elif facts.listed:
        words = "Every listed image was processed. The quarantine is empty."
        sql = "SELECT uri FROM image ORDER BY uri"
        rule = "The number of listed images equals the number of processed ones."
        yield Insight("complete", "good", words, "", rule, sql, facts.processed, "images")
    if health.straggling:
        worst = health.stragglers[0]
        words = (
            f"{text.plural(health.straggling, 'task')} took at least twice as long as the median of "
            f"{'its' if health.straggling == 1 else 'their'} phase; the slowest ran "
            f"{text.duration(worst.seconds)}, {worst.times_median:.1f} times the median."
        )
        rule = "Tasks that took at least a second and twice their phase's median."
        yield Insight(
            "stragglers", "notice", words, "See what they had to do and what happened to them:", rule, "", health.straggling, "tasks"
        )  # fmt: skip


def _quarantined(facts: RunFacts) -> Insight:
    share = facts.quarantined / facts.listed if facts.listed else 0.0
    words = (
        f"{text.plural(facts.quarantined, 'image')} ({text.percent(share)}) could not be handled"
        f"{_commonest_reason(facts)}."
    )
    them = "it" if facts.quarantined == 1 else "them"
    return Insight(
        "quarantined",
        "warning",
        words,
        f"See what to do about each reason, and how to try {them} again:",
        "The images in quarantine.",
        "SELECT reason, uri, message FROM quarantine ORDER BY reason, uri",
        facts.quarantined,
        "images",
    )


def _commonest_reason(facts: RunFacts) -> str:
    """The commonest reason as the end of a sentence, where the run knows its reasons."""
    if not facts.reasons:
        return ""
    reason, count = max(facts.reasons.items(), key=lambda item: item[1])
    name = f'"{text.cut(reason, 40)}"'
    if len(facts.reasons) > 1:
        return f", most often as {name} ({text.number(count)})"
    return f", all as {name}" if count == facts.quarantined else f", most as {name}"


def _heaviest(tables: Tables) -> Iterator[Insight]:
    total, size, limit = tables.row(
        "SELECT count(*), sum(size)::BIGINT, quantile_disc(size, 0.99) FROM image"
    )
    if not total or total < 200 or not size:
        return
    images, held = tables.row(
        "SELECT count(*), sum(size)::BIGINT FROM image WHERE size > ?", [limit]
    )
    if images and held / size >= 0.1:
        words = (
            f"The {text.number(images)} largest files, {text.percent(images / total)} of all, hold "
            f"{text.percent(held / size)} of the bytes."
        )
        columns = "uri, size, width, height" if tables.has("width", "height") else "uri, size"
        sql = f"SELECT {columns} FROM image WHERE size > {limit} ORDER BY size DESC, uri"
        rule = f"Files over {text.size(limit)}, the 99th percentile."
        yield Insight("heaviest", "info", words, "", rule, sql, images, "images")


def _cameras(tables: Tables) -> Iterator[Insight]:
    """The fewest cameras that took most of the images, where there are several."""
    if not tables.has("camera"):
        return
    counted = """SELECT trim(camera) AS camera, count(*) AS images FROM image
        WHERE nullif(trim(camera), '') IS NOT NULL GROUP BY ALL"""
    sql = f"""SELECT camera, images FROM ({counted}) WINDOW upto AS (ORDER BY images DESC, camera)
        QUALIFY sum(images) OVER upto - images < {CAMERA_SHARE} * sum(images) OVER () ORDER BY images DESC, camera"""
    place, held = tables.row(f"SELECT count(*), coalesce(sum(images), 0)::BIGINT FROM ({sql})")
    distinct, total = tables.row(
        f"SELECT count(*), coalesce(sum(images), 0)::BIGINT FROM ({counted})"
    )
    if place == distinct or place > MOST_CAMERAS:
        return
    words = (
        f"{text.plural(place, 'camera accounts', 'cameras account')} for {text.percent(held / total)} of the "
        f"{text.plural(total, 'image that names one', 'images that name one')}."
    )
    rule = f"The fewest cameras that together took {text.percent(CAMERA_SHARE)} of the images that name one."
    yield Insight("cameras", "info", words, "", rule, sql, place, "cameras")


def _outputs(tables: Tables) -> Iterator[Insight]:
    sql = """SELECT uri, any_value(size) AS size, sum(o.bytes)::BIGINT AS made FROM image JOIN outputs o USING (uri)
        GROUP BY uri ORDER BY made DESC, uri"""
    images, before, after = tables.row(
        f"SELECT count(*), sum(size)::BIGINT, sum(made)::BIGINT FROM ({sql})"
    )
    if not images:
        return
    if after and before > 1.05 * after:
        words = (
            f"{text.plural(images, 'edited image takes', 'edited images take')} {text.size(after)}, "
            f"{before / after:.1f} times less than before."
        )
        rule = "The bytes of the outputs against those of their sources."
        yield Insight("smaller", "good", words, "", rule, sql, images, "images")
    if tables.has("width", "height"):
        yield from _enlarged(tables)


def _enlarged(tables: Tables) -> Iterator[Insight]:
    grown = """FROM outputs o JOIN image i USING (uri)
        WHERE o.width > i.width AND o.height > i.height"""
    count = tables.row(f"SELECT count(*) {grown}")[0]
    if not count:
        return
    if count == 1:
        words = "1 output is larger than its image, which adds no detail."
        advice = "--no-enlarge keeps its size."
    else:
        words = f"{text.number(count)} outputs are larger than their images, which adds no detail."
        advice = "--no-enlarge keeps their size."
    sql = f"""SELECT uri, i.width, i.height, o.width AS made_width, o.height AS made_height
        {grown} ORDER BY uri"""
    rule = "Outputs that are wider and higher than their source."
    yield Insight("enlarged", "notice", words, advice, rule, sql, count, "files")


def _from_groups(tables: Tables, groups: Groups) -> Iterator[Insight]:
    if groups.total > 1 and groups.largest >= 0.5:
        first = groups.rows[0]
        name = text.isolate(text.cut(first.key, 60))
        words = f'One group, "{name}", holds {text.percent(groups.largest)} of all images.'
        sql = f"""SELECT DISTINCT uri FROM {tables.membership} WHERE uri IS NOT NULL
            AND key = (SELECT key FROM groups ORDER BY images DESC, key LIMIT 1) ORDER BY uri"""
        rule = "A group with at least half of the images."
        yield Insight("dominant_group", "info", words, "", rule, sql, first.images, "images")
    if groups.total > 4:
        single = tables.row("SELECT count(*) FROM groups WHERE images = 1")[0]
        if single >= 0.2 * groups.total:
            words = f"{text.plural(single, 'group has', 'groups have')} a single image: the key may be too fine."
            sql = "SELECT key FROM groups WHERE images = 1 ORDER BY key"
            rule = "At least a fifth of the groups have one image."
            yield Insight("single_groups", "info", words, "", rule, sql, single, "groups")
