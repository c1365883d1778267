"""Shards in a bucket: sent whole, read back by range, written anew when an image goes."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.sink.shard_files import images_in, shards_of

import mrimage as mr
from mrimage.cli.main import main
from mrimage.flow import execution, splitting
from mrimage.flow.run import RunOptions, run
from mrimage.storage import open_store, open_uri

HERE = RunOptions(workers=1, thumbnails=False)


def images_below(place: str) -> dict[tuple[str, str], bytes]:
    """(key, uri) -> bytes of every image of the lineage, each by its own uri."""
    table = pq.read_table(io.BytesIO(open_store(place).read("outputs.parquet")))
    return {
        (row["key"], row["uri"]): open_uri(f"{place}/{row['output']}").read()
        for row in table.to_pylist()
    }


@pytest.mark.parametrize("output", ["webdataset", "parquet"])
def test_shards_in_a_bucket_hold_what_local_files_hold(
    photos: Path, tmp_path: Path, s3_folder: str, output: str
) -> None:
    edits = mr.Edits(resize=(20, 20), format="png", to="srgb")
    job = mr.Job(key=("format",), edits=edits, output=output, shard_size=8_000)
    run(job, str(photos), s3_folder, HERE)
    run(mr.Job(key=("format",), edits=edits), str(photos), str(tmp_path / "before"), HERE)
    assert images_below(s3_folder) == images_in(tmp_path / "before")
    (photos / "trip/tall-2.png").unlink()
    grown = run(job, str(photos), s3_folder, HERE)
    assert (grown.facts.tasks, grown.facts.removed) == ((), 1)
    run(mr.Job(key=("format",), edits=edits), str(photos), str(tmp_path / "after"), HERE)
    assert images_below(s3_folder) == images_in(tmp_path / "after")
    assert main(["verify", s3_folder]) == 0
    store = open_store(s3_folder)
    named = {
        row["output"].partition("!/")[0]
        for row in pq.read_table(io.BytesIO(store.read("outputs.parquet"))).to_pylist()
    }
    assert {item.path for item in store.list("images")} == named


def test_an_interrupted_run_into_a_bucket_makes_the_shards_of_an_undisturbed_one(
    photos: Path, tmp_path: Path, s3_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(splitting, "PIXEL_SPLIT", (1, 1 << 30))
    job = mr.Job(key=("format",), edits=mr.Edits(resize=(9, 9)), output="webdataset")
    run(job, str(photos), str(tmp_path / "whole"), HERE)
    with monkeypatch.context() as patched:
        patched.setattr(execution, "task_done", stop)
        with pytest.raises(KeyboardInterrupt):
            run(job, str(photos), s3_folder, HERE)
    store = open_store(s3_folder)
    assert "_run/splits.json" in {item.path for item in store.list("_run")}
    run(job, str(photos), s3_folder, HERE)
    assert {item.path: store.read(item.path) for item in store.list("images")} == {
        f"images/{name}": data for name, data in shards_of(tmp_path / "whole").items()
    }
    assert store.read("outputs.parquet") == (tmp_path / "whole/outputs.parquet").read_bytes()
    assert "_run/splits.json" not in {item.path for item in store.list("_run")}
