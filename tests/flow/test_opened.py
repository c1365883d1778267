"""``mr.open``: a finished run, to hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from PIL import Image

import mrimage as mr


@pytest.fixture
def out(photos: Path, tmp_path: Path) -> Path:
    """A finished run with edits, groups of copies, and two images in quarantine."""
    (photos / "copy.jpg").write_bytes((photos / "wide 0.jpg").read_bytes())
    job = mr.Job(key="format", group="duplicates", edits=mr.Edits(resize=(16, 16), format="webp"))
    mr.run(job, photos, tmp_path / "out", workers=1, thumbnails=False)
    return tmp_path / "out"


def test_tables_are_arrow_and_hold_what_the_run_published(out: Path, photos: Path) -> None:
    results = mr.open(out)
    statuses = dict(
        zip(
            results.catalogue["uri"].to_pylist(),
            results.catalogue["status"].to_pylist(),
            strict=True,
        )
    )
    assert statuses[str(photos / "copy.jpg")] == "processed"
    assert statuses[str(photos / "empty.jpg")] == "quarantined"
    assert results.quarantine["reason"].to_pylist() == ["empty", "not-an-image"]
    assert results.groups.select(["key", "images"]).to_pylist() == [
        {"key": "jpeg", "images": 6},
        {"key": "png", "images": 4},
    ]
    assert results.outputs.num_rows == 11
    assert results.duplicates is not None
    assert set(results.duplicates.filter(pc.field("key") == "jpeg")["uri"].to_pylist()) >= {
        str(photos / "copy.jpg")
    }
    assert results.findings is None
    assert results.catalogue is results.catalogue


def test_sql_gives_a_table_and_reaches_nothing_but_the_run(out: Path, photos: Path) -> None:
    results = mr.open(out)
    table = results.sql("SELECT format, count(*) AS images FROM image GROUP BY ALL ORDER BY format")
    assert isinstance(table, pa.Table)
    assert table.to_pylist() == [
        {"format": "jpeg", "images": 6},
        {"format": "png", "images": 4},
    ]
    assert results.sql("SELECT 1 AS a, 2 AS a").num_columns == 2
    with pytest.raises(mr.UsageError, match="DuckDB cannot run"):
        results.sql(f"SELECT * FROM read_text('{photos / 'README.txt'}')")
    with pytest.raises(mr.UsageError, match="COPY"):
        results.sql(f"COPY catalogue TO '{out / 'catalogue.csv'}'")


def test_images_of_the_source_and_of_the_run_can_be_had_by_group(out: Path, photos: Path) -> None:
    results = mr.open(out)
    pngs = list(results.images("png"))
    assert [image.uri for image in pngs] == [
        str(photos / "trip" / f"tall-{number}.png") for number in range(4)
    ]
    assert pngs[0].metadata.width == 30
    assert len(list(results.images())) == 10
    edited = list(results.edited_images("png"))
    assert {image.metadata.format for image in edited} == {"webp"}
    assert max(image.metadata.height for image in edited) == 16


def test_edited_images_are_found_in_shards_too(photos: Path, tmp_path: Path) -> None:
    job = mr.Job(edits=mr.Edits(resize=(8, 8)), output="webdataset")
    mr.run(job, photos, tmp_path / "tars", workers=1, thumbnails=False)
    sizes = [image.metadata.width for image in mr.open(tmp_path / "tars").edited_images()]
    assert len(sizes) == 9
    assert max(sizes) == 8


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(mr.SinkError, match="finished run"):
        mr.open(tmp_path)
    with pytest.raises(mr.UsageError, match="one path or url"):
        mr.open(7)  # type: ignore[arg-type]


def test_a_notebook_shows_images_and_why_there_is_none(out: Path, photos: Path) -> None:
    image = mr.open_image(photos / "wide 1.jpg")
    assert 'src="data:image/png;base64,' in image._repr_html_()
    assert "<th style='text-align:left'>width</th>" in image._repr_html_()
    png = image._repr_png_()
    assert png is not None
    assert png.startswith(b"\x89PNG")
    broken = mr.open_image(photos / "text.jpg")
    assert "not-an-image" in broken._repr_html_()
    assert broken._repr_png_() is None
    assert "base64" in image.edited(mr.Edits(resize=(8, 8)))._repr_html_()
    assert "quarantined" in repr(mr.open(out))


def test_markup_in_a_name_is_text_in_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "<b>x.png"
    Image.new("RGB", (4, 4)).save(path)
    assert "<b>" not in mr.open_image(path)._repr_html_()


def test_pixels_are_upright_srgb_and_on_white(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (40, 20), (200, 30, 30))
    picture.save(path, exif=exif, quality=95)
    pixels = mr.open_image(path).pixels()
    assert pixels.shape == (40, 20, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels[5, 5].astype(int) - (200, 30, 30)).max() <= 4
    pixels[0, 0] = 0  # the caller's own

    clear = tmp_path / "clear.png"
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(clear)
    assert (mr.open_image(clear).pixels() == 255).all()
    black = mr.Edits(background=(0, 0, 0))
    assert (mr.open_image(clear).pixels(black) == 0).all()


def test_pixels_have_the_size_and_space_of_edits(photos: Path) -> None:
    image = mr.open_image(photos / "wide 1.jpg")
    small = mr.Edits(resize=(8, 8), fit="cover", to="gray")
    assert image.pixels(small).shape == (8, 8, 1)
    assert image.pixels(mr.Edits(crop=mr.Crop(10, 6))).shape == (6, 10, 3)
    with pytest.raises(mr.UsageError):
        image.pixels(mr.Edits(resize=(0, 8)))


def test_a_reducer_s_image_has_pixels(photos: Path, tmp_path: Path) -> None:
    summary = mr.run(
        mr.Job(key="all", reduce=mean_red),
        photos,
        tmp_path / "means",
        workers=1,
        thumbnails=False,
    )
    assert summary.outputs == 1


def mean_red(key, values):
    total = sum(int(mr.open_image(value["uri"]).pixels()[..., 0].mean()) for value in values)
    yield mr.Output("red.json", total)


def test_dir_lists_the_public_names() -> None:
    assert dir(mr) == sorted(mr.__all__)
