"""Data keep their labels: sidecars and columns travel from the source to the catalogue and the outputs."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main
from mrimage.storage.fields import decode_fields, encode_fields, number_of
from mrimage.tables.source_columns import ColumnTypes, fitted, named_columns

EDITS = mr.Edits(resize=(8, 8), fit="stretch")


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (12, 9), (shade, shade, 0)).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    """Four WebDataset samples; sidecars before and after the image, and one without any."""
    path = tmp_path / "train.tar"
    files = {
        "a/0.png": png(0),
        "a/0.txt": b"a dark cat",
        "a/0.cls": b"3\n",
        "a/0.json": json.dumps({"caption": "dark", "width": 640, "tags": ["x", "y"]}).encode(),
        "a/1.cls": b"4",
        "a/1.json": json.dumps({"caption": "bright", "score": 1}).encode(),
        "a/1.png": png(200),
        "a/2.png": png(90),
        "a/3.png": png(50),
        "a/3.json": b"[1, 2]",
        "a/3.txt": b"\xff\xfe",
        "notes.txt": b"no sample",
    }
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def write_list(folder: Path, labels: list[str], name: str = "list.csv") -> Path:
    """A list of images with two columns more, one of them of the catalogue's."""
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "width", "zip"])
        for number, label in enumerate(labels):
            (folder / f"{number}.png").write_bytes(png(number))
            writer.writerow([f"{number}.png", label, number, f"0{number}"])
    return folder / name


def run(source: Path, out: Path, job: mr.Job | None = None) -> mr.Results:
    mr.run(job or mr.Job(key="all"), source, out, workers=1, thumbnails=False)
    return mr.open(out)


def test_sidecars_of_a_sample_are_columns_with_their_types(tar: Path, tmp_path: Path) -> None:
    results = run(tar, tmp_path / "out")
    schema = results.catalogue.schema
    assert schema.field("cls").type == pa.int64()
    assert schema.field("tags").type == pa.list_(pa.string())
    rows = {row["path"]: row for row in results.catalogue.to_pylist()}
    first = rows["a/0.png"]
    assert (first["txt"], first["cls"], first["caption"]) == ("a dark cat", 3, "dark")
    assert first["tags"] == ["x", "y"]
    # The image's own width stays what it is.
    assert (first["width"], first["source_width"]) == (12, 640)
    assert (rows["a/1.png"]["cls"], rows["a/1.png"]["score"]) == (4, 1)
    assert [rows["a/2.png"][name] for name in ("txt", "cls", "caption")] == [None] * 3
    assert rows["a/3.png"]["txt"] is None
    assert first["keys"] == ["all"]
    ignored = results.facts.ignored_reasons
    assert ignored == {"sidecar": 7, "extension": 1}


def test_columns_of_a_list_are_columns_with_their_types(tmp_path: Path) -> None:
    source = write_list(tmp_path / "in", ["cat", "dog", ""])
    results = run(source, tmp_path / "out", mr.Job(key="label"))
    rows = results.catalogue.to_pylist()
    assert [row["label"] for row in rows] == ["cat", "dog", None]
    assert [row["source_width"] for row in rows] == [0, 1, 2]
    assert [row["zip"] for row in rows] == ["00", "01", "02"]
    assert results.groups["key"].to_pylist() == ["cat", "dog", "unknown"]


def test_other_columns_of_parquet_travel(tmp_path: Path) -> None:
    table = pa.table(
        {
            "image": [{"bytes": png(1), "path": "x.png"}, {"bytes": png(2), "path": "y.png"}],
            "label": pa.array([7, None], pa.int32()),
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "vector": pa.array([[0.5, 0.5], [1.0, 0.0]]),
        }
    )
    pq.write_table(table, tmp_path / "data.parquet")
    results = run(tmp_path / "data.parquet", tmp_path / "out", mr.Job(key=("kind", "label")))
    assert results.groups["key"].to_pylist() == ["a,7", "b,unknown"]
    assert "vector" not in results.catalogue.column_names


def by_label(image):
    yield f"{image.fields['label']} {image.fields['source_width']}", None


def test_a_mapper_has_the_fields_in_its_hands(tmp_path: Path) -> None:
    source = write_list(tmp_path / "in", ["cat", "dog"])
    results = run(source, tmp_path / "out", mr.Job(map=by_label))
    assert results.groups["key"].to_pylist() == ["cat 0", "dog 1"]


def test_only_an_image_whose_label_changed_is_mapped_again(tmp_path: Path) -> None:
    job = mr.Job(key="label", edits=EDITS)
    source = write_list(tmp_path / "in", ["cat", "dog", "cat"])
    run(source, tmp_path / "out", job)
    text = source.read_text().replace("1.png,dog", "1.png,cow")
    source.write_text(text)
    summary = mr.run(job, source, tmp_path / "out", workers=1, thumbnails=False)
    assert summary.facts.reused == 2
    results = mr.open(tmp_path / "out")
    assert results.groups["key"].to_pylist() == ["cat", "cow"]
    assert sorted(path.parent.name for path in (tmp_path / "out/images").rglob("*.png")) == [
        "cat",
        "cat",
        "cow",
    ]
    fresh = run(source, tmp_path / "fresh", job)
    assert fresh.catalogue.equals(results.catalogue)


def test_tar_shards_have_the_same_sidecars_beside_the_image(tar: Path, tmp_path: Path) -> None:
    run(tar, tmp_path / "out", mr.Job(key="all", edits=EDITS, output="webdataset"))
    [shard] = (tmp_path / "out/images").glob("*.tar")
    with tarfile.open(shard) as packed:
        files = {info.name: packed.extractfile(info).read() for info in packed}
    assert files["all/a/0~png.txt"] == b"a dark cat"
    assert files["all/a/0~png.cls"] == b"3"
    facts = json.loads(files["all/a/0~png.json"])
    assert (facts["caption"], facts["tags"], facts["source_width"]) == ("dark", ["x", "y"], 640)
    assert facts["width"] == 8
    assert "all/a/2~png.txt" not in files
    # They are what the shard says when it is a source itself.
    again = run(shard, tmp_path / "again", mr.Job(key="cls"))
    assert again.groups["key"].to_pylist() == ["3", "4", "unknown"]


@pytest.mark.parametrize("output", ["webdataset", "parquet"])
def test_labels_stay_when_a_shard_loses_an_image(output: str, tmp_path: Path) -> None:
    job = mr.Job(key="all", edits=EDITS, output=output)
    source = write_list(tmp_path / "in", ["cat", "dog", "cow"])
    run(source, tmp_path / "out", job)
    source.write_text("".join(source.read_text().splitlines(keepends=True)[:3]))
    run(source, tmp_path / "out", job)
    [shard] = (path for path in (tmp_path / "out/images").iterdir() if path.is_file())
    back = run(shard, tmp_path / "back", mr.Job(key="label"))
    assert back.groups.select(["key", "images"]).to_pylist() == [
        {"key": "cat", "images": 1},
        {"key": "dog", "images": 1},
    ]
    assert main(["verify", str(tmp_path / "out")]) == 0


def test_parquet_shards_have_the_columns_with_features(tmp_path: Path) -> None:
    source = write_list(tmp_path / "in", ["cat", "dog"])
    run(source, tmp_path / "out", mr.Job(key="all", edits=EDITS, output="parquet"))
    [shard] = (tmp_path / "out/images").glob("*.parquet")
    table = pq.read_table(shard)
    assert table["label"].to_pylist() == ["cat", "dog"]
    assert table.schema.field("source_width").type == pa.int64()
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["label"] == {"dtype": "string", "_type": "Value"}
    assert set(features) == set(table.column_names)


def test_all_parquet_shards_have_the_same_columns_when_the_source_grows(tmp_path: Path) -> None:
    job = mr.Job(key="all", edits=EDITS, output="parquet")
    source = write_list(tmp_path / "in", ["1", "2"])
    run(source, tmp_path / "out", job)
    source = write_list(tmp_path / "in", ["1", "2", "three"])
    summary = mr.run(job, source, tmp_path / "out", workers=1, thumbnails=False)
    assert summary.facts.reused == 0
    schemas = {str(pq.read_schema(path)) for path in (tmp_path / "out/images").glob("*.parquet")}
    assert len(schemas) == 1
    labels = mr.open(tmp_path / "out").catalogue["label"].to_pylist()
    assert labels == ["1", "2", "three"]


def test_credentials_in_other_columns_stay_in_the_list(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(png(0))
    row = {"file": "0.png", "page": "https://user:secret@example.com/x", "note": None, "n": 1.5}
    (tmp_path / "list.jsonl").write_text(json.dumps(row) + "\n")
    results = run(tmp_path / "list.jsonl", tmp_path / "out")
    [found] = results.catalogue.to_pylist()
    assert "secret" not in found["page"]
    assert found["n"] == 1.5
    assert not any(
        b"secret" in path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    )


def test_a_key_that_no_image_has_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_list(tmp_path / "in", ["cat"])
    command = ["run", str(source), str(tmp_path / "out"), "--workers", "1", "--key"]
    assert main([*command, "labels"]) == 2
    said = capsys.readouterr().err
    assert 'Did you mean "label"?' in said
    assert not (tmp_path / "out").exists()
    assert main([*command, "formt"]) == 2
    assert "column:formt" in capsys.readouterr().err
    assert main([*command, "column:label", "--quiet", "--no-thumbnails"]) == 0


def test_a_damaged_tar_keeps_the_labels_of_its_intact_samples(tar: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tar"
    cut.write_bytes(tar.read_bytes()[:9000])
    results = run(cut, tmp_path / "out")
    rows = {row["path"]: row for row in results.catalogue.to_pylist()}
    assert rows["a/0.png"]["cls"] == 3
    assert results.quarantine["reason"].to_pylist() == ["truncated"]


def test_what_a_cell_says_is_never_lost() -> None:
    cells = ["1", "-2", "1.5", "01", "1e5", "nan", "inf", "1_000", " 1", "x", "True"]
    assert [str(number_of(cell)) for cell in cells] == cells


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
) | st.text("ab7", max_size=3)
FIELDS = st.dictionaries(st.sampled_from(["a", "b", "c"]), PLAIN | st.lists(PLAIN, max_size=3))


@settings(deadline=None)
@given(st.lists(FIELDS, max_size=5))
def test_every_column_holds_all_its_values(rows: list[dict[str, object]]) -> None:
    types = ColumnTypes()
    for row in rows:
        types.add(row)
    backwards = ColumnTypes()
    for row in reversed(rows):
        backwards.add(row)
    columns = types.columns()
    assert backwards.columns() == columns
    kinds = {"string": pa.string(), "int64": pa.int64(), "double": pa.float64(), "bool": pa.bool_()}
    for name, kind in columns:
        inner = kinds.get(kind.removeprefix("list<").removesuffix(">"))
        arrow = pa.list_(inner) if kind.startswith("list<") else inner
        values = [fitted(row, columns)[name] for row in rows]
        assert pa.array(values, arrow).null_count == values.count(None)


@settings(deadline=None)
@given(FIELDS)
def test_fields_survive_as_text(fields: dict[str, object]) -> None:
    assert decode_fields(encode_fields(fields)) == fields
    assert encode_fields(dict(reversed(fields.items()))) == encode_fields(fields)


def test_a_name_of_the_catalogue_gets_a_prefix() -> None:
    assert named_columns({"width": 1, "label": 2}, frozenset({"width"})) == {
        "source_width": 1,
        "label": 2,
    }


def test_odd_sidecars_and_rows_do_not_end_the_listing(tmp_path: Path) -> None:
    deep = b'{"a": ' + b"[" * 3000 + b"]" * 3000 + b"}"
    many = json.dumps({f"name{number}": number for number in range(300)}).encode()
    files = {
        "0.png": png(0),
        "0.json": deep,
        "0.cls": b"007",
        "1.png": png(1),
        "1.json": many,
        "2.png": png(2),
        "2.json": b'{"Width": 5, "": 1, "big": 123456789012345678901234567890, "x": null}',
    }
    with tarfile.open(tmp_path / "odd.tar", "w") as packed:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    results = run(tmp_path / "odd.tar", tmp_path / "out")
    rows = results.catalogue.to_pylist()
    assert [row["cls"] for row in rows] == ["007", None, None]
    assert rows[1]["name299"] == 299
    assert rows[2]["source_Width"] == 5
    assert rows[2]["big"] == "123456789012345678901234567890"
    assert results.sql("SELECT sum(width) AS w FROM image")["w"].to_pylist() == [36]

    (tmp_path / "0.png").write_bytes(png(0))
    (tmp_path / "list.csv").write_bytes(b"file,label,,na\xefve\n0.png,caf\xe9,x,y,too many\n")
    [row] = run(tmp_path / "list.csv", tmp_path / "list").catalogue.to_pylist()
    assert (row["label"], row["na%EFve"]) == ("caf%E9", "y")


def test_a_source_has_no_more_than_a_bounded_number_of_columns() -> None:
    forwards = ColumnTypes()
    backwards = ColumnTypes()
    rows = [{f"{number:05}": number, "same": 1} for number in range(3000)]
    for row in rows:
        forwards.add(row)
    for row in reversed(rows):
        backwards.add(row)
    assert forwards.columns() == backwards.columns()
    assert [name for name, _ in forwards.columns()] == [f"{number:05}" for number in range(500)]
