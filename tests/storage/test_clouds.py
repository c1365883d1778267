"""Google Cloud Storage and Azure through the same contract as S3, and S3 with its buckets as hosts."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.services import azurite, google_storage
from tests.services.azurite import Azurite
from tests.services.fixtures import unavailable
from tests.services.google_storage import Account, Google
from tests.services.seaweed import DOMAIN, Seaweed
from tests.storage.contract import StoreContract
from tests.storage.jobs import HOW, JOB, local_result, made, make_photos, mrimage

import mrimage as mr
from mrimage.cli.main import main
from mrimage.flow.run import run
from mrimage.storage import Store, open_store

Upload = Callable[[Path, str], None]


@pytest.fixture(scope="module")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    missing = azurite.missing_tool()
    if missing:
        unavailable(missing)
    server = Azurite(tmp_path_factory.mktemp("azurite"))
    try:
        server.start()
        server.make_container("photos")
        yield server
    finally:
        server.stop()


@pytest.fixture
def azure(azure_server: Azurite, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place in Azure's stand-in."""
    for name, value in azure_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"az://photos/{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def google_account(tmp_path_factory: pytest.TempPathFactory) -> Account:
    missing = google_storage.missing_tool()
    if missing:
        unavailable(missing)
    return Account(tmp_path_factory.mktemp("account"))


@pytest.fixture
def gs(google_account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty place in Google's stand-in, which answers its listings in short pages."""
    with Google(google_account, page=7) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google_account.file))
        yield f"gs://photos/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def virtual(seaweed: Seaweed, s3_folder: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place on S3, whose server is asked at ``http://<bucket>.s3.test``. Requests find their way there without a
    resolver, as through a proxy."""
    monkeypatch.setenv("HTTP_PROXY", seaweed.endpoint)
    monkeypatch.setenv("http_proxy", seaweed.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{DOMAIN}")
    monkeypatch.setenv("MRIMAGE_S3_ADDRESSING", "virtual")
    return s3_folder


class TestAzure(StoreContract):
    @pytest.fixture
    def store(self, azure: str) -> Store:
        return open_store(azure)


class TestGoogle(StoreContract):
    @pytest.fixture
    def store(self, gs: str) -> Store:
        return open_store(gs)


class TestVirtualHosted(StoreContract):
    @pytest.fixture
    def store(self, virtual: str) -> Store:
        return open_store(virtual)


@pytest.mark.parametrize("place", ["azure", "gs", "virtual"])
def test_a_job_there_and_back_makes_the_same_images(
    place: str,
    tmp_path: Path,
    upload: Upload,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = request.getfixturevalue(place)
    photos = make_photos(tmp_path / "photos")
    upload(photos, f"{folder}/in")
    run(JOB, f"{folder}/in", f"{folder}/out", HOW)
    assert made(f"{folder}/out") == local_result(photos, tmp_path)
    run(replace(JOB, output="webdataset"), f"{folder}/in", f"{folder}/packed", HOW)
    assert main(["verify", f"{folder}/packed"]) == 0
    assert "14 images accounted for" in capsys.readouterr().out


@pytest.mark.usefixtures("real_report")
def test_the_options_say_where_a_server_is_and_that_its_buckets_are_hosts(
    virtual: str, tmp_path: Path, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(make_photos(tmp_path / "photos"), f"{virtual}/in")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("MRIMAGE_S3_ADDRESSING")
    command = (
        "run",
        f"{virtual}/in",
        f"{virtual}/out",
        "--no-thumbnails",
        "--quiet",
        "--endpoint",
        f"http://{DOMAIN}",
    )
    done = mrimage(*command, "--addressing", "virtual", "--workers", "2")
    assert (done.returncode, done.stderr) == (0, "")
    by_path = mrimage(
        *command, "--addressing", "path", "--workers", "1", env={"MRIMAGE_RETRY_SECONDS": "0"}
    )
    assert by_path.returncode == 0, "a server that answers to both"
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://photos.{DOMAIN}")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true")
    assert open_store(virtual).read("out/summary.json"), "the bucket may be in the address already"


WRONG = {
    "no such container": ("azure", "az://nowhere/x", {}, ("no container nowhere",)),
    "a wrong key of an account": (
        "azure",
        "az://photos/x",
        {"AZURE_STORAGE_ACCOUNT_KEY": "d3Jvbmctc2VjcmV0LTk4NzY1NDMyMTA="},
        ("denied", "AZURE_STORAGE_ACCOUNT_KEY"),
    ),
    "no key that could be one": (
        "azure",
        "az://photos/x",
        {"AZURE_STORAGE_ACCOUNT_KEY": "wrong-secret-9876543210"},
        ("AZURE_STORAGE_ACCOUNT_KEY",),
    ),
    "nobody at Azure's address": (
        "azure",
        "az://photos/x",
        {"AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:9/me"},
        ("refused", "127.0.0.1:9"),
    ),
    "no such bucket": ("gs", "gs://nowhere/x", {}, ("no bucket nowhere",)),
    "somebody else's bucket": (
        "gs",
        "gs://private/x",
        {},
        ("denied", "GOOGLE_APPLICATION_CREDENTIALS"),
    ),
    "no such file of credentials": (
        "gs",
        "gs://photos/x",
        {"GOOGLE_APPLICATION_CREDENTIALS": "/nonexistent/account.json"},
        ("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/account.json"),
    ),
    "nobody at Google's address": (
        "gs",
        "gs://photos/x",
        {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"},
        ("refused", "127.0.0.1:9"),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_that_says_what_to_set(
    case: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fixture, place, changed, words = WRONG[case]
    request.getfixturevalue(fixture)
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    photos = make_photos(tmp_path / "photos", 1)
    for source, out in ((place, str(tmp_path / "out")), (str(photos), place)):
        monkeypatch.setenv("MRIMAGE_RETRY_SECONDS", "1")
        assert main(["run", source, out, "--workers", "1", "--quiet"]) == 1
        printed = capsys.readouterr().err
        assert printed.count("\n") == 1, printed
        assert all(word in printed for word in words), printed
        assert "wrong-secret" not in printed
        assert "d3Jvbmctc2Vj" not in printed


def test_a_public_bucket_of_google_needs_no_account(
    gs: str, tmp_path: Path, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(make_photos(tmp_path / "photos"), "gs://public/in")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    assert run(mr.Job(), "gs://public/in", str(tmp_path / "out"), HOW).images == 14


@pytest.mark.parametrize("scheme", ["az", "abfs", "abfss"])
def test_a_place_that_names_its_azure_account_is_told_where_the_account_goes(
    scheme: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, place = (
        str(make_photos(tmp_path / "photos", 1)),
        f"{scheme}://photos@account.dfs.core.windows.net/in",
    )
    for source, out in ((place, str(tmp_path / "out")), (photos, place)):
        assert main(["run", source, out, "--quiet"]) == 2
        printed = capsys.readouterr().err
        assert printed.count("\n") == 1, printed
        assert "az://container/folder" in printed
        assert "its account in AZURE_STORAGE_ACCOUNT_NAME" in printed
