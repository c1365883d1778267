"""Remote stores: the resize job from and to S3 beside the local one, what a catalogue downloads, a long listing.

    python -m benchmarks.remote [COUNT] [ROUNDS]

The S3 server is SeaweedFS on loopback, behind a proxy that makes each request wait 20 ms. Server and proxy share the
processors with the job. Rounds are interleaved; the ratio is what counts.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.services.listing import Listing
from tests.services.meter import Meter
from tests.services.seaweed import Seaweed

from benchmarks.corpus import photographs
from mrimage.source import Selection, list_entries
from mrimage.storage import open_store

LATENCY = 0.02
SIDE = 256
KEYS = 200_000


def serve_proxy(port: int, latency: float, answer: Connection, ended: Event) -> None:
    """A proxy in a process of its own; tells its url, and in the end the bytes that it passed back."""
    with Meter(port, latency) as meter:
        answer.send(meter.url)
        ended.wait()
        answer.send(meter.received)


class Proxy:
    """The proxy from here: a block in which this process and its children find S3 behind it."""

    def __init__(self, port: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._answer, theirs = context.Pipe()
        self._ended = context.Event()
        self._process = context.Process(target=serve_proxy, args=(port, LATENCY, theirs, self._ended))

    def __enter__(self) -> Proxy:
        self._process.start()
        self._before, os.environ["AWS_ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL"], self._answer.recv()
        return self

    def __exit__(self, *_: object) -> None:
        os.environ["AWS_ENDPOINT_URL"] = self._before
        self._ended.set()
        self.received: int = self._answer.recv()
        self._process.join()


def mrimage(*arguments: str) -> float:
    """Run the command and answer its seconds."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-m", "mrimage", "run", *arguments, "--workers", "2", "--quiet"], check=True)
    return time.monotonic() - begun


def resize(source: str, out: str) -> float:
    return mrimage(source, out, "--resize", f"{SIDE}x{SIDE}", "--fit", "cover", "--format", "jpeg")


def list_many() -> None:
    """Print what a long listing costs."""
    with Listing(KEYS) as server:
        os.environ["AWS_ENDPOINT_URL"] = server.url
        entries = list_entries("s3://bucket/photos", Selection(), lambda path: None)
        begun = time.monotonic()
        next(entries)
        first = time.monotonic() - begun
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        count = 1 + sum(1 for _ in entries)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    total = time.monotonic() - begun
    print(
        f"listing          {count} keys in {total:.1f} s, the first after {first:.2f} s, memory grown by {grown:.0f} MiB"
    )


def main(count: int = 500, rounds: int = 3) -> None:
    """Print the ratio of the resize job, the bytes of a catalogue, and the cost of a listing."""
    photos = sorted(photographs(max(count, 2000)).iterdir())[:count]
    with tempfile.TemporaryDirectory(prefix="mrimage-bench-") as folder:
        here = Path(folder, "photos")
        here.mkdir()
        for path in photos:
            (here / path.name).symlink_to(path)
        server = Seaweed(Path(folder))
        try:
            server.start()
            server.make_bucket("bench")
            os.environ.update(server.environment)
            store = open_store("s3://bench/photos")
            for path in photos:
                store.write(path.name, path.read_bytes())
            measure(server, here, Path(folder), count, rounds)
        finally:
            server.stop()
    list_many()


def measure(server: Seaweed, here: Path, folder: Path, count: int, rounds: int) -> None:
    """Print the figures of the job and of the catalogue."""
    local, remote = [], []
    for number in range(rounds):
        local.append(resize(str(here), str(folder / f"out{number}")))
        with Proxy(server.port):
            remote.append(resize("s3://bench/photos", f"s3://bench/out{number}"))
    ratio = statistics.median(far / near for far, near in zip(remote, local, strict=True))
    print(f"{count} photographs to {SIDE}x{SIDE}, {rounds} interleaved rounds, {LATENCY * 1000:.0f} ms a request")
    print(f"local            {statistics.median(local):7.2f} s")
    print(f"s3 in and out    {statistics.median(remote):7.2f} s   {ratio:5.2f} x local")
    with Proxy(server.port) as proxy:
        seconds = mrimage("s3://bench/photos", str(folder / "catalogue"), "--no-thumbnails")
    print(f"catalogue        {seconds:7.2f} s   {proxy.received / count / 1000:5.1f} KB an image")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
