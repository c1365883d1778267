"""A finished run's folder made from nothing: tables of any size by SQL, pictures painted, no image read."""

from __future__ import annotations

import io
import json
import math
import random
from dataclasses import asdict
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from mrimage.tables.schemas import THUMBNAILS
from mrimage.types import PhaseFacts, RunFacts, TaskReport

HOSTILE = (
    "<script>document.title='owned'</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</script><script>document.title='owned'</script>",
    "right\u202eto\u202cleft\u2066marks",
    "{{ 7 * 7 }} ${7*7} \u2028 \u2029 \x00 \x1b[31m",
    "תמונות 2024\n\x9b31m",
    "javascript:alert(1)",
    "n" * 10_000,
)

CATALOGUE = """
SELECT format('/data/photos/{:02d}/IMG_{:07d}.{}', i % 40, i, suffix) AS uri,
    (w * h * bpp / 8)::BIGINT + 400 AS size, 'v' || i AS version,
    CASE WHEN i % 97 = 5 THEN 'quarantined' ELSE 'processed' END AS status,
    CASE WHEN i % 97 = 5 THEN (['truncated', 'not-an-image', 'timed-out'])[1 + i % 3] END AS reason,
    format, w::INTEGER AS width, h::INTEGER AS height,
    CASE WHEN color_space = 'gray' THEN 1 WHEN color_space = 'cmyk' THEN 4 ELSE 3 END::INTEGER AS bands,
    CASE WHEN format = 'tiff' AND i % 2 = 0 THEN 16 ELSE 8 END::INTEGER AS bit_depth, color_space,
    format = 'png' AND i % 3 = 0 AS has_alpha,
    CASE WHEN color_space = 'display-p3' THEN 'Display P3' WHEN i % 4 = 0 THEN 'sRGB IEC61966-2.1' END AS icc_profile,
    CASE WHEN format = 'gif' THEN 12 ELSE 1 END::INTEGER AS frames,
    CASE WHEN format = 'jpeg' THEN (ARRAY[1, 1, 1, 6, 8, 1, 3])[1 + i % 7] END::INTEGER AS orientation,
    format = 'jpeg' AND i % 9 = 0 AS progressive, CASE WHEN i % 2 = 0 THEN 72.0 ELSE 300.0 END AS dpi,
    CASE WHEN camera IS NOT NULL THEN split_part(camera, ' ', 1) END AS camera_make, camera,
    CASE WHEN camera = 'Canon EOS R5' THEN 'RF24-70mm F2.8 L IS USM' END AS lens,
    CASE WHEN camera IS NOT NULL
        THEN TIMESTAMP '2019-03-01' + to_hours((2100 * 24 * power(chance(i * 7) % 10000 / 10000.0, 0.6))::BIGINT)
        END::TIMESTAMP_MS AS taken_at,
    CASE WHEN camera IS NOT NULL THEN (ARRAY[100, 200, 100, 400, 800, 3200])[1 + chance(i) % 6] END::INTEGER AS iso,
    CASE WHEN camera IS NOT NULL THEN 0.01 END AS exposure_time, CASE WHEN camera IS NOT NULL THEN 2.8 END AS f_number,
    CASE WHEN camera IS NOT NULL THEN 24.0 + chance(i * 3) % 46 END AS focal_length,
    CASE WHEN camera = 'Apple iPhone 14' AND i % 2 = 0 THEN 40 + 8 * u END AS latitude,
    CASE WHEN camera = 'Apple iPhone 14' AND i % 2 = 0 THEN 2 + 9 * v END AS longitude,
    CASE WHEN i % 5 = 0 THEN 'GIMP 2.10' END AS software,
    least(0.98, greatest(0.02, 0.5 + 0.3 * (u + v - 1))) AS brightness, 0.08 + 0.25 * u AS contrast,
    CASE WHEN i % 61 = 0 THEN 2 + 20 * u ELSE exp(6 + 3 * v) END AS sharpness, 7.6 - 3 * u * u AS entropy,
    CASE WHEN color_space = 'gray' THEN 0 ELSE 90 * v END AS colorfulness,
    format('#{:02x}{:02x}{:02x}', (255 * u)::INTEGER, (255 * v)::INTEGER, i % 256) AS mean_color,
    [format('#{:02x}{:02x}{:02x}', (255 * u)::INTEGER, (200 * v)::INTEGER, i % 256),
     format('#{:02x}{:02x}{:02x}', (90 * u)::INTEGER, (90 * u)::INTEGER, (80 * u)::INTEGER)] AS dominant_colors,
    format('{:016x}', chance(i % {distinct} % greatest(1, {distinct} * 9 // 10) + 3)) AS phash, md5((i % {distinct})::VARCHAR) || md5('x') AS sha256,
    (ARRAY['Alps', 'Berlin', 'Crète', 'Dublin / night', 'Escorial', 'family'])[1 + (6 * power(u, 3))::INTEGER % 6] AS folder,
    i
FROM (
    SELECT *, CASE format WHEN 'jpeg' THEN 'jpg' WHEN 'tiff' THEN 'tif' ELSE format END AS suffix,
        CASE format WHEN 'jpeg' THEN 1.5 + 2 * u WHEN 'bmp' THEN 24 WHEN 'tiff' THEN 48 WHEN 'png' THEN 6 + 9 * v ELSE 1 + u END AS bpp,
        CASE WHEN format = 'jpeg' THEN (ARRAY['Canon EOS R5', 'Apple iPhone 14', 'NIKON D750', NULL, 'Canon EOS R5', 'FUJIFILM X-T4'])[1 + chance(i * 11) % 6] END AS camera,
        CASE WHEN format = 'jpeg' AND chance(i) % 40 = 0 THEN 'cmyk' WHEN chance(i) % 13 = 0 THEN 'gray'
             WHEN chance(i) % 17 = 0 THEN 'display-p3' WHEN chance(i) % 23 = 0 THEN 'adobe-rgb' ELSE 'srgb' END AS color_space,
        dims[1] AS w, dims[2] AS h
    FROM (
        SELECT i, (chance(i) % 100003) / 100003.0 AS u, (chance(i + 1000000007) % 100003) / 100003.0 AS v,
            (ARRAY['jpeg', 'jpeg', 'jpeg', 'png', 'jpeg', 'webp', 'jpeg', 'bmp', 'jpeg', 'tiff', 'jpeg', 'gif'])[1 + chance(i * 5) % 12] AS format,
            CASE WHEN i % 3 = 0 THEN [300 + chance(i * 13) % 5000, 200 + chance(i * 17) % 4000]
                 ELSE ([[4032, 3024], [1920, 1080], [6000, 4000], [3024, 4032], [3840, 2160], [8192, 5464], [1024, 1024]])[1 + chance(i * 19) % 7] END AS dims
        FROM range({rows}) r(i)
    )
)
"""


def fabricate(
    folder: Path,
    rows: int = 1000,
    *,
    groups: int = 6,
    hostile: bool = False,
    edits: bool = True,
    pictures: bool = True,
) -> RunFacts:
    """Write the tables of a run of ``rows`` images in ``groups`` groups below ``folder``, and its facts."""
    (folder / "catalogue").mkdir(parents=True)
    (folder / "_run").mkdir()
    connection = duckdb.connect()
    connection.execute("CREATE MACRO chance(x) AS (hash(x) >> 1)::BIGINT")
    connection.execute(f"CREATE TABLE made AS {_fill(CATALOGUE, rows)}")
    if groups != 6:
        connection.execute(
            f"UPDATE made SET folder = 'group ' || lpad(floor({groups} * power(chance(i * 23) % 100003 / 100003.0, 1.6))::INTEGER::VARCHAR, 5, '0')"
        )
    if hostile:
        _poison(connection)
    _copy(
        connection,
        folder / "catalogue" / "part-00000.parquet",
        "SELECT * EXCLUDE (folder, i) FROM made ORDER BY uri",
    )
    done = "FROM made WHERE status = 'processed'"
    _copy(
        connection,
        folder / "_run" / "members.parquet",
        f"SELECT folder AS key, uri {done} ORDER BY ALL",
    )
    _copy(
        connection,
        folder / "groups.parquet",
        "SELECT folder AS key, count(*) AS images, sum(size)::BIGINT AS bytes, sum(width::BIGINT * height)::BIGINT AS pixels "
        f"{done} GROUP BY ALL ORDER BY key",
    )
    _copy(connection, folder / "outputs.parquet", _outputs(edits))
    _copy(
        connection,
        folder / "quarantine.parquet",
        "SELECT uri, 'map' AS stage, reason, 'the file ends after ' || size // 2 || ' bytes' AS message FROM made "
        "WHERE status = 'quarantined' ORDER BY uri",
    )
    facts = _facts(connection, folder)
    connection.close()
    (folder / "_run" / "facts.json").write_text(json.dumps(asdict(facts)))
    if pictures:
        _paint(folder)
    return facts


def _fill(sql: str, rows: int) -> str:
    return sql.replace("{rows}", str(rows)).replace("{distinct}", str(max(1, rows - rows // 25)))


def _outputs(edits: bool) -> str:
    sheet = """SELECT NULL::VARCHAR AS uri, folder AS key, 'groups/' || folder || '/contact-sheet.jpg' AS output, 1200 AS width,
        900 AS height, 180000::BIGINT AS bytes, md5(folder) AS sha256 FROM (SELECT DISTINCT folder FROM made)"""
    if not edits:
        return f"{sheet} ORDER BY output"
    return f"""{sheet} UNION ALL
        SELECT uri, folder, 'images/' || folder || '/' || md5(uri) || '.webp', CASE WHEN i % 5 = 0 THEN width ELSE 512 END,
        CASE WHEN i % 5 = 0 THEN height ELSE 512 END, (size * 0.11)::BIGINT, md5(uri) FROM made WHERE status = 'processed'
        ORDER BY output"""


def _poison(connection: duckdb.DuckDBPyConnection) -> None:
    for place, text in enumerate(HOSTILE):
        clean = text.replace("\x00", "")
        connection.execute(
            "UPDATE made SET uri = ? || uri, camera = ?, software = ?, folder = ?, lens = ?, icc_profile = ?, color_space = ? "
            "WHERE i BETWEEN ? AND ?",
            [
                f"/data/{clean}/",
                clean,
                clean,
                clean,
                clean,
                clean,
                clean[:200],
                place * 20,
                place * 20 + 19,
            ],
        )
    connection.execute(
        "UPDATE made SET dominant_colors = ['red;}</style><script>', '#12345'], mean_color = '<b>' WHERE i < 9"
    )


def _copy(connection: duckdb.DuckDBPyConnection, path: Path, sql: str) -> None:
    quoted = str(path).replace("'", "''")
    rows = connection.execute(f"SELECT count(*) FROM ({sql})").fetchall()[0][0]
    size = (
        2048 if rows <= 20_000 else 122_880
    )  # Several row groups, so that several threads share even a small table.
    connection.execute(f"COPY ({sql}) TO '{quoted}' (FORMAT parquet, ROW_GROUP_SIZE {size})")


def _facts(connection: duckdb.DuckDBPyConnection, folder: Path) -> RunFacts:
    listed, processed, size = connection.execute(
        "SELECT count(*), count(*) FILTER (status = 'processed'), sum(size)::BIGINT FROM made"
    ).fetchall()[0]
    reasons = dict(
        connection.execute(
            "SELECT reason, count(*) FROM made WHERE reason IS NOT NULL GROUP BY 1"
        ).fetchall()
    )
    groups = connection.execute("SELECT count(DISTINCT folder) FROM made").fetchall()[0][0]
    tasks = tuple(_tasks(listed, size))
    end = max(task.started + task.seconds for task in tasks) - 1_790_000_000
    return RunFacts(
        source="/data/photos",
        out=str(folder),
        command="mrimage run /data/photos out --key folder --extract content,hash --resize 512x512 --format webp",
        job={
            "key": ["folder"],
            "extract": ["header", "content", "hash"],
            "edits": {"resize": [512, 512], "format": "webp"},
        },
        engine="local",
        workers=4,
        plan_hash="9f2c1a77b3d0e455",
        versions={
            "mrimage": "0.1.0",
            "python": "3.11.2",
            "libvips": "8.18.0",
            "pillow": "12.0.0",
            "duckdb": "1.4.1",
        },
        started=1_790_000_000.0,
        listed=listed,
        processed=processed,
        quarantined=listed - processed,
        ignored=17,
        reused=0,
        bytes=size,
        groups=groups,
        outputs=processed + groups,
        removed=0,
        reasons=reasons,
        phases=(
            PhaseFacts("list", 0.21, 1, listed, size),
            PhaseFacts("map", end * 0.8, 48, listed, size),
            PhaseFacts("plan", 0.05, 0, 0, 0),
            PhaseFacts("reduce", end * 0.2, 8, processed, size),
            PhaseFacts("publish", 0.3, 0, 0, 0),
        ),
        tasks=tasks,
    )


def _tasks(images: int, size: int) -> list[TaskReport]:
    """48 map tasks and 8 reduce tasks on four workers: one straggler, one retry, one speculative win."""
    chance = random.Random(7)
    clocks = [1_790_000_000.2 + worker / 50 for worker in range(4)]
    tasks = []
    for index in range(56):
        phase, count = ("map", 48) if index < 48 else ("reduce", 8)
        worker = clocks.index(min(clocks))
        seconds = max(0.2, chance.gauss(1.6, 0.25)) * (4.5 if index == 31 else 1.0)
        attempts, errors = (2, ("worker 3 was killed by signal 9",)) if index == 12 else (1, ())
        tasks.append(
            TaskReport(
                task=f"{phase}-{index:04d}",
                phase=phase,
                images=images // count,
                bytes=size // count,
                quarantined=0,
                outputs=images // count if phase == "reduce" else 0,
                started=clocks[worker],
                seconds=seconds,
                peak_memory=180_000_000 + 40_000_000 * worker,
                worker=f"host-1:{4000 + worker}",
                attempts=attempts,
                speculative=index == 40,
                errors=errors,
            )
        )
        clocks[worker] += seconds + 0.02
    return tasks


def _paint(folder: Path) -> None:
    """Thumbnails as a run makes them, for exactly what the report asks for."""
    from mrimage.report import choose_conversion_samples, choose_thumbnails

    wanted = choose_thumbnails(folder)
    rows = [_picture(index, thumbnail.uri) for index, thumbnail in enumerate(wanted)]
    rows += [{"uri": uri, "webp": 100_000} for uri in choose_conversion_samples(folder)]
    pq.write_table(pa.Table.from_pylist(rows, THUMBNAILS), folder / "_run" / "thumbnails.parquet")


def _picture(index: int, uri: str) -> dict[str, object]:
    """A hilly landscape, differently lit and shaped each time."""
    chance = random.Random(uri)
    width, height = chance.choice([(240, 180), (180, 240), (240, 160), (240, 240), (240, 135)])
    light = chance.uniform(0.35, 1.1)
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    hue = chance.random()
    for y in range(height):
        t = y / height
        draw.line(
            [(0, y), (width, y)],
            tuple(
                int(min(255, light * c))
                for c in (90 + 120 * hue, 130 + 60 * t, 230 - 120 * t * hue)
            ),
        )
    for layer in range(3):
        phase, base = chance.uniform(0, 6), height * (0.45 + 0.18 * layer)
        points = [
            (x, base + 14 * math.sin(x / (25 + 9 * layer) + phase) + 5 * math.sin(x / 7 + phase))
            for x in range(0, width + 4, 4)
        ]
        shade = tuple(
            int(min(255, light * (c - 28 * layer)))
            for c in (70 + 60 * hue, 120, 90 + 30 * (1 - hue))
        )
        draw.polygon([*points, (width, height), (0, height)], shade)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return {"uri": uri, "width": width, "height": height, "jpeg": buffer.getvalue()}
