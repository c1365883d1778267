"""What a reducer hands out: its lineage, and the size of what is an image."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mrimage as mr
from mrimage.errors import JobError
from mrimage.flow.run import RunOptions, run

HERE = RunOptions(workers=1, thumbnails=False)


def file_of(format: str, size: tuple[int, int], **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (9, 8, 7)).save(buffer, format, **options)
    return buffer.getvalue()


def turned(size: tuple[int, int]) -> bytes:
    """A JPEG that is displayed on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return file_of("JPEG", size, exif=exif)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (np.zeros((5, 9, 3), np.uint8), (9, 5)),
        (file_of("PNG", (7, 3)), (7, 3)),
        (bytearray(file_of("WEBP", (6, 4))), (6, 4)),
        (memoryview(turned((8, 2))), (2, 8)),
        (b"\x89PNG\r\n\x1a\n", (None, None)),
        (b'{"not": "an image"}', (None, None)),
        (b"", (None, None)),
        ("P6 7 3 255\n", (None, None)),
        ({"plain": [1, 2]}, (None, None)),
    ],
)
def test_width_and_height_are_known_where_the_bytes_are_an_image(
    data: object, size: tuple[int | None, int | None]
) -> None:
    output = mr.Output("name.png" if isinstance(data, np.ndarray) else "name", data)  # type: ignore[arg-type]
    assert output.encoded()[1:] == size


def test_what_is_made_of_one_image_has_its_uri_in_the_lineage(
    photos: Path, tmp_path: Path, rows
) -> None:
    def crops(key: str, values: Iterable[str]) -> Iterator[mr.Output]:
        for number, uri in enumerate(values):
            made = mr.open_image(uri).edited(mr.Edits(resize=(8, 8), fit="cover", format="png"))
            yield mr.Output(f"{number}.png", made.data, uri=uri)
        yield mr.Output("count.json", {"images": number + 1})

    job = mr.Job(map=lambda image: [(image.metadata.format, image.uri)], reduce=crops)
    out = tmp_path / "out"
    run(job, str(photos), str(out), HERE)
    lineage = rows(out, "outputs")
    of_one_image = [row for row in lineage if row["uri"]]
    processed = {row["uri"] for row in rows(out, "catalogue") if row["status"] == "processed"}
    assert {row["uri"] for row in of_one_image} == processed
    assert {(row["width"], row["height"]) for row in of_one_image} == {(8, 8)}
    assert [row["output"] for row in lineage if not row["uri"]] == [
        "groups/jpeg/count.json",
        "groups/png/count.json",
    ]
    (photos / "wide 0.jpg").unlink()
    run(job, str(photos), str(out), HERE)
    assert {row["uri"] for row in rows(out, "outputs") if row["uri"]} == processed - {
        str(photos / "wide 0.jpg")
    }


def test_a_uri_is_the_same_however_it_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mr.Output("a", b"", uri="b/../a.png").uri == f"{tmp_path}/a.png"
    assert mr.Output("a", b"", uri=(tmp_path / "a.png").as_uri()).uri == f"{tmp_path}/a.png"
    assert mr.Output("a", b"", uri="s3://bucket/a.png").uri == "s3://bucket/a.png"


@pytest.mark.parametrize("uri", [7, "\ud800", b"a.png"])
def test_a_uri_that_is_no_text_is_refused(uri: object) -> None:
    with pytest.raises(JobError, match="The uri of output 'a' must be"):
        mr.Output("a", b"", uri=uri)  # type: ignore[arg-type]
