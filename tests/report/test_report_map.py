"""The map of a run that looked for clusters: every image a dot, in each corner of it a picture."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from mrimage.report.figures.pile_map import CELL, COLORS, HEIGHT, WIDTH, draw_map, map_pictures
from mrimage.report.tables.views import Tables
from mrimage.tables.found import CLUSTERS


def clusters(folder: Path, rows: list[tuple[int, str, float, float]]) -> Tables:
    """Tables with clusters.parquet alone; each row is cluster, uri, x and y."""
    table = pa.table(
        {
            "cluster": [row[0] for row in rows],
            "uri": [row[1] for row in rows],
            "name": ["sea" if row[0] == 1 else None for row in rows],
            "distance": [0.1] * len(rows),
            "rank": list(range(1, len(rows) + 1)),
            "x": [row[2] for row in rows],
            "y": [row[3] for row in rows],
        }
    )
    pq.write_table(table.cast(CLUSTERS), folder / "clusters.parquet")
    return Tables(folder, duckdb.connect(":memory:"))


def test_the_map_has_its_images_where_they_are_in_the_colors_of_large_clusters(
    tmp_path: Path,
) -> None:
    rows = [(1, "in/a.jpg", -1.0, 0.0), (1, "in/b.jpg", 1.0, 2.0), (COLORS + 1, "c.jpg", 0.0, 1.0)]
    drawn = draw_map(clusters(tmp_path, rows), ["in/b.jpg"])
    assert drawn
    assert sorted((dot.x, dot.y, dot.color) for dot in drawn.dots) == [
        (0.0, HEIGHT, 1),
        (WIDTH / 2, HEIGHT / 2, 0),
        (WIDTH, 0.0, 1),
    ]
    [one] = drawn.pictures
    assert (one.picture.title, one.picture.note, one.x, one.y) == (
        "b.jpg",
        "cluster 1",
        WIDTH // CELL * CELL - CELL,
        0,
    )
    assert [(each.cluster, each.name, each.images) for each in drawn.clusters] == [
        (1, "sea", 2),
        (COLORS + 1, "", 1),
    ]
    assert (drawn.images, drawn.total) == (3, 2)


def test_a_cell_shows_its_most_typical_image_and_equal_places_are_in_the_middle(
    tmp_path: Path,
) -> None:
    rows = [(1, f"{number}.jpg", 0.5, 0.5) for number in range(4)]
    tables = clusters(tmp_path, rows)
    [(uri, _, column, row)] = map_pictures(tables)
    assert (uri, column, row) == ("0.jpg", WIDTH // CELL // 2, HEIGHT // CELL // 2)


def test_a_run_without_clusters_has_no_map(tmp_path: Path) -> None:
    assert draw_map(Tables(tmp_path, duckdb.connect(":memory:")), []) is None


def test_the_page_draws_the_map_with_pictures(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    import mrimage as mr

    (tmp_path / "in").mkdir()
    for number in range(4):
        pixels = np.random.default_rng(number // 2).integers(0, 255, (6, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels).resize((32, 24))
        picture.putpixel((number, 0), (255, 0, 0))
        picture.save(tmp_path / "in" / f"{number}.png")
    mr.run(mr.Job(find="clusters", clusters=2), tmp_path / "in", tmp_path / "out", workers=1)
    page = (tmp_path / "out/report.html").read_text()
    [section] = re.findall(r'<section id="map".*?</section>', page, re.DOTALL)
    assert section.count("<circle") == 4
    assert section.count("<foreignObject") == section.count("<img") >= 2
    assert "4 images in 2 clusters" in section
