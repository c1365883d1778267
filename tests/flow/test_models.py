"""Embeddings and labels in a run: batches, quarantine, keys, resuming, and another model."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow
from tests.image.networks import CLASSES, NORMALIZED, tiny, written

import mrimage as mr
from mrimage.cli.main import main
from mrimage.commit.model_copy import write_model_copy
from mrimage.flow.prepare import prepare_job
from mrimage.guard.guard import Guard
from mrimage.job.job import Plan
from mrimage.storage import open_store
from mrimage.tasks.map_split import map_entry
from mrimage.types import Entry

LABELLED = NORMALIZED | {"mrimage.labels": "\n".join(CLASSES)}

COLORS = {
    "red": (250, 10, 10),
    "green": (10, 250, 10),
    "blue": (10, 10, 250),
    "gray": (90, 90, 90),
    "olive": (200, 190, 0),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A flat picture of each color, one of them cut off, and one that is no image at all."""
    folder = tmp_path / "colors"
    folder.mkdir()
    for name, color in COLORS.items():
        Pillow.new("RGB", (40, 30), color).save(folder / f"{name}.png")
    (folder / "cut.png").write_bytes((folder / "red.png").read_bytes()[:60])
    (folder / "text.jpg").write_text("no image")
    return folder


def job(folder: Path, content: bytes, **fields: object) -> mr.Job:
    fields = {"extract": ("embedding", "labels"), "key": ("label",)} | fields
    return mr.Job(model=written(folder, content), **fields)


def catalogue(out: Path) -> list[dict[str, object]]:
    return pq.read_table(out / "catalogue").to_pylist()


def test_a_batch_is_mapped_one_image_at_a_time(source: Path, tmp_path: Path) -> None:
    """A model that takes four at once: the last batch is short, and two images fail in the middle."""
    out = tmp_path / "out"
    done = mr.run(
        job(tmp_path, tiny(batch=4, metadata=LABELLED)), source, out, workers=1, thumbnails=False
    )
    assert done.facts.processed == 5
    assert done.facts.reasons == {"not-an-image": 1, "truncated": 1}
    labels = {Path(str(row["uri"])).stem: row["label"] for row in catalogue(out)}
    assert labels == {
        "red": "reddish",
        "green": "greenish",
        "blue": "bluish",
        "gray": "unsure",
        "olive": "reddish",
        "cut": None,
        "text": None,
    }
    assert pq.read_schema(out / "catalogue/part-00000.parquet").field("embedding").type == pa.list_(
        pa.float16(), 3
    )
    groups = pq.read_table(out / "groups.parquet").to_pylist()
    assert {row["key"]: row["images"] for row in groups} == {
        "bluish": 1,
        "greenish": 1,
        "reddish": 2,
        "unsure": 1,
    }
    assert main(["verify", str(out)]) == 0


def test_batches_and_workers_change_no_byte(source: Path, tmp_path: Path) -> None:
    tables = []
    for name, content, workers in (
        ("single", tiny(metadata=LABELLED), 1),
        ("batches", tiny(batch=3, metadata=LABELLED), 2),
    ):
        mr.run(job(tmp_path, content), source, tmp_path / name, workers=workers, thumbnails=False)
        tables.append((tmp_path / name / "catalogue/part-00000.parquet").read_bytes())
    assert len(set(tables)) == 1


def test_a_label_of_the_source_keeps_its_name_unless_a_model_says_one(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = source / "list.csv"
    rows.write_text("file,label\nred.png,rose\nblue.png,sky\n")

    def keys(**fields: object) -> list[str]:
        wanted = job(tmp_path, tiny(metadata=LABELLED), **fields)
        mr.run(wanted, rows, tmp_path / "out", workers=1, thumbnails=False, fresh=True)
        return mr.open(tmp_path / "out").groups["key"].to_pylist()

    assert keys() == ["bluish", "reddish"]
    assert [row["source_label"] for row in catalogue(tmp_path / "out")] == ["sky", "rose"]
    assert keys(key="source_label") == ["rose", "sky"]
    assert keys(key="label", extract="embedding") == ["rose", "sky"]
    assert [row["label"] for row in catalogue(tmp_path / "out")] == ["sky", "rose"]
    # Nobody has a label here.
    assert main(["run", str(source), str(tmp_path / "none"), "--key", "label"]) == 2
    assert "For the label of a model, add --extract labels" in capsys.readouterr().err


@mr.batched(size=2)
def in_pairs():
    def by_label(images):
        assert len(images) <= 2
        return [[(str(image.features(["labels"])["label"]), None)] for image in images]

    return by_label


@mr.batched(size=3)
def in_threes():
    def widths(images):
        assert len(images) <= 3
        return [{"area": image.metadata.width * image.metadata.height} for image in images]

    return widths


def test_batches_of_the_job_s_own_go_with_those_of_the_model(source: Path, tmp_path: Path) -> None:
    area = mr.extractor(area=int)(in_threes)
    wanted = job(
        tmp_path,
        tiny(batch=4, metadata=LABELLED),
        map=in_pairs,
        extract=("labels", area),
    )
    mr.run(wanted, source, tmp_path / "out", workers=1, thumbnails=False)
    found = {row["label"]: (row["keys"], row["area"]) for row in catalogue(tmp_path / "out")}
    assert found.pop(None) == (None, None)
    assert found == {name: ([name], 1200) for name in ("bluish", "greenish", "reddish", "unsure")}


def test_a_mapper_sees_the_labels_and_a_reducer_gets_them(source: Path, tmp_path: Path) -> None:
    def by_confidence(image):
        found = image.features(["labels", "content"])
        yield ("sure" if found["confidence"] > 0.9 else "rest"), {"color": found["mean_color"]}

    def collect(key, values):
        yield mr.Output("seen.json", sorted((value["label"], value["color"]) for value in values))

    wanted = mr.Job(
        map=by_confidence,
        reduce=collect,
        needs=("labels",),
        model=written(tmp_path, tiny(metadata=LABELLED)),
    )
    mr.run(wanted, source, tmp_path / "out", workers=1, thumbnails=False)
    seen = json.loads((tmp_path / "out/groups/sure/seen.json").read_text())
    assert [label for label, _ in seen] == ["bluish", "greenish", "reddish"]


def test_the_same_model_resumes_and_another_one_is_another_job(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = job(tmp_path, tiny(metadata=LABELLED), top=2)
    mr.run(first, source, out, workers=1, thumbnails=False)
    Pillow.new("RGB", (20, 20), (0, 0, 200)).save(source / "navy.png")
    # A copy that is not the job's model is never run, but replaced.
    (out / "_run/model.onnx").write_bytes(b"something else")
    grown = mr.run(first, source, out, workers=1, thumbnails=False)
    assert (grown.facts.processed, grown.facts.reused) == (6, 7)
    assert (out / "_run/model.onnx").read_bytes() == tiny(metadata=LABELLED)
    for content, fields in (
        (tiny(metadata=LABELLED | {"other": "bytes"}), {"top": 2}),
        (tiny(metadata=LABELLED), {"top": 1}),
        (tiny(metadata=LABELLED), {"top": 2, "model_channels": "bgr"}),
    ):
        with pytest.raises(mr.SinkError, match=r"(model|top|channels) .* instead of"):
            mr.run(job(tmp_path, content, **fields), source, out, workers=1, thumbnails=False)


def test_a_careful_attempt_runs_the_model_in_its_guarded_child(
    source: Path, tmp_path: Path
) -> None:
    """After a crash, a task maps each image alone, in a child that opens the model for itself."""
    prepared = prepare_job(job(tmp_path, tiny(metadata=LABELLED)))
    plan = Plan(prepared, str(source), str(tmp_path / "out"))
    write_model_copy(open_store(plan.out, create=True), prepared)
    entry = Entry(str(source / "blue.png"), "blue.png", 99, "")
    mapped = Guard(partial(map_entry, plan), prepared.limits)
    try:
        row = mapped(entry).row
    finally:
        mapped.close()
    assert (row["status"], row["label"], len(row["embedding"])) == ("processed", "bluish", 3)


def test_retry_reads_the_model_again(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    mr.run(job(tmp_path, tiny(metadata=LABELLED)), source, out, workers=1, thumbnails=False)
    shutil.copy(source / "red.png", source / "cut.png")
    assert main(["retry", str(out), "--quiet", "--no-thumbnails", "--workers", "1"]) == 0
    labels = {Path(str(row["uri"])).stem: row["label"] for row in catalogue(out)}
    assert (labels["cut"], labels["text"]) == ("reddish", None)


def test_options_of_the_command_line(source: Path, tmp_path: Path, capsys) -> None:
    """A model that says nothing: everything comes from options."""
    (tmp_path / "names.txt").write_text("b\ng\nr\n")
    command = [
        *(
            "run",
            str(source),
            str(tmp_path / "out"),
            "--quiet",
            "--no-thumbnails",
            "--workers",
            "1",
        ),
        *("--extract", "labels", "--model", written(tmp_path, tiny(side="s", metadata={}))),
        *("--model-size", "6x6", "--model-layout", "nchw", "--model-channels", "bgr"),
        *("--model-mean", "0.5", "--model-deviation", "0.5,0.5,0.5"),
        *("--labels", str(tmp_path / "names.txt"), "--top", "1", "--unsure", "0.99"),
    ]
    assert main(command) == 0
    rows = {Path(str(row["uri"])).stem: row for row in catalogue(tmp_path / "out")}
    assert (rows["red"]["label"], rows["red"]["labels"]) == ("r", ["r"])
    assert rows["olive"]["label"] == "unsure"
    assert "embedding" not in rows["red"]
    assert main(["run", str(source), str(tmp_path / "none"), "--top", "2"]) == 2
    assert "--top needs --extract embedding or labels" in capsys.readouterr().err
