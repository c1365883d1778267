"""HDFS by a real NameNode and three DataNodes: the contract, whole jobs, faults, configuration."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from tests.services.hadoop import Hadoop
from tests.services.process import free_ports
from tests.storage.contract import StoreContract
from tests.storage.jobs import HOW, JOB, local_result, made, make_photos, pack

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import StoreError
from mrimage.flow.run import run
from mrimage.job.job import RunOptions
from mrimage.source import Selection, list_entries, open_entry
from mrimage.storage import Store, open_store
from mrimage.storage.settings import StoreSettings

hdfs_native = pytest.importorskip("hdfs_native")
hdfs = pytest.importorskip("mrimage.storage.hdfs")
Upload = Callable[[Path, str], None]


class TestHdfs(StoreContract):
    odd_names = tuple(name for name in StoreContract.odd_names if ":" not in name)
    tells_versions = False

    @pytest.fixture
    def store(self, hdfs_folder: str) -> Store:
        return open_store(hdfs_folder, create=True)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make_photos(tmp_path / "photos")


def replication(hadoop: Hadoop, place: str) -> set[int]:
    """How many DataNodes keep each file below ``place``."""
    path = place.removeprefix(hadoop.url)
    found = hdfs_native.Client(hadoop.url).list_status(path, True)
    return {status.replication for status in found if not status.isdir}


def test_a_job_from_hdfs_to_hdfs_makes_the_same_images(
    photos: Path,
    tmp_path: Path,
    hadoop: Hadoop,
    hdfs_folder: str,
    upload: Upload,
    capsys: pytest.CaptureFixture[str],
) -> None:
    upload(photos, f"{hdfs_folder}/in")
    out = f"{hdfs_folder}/out"
    summary = run(
        JOB, f"{hdfs_folder}/in", out, RunOptions(workers=2, stores=StoreSettings(replication=3))
    )
    assert (summary.images, summary.processed, summary.quarantined) == (14, 12, 2)
    assert made(out) == local_result(photos, tmp_path)
    assert replication(hadoop, out) == {3}
    assert replication(hadoop, f"{hdfs_folder}/in") == {2}, (
        "an option of one run is not the next one's"
    )
    assert main(["verify", out]) == 0
    assert main(["retry", out, "--workers", "1", "--quiet", "--no-thumbnails"]) == 0
    assert main(["query", out, "SELECT count(*) AS n FROM catalogue", "--format", "csv"]) == 0
    assert capsys.readouterr().out.split()[-2:] == ["n", "14"]
    hidden = [item.path for item in open_store(out).list() if ".mrimage-tmp-" in item.path]
    assert hidden == []


def test_s3_to_hdfs_and_hdfs_to_shards_on_s3(
    photos: Path, tmp_path: Path, hdfs_folder: str, s3_folder: str, upload: Upload
) -> None:
    upload(photos, f"{s3_folder}/in")
    run(JOB, f"{s3_folder}/in", f"{hdfs_folder}/out", HOW)
    local = local_result(photos, tmp_path)
    assert made(f"{hdfs_folder}/out") == local
    run(replace(JOB, output="webdataset"), f"{hdfs_folder}/out", f"{s3_folder}/again", HOW)
    assert main(["verify", f"{s3_folder}/again"]) == 0
    assert any(name.endswith(".tar") for name in made(f"{s3_folder}/again"))


def test_a_tar_on_hdfs_to_parquet_holds_the_images_of_a_local_run(
    photos: Path, tmp_path: Path, hdfs_folder: str
) -> None:
    open_store(hdfs_folder, create=True).write(
        "in.tar", pack(photos, tmp_path / "in.tar").read_bytes()
    )
    run(replace(JOB, output="parquet"), f"{hdfs_folder}/in.tar", f"{hdfs_folder}/out", HOW)
    images = {
        data for name, data in local_result(photos, tmp_path).items() if name.startswith("images/")
    }
    shards = [name for name in made(f"{hdfs_folder}/out") if name.endswith(".parquet")]
    source = Selection(all_files=True)
    packed = [
        open_entry(entry).read()
        for shard in shards
        for entry in list_entries(f"{hdfs_folder}/out/{shard}", source, lambda path, why: None)
    ]
    assert set(packed) == images
    assert len(packed) == 12


def test_a_datanode_that_dies_half_way_costs_time_only(
    photos: Path, tmp_path: Path, hadoop: Hadoop, hdfs_folder: str, upload: Upload
) -> None:
    upload(photos, f"{hdfs_folder}/in")

    def kill(image: mr.Image) -> Iterator[tuple[str, object]]:
        if "005" in image.uri:
            hadoop.datanodes[0].kill()
        yield image.metadata.color_space, None

    try:
        run(replace(JOB, map=kill), f"{hdfs_folder}/in", f"{hdfs_folder}/out", HOW)
        run(
            replace(JOB, map=lambda image: [(image.metadata.color_space, None)]),
            str(photos),
            str(tmp_path / "here"),
            HOW,
        )
        assert made(f"{hdfs_folder}/out") == made(str(tmp_path / "here"))
    finally:
        hadoop.datanodes[0].kill()
        hadoop.datanodes[0].start()
        hadoop.namenode.wait_until(hadoop.answers)


def test_a_name_service_of_the_users_configuration_is_found(
    photos: Path,
    tmp_path: Path,
    hadoop: Hadoop,
    hdfs_folder: str,
    upload: Upload,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two NameNodes, of which the first one is down: the client goes on to the second."""
    upload(photos, f"{hdfs_folder}/in")
    (down,) = free_ports(1)
    settings = {
        "dfs.nameservices": "cluster",
        "dfs.ha.namenodes.cluster": "one,two",
        "dfs.namenode.rpc-address.cluster.one": f"127.0.0.1:{down}",
        "dfs.namenode.rpc-address.cluster.two": f"127.0.0.1:{hadoop.port}",
        "dfs.client.failover.proxy.provider.cluster": "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider",
    }
    rows = "".join(
        f"<property><name>{k}</name><value>{v}</value></property>" for k, v in settings.items()
    )
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "hdfs-site.xml").write_text(f"<configuration>{rows}</configuration>")
    (tmp_path / "conf" / "core-site.xml").write_text(
        "<configuration><property><name>fs.defaultFS</name><value>hdfs://cluster</value></property></configuration>"
    )
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path / "conf"))
    path = hdfs_folder.removeprefix(hadoop.url)
    assert run(mr.Job(), f"hdfs://cluster{path}/in", str(tmp_path / "a"), HOW).images == 14
    assert run(mr.Job(), f"hdfs://{path}/in", str(tmp_path / "b"), HOW).images == 14


def test_odd_names_come_out_on_hdfs_as_they_do_on_a_disk(tmp_path: Path, hdfs_folder: str) -> None:
    source = tmp_path / "odd"
    (source / "12:30").mkdir(parents=True)
    names = [
        "a:b.jpg",
        "line\nbreak.jpg",
        "-x.jpg",
        "50%.jpg",
        "q?*#&.jpg",
        "back\\slash.jpg",
        "<script>.jpg",
        "写真 1.jpg",
    ]
    for name in [*names, "12:30/x.jpg", os.fsdecode(b"caf\xe9.jpg")]:
        Image.new("RGB", (20, 20), "red").save(source / name, format="JPEG")
    job = mr.Job(key=("folder",), edits=mr.Edits(resize=(8, 8)), group=("contact-sheet",))
    assert run(job, str(source), f"{hdfs_folder}/out", HOW).processed == 10
    run(job, str(source), str(tmp_path / "local"), HOW)
    assert made(f"{hdfs_folder}/out") == made(str(tmp_path / "local"))
    assert main(["verify", f"{hdfs_folder}/out"]) == 0


def test_a_namenode_that_keeps_silent_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdfs, "FIRST_ANSWER", 0.5)
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"hdfs://127.0.0.1:{silent.getsockname()[1]}"
        for use in (
            lambda: list(open_store(f"{place}/a").list()),
            lambda: open_store(f"{place}/b", create=True),
        ):
            with pytest.raises(StoreError, match=f"{place}/.: it did not answer within"):
                use()


def test_a_place_without_a_host_is_reported_with_the_one_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "core-site.xml").write_text(
        "<configuration><property><name>fs.defaultFS</name><value>hdfs://127.0.0.1:9</value></property></configuration>"
    )
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "0")
    with pytest.raises(StoreError, match=r"hdfs:///x at hdfs://127\.0\.0\.1:9: .*refused"):
        list(open_store("hdfs:///x").list())


@pytest.mark.parametrize(
    ("place", "user", "words"),
    [
        ("hdfs://127.0.0.1:9/x", None, ("127.0.0.1:9", "HADOOP_CONF_DIR")),
        ("hdfs://no-such-host.invalid:8020/x", None, ("no-such-host.invalid", "HADOOP_CONF_DIR")),
        ("hdfs://nowhere/x", None, ("nowhere", "HADOOP_CONF_DIR")),
        ("{hdfs}/missing", None, ("there is nothing of this name",)),
        ("{hdfs}/out", "stranger", ("permission denied", "HADOOP_USER_NAME")),
    ],
)
def test_what_is_wrong_is_one_line_that_says_where_and_what_to_do(
    place: str,
    user: str | None,
    words: tuple[str, ...],
    photos: Path,
    hdfs_folder: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = place.format(hdfs=hdfs_folder)
    arguments = [str(photos), place] if user else [place, str(tmp_path / "out")]
    if user:
        open_store(hdfs_folder, create=True).write("mine", b"")
        monkeypatch.setenv("HADOOP_USER_NAME", user)
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "1")
    assert main(["run", *arguments, "--workers", "1", "--quiet"]) == 1
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert all(word in printed for word in words), printed
