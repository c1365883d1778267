"""Clusters and neighbors of made vectors, and labels of pictures whose classes are known.

    python -m benchmarks.patterns vectors 1000000 [PYTHON]
    python -m benchmarks.patterns neighbors 1000000
    python -m benchmarks.patterns labels FOLDER [EXTRACTOR]

``vectors`` clusters that many made vectors of 236 numbers in a process pool, and prints the seconds
of each round and the largest memory of a process. PYTHON, an interpreter with scikit-learn, clusters
the same vectors after that. ``neighbors`` joins them, and compares a thousand of them with all
others to measure the recall. ``labels`` measures how well the vectors of a folder with a folder a
class tell the classes apart: by the nearest other image, by clusters, and by ten examples a class.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import mrimage as mr
from mrimage.commit.task_writer import TaskWriter
from mrimage.engine import EngineOptions, open_engine
from mrimage.flow.budget import Budget
from mrimage.flow.execution import Execution
from mrimage.flow.programs import drive
from mrimage.flow.progress import Silent
from mrimage.flow.rounds import RoundRunner
from mrimage.flow.tables import Tables
from mrimage.job.catalogue import mapped_catalogue_of
from mrimage.job.job import Plan
from mrimage.patterns import programs_of
from mrimage.patterns.examples import label_of, learn
from mrimage.patterns.neighbors import nearest_of_all
from mrimage.patterns.vectors import UNIT, Array, hashes, products, squares
from mrimage.sink.files import FileSink
from mrimage.storage import open_store
from mrimage.types import Attempt

LENGTH = 236
CLUSTERS = 100
PER_SPLIT = 20_000
QUERIES = 1_000

BY_SKLEARN = """
import json, resource, sys, time
import numpy as np
from sklearn.cluster import KMeans
vectors = np.load(sys.argv[1])
begun = time.monotonic()
found = KMeans(int(sys.argv[2]), n_init=1, random_state=int(sys.argv[3])).fit(vectors)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([float(found.inertia_), time.monotonic() - begun, found.n_iter_, memory]))
"""


def made_vectors(count: int) -> Iterator[Array]:
    """Yield float16 vectors of length 1 in splits: around 300 middles, few around most of them."""
    middles = np.random.default_rng(0).normal(size=(300, LENGTH))
    shares = 1 / np.arange(1, 301)
    for start in range(0, count, PER_SPLIT):
        of_split = np.random.default_rng(start + 1)
        size = min(PER_SPLIT, count - start)
        chosen = of_split.choice(300, size, p=shares / shares.sum())
        # Not round: it varies along 20 directions more than along the others.
        stretched = of_split.normal(size=(size, LENGTH)) * 0.5
        stretched[:, :20] *= 3
        found = middles[chosen] + stretched
        yield (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def commit_vectors(out: Path, count: int, job: mr.Job) -> None:
    """Commit the catalogue of images with these vectors, as map would."""
    store = open_store(str(out), create=True)
    schema = mapped_catalogue_of(job)
    for number, vectors in enumerate(made_vectors(count)):
        first = number * PER_SPLIT
        uris = [f"/photos/{place:08}.jpg" for place in range(first, first + len(vectors))]
        known = {
            "uri": pa.array(uris),
            "version": pa.array(["v1"] * len(uris)),
            "status": pa.array(["processed"] * len(uris)),
            "descriptor": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), LENGTH),
        }
        columns = [
            known[field.name] if field.name in known else pa.nulls(len(uris), field.type)
            for field in schema
        ]
        writer = TaskWriter(store, FileSink(store), "map", f"split-{number:05}", Attempt())
        table = pa.Table.from_arrays(columns, schema=schema)
        writer.commit(len(uris), 0, {"catalogue": table})


class TimedRunner(RoundRunner):
    """Prints the seconds of each round, and the largest memory of its tasks."""

    def run(self, round_: mr.Round) -> mr.Table:
        begun = time.monotonic()
        table = super().run(round_)
        tasks = self.execution.tasks
        memory = max((task.peak_memory for task in tasks), default=0)
        name = round_.mappers[0].__name__
        seconds = time.monotonic() - begun
        print(f"{name:12} {seconds:6.1f} s; a task at most {memory / 1e6:.0f} MB", flush=True)
        return table


def found_in(folder: Path, count: int, **fields: Any) -> dict[str, Any]:
    """What a program finds in the made vectors, by the name of the table or output."""
    job = mr.Job(extract="descriptor", **fields)
    out = folder / "out"
    begun = time.monotonic()
    commit_vectors(out, count, job)
    print(f"{count} vectors made and committed in {time.monotonic() - begun:.1f} s", flush=True)
    store = open_store(str(out))
    scratch = folder / "scratch"
    scratch.mkdir()
    plan = Plan(job, "/photos", str(out))
    execution = Execution(store, scratch, Budget(), Silent(), "")
    tables = Tables(store, scratch, job)
    engine = open_engine("local", EngineOptions(workers=2))
    runner = TimedRunner(plan.for_tasks(), store, engine, scratch, execution, tables, lambda: None)
    [program] = programs_of(job)
    begun = time.monotonic()
    try:
        found = drive(program, tables.images(program.columns), runner)
    finally:
        engine.close()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = time.monotonic() - begun
    print(f"in all {seconds:.1f} s; the driver at most {own / 1e6:.0f} MB", flush=True)
    return {made.name: made for made in found}


def measure_clusters(count: int, python: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = found_in(Path(folder), count, find="clusters", clusters=CLUSTERS)
        facts: Any = found["clusters.json"].data
        print(f"inertia {facts['inertia'][-1]:.1f} after {facts['iterations']} iterations")
        shutil.rmtree(f"{folder}/out")
        if python is None:
            return
        path = Path(folder) / "vectors.npy"
        np.save(path, np.concatenate(list(made_vectors(count))).astype(np.float32))
        for seed in range(2):
            command = [python, "-c", BY_SKLEARN, str(path), str(CLUSTERS), str(seed)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            inertia, seconds, iterations, memory = json.loads(done.stdout)
            print(
                f"scikit-learn, seed {seed}: inertia {inertia:.1f} after {iterations} iterations, "
                f"{seconds:.1f} s, {memory / 1e6:.0f} MB",
                flush=True,
            )


def measure_neighbors(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = found_in(Path(folder), count, find="neighbors")["neighbors"].rows
        chosen = sorted(random.Random(1).sample(range(count), min(QUERIES, count)))
        near = found["neighbors"].take(chosen).to_pylist()
        hits = 0
        for row, right in zip(near, right_neighbors(count, chosen), strict=True):
            hits += len(right & {int(uri[-12:-4]) for uri in row})
        print(f"recall@10 of {len(chosen)} images: {hits / (10 * len(chosen)):.4f}")


def right_neighbors(count: int, chosen: list[int]) -> list[set[int]]:
    """The ten nearest of some vectors, by comparing them with all."""
    whole = [np.rint(part.astype(np.float32) * UNIT) for part in made_vectors(count)]
    queries = np.stack([whole[place // PER_SPLIT][place % PER_SPLIT] for place in chosen])
    best = np.full((len(chosen), 0), 0, np.int64)
    for number, part in enumerate(whole):
        places = np.arange(len(part)) + number * PER_SPLIT
        ranked = (squares(part) - 2 * products(queries, part).astype(np.int64)) * count + places
        ranked[np.array(chosen)[:, None] == places] = np.iinfo(np.int64).max
        best = np.partition(np.concatenate([best, ranked], axis=1), 9, axis=1)[:, :10]
    return [set((row % count).tolist()) for row in best]


def measure_labels(folder: str, extractor: str) -> None:
    """Print the 1-NN accuracy, the mutual information of clusters, and the accuracy of examples."""
    with tempfile.TemporaryDirectory() as out:
        classes = [path for path in Path(folder).iterdir() if path.is_dir()]
        job = mr.Job(extract=extractor, find="clusters", clusters=max(2, len(classes)))
        mr.run(job, folder, out, thumbnails=False)
        table = mr.open(out).catalogue
        table = table.filter(pc.equal(table["status"], "processed"))
        labels = [path.partition("/")[0] for path in table["path"].to_pylist()]
        vectors = np.rint(np.array(table[extractor].to_pylist(), np.float32) * UNIT)
        clusters = table["cluster"].to_pylist()
    print(f"{len(labels)} pictures in {len(set(labels))} classes, by {extractor}")
    order = np.argsort(hashes(map(str, range(len(labels)))))
    ids = np.arange(len(labels)).astype("<u8")
    nearest, _ = nearest_of_all(ids, vectors)
    right = sum(labels[row] == labels[other] for row, other in enumerate(nearest[:, 0]))
    print(f"1-NN accuracy {right / len(labels):.3f}")
    print(f"NMI of {len(set(clusters))} clusters {mutual_information(labels, clusters):.3f}")
    chosen: list[int] = []
    taken: Counter[str] = Counter()
    for place in order.tolist():
        if taken[labels[place]] < 10:
            taken[labels[place]] += 1
            chosen.append(place)
    examples = learn(extractor, [labels[place] for place in chosen], vectors[chosen])
    print(examples.summary())
    others = sorted(set(range(len(labels))) - set(chosen))
    made = [label_of(examples, (vectors[place] / UNIT).tolist(), 0.0) for place in others]
    good = [found["label"] == labels[place] for found, place in zip(made, others, strict=True)]
    mean = float(np.mean([found["confidence"] for found in made]))  # type: ignore[arg-type]
    print(f"by ten examples a class: {np.mean(good):.3f} of the others; mean confidence {mean:.3f}")


def mutual_information(one: list[Any], other: list[Any]) -> float:
    """The mutual information of two labellings, over the mean of their entropies."""

    def entropy(counts: Counter[Any]) -> float:
        shares = np.array(list(counts.values())) / len(one)
        return float(-(shares * np.log(shares)).sum())

    entropies = entropy(Counter(one)) + entropy(Counter(other))
    joint = entropy(Counter(zip(one, other, strict=True)))
    return 2 * (entropies - joint) / entropies


def main(what: str = "vectors", size: str = "100000", more: str = "") -> None:
    if what == "vectors":
        measure_clusters(int(size), more or None)
    elif what == "neighbors":
        measure_neighbors(int(size))
    else:
        measure_labels(size, more or "descriptor")


if __name__ == "__main__":
    main(*sys.argv[1:])
