"""Remote stores: a resize job with S3 beside a local one, a catalogue's downloads, a long listing.

    python -m benchmarks.remote [COUNT] [ROUNDS]

The S3 server is SeaweedFS on loopback, behind a proxy that delays each request by 20 ms. There are
two settings, each beside a local job on as many cores as the S3 job has: server, proxy and job
share all cores; or the job has one core and the server and proxy have the others, as if they were
two machines. Rounds are interleaved, and the ratio is what counts.
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
"""Seconds for each request."""

SIDE = 256
"""Pixels of each side of the results."""

KEYS = 200_000
"""Keys of the long listing."""


def serve_proxy(port: int, latency: float, results: Connection, ended: Event) -> None:
    """Run the proxy in this process until ``ended`` is set.

    Sends its URL at the start, and at the end the number of bytes that it received from the server.
    """
    with Meter(port, latency) as meter:
        results.send(meter.url)
        ended.wait()
        results.send(meter.received)


class Proxy:
    """Runs the proxy in another process.

    In a ``with`` block, this process and its children reach S3 through the proxy. After it,
    ``received`` is the number of bytes that came from the server.
    """

    def __init__(self, port: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._results, sender = context.Pipe()
        self._ended = context.Event()
        arguments = (port, LATENCY, sender, self._ended)
        self._process = context.Process(target=serve_proxy, args=arguments)

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def __enter__(self) -> Proxy:
        self._process.start()
        self._before = os.environ["AWS_ENDPOINT_URL"]
        os.environ["AWS_ENDPOINT_URL"] = self._results.recv()
        return self

    def __exit__(self, *_: object) -> None:
        os.environ["AWS_ENDPOINT_URL"] = self._before
        self._ended.set()
        self.received: int = self._results.recv()
        self._process.join()


def mrimage(*arguments: str, cores: set[int] | None = None) -> float:
    """Run ``mrimage run``, on ``cores`` if given, and return its seconds."""
    start = time.monotonic()
    command = [sys.executable, "-m", "mrimage", "run", *arguments, "--workers", "2", "--quiet"]
    with subprocess.Popen(command) as process:
        if cores:
            pin(process.pid, cores)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.monotonic() - start


def pin(pid: int, cores: set[int]) -> None:
    """Keep a process, its threads and its future children on ``cores``."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def resize(source: str, out: str, cores: set[int] | None = None) -> float:
    """Run the resize job, and return its seconds."""
    edits = ["--resize", f"{SIDE}x{SIDE}", "--fit", "cover", "--format", "jpeg"]
    return mrimage(source, out, *edits, cores=cores)


def list_many() -> None:
    """Print the time and memory of a long listing."""
    with Listing(KEYS) as server:
        os.environ["AWS_ENDPOINT_URL"] = server.url
        entries = list_entries("s3://bucket/photos", Selection(), lambda path, why: None)
        start = time.monotonic()
        next(entries)
        first = time.monotonic() - start
        before = peak_kb()
        count = 1 + sum(1 for _ in entries)
        grown = (peak_kb() - before) / 1024
    total = time.monotonic() - start
    print(
        f"listing          {count} keys in {total:.1f} s, the first after {first:.2f} s, "
        f"with {grown:.0f} MiB more memory"
    )


def peak_kb() -> int:
    """The peak memory of this process so far, in kB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(count: int = 500, rounds: int = 3) -> None:
    """Measure the resize job, the downloads of a catalogue, and a long listing."""
    photos = sorted(photographs(max(count, 2000)).iterdir())[:count]
    with tempfile.TemporaryDirectory(prefix="mrimage-bench-") as folder:
        local = Path(folder, "photos")
        local.mkdir()
        for path in photos:
            (local / path.name).symlink_to(path)
        server = Seaweed(Path(folder))
        try:
            server.start()
            server.make_bucket("bench")
            os.environ.update(server.environment)
            store = open_store("s3://bench/photos")
            for path in photos:
                store.write(path.name, path.read_bytes())
            measure_jobs(server, local, Path(folder), rounds)
            measure_catalogue(server, Path(folder), count)
        finally:
            server.stop()
    list_many()


def measure_jobs(server: Seaweed, local: Path, folder: Path, rounds: int) -> None:
    """Print the seconds of the resize job in both settings, local and with S3, and the ratios."""
    count = len(list(local.iterdir()))
    print(
        f"{count} photographs to {SIDE}x{SIDE}, {rounds} interleaved rounds, "
        f"{LATENCY * 1000:.0f} ms a request"
    )
    all_cores = os.sched_getaffinity(0)
    first_core = {min(all_cores)}
    for title, job_cores, server_cores in (
        ("sharing all cores", all_cores, all_cores),
        ("a core each", first_core, all_cores - first_core),
    ):
        seconds: dict[str, list[float]] = {"local": [], "s3 to local": [], "s3 to s3": []}
        for number in range(rounds):
            out = f"{title}-{number}".replace(" ", "-")
            seconds["local"].append(resize(str(local), str(folder / f"{out}-here"), job_cores))
            with Proxy(server.port) as proxy:
                for pid in [proxy.pid, *(process.pid for process in server.servers)]:
                    pin(pid, server_cores)
                from_s3 = resize("s3://bench/photos", str(folder / f"{out}-from"), job_cores)
                seconds["s3 to local"].append(from_s3)
                to_s3 = resize("s3://bench/photos", f"s3://bench/{out}", job_cores)
                seconds["s3 to s3"].append(to_s3)
        show(title, seconds)


def show(title: str, seconds: dict[str, list[float]]) -> None:
    """Print the median of each job, and the median of its ratios to the local job of each round."""
    for name, times in seconds.items():
        ratios = [remote / local for remote, local in zip(times, seconds["local"], strict=True)]
        median = statistics.median(times)
        ratio = statistics.median(ratios)
        print(f"{title}, {name:12} {median:7.2f} s   {ratio:5.2f} x local", flush=True)


def measure_catalogue(server: Seaweed, folder: Path, count: int) -> None:
    """Print the seconds of a catalogue from S3, and the bytes that it downloads."""
    with Proxy(server.port) as proxy:
        seconds = mrimage("s3://bench/photos", str(folder / "catalogue"), "--no-thumbnails")
    kilobytes = proxy.received / count / 1000
    print(f"catalogue        {seconds:7.2f} s   {kilobytes:5.1f} KB an image")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
