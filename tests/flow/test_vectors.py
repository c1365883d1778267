"""Columns of vectors: fixed-size lists in the catalogue, the same bytes on all workers, and null where an image failed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow
from skimage import data

import mrimage as mr

JOB = mr.Job(key=("all",), extract=("descriptor",))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small pictures, one of which is broken."""
    folder = tmp_path_factory.mktemp("vectors")
    source = Pillow.fromarray(data.astronaut())
    for number in range(5):
        left = 60 * number
        source.crop((left, 0, left + 160, 120)).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:900])
    return folder


@pytest.fixture(scope="module")
def out(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in one process."""
    folder = tmp_path_factory.mktemp("out")
    mr.run(JOB, photos, folder, workers=1, thumbnails=False)
    return folder


def test_the_catalogue_has_vectors_of_fixed_size_that_numpy_reads(photos: Path, out: Path) -> None:
    table = pq.read_table(out / "catalogue")
    assert table.schema.field("descriptor").type == pa.list_(pa.float16(), 236)
    assert table.column("descriptor").is_null().to_pylist() == [False] * 5 + [True]
    vectors = np.stack(table["descriptor"].drop_null().to_numpy())
    assert (vectors.dtype, vectors.shape) == (np.float16, (5, 236))
    alone = mr.open_image(photos / "3.png").features(["descriptor"])["descriptor"]
    assert vectors[3].tolist() == alone


def test_workers_change_no_byte(photos: Path, out: Path, tmp_path: Path) -> None:
    mr.run(JOB, photos, tmp_path, workers=2, thumbnails=False)
    part = "catalogue/part-00000.parquet"
    assert (out / part).read_bytes() == (tmp_path / part).read_bytes()


def test_a_reducer_gets_the_vector_as_a_list(photos: Path, tmp_path: Path) -> None:
    def sizes(key, values):
        yield mr.Output("sizes.json", [len(value["descriptor"]) for value in values])

    job = mr.Job(key=("all",), needs=("descriptor",), reduce=sizes)
    mr.run(job, photos, tmp_path / "out", workers=1, thumbnails=False)
    assert (tmp_path / "out/groups/all/sizes.json").read_text().count("236") == 5
