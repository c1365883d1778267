"""The services of containers/compose.yaml and its job, with their own commands, as processes of
this machine: Docker is not needed. Only addresses and folders are others, and the photographs fewer."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from PIL import Image
from tests.docs.pages import DOCS, blocks_below, run_commands
from tests.services.fixtures import unavailable
from tests.services.process import Server, free_ports, is_open
from tests.services.seaweed import find_weed

import mrimage as mr

CONTAINERS = Path(__file__).parents[2] / "containers"


class Composed:
    """The services of compose.yaml, on free ports of loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services = yaml.safe_load((CONTAINERS / "compose.yaml").read_text())["services"]
        # A port for each server, and one for its gRPC, which has no address in compose.yaml.
        self.s3, self.master, self.weed, *self._others = free_ports(11)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"PATH": path, "SPARK_LOCAL_IP": "127.0.0.1", "GOMAXPROCS": "1"}
        own["PYSPARK_PYTHON"] = sys.executable
        declared = {
            name: self.here(value) for name, value in self.services["job"]["environment"].items()
        }
        self.environment = {**os.environ, **own, **declared}

    def here(self, text: str) -> str:
        """``text`` with addresses and folders of this machine."""
        changed = {
            "s3:8333": f"127.0.0.1:{self.s3}",
            "s3:9333": f"127.0.0.1:{self.weed}.{self._others[0]}",
            "master:7077": f"127.0.0.1:{self.master}",
            "--host master --port 7077": f"--host 127.0.0.1 --port {self.master}",
            "--webui-port 8080": "--webui-port 0",
            "-ip=s3 -ip.bind=0.0.0.0": "-ip=127.0.0.1 -ip.bind=127.0.0.1",
            "-s3.port=8333": f"-s3.port={self.s3} {self._weed_ports()}",
            "-dir=/data": f"-dir={self.folder / 'data'}",
            "/tmp/spark": str(self.folder / "spark"),
        }
        for old, new in changed.items():
            text = text.replace(old, new)
        return text

    def _weed_ports(self) -> str:
        names = ("master.port.grpc", "volume.port", "volume.port.grpc", "filer.port")
        more = (*names, "filer.port.grpc", "s3.port.grpc")
        ports = zip(more, self._others, strict=False)
        return " ".join([f"-master.port={self.weed}", *(f"-{n}={port}" for n, port in ports)])

    def server(self, name: str) -> Server:
        command = shlex.split(self.here(self.services[name]["command"]))
        return Server(name, command, self.folder, self.environment)


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[Composed]:
    if not find_weed() or not shutil.which("java"):
        unavailable("weed or Java is not installed")
    found = Composed(tmp_path)
    (tmp_path / "data").mkdir()
    servers = [found.server(name) for name in ("s3", "master", "worker")]
    s3, master, worker = servers
    try:
        s3.start()
        master.start()
        master.wait_until(lambda: is_open(found.master))
        worker.start()
        s3.wait_until(lambda: is_open(found.s3) and "volume server" in s3.log.read_text())
        worker.wait_until(lambda: "registered with master" in worker.log.read_text().lower())
        yield found
    finally:
        for server in reversed(servers):
            server.stop()


def test_the_job_runs_from_bucket_to_bucket_on_the_cluster(composed: Composed) -> None:
    photos = composed.folder / "photographs"
    photos.mkdir()
    for number, mode in enumerate(("RGB", "L", "CMYK")):
        Image.new(mode, (40, 30)).save(photos / f"{number}.jpg")
    job = (CONTAINERS / "job.sh").read_text()
    assert job.count("mrimage demo photos") == 1
    job = composed.here(job).replace("mrimage demo photos", f"cp -r {photos} photos")
    (composed.folder / "job.sh").write_text(job)
    done = subprocess.run(
        ["bash", composed.folder / "job.sh"],
        env=composed.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "3 listed = 3 processed + 0 quarantined" in done.stdout
    assert "6 outputs verified; 3 images accounted for" in done.stdout


def test_the_dockerfile_installs_extras_that_exist_and_copies_files_that_exist() -> None:
    import tomllib

    root = CONTAINERS.parent
    text = (CONTAINERS / "Dockerfile").read_text().replace("\\\n", " ")
    extras = text.split("/source[")[1].split("]")[0].split(",")
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert set(extras) <= set(project["optional-dependencies"])
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY")]
    assert [name for names in copied for name in names if not (root / name).exists()] == []
    compose = yaml.safe_load((CONTAINERS / "compose.yaml").read_text())
    target = compose["x-mrimage"]["build"]["target"]
    assert f" AS {target}\n" in text


def test_the_cookbook_s_recipe_for_spark_runs(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain_report: None
) -> None:
    if not shutil.which("java"):
        unavailable("Java is not installed")
    monkeypatch.chdir(tmp_path)
    [(_, command)] = blocks_below(DOCS / "cookbook.md", "## On a cluster", "sh")
    run_commands(command)
    assert len(mr.open("local-spark").outputs) == 9
