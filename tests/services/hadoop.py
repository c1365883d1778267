"""A real HDFS: a NameNode and DataNodes, each in its own Java process, from Maven Central's jars."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.services.process import Server, ServiceError, free_ports

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "hadoop"
POM = Path(__file__).parent / "hdfs" / "pom.xml"
_JAVA = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_NODE = "org.apache.hadoop.hdfs.server"


def missing_tool() -> str | None:
    """What keeps HDFS from being started here, or None."""
    if not shutil.which("java"):
        return "java is not installed"
    if not any(CACHE.glob("hadoop-client-minicluster-*.jar")) and not shutil.which("mvn"):
        return "mvn is not installed"
    return None


def fetch_jars() -> str:
    """The class path of the pinned Hadoop; Maven fetches and checks it on first use."""
    if not any(CACHE.glob("hadoop-client-minicluster-*.jar")):
        command = [
            "mvn",
            "-q",
            "-B",
            "-f",
            str(POM),
            "dependency:copy-dependencies",
            f"-DoutputDirectory={CACHE}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise ServiceError(
                f"mvn could not fetch Hadoop:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
    return f"{CACHE}/*"


class Hadoop:
    """One NameNode and ``datanodes`` DataNodes below ``folder``; files are kept on two of them."""

    def __init__(self, folder: Path, *, datanodes: int = 3) -> None:
        self._folder = folder
        self.port, self._web = free_ports(2)
        self.url = f"hdfs://127.0.0.1:{self.port}"
        self.configuration = folder / "conf"
        self.configuration.mkdir(exist_ok=True)
        self._write_configuration()
        self._java = ["java", *_JAVA, "-cp", f"{self.configuration}:{fetch_jars()}"]
        self.namenode = self._server("namenode", f"{_NODE}.namenode.NameNode")
        self.datanodes = [
            self._server(
                f"datanode{i}",
                f"{_NODE}.datanode.DataNode",
                "-D",
                f"dfs.datanode.data.dir={folder / f'data{i}'}",
                "-D",
                "dfs.datanode.address=127.0.0.1:0",
                "-D",
                "dfs.datanode.http.address=127.0.0.1:0",
                "-D",
                "dfs.datanode.ipc.address=127.0.0.1:0",
            )
            for i in range(datanodes)
        ]

    @property
    def servers(self) -> list[Server]:
        """All processes, the ones that depend on others first."""
        return [*self.datanodes, self.namenode]

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which any HDFS client finds this cluster."""
        return {"HADOOP_CONF_DIR": str(self.configuration)}

    def start(self) -> None:
        done = subprocess.run(
            [*self._java, f"{_NODE}.namenode.NameNode", "-format", "-force", "-nonInteractive"],
            cwd=self._folder, env=self._environment(), capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        if done.returncode:
            raise ServiceError(f"The NameNode could not be formatted:\n{done.stderr[-2000:]}")
        for each in reversed(self.servers):
            each.start()
        self.namenode.wait_until(self.answers)

    def answers(self) -> bool:
        """Whether all DataNodes have reported to the NameNode, judged by a file that needs every one of them."""
        import hdfs_native

        config = {
            "dfs.client.failover.max.attempts": "1",
            "dfs.client.failover.sleep.base.millis": "50",
        }
        options = hdfs_native.WriteOptions(
            replication=len(self.datanodes), overwrite=True, create_parent=True
        )
        try:
            client = hdfs_native.Client(self.url, config)
            with client.create("/.ready", options) as writer:
                writer.write(b"ready")
            client.delete("/.ready")
        except (OSError, RuntimeError):
            return False
        return True

    def stop(self) -> None:
        for each in self.servers:
            each.kill()  # nothing here is worth a slow shutdown

    def _server(self, name: str, main: str, *arguments: str) -> Server:
        return Server(name, [*self._java, main, *arguments], self._folder, self._environment())

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "HADOOP_CONF_DIR": str(self.configuration)}

    def _write_configuration(self) -> None:
        core = {"fs.defaultFS": self.url, "hadoop.tmp.dir": str(self._folder / "tmp")}
        hdfs = {
            "dfs.namenode.name.dir": str(self._folder / "name"),
            "dfs.namenode.http-address": f"127.0.0.1:{self._web}",
            "dfs.replication": "2",
            "dfs.namenode.safemode.extension": "0",
            "dfs.namenode.fs-limits.min-block-size": "65536",
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            "dfs.heartbeat.interval": "1",
            "dfs.namenode.heartbeat.recheck-interval": "1000",
            "dfs.client.block.write.replace-datanode-on-failure.best-effort": "true",
        }
        for name, settings in (("core", core), ("hdfs", hdfs)):
            rows = "".join(
                f"<property><name>{k}</name><value>{v}</value></property>\n"
                for k, v in settings.items()
            )
            (self.configuration / f"{name}-site.xml").write_text(
                f"<configuration>\n{rows}</configuration>\n"
            )
