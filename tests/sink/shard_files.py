"""Shards read with nothing of this project: plain tarfile by WebDataset's published rule, and plain pyarrow."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pyarrow.parquet as pq

SAMPLE = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")
"""WebDataset's rule: a sample's name goes up to the first dot behind the last slash, a field's name follows."""

META = re.compile(r"__[^/]*__($|/)")
"""Members that WebDataset passes over."""


def samples_in_tar(path: Path) -> dict[str, dict[str, bytes]]:
    """The samples of one tar: name -> field -> bytes, as WebDataset groups them: what follows each other."""
    samples: dict[str, dict[str, bytes]] = {}
    last = ""
    with tarfile.open(path) as tar:
        for member in tar:
            assert member.isreg()
            assert not META.match(member.name)
            match = SAMPLE.match(member.name)
            assert match, member.name
            name, field = match[1], match[2].lower()
            assert name == last or name not in samples, f"{name} does not follow itself"
            content = tar.extractfile(member)
            assert content
            assert field not in samples.setdefault(name, {}), f"{name} has two {field}"
            samples[name][field] = content.read()
            last = name
    return samples


def images_in(out: Path) -> dict[tuple[str, str], bytes]:
    """The edited images of a run, whatever sink it had: (key, uri) -> bytes."""
    images: dict[tuple[str, str], bytes] = {}
    for path in sorted((out / "images").rglob("*")):
        if path.suffix == ".tar":
            for sample in samples_in_tar(path).values():
                facts = json.loads(sample.pop("json"))
                [images[facts["key"], facts["uri"]]] = sample.values()
        elif path.suffix == ".parquet":
            for row in pq.read_table(path).to_pylist():
                images[row["key"], row["uri"]] = row["image"]["bytes"]
    if not images:
        for row in pq.read_table(out / "outputs.parquet").to_pylist():
            if row["uri"]:
                images[row["key"], row["uri"]] = (out / row["output"]).read_bytes()
    return images


def shards_of(out: Path) -> dict[str, bytes]:
    """Everything below ``images/``, by name."""
    return {path.name: path.read_bytes() for path in sorted((out / "images").iterdir())}
