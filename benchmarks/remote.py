"""Remote stores: the resize job from and to S3 beside the local one, what a catalogue downloads, a long listing.

    python -m benchmarks.remote [COUNT] [ROUNDS]

The S3 server is SeaweedFS on loopback, behind a proxy that makes each request wait 20 ms. The job runs from and to it
twice: with server and proxy on the same two cores as the job, and with the job on one core and them on another, as if
they were two machines; each beside the local job on as many cores. Rounds are interleaved; the ratio is what counts.
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
        self._process = context.Process(
            target=serve_proxy, args=(port, LATENCY, theirs, self._ended)
        )

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def __enter__(self) -> Proxy:
        self._process.start()
        self._before, os.environ["AWS_ENDPOINT_URL"] = (
            os.environ["AWS_ENDPOINT_URL"],
            self._answer.recv(),
        )
        return self

    def __exit__(self, *_: object) -> None:
        os.environ["AWS_ENDPOINT_URL"] = self._before
        self._ended.set()
        self.received: int = self._answer.recv()
        self._process.join()


def mrimage(*arguments: str, cores: set[int] | None = None) -> float:
    """Run the command, on ``cores`` where they are given, and answer its seconds."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "mrimage", "run", *arguments, "--workers", "2", "--quiet"]
    with subprocess.Popen(command) as process:
        if cores:
            pin(process.pid, cores)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.monotonic() - begun


def pin(pid: int, cores: set[int]) -> None:
    """Keep the process, its threads and what it starts from now on, on ``cores``."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def resize(source: str, out: str, cores: set[int] | None = None) -> float:
    return mrimage(
        source, out, "--resize", f"{SIDE}x{SIDE}", "--fit", "cover", "--format", "jpeg", cores=cores
    )


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
    print(
        f"{count} photographs to {SIDE}x{SIDE}, {rounds} interleaved rounds, {LATENCY * 1000:.0f} ms a request"
    )
    everything = os.sched_getaffinity(0)
    for title, ours, theirs in (
        ("sharing all cores", everything, everything),
        ("a core each", {min(everything)}, everything - {min(everything)}),
    ):
        seconds: dict[str, list[float]] = {"local": [], "s3 to local": [], "s3 to s3": []}
        for number in range(rounds):
            out = f"{title}-{number}".replace(" ", "-")
            seconds["local"].append(resize(str(here), str(folder / f"{out}-here"), ours))
            with Proxy(server.port) as proxy:
                for process in [proxy.pid, *(each.pid for each in server.servers)]:
                    pin(process, theirs)
                seconds["s3 to local"].append(
                    resize("s3://bench/photos", str(folder / f"{out}-from"), ours)
                )
                seconds["s3 to s3"].append(resize("s3://bench/photos", f"s3://bench/{out}", ours))
        for name, taken in seconds.items():
            ratio = statistics.median(
                far / near for far, near in zip(taken, seconds["local"], strict=True)
            )
            print(
                f"{title}, {name:12} {statistics.median(taken):7.2f} s   {ratio:5.2f} x local",
                flush=True,
            )
    with Proxy(server.port) as proxy:
        taken_by = mrimage("s3://bench/photos", str(folder / "catalogue"), "--no-thumbnails")
    print(f"catalogue        {taken_by:7.2f} s   {proxy.received / count / 1000:5.1f} KB an image")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
