"""``--memory`` bounds memory, not address space; and a decoder that is refused memory is no proof of damage."""

from __future__ import annotations

import io
import mmap
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.faults.poisons import swallow

import mrimage as mr
from mrimage.errors import ImageError
from mrimage.flow.run import RunOptions, run
from mrimage.guard.guard import Guard
from mrimage.types import Limits

LIMITS = Limits(memory=256 << 20)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(folder / f"{number:02}.png")
    return folder


def test_address_space_is_free_and_memory_is_not(corpus: Path, tmp_path: Path, rows) -> None:
    """A mapped file and address space that is only reserved, as CUDA and Java do, in a first attempt and in a careful one."""
    index = tmp_path / "index"
    index.touch()
    with index.open("r+b") as file:
        file.truncate(16 << 30)

    def mapper(image: mr.Image) -> Iterator[tuple[str, int]]:
        reserved = mmap.mmap(
            -1, 1 << 40, flags=mmap.MAP_PRIVATE | 0x4000, prot=0
        )  # MAP_NORESERVE, PROT_NONE
        mapped = np.memmap(index, np.uint8, mode="r")
        total = int(mapped[:: 1 << 28].sum())
        if "03" in image.path:
            swallow("segfault")
        if "05" in image.path:
            total += int(np.ones(1200 << 20, np.uint8)[0])
        del reserved
        yield "all", total

    summary = run(
        mr.Job(map=mapper, limits=LIMITS),
        str(corpus),
        str(tmp_path / "out"),
        RunOptions(workers=2, thumbnails=False),
    )
    assert summary.processed == 4
    found = {str(row["uri"])[-6:]: row["reason"] for row in rows(tmp_path / "out", "quarantine")}
    assert found == {"03.png": "crashed", "05.png": "out-of-memory"}


def test_a_child_is_ended_when_it_holds_too_much_and_not_for_what_it_maps() -> None:
    def hold(megabytes: int) -> int:
        return int(np.ones(megabytes << 20, np.uint8).size)

    guard = Guard(hold, LIMITS)
    try:
        assert guard(100) == 100 << 20
        with pytest.raises(ImageError) as caught:
            guard(4000)
        assert caught.value.reason == "out-of-memory"
        assert guard(1) == 1 << 20
    finally:
        guard.close()


REFUSED = """
import sys
from mrimage.guard.memory import limit_memory
from mrimage.job.job import Job, Plan
from mrimage.image import Buffer
from mrimage.reducers.image_call import method_call, perform
from mrimage.storage.settings import DEFAULT
from mrimage.tasks.map_image import map_image, mapper_of
from mrimage.types import Edits, Entry, Limits

def mapped(data):
    job = Job(edits=Edits(resize=(8, 8)))
    found = map_image(Plan(job, "a", "b"), mapper_of(job), Entry("a", "a", len(data), ""), Buffer(data))
    return found.failure.reason if found.failure else "processed"

def asked(data):
    try:
        call = method_call(Entry("a", "a", 0, ""), Limits(), DEFAULT, "thumbnail", 8, 8)
        perform(call, Buffer(data))
    except Exception as error:
        return getattr(error, "reason", type(error).__name__)
    return "processed"

small, *files = (open(name, "rb").read() for name in sys.argv[1:])
assert mapped(small) == asked(small) == "processed"  # libraries are loaded before memory is limited
limit_memory(150 << 20)
for data in files:
    print(mapped(data), asked(data))
"""


def test_a_decoder_that_is_refused_memory_is_told_from_a_damaged_file(tmp_path: Path) -> None:
    files = []
    for name, size, cut in (
        ("small.jp2", 64, None),
        ("cut.jp2", 64, 200),
        ("large.jp2", 4000, None),
    ):
        buffer = io.BytesIO()
        noise = Image.effect_noise((64, 64), 50).resize((size, size))
        noise.convert("RGB").save(buffer, "JPEG2000")
        files.append(tmp_path / name)
        files[-1].write_bytes(buffer.getvalue()[:cut])
    done = subprocess.run(
        [sys.executable, "-c", REFUSED, *files], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["truncated truncated", "out-of-memory MemoryError"]


def test_too_little_address_space_is_told_before_a_library_crashes(
    corpus: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mrimage", "run", corpus, tmp_path / "out"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "needs 2000 MB of address space, but its limit is 1073 MB (ulimit -v)" in done.stderr
