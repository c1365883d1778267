"""What the tables of a run say about its images: the counts and findings that no edit changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mrimage.report import text
from mrimage.report.figures.copies import find_copies
from mrimage.report.figures.figures import Insight
from mrimage.report.figures.rules import RULES
from mrimage.report.figures.scores import SCORES, count_scores
from mrimage.report.tables.views import Tables

CAMERA_SHARE = 0.9
"""The finding on cameras names the fewest that took this share (0..1) of the images."""

MOST_CAMERAS = 100
"""More cameras than this are not worth a finding."""

HEAVIEST_IMAGES = 200
"""The fewest images for a finding on the largest 1 % of them."""

HEAVIEST_SHARE = 0.1
"""The smallest share (0..1) of the bytes in these files that is worth a finding."""

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
        *_heaviest(tables, images, size),
        *_cameras(tables),
        *_outputs(tables),
    )
    return Survey(images, size, rules, scores, others)


def count_rules(tables: Tables) -> dict[str, tuple[int, int]]:
    """Return the images and bytes that meet each rule whose columns the catalogue has, by name."""
    return _count_images(tables)[2]


def _count_images(tables: Tables) -> tuple[int, int, dict[str, tuple[int, int]]]:
    """Return the images, their bytes, and what ``count_rules`` does.

    One pass over the catalogue counts them all.
    """
    rules = [rule for rule in RULES if tables.has(*rule.needs)]
    counts = ["count(*)", "coalesce(sum(size), 0)::BIGINT"]
    columns = ["size"]
    for place, rule in enumerate(rules):
        columns.append(f"({rule.where(tables)}) AS is_{place}")
        counts.append(f"count(*) FILTER (is_{place})")
        counts.append(f"coalesce(sum(size) FILTER (is_{place}), 0)::BIGINT")
    images, total_bytes, *counted = tables.row(
        f"SELECT {', '.join(counts)} FROM (SELECT {', '.join(columns)} FROM image)"
    )
    pairs = zip(counted[::2], counted[1::2], strict=True)
    return images, total_bytes, {rule.name: pair for rule, pair in zip(rules, pairs, strict=True)}


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
        words = words_of(images, images / total, size / total_bytes if total_bytes else 0.0)
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


def words_of(images: int, share: float, bytes_share: float) -> dict[str, str]:
    """Return what the texts of a Rule or a Score may use."""
    return {
        "images": text.plural(images, "image"),
        "share": text.percent(share),
        "bytes": text.percent(bytes_share),
        **(_SINGULAR if images == 1 else _PLURAL),
    }


def _heaviest(tables: Tables, total: int, total_bytes: int) -> Iterator[Insight]:
    """Yield how many of the ``total_bytes`` the largest 1 % of the ``total`` files have."""
    if total < HEAVIEST_IMAGES or not total_bytes:
        return
    limit = tables.row("SELECT quantile_disc(size, 0.99) FROM image")[0]
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
    sums = "SELECT count(*), coalesce(sum(images), 0)::BIGINT FROM"
    cameras, total = tables.row(f"{sums} ({counted})")
    if not cameras:
        return
    fewest, images = tables.row(f"{sums} ({sql})")
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
    if not tables.has_outputs:
        return
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
