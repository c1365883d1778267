"""A real Ray cluster for the tests of engines, started once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.engine.services import require
from tests.services.process import Server, free_ports, is_open


@pytest.fixture
def free_port() -> Callable[[], int]:
    return lambda: free_ports(1)[0]


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Ray cluster of two cores on loopback, which RAY_ADDRESS names, with a token of its own; answers its address for
    clients."""
    require("ray")
    folder = tmp_path_factory.mktemp("ray")
    port, clients = free_ports(2)
    own = {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # otherwise it takes the network's address for 127.0.0.1
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": os.environ["RAY_AUTH_MODE"],
        "RAY_AUTH_TOKEN": os.environ["RAY_AUTH_TOKEN"],
    }
    command = [
        str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--disable-usage-stats",
        "--node-ip-address=127.0.0.1", f"--port={port}", f"--ray-client-server-port={clients}", "--num-cpus=2",
        "--include-dashboard=false", f"--temp-dir={folder}", f"--object-store-memory={100 << 20}",
    ]  # fmt: skip
    server = Server("head", command, folder, own)
    try:
        server.start()
        server.wait_until(lambda: is_open(port) and is_open(clients))
        with pytest.MonkeyPatch.context() as patch:
            for name, value in own.items():
                patch.setenv(name, value)
            patch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
            from ray._private import ray_constants

            patch.setattr(
                ray_constants, "ENABLE_RAY_CLUSTER", False
            )  # another test may have imported it before
            yield f"ray://127.0.0.1:{clients}"
    finally:
        server.stop()
