"""Clusters, neighbors and the map of a pile: what they find, exactly, whatever the batches are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mrimage as mr
from mrimage.patterns import kmeans, neighbors, sample, vectors
from mrimage.patterns.clusters import _table as table_of_clusters
from mrimage.patterns.plane import plane_of
from mrimage.rounds import planning


def units(count: int, length: int, seed: int = 0) -> vectors.Array:
    """Whole vectors of length UNIT."""
    made = np.random.default_rng(seed).normal(size=(count, length))
    made *= vectors.UNIT / np.linalg.norm(made, axis=1, keepdims=True)
    return np.rint(made).astype(np.float32)


def groups(count: int, seed: int = 3) -> vectors.Array:
    """``count`` groups of 30 near vectors each, one after another."""
    middles = np.repeat(units(count, 24, seed), 30, axis=0)
    return np.rint(0.9 * middles + 0.1 * units(30 * count, 24, seed + 1)).astype(np.float32)


def exact(one: vectors.Array, other: vectors.Array) -> Any:
    """Squared distances by Python's whole numbers."""
    difference = one.astype(object)[:, None] - other.astype(object)
    return (difference * difference).sum(axis=2)


@pytest.mark.parametrize("length", [236, 1280])
def test_products_of_whole_vectors_are_exact(length: int) -> None:
    found = units(40, length)
    # The largest products are those of a vector with itself.
    assert (
        vectors.products(found, found) == (found.astype(np.int64) @ found.astype(np.int64).T)
    ).all()
    assert vectors.squares(found).max() < 1 << 24


def test_vectors_of_a_batch_are_read_where_they_begin_and_nulls_are_zeros() -> None:
    rows = [[0.5, -0.25], None, [1.0, 0.0], [0.0, -1.0]]
    batch = pa.record_batch({"v": pa.array(rows, pa.list_(pa.float16(), 2))})
    found = vectors.whole_vectors(batch, "v")
    assert found.tolist() == [[2000, -1000], [0, 0], [4000, 0], [0, -4000]]
    assert vectors.whole_vectors(batch.slice(1, 2), "v").tolist() == [[0, 0], [4000, 0]]
    assert vectors.restored(vectors.stored(found), 2).tolist() == found.tolist()


def test_an_assignment_adds_up_to_the_same_in_one_batch_and_in_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = units(90, 20)
    centers = found[:7]
    whole = kmeans.sums_of(found, centers)
    distances = exact(found, centers)
    assert whole.inertia == int(distances.min(axis=1).sum())
    chosen = distances.argmin(axis=1)
    for number in range(7):
        assert (whole.totals[number] == found[chosen == number].sum(axis=0)).all()
    monkeypatch.setattr(vectors, "_CELLS", 20)
    parts = [kmeans.sums_of(found[start : start + 13], centers) for start in range(0, 90, 13)]
    assert sum(part.inertia for part in parts) == whole.inertia
    assert (sum(part.totals for part in parts) == whole.totals).all()


def test_the_mean_is_rounded_and_a_center_without_vectors_stays() -> None:
    sums = kmeans.Sums(np.array([2, 0]), np.array([[3, -3], [0, 0]]), 0)
    centers = np.array([[9, 9], [5, 6]], np.float32)
    assert kmeans.moved(centers, sums).tolist() == [[2, -1], [5, 6]]


def test_planted_groups_are_found_and_their_number_too() -> None:
    found = groups(7)
    order = np.random.default_rng(1).permutation(len(found))
    assert kmeans.best_number(found[order]) == 7
    chosen, _ = kmeans.nearest(found, kmeans.centers_of_sample(found[order], 7))
    assert [len(set(chosen[start : start + 30])) for start in range(0, 210, 30)] == [1] * 7
    assert len(set(chosen)) == 7


def test_equal_vectors_are_one_cluster_whatever_was_asked_for() -> None:
    same = np.repeat(units(1, 8), 9, axis=0)
    assert kmeans.best_number(same) == 1
    assert len(kmeans.centers_of_sample(same, 5)) == 1


def test_a_silhouette_is_that_of_its_formula() -> None:
    distances = np.array([[0, 1, 4, 6], [1, 0, 3, 5], [4, 3, 0, 2], [6, 5, 2, 0]], float)
    by_hand = [(5 - 1) / 5, (4 - 1) / 4, (3.5 - 2) / 3.5, (5.5 - 2) / 5.5]
    assert kmeans.silhouette(distances, np.array([0, 0, 1, 1])) == pytest.approx(sum(by_hand) / 4)
    assert kmeans.silhouette(distances, np.zeros(4, int)) == -1


def test_the_map_is_the_plane_in_which_vectors_differ_most_with_a_fixed_sign() -> None:
    found = np.zeros((40, 5), np.float32)
    found[:, 3] = np.linspace(-3000, 3000, 40).round()
    found[:, 1] = np.tile([-500, 500], 20)
    places = plane_of(found).places(found)
    assert places[:, 0] == pytest.approx((found[:, 3] - found[:, 3].mean()) / 4000, abs=0.01)
    assert abs(places[:, 1]) == pytest.approx(np.full(40, 0.125), abs=0.01)
    assert plane_of(np.zeros((3, 1), np.float32)).places(np.zeros((3, 1), np.float32)).shape == (
        3,
        2,
    )


def neighbors_of(found: vectors.Array, overlap_cells: int) -> dict[int, list[int]]:
    """The join by hand: the rounds' functions, without a run."""
    ids = np.arange(len(found)).astype("<u8")
    centers = kmeans.centers_of_sample(found, overlap_cells, restarts=1)
    cells = neighbors.nearest_cells(found, centers)
    compared: list[Any] = []
    for cell in range(len(centers)):
        rows = np.flatnonzero((cells == cell).any(axis=1))
        value = {"ids": ids[rows].tobytes(), "vectors": vectors.stored(found[rows])}
        side = {"length": found.shape[1], "buckets": 1}
        if len(rows):
            compared += [made for _, made in neighbors.compare("", iter([value]), side)]
    made = {}
    for _, merged in neighbors.merge("", iter(compared), None):
        for owner, nearest, squared in zip(*neighbors._parsed(merged), strict=True):
            made[int(owner)] = nearest[squared >= 0].tolist()
    return made


def test_neighbors_in_one_cell_are_exact_and_in_many_nearly_all_are_found() -> None:
    found = groups(20)
    distances = exact(found, found)
    np.fill_diagonal(distances, 1 << 60)
    keyed = distances * 1000 + np.arange(len(found))
    right = {row: np.argsort(keyed[row])[:10].tolist() for row in range(len(found))}
    assert neighbors_of(found, 1) == right
    in_cells = neighbors_of(found, 40)
    hits = sum(len(set(in_cells[row]) & set(right[row])) for row in right)
    assert hits / (10 * len(found)) > 0.95


def test_images_that_are_alone_have_no_neighbors() -> None:
    assert neighbors_of(units(1, 4), 1) == {0: []}
    in_three = neighbors_of(units(3, 4), 1)
    assert [sorted(in_three[row]) for row in range(3)] == [[1, 2], [0, 2], [0, 1]]


def test_a_cluster_is_called_after_its_commonest_label_and_its_members_are_ranked() -> None:
    value = {
        "uris": ["d", "c", "b", "a"],
        "clusters": np.array([0, 0, 0, 1], "<i4").tobytes(),
        "distances": np.array([16_000_000, 4_000_000, 4_000_000, 0], "<i8").tobytes(),
        "places": np.zeros(8).tobytes(),
        "labels": ["unsure", "dog", "cat", None],
    }
    rows = table_of_clusters([value]).to_pylist()
    assert [(row["cluster"], row["uri"], row["rank"], row["distance"]) for row in rows] == [
        (1, "b", 1, 0.5),
        (1, "c", 2, 0.5),
        (1, "d", 3, 1.0),
        (2, "a", 1, 0.0),
    ]
    assert [row["name"] for row in rows] == ["cat", "cat", "cat", None]


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    """Three motifs, five pictures of each, and one that cannot be read."""
    random = np.random.default_rng(1)
    folder = tmp_path / "pile"
    folder.mkdir()
    for motif in range(3):
        base = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        for number in range(5):
            noise = random.integers(-12, 12, (24, 32, 3))
            pixels = np.asarray(base.resize((32, 24), Image.Resampling.BICUBIC)) + noise
            picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            picture.save(folder / f"{motif}{number}.png")
    (folder / "bad.png").write_bytes(b"no image")
    return folder


@pytest.mark.usefixtures("plain_report")
def test_a_run_finds_the_motifs_and_the_next_run_groups_by_them(
    pile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    job = mr.Job(key="all", find=("clusters", "neighbors"), clusters="auto")
    summary = mr.run(job, pile, out, workers=1, thumbnails=False)
    assert summary.quarantined == 1
    rows = pq.read_table(out / "clusters.parquet").to_pylist()
    motifs: dict[int, set[str]] = {}
    for row in rows:
        motifs.setdefault(row["cluster"], set()).add(Path(row["uri"]).name[0])
    assert sorted(motifs) == [1, 2, 3]
    assert sorted(map(sorted, motifs.values())) == [["0"], ["1"], ["2"]]
    facts = json.loads((out / "groups/clusters/clusters.json").read_text())
    assert (facts["converged"], facts["clusters"], facts["vectors"]) == (True, 3, "descriptor")
    near = pq.read_table(out / "neighbors.parquet").to_pylist()
    for row in near:
        assert {Path(uri).name[0] for uri in row["neighbors"][:4]} == {Path(row["uri"]).name[0]}
        assert row["distances"] == sorted(row["distances"])
        assert len(row["neighbors"]) == 10
    catalogue = {Path(row["uri"]).name: row for row in mr.open(out).catalogue.to_pylist()}
    assert {row["cluster"] for name, row in catalogue.items() if name[0] == "1"} < {1, 2, 3}
    assert catalogue["bad.png"]["cluster"] is None
    assert catalogue["00.png"]["outlier"] == near[0]["outlier"]

    following = mr.Job(key="cluster", from_out=str(out), where="rank <= 2 AND outlier < 1")
    mr.run(following, pile, tmp_path / "next", workers=1, thumbnails=False)
    groups = mr.open(tmp_path / "next").groups
    assert dict(zip(*(groups[name].to_pylist() for name in ("key", "images")), strict=True)) == {
        "1": 2,
        "2": 2,
        "3": 2,
    }

    # Batches of two images, and the same bytes.
    monkeypatch.setattr(sample, "PIECE", 2)
    monkeypatch.setattr(planning, "FEWEST", 2)
    mr.run(job, pile, tmp_path / "again", workers=1, thumbnails=False)
    for name in ("clusters.parquet", "neighbors.parquet", "groups/clusters/clusters.json"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


@pytest.mark.usefixtures("plain_report")
def test_another_number_of_clusters_keeps_what_map_has_done_and_needs_the_program(
    pile: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    mr.run(mr.Job(find="clusters", clusters=2), pile, out, workers=1, thumbnails=False)
    again = mr.run(mr.Job(find="clusters", clusters=4), pile, out, workers=1, thumbnails=False)
    assert not [task for task in again.facts.tasks if task.phase == "map"]
    assert set(pq.read_table(out / "clusters.parquet")["cluster"].to_pylist()) == {1, 2, 3, 4}
    with pytest.raises(mr.UsageError, match="--find clusters"):
        mr.run(mr.Job(clusters=3), pile, tmp_path / "no", workers=1)
    with pytest.raises(mr.UsageError, match="auto, or a whole number"):
        mr.Job(find="clusters", clusters=1)


@pytest.mark.usefixtures("plain_report")
def test_a_source_without_sound_images_has_no_clusters(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.png").write_bytes(b"no image")
    job = mr.Job(find=("clusters", "neighbors"))
    mr.run(job, tmp_path / "in", tmp_path / "out", workers=1, thumbnails=False)
    assert pq.read_table(tmp_path / "out/clusters.parquet").num_rows == 0
    assert pq.read_table(tmp_path / "out/neighbors.parquet").num_rows == 0
