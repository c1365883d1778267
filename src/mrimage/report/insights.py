"""Findings in words, each with the rule that made it and the query that lists its images."""

from __future__ import annotations

from collections.abc import Iterator

from mrimage.report import text
from mrimage.report.data_figures import Data
from mrimage.report.figures import Groups, Insight
from mrimage.report.job_figures import Health
from mrimage.report.rules import RULES, Rule
from mrimage.report.tables import Tables
from mrimage.report.weighing import find_savings
from mrimage.types import RunFacts

_ORDER = ("warning", "notice", "info", "good")

MOST = 0.9
"""Cameras are counted until they account for this share."""


def find_insights(tables: Tables, facts: RunFacts, data: Data, groups: Groups, health: Health) -> tuple[Insight, ...]:
    """What a person would want to be told, the most pressing first."""
    found = [
        *_from_job(facts, health),
        *_from_rules(tables),
        *_duplicates(tables),
        *_heaviest(tables),
        *_cameras(tables),
        *find_savings(tables),
        *_outputs(tables),
        *_from_groups(tables, groups),
    ]
    return tuple(sorted(found, key=lambda insight: _ORDER.index(insight.level)))


def _from_rules(tables: Tables) -> Iterator[Insight]:
    """All conditions on single images are counted in one pass over the catalogue."""
    rules = [rule for rule in RULES if tables.has(*rule.needs)]
    counts = ", ".join(
        f"count(*) FILTER ({rule.condition}), coalesce(sum(size) FILTER ({rule.condition}), 0)::BIGINT"
        for rule in rules
    )
    row = tables.row(f"SELECT count(*), coalesce(sum(size), 0)::BIGINT{', ' if counts else ''}{counts} FROM image")
    total, size = row[:2]
    for rule, images, held in zip(rules, row[2::2], row[3::2], strict=True):
        if images and images >= rule.share * total:
            yield _insight(rule, images, images / total, held / size if size else 0.0)


def _insight(rule: Rule, images: int, share: float, bytes_share: float) -> Insight:
    words = rule.text.format(
        images=text.plural(images, "image"), share=text.percent(share), bytes=text.percent(bytes_share),
        s="s" if images == 1 else "", es="es" if images == 1 else "", their="its" if images == 1 else "their",
        are="is" if images == 1 else "are", have="has" if images == 1 else "have", they="it" if images == 1 else "they",
        were="was" if images == 1 else "were", them="it" if images == 1 else "them",
    )  # fmt: skip
    columns = ", ".join(dict.fromkeys(("uri", *(name for name in rule.needs if name != "uri"))))
    sql = f"SELECT {columns} FROM image WHERE {rule.condition} ORDER BY {rule.order + ', ' if rule.order else ''}uri"
    return Insight(rule.name, rule.level, words, rule.rule, sql, images)


def _from_job(facts: RunFacts, health: Health) -> Iterator[Insight]:
    if facts.quarantined:
        share = facts.quarantined / facts.listed if facts.listed else 0.0
        reason, count = max(facts.reasons.items(), key=lambda item: item[1], default=("", 0))
        most = f', most often as "{text.cut(reason, 40)}" ({text.number(count)})' if reason else ""
        words = f"{text.plural(facts.quarantined, 'image')} ({text.percent(share)}) could not be handled{most}."
        sql = "SELECT reason, uri, message FROM quarantine ORDER BY reason, uri"
        yield Insight("quarantined", "warning", words, "Images that are in quarantine.", sql, facts.quarantined)
    elif facts.listed:
        words = "Every image that was listed was processed; none is in quarantine."
        yield Insight("complete", "good", words, "Images listed equal images processed.", "", facts.processed)
    if health.stragglers:
        worst = health.stragglers[0]
        words = (
            f"{text.plural(len(health.stragglers), 'task')} took at least twice as long as the median of "
            f"{'its' if len(health.stragglers) == 1 else 'their'} phase; the slowest ran "
            f"{text.duration(worst.seconds)}, {worst.times_median:.1f} times the median."
        )
        yield Insight("stragglers", "notice", words, "Tasks of at least a second and twice the phase's median.", "", 0)


def _duplicates(tables: Tables) -> Iterator[Insight]:
    if not tables.has("sha256"):
        return
    copies, wasted = tables.row(
        "SELECT coalesce(sum(n - 1), 0)::BIGINT, coalesce(sum((n - 1) * size), 0)::BIGINT FROM "
        "(SELECT count(*) AS n, min(size) AS size FROM image WHERE sha256 IS NOT NULL GROUP BY sha256)"
        " WHERE n > 1"
    )
    if copies:
        words = (
            f"{text.plural(copies, 'image is a byte-for-byte copy', 'images are byte-for-byte copies')} of another; "
        )
        sql = (
            "SELECT sha256, count(*) AS copies, list(uri ORDER BY uri) AS uris FROM image WHERE sha256 IS NOT NULL "
            "GROUP BY sha256 HAVING copies > 1 ORDER BY copies DESC, sha256"
        )
        rule = "Images with the same SHA-256; the first of each set is not counted."
        yield Insight(
            "copies", "notice", words + f"without them the pile is {text.size(wasted)} smaller.", rule, sql, copies
        )
    if tables.has("phash"):
        yield from _lookalikes(tables)


def _lookalikes(tables: Tables) -> Iterator[Insight]:
    alike = tables.row(
        "SELECT coalesce(sum(n - 1), 0)::BIGINT FROM (SELECT count(DISTINCT sha256) AS n FROM image "
        "WHERE phash IS NOT NULL GROUP BY phash HAVING n > 1)"
    )[0]
    if alike:
        words = f"{text.plural(alike, 'more image looks', 'more images look')} the same as another, in other bytes."
        sql = (
            "SELECT phash, count(*) AS images, list(uri ORDER BY uri) AS uris FROM image WHERE phash IS NOT NULL "
            "GROUP BY phash HAVING count(DISTINCT sha256) > 1 ORDER BY images DESC, phash"
        )
        rule = "Images with the same perceptual hash and different SHA-256; nearly equal hashes are not counted."
        yield Insight("lookalikes", "info", words, rule, sql, alike)


def _heaviest(tables: Tables) -> Iterator[Insight]:
    total, size, limit = tables.row("SELECT count(*), sum(size)::BIGINT, quantile_disc(size, 0.99) FROM image")
    if not total or total < 200 or not size:
        return
    images, held = tables.row("SELECT count(*), sum(size)::BIGINT FROM image WHERE size > ?", [limit])
    if images and held / size >= 0.1:
        words = f"The {text.number(images)} largest files, 1 % of all, hold {text.percent(held / size)} of the bytes."
        sql = f"SELECT uri, size, width, height FROM image WHERE size > {limit} ORDER BY size DESC, uri"
        yield Insight("heaviest", "info", words, f"Files over {text.size(limit)}, the 99th percentile.", sql, images)


def _cameras(tables: Tables) -> Iterator[Insight]:
    if not tables.has("camera"):
        return
    counted = tables.rows(
        "SELECT count(*) AS n, sum(n) OVER () FROM image WHERE nullif(trim(camera), '') IS NOT NULL "
        "GROUP BY trim(camera) ORDER BY n DESC LIMIT 100"
    )
    if len(counted) < 2:
        return
    total, held = int(counted[0][1]), 0
    place = 0
    while held < MOST * total and place < len(counted):
        held += counted[place][0]
        place += 1
    if held < MOST * total:
        return
    words = f"{text.plural(place, 'camera accounts', 'cameras account')} for {text.percent(held / total)} of the "
    sql = "SELECT camera, count(*) AS images FROM image WHERE camera IS NOT NULL GROUP BY camera ORDER BY images DESC, camera"
    rule = f"The fewest cameras that together took {text.percent(MOST)} of the images that name one."
    yield Insight("cameras", "info", words + f"{text.plural(total, 'image')} that name one.", rule, sql, held)


def _outputs(tables: Tables) -> Iterator[Insight]:
    images, after, before = tables.row(
        "SELECT count(*), sum(o.bytes)::BIGINT, sum(i.size)::BIGINT FROM outputs o JOIN image i USING (uri)"
    )
    if not images:
        return
    if after and before > 1.05 * after:
        words = (
            f"{text.plural(images, 'edited image takes', 'edited images take')} {text.size(after)}, "
            f"{before / after:.1f} times less than before."
        )
        sql = "SELECT uri, output, bytes FROM outputs WHERE uri IS NOT NULL ORDER BY bytes DESC, uri"
        yield Insight("smaller", "good", words, "Bytes of the outputs against those of their sources.", sql, images)
    if tables.has("width", "height"):
        grown = "FROM outputs o JOIN image i USING (uri) WHERE o.width > i.width AND o.height > i.height"
        count = tables.row(f"SELECT count(*) {grown}")[0]
        if count:
            words = (
                f"{text.plural(count, 'image was', 'images were')} enlarged, which adds no detail; see --no-enlarge."
            )
            sql = f"SELECT uri, i.width, i.height, o.width AS made_width, o.height AS made_height {grown} ORDER BY uri"
            yield Insight(
                "enlarged", "notice", words, "Outputs that are wider and higher than their source.", sql, count
            )


def _from_groups(tables: Tables, groups: Groups) -> Iterator[Insight]:
    if groups.total > 1 and groups.largest >= 0.5:
        first = groups.rows[0]
        words = f'One group, "{text.cut(first.key, 60)}", holds {text.percent(groups.largest)} of all images.'
        sql = "SELECT key, images, bytes FROM groups ORDER BY images DESC, key"
        yield Insight("dominant_group", "info", words, "A group with at least half of the images.", sql, first.images)
    if groups.total > 4:
        single = tables.row("SELECT count(*) FROM groups WHERE images = 1")[0]
        if single >= 0.2 * groups.total:
            words = f"{text.plural(single, 'group has', 'groups have')} a single image: the key may be too fine."
            sql = "SELECT key FROM groups WHERE images = 1 ORDER BY key"
            yield Insight("single_groups", "info", words, "At least a fifth of the groups have one image.", sql, single)
