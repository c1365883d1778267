"""http sources: what a server may do wrong, and where a list of urls may not lead."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.services.web import Web

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import DeniedError, ImageError, NotFoundError, SourceError, StoreError
from mrimage.flow.run import run
from mrimage.job.job import RunOptions
from mrimage.storage import hosts, http, open_uri, retry
from mrimage.storage.guard import is_public
from mrimage.storage.settings import StoreSettings
from mrimage.types import Edits

HOW = RunOptions(workers=1, thumbnails=False, retries=0, stores=StoreSettings(allow_private=True))


def photograph() -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(3).integers(0, 255, (200, 300, 3), np.uint8)
    Image.fromarray(noise).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("MRIMAGE_ALLOW_PRIVATE", "1")
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "3")
    with Web(photograph()) as server:
        yield server


@pytest.mark.parametrize("kind", ["good", "flaky/500", "flaky/503", "flaky/429", "cut", "norange"])
def test_whole_files_and_ranges_are_read_whatever_fails_at_first(kind: str, web: Web) -> None:
    assert open_uri(f"{web.url}/{kind}/a").read() == web.data
    source = open_uri(f"{web.url}/{kind}/b")
    assert source.read(0, 1000) == web.data[:1000]
    assert source.size == len(web.data)
    assert source.read(5000, 777) == web.data[5000:5777]
    assert source.read(len(web.data), 10) == b""


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("status/404", NotFoundError),
        ("status/410", NotFoundError),
        ("status/403", DeniedError),
        ("status/401", DeniedError),
        ("status/400", StoreError),
        ("status/500", StoreError),
        ("short", StoreError),
        ("hops/9", StoreError),
        ("to/ftp://example.org/x", DeniedError),
        ("to/file:///etc/passwd", DeniedError),
    ],
)
def test_what_does_not_pass_is_reported_in_one_line(
    kind: str, error: type[Exception], web: Web
) -> None:
    with pytest.raises(error) as caught:
        open_uri(f"{web.url}/{kind}").read()
    assert web.url in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_few_redirects_are_followed(web: Web) -> None:
    assert open_uri(f"{web.url}/hops/4").read() == web.data


def test_a_body_without_end_is_too_large(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BYTES", 30 << 20)
    with pytest.raises(ImageError) as caught:
        open_uri(f"{web.url}/endless/x").read()
    assert caught.value.reason == "too-large"
    assert open_uri(f"{web.url}/endless/x").read(0, 100) == bytes(100), (
        "only as much is read as was asked for"
    )


def test_a_server_that_never_answers_is_given_up(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(http._TIMEOUTS, "read", 0.3)
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "1")
    with pytest.raises(StoreError) as caught:
        open_uri(f"{web.url}/slow/x").read()
    assert caught.value.transient, "it may be the network"
    assert open_uri(f"{web.url}/good/x").read() == web.data
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.05):
            open_uri(f"{web.url}/good/y").read()

    others = threading.Thread(target=ask)
    others.start()
    with pytest.raises(StoreError) as caught:
        open_uri(f"{web.url}/slow/z").read()
    done.set()
    others.join()
    assert not caught.value.transient, "others are answered"


def test_dead_hosts_and_urls_that_always_fail_cost_their_own_images_only(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "600")  # nobody has the time to wait for them
    monkeypatch.setattr(hosts, "FIRST_BUDGET", 0.5)
    monkeypatch.setattr(retry, "FIRST_BUDGET", 0.5)
    bad = ["http://127.0.0.1:9/a.jpg", "http://127.0.0.1:9/b.jpg", f"{web.url}/status/500/c.jpg", f"{web.url}/short/d.jpg",
           "http://[::1/e.jpg", "http://127.0.0.1:99999/f.jpg", "http:///g.jpg", "s3:///h.jpg", "gopher://x/i.jpg"]  # fmt: skip
    good = [f"{web.url}/good/{number}.jpg" for number in range(4)]
    (tmp_path / "urls.txt").write_text("\n".join([good[0], *bad, *good[1:]]) + "\n")
    summary = run(mr.Job(), str(tmp_path / "urls.txt"), str(tmp_path / "out"), HOW)
    assert (summary.processed, summary.failures) == (len(good), {"unreadable": len(bad)})


def test_a_web_server_that_goes_away_stops_the_run_and_the_same_command_goes_on(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "0.5")
    (tmp_path / "urls.txt").write_text(
        "\n".join(f"{web.url}/good/{number}.jpg" for number in range(200)) + "\n"
    )
    command = ["run", str(tmp_path / "urls.txt"), str(tmp_path / "out"), "--allow-private", "--workers", "1", "--retries",
               "0", "--no-thumbnails", "--quiet"]  # fmt: skip
    web.left = 40
    assert main(command) == 1
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert web.url in printed
    web.left = None
    assert main(command) == 0
    assert len(web.requests) == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/good/x", "http://localhost:{port}/good/x", "http://[::1]:{port}/x", "http://0.0.0.0:{port}/x",
        "http://2130706433:{port}/x", "http://0x7f000001:{port}/x", "http://[::ffff:127.0.0.1]:{port}/x",
        "http://169.254.169.254/latest/meta-data", "http://10.0.0.1/x", "http://192.168.1.1/x", "http://[fe80::1]/x",
    ],
)  # fmt: skip
def test_private_addresses_are_refused_and_never_asked(
    url: str, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MRIMAGE_ALLOW_PRIVATE")
    with pytest.raises(DeniedError, match="--allow-private"):
        open_uri(url.format(port=web.url.rpartition(":")[2])).read()
    assert not web.requests


@pytest.mark.parametrize("address", ["127.0.0.2", "10.1.2.3", "172.16.0.1", "100.64.0.1", "::1", "fc00::1", "64:ff9b::a00:1",
                                     "2002:0a00:0001::", "224.0.0.1", "0.0.0.0", "169.254.1.1"])  # fmt: skip
def test_no_private_address_passes_for_a_public_one(address: str) -> None:
    assert not is_public(address)


def test_a_redirect_does_not_lead_around_the_guard(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = http.GuardedNetwork.connect_tcp
    first = int(web.url.rpartition(":")[2])

    def connect(
        self: http.GuardedNetwork, host: str, port: int, *rest: object, **more: object
    ) -> object:
        """The first server passes for a public one; everything else is judged as it is."""
        return real(http.GuardedNetwork(private=port == first), host, port, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(http.GuardedNetwork, "connect_tcp", connect)
    with Web(b"secret") as inner, pytest.raises(DeniedError, match="private"):
        open_uri(f"{web.url}/to/{inner.url}/good/x").read()
    assert web.requests
    assert not inner.requests


def test_a_list_of_good_and_bad_urls_is_accounted_for(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MRIMAGE_ALLOW_PRIVATE")
    rows = [
        "good/a.jpg",
        "good/b",
        "flaky/503/c.jpg",
        "cut/d.jpg",
        "status/404/e.jpg",
        "status/403/f.jpg",
        "good/a.jpg",
    ]
    urls = [f"{web.url}/{row}" for row in rows]
    signed = f"{web.url}/good/signed.jpg?sig=s3cr3t&w=2".replace("http://", "http://me:pw@")
    (tmp_path / "urls.txt").write_text("# photographs\n\n" + "\n".join([*urls, signed]) + "\n")
    job = mr.Job(edits=Edits(resize=(8, 8), format="png"), group=("contact-sheet",))
    summary = run(job, str(tmp_path / "urls.txt"), str(tmp_path / "out"), HOW)
    assert (summary.images, summary.processed) == (7, 5)
    assert summary.failures == {"vanished": 1, "unreadable": 1}
    assert len(list((tmp_path / "out/images").rglob("*.png"))) == 5
    left = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"s3cr3t" not in left
    refused = run(
        job,
        str(tmp_path / "urls.txt"),
        str(tmp_path / "refused"),
        RunOptions(workers=1, thumbnails=False),
    )
    assert (refused.processed, refused.failures) == (0, {"unreadable": 7})


def test_a_list_on_the_web_names_its_neighbours_and_nothing_of_this_machine(
    web: Web, tmp_path: Path
) -> None:
    web.data = b"a.jpg\nfile:///etc/passwd\n"
    summary = run(mr.Job(), f"{web.url}/good/urls.txt", str(tmp_path / "out"), HOW)
    assert summary.images == 2
    assert summary.failures["unreadable"] == 1
    assert web.requests["/good/a.jpg"]


@pytest.mark.parametrize("name", ["urls.txt", "shard.tar", "image.jpg"])
def test_a_source_that_cannot_be_reached_is_reported(name: str, web: Web, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="404"):
        run(mr.Job(), f"{web.url}/status/404/{name}", str(tmp_path / "out"), HOW)
    with pytest.raises(SourceError, match="refused"):
        run(mr.Job(), f"http://127.0.0.1:9/{name}", str(tmp_path / "out"), HOW)
    assert not (tmp_path / "out").exists()
