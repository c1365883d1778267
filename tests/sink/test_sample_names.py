"""Names in shards: WebDataset's rule pairs each image with its own facts, whatever the source called it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from tests.sink.shard_files import META, SAMPLE, samples_in_tar

from mrimage.sink.naming import component, sample_name
from mrimage.sink.webdataset import TarShard, read_tar_shard
from mrimage.storage.local import LocalSource
from mrimage.types import OutputRow

part = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
)
dotted = st.text(st.sampled_from("ab._~%! "), min_size=1, max_size=8)
path = st.lists(part | dotted, min_size=1, max_size=3).map("/".join)
key = st.text(max_size=20) | dotted | st.just("__test__")
extension = st.sampled_from(["jpg", "png", "webp", "avif", "tiff"])
image = st.tuples(key, path, extension)

ODD = [
    "../",
    "..",
    "new\nline.jpg",
    "ünï çode.JPG",
    "a" * 10_000,
    "b" * 10_000 + ".jpg",
    "c." + "d" * 10_000,
    ".hidden",
    ".",
]


@given(st.lists(image, min_size=2, max_size=6, unique_by=lambda each: each[:2]))
@example(
    [
        ("k", "a.jpg", "jpg"),
        ("k", "a.png", "png"),
        ("k", "a.JPG", "jpg"),
        ("k", "a.jpeg", "jpg"),
        ("k", "a", "jpg"),
    ]
)
@example([("k", "a.b.jpg", "jpg"), ("k", "a.c.jpg", "jpg"), ("k", "a.b", "jpg")])
@example([("__k__", "a.jpg", "jpg"), ("%5F_k__", "a.jpg", "jpg")])
@example(
    [
        ("k", "x" * 300 + ".jpg", "jpg"),
        ("k", "x" * 300 + ".png", "jpg"),
        ("k", "x" * 301 + ".jpg", "jpg"),
    ]
)
def test_two_images_are_never_one_sample(images: list[tuple[str, str, str]]) -> None:
    stems = set()
    for key, path, ending in images:
        match = SAMPLE.match(sample_name(key, path, ending))
        assert match
        assert match[2] == ending
        stems.add(match[1])
    assert len(stems) == len(images)


@given(image)
@example(("../../etc", "../../passwd", "png"))
@example(("", "-rf", "png"))
def test_every_name_is_safe_and_short_and_seen_by_every_reader(image: tuple[str, str, str]) -> None:
    name = sample_name(*image)
    assert not META.match(name)
    assert "!/" not in name
    for piece in name.split("/"):
        assert piece not in {"", ".", ".."}
        assert not piece.startswith((".", "-", " "))
        assert len(piece.encode()) <= 250
        assert not any(char in piece for char in '<>:"|?*\\\n\r\t\0')


@given(key)
def test_no_folder_ends_in_the_sign_that_stands_behind_a_shard(key: str) -> None:
    assert not component(key).endswith("!")


def test_odd_names_come_back_from_a_tar_each_with_its_facts(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    shard = TarShard(buffer)  # type: ignore[arg-type]  # a file is a file
    rows = []
    for number, odd in enumerate([*ODD, "deep/" * 500 + "x.jpg"]):
        name = sample_name(odd, odd, "jpg")
        row = OutputRow(f"uri {odd}", odd, name, number, number, 1, "0" * 64)
        assert shard.add(row, bytes([number])) == name
        rows.append(row)
    shard.finish()
    assert len(buffer.getvalue()) <= shard.size
    assert len(buffer.getvalue()) % tarfile.RECORDSIZE == 0
    (tmp_path / "odd.tar").write_bytes(buffer.getvalue())
    samples = samples_in_tar(tmp_path / "odd.tar")
    assert {name: sample["jpg"] for name, sample in samples.items()} == {
        row.output.removesuffix(".jpg"): bytes([number]) for number, row in enumerate(rows)
    }
    back = list(read_tar_shard(LocalSource("odd.tar", str(tmp_path / "odd.tar"))))
    assert [(each.facts or {})["key"] for each in back] == [row.key for row in rows]
