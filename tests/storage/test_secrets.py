"""Credentials stay where they are: a search through all that runs leave and say."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.services.seaweed import SECRET_KEY
from tests.services.web import Web
from tests.storage.jobs import make_photos, mrimage

from mrimage.cli.main import main
from mrimage.storage import open_store, redact

Upload = Callable[[Path, str], None]

PASSWORD, SIGNATURE, TOKEN = "hunter2@pass#word", "feedfacefeedface", "AKIAFAKEFAKE"
WRONG = "wrong-secret-9876543210"
SECRETS = (SECRET_KEY, WRONG, PASSWORD, "hunter2", "pass#word", SIGNATURE, TOKEN)
OPTIONS = (
    "--key",
    "format",
    "--resize",
    "9x9",
    "--allow-private",
    "--retries",
    "0",
    "--workers",
    "1",
    "--no-thumbnails",
)


def spellings(secret: str) -> set[bytes]:
    """The ways in which a secret may be written down."""
    basic = base64.b64encode(f"me:{secret}".encode()).rstrip(b"=")
    return {secret.encode(), quote(secret, safe="").encode(), secret[::-1].encode(), basic}


def readable(name: str, data: bytes) -> bytes:
    """What a file says, its compression undone."""
    return (
        repr(pq.read_table(io.BytesIO(data)).to_pylist()).encode()
        if name.endswith(".parquet")
        else data
    )


def all_below(place: str) -> Iterator[tuple[str, bytes]]:
    store = open_store(place, create=True)
    for item in store.list():
        yield item.path, readable(item.path, store.read(item.path))


@pytest.fixture
def web(photos: Path) -> Iterator[Web]:
    with Web((photos / "000 #0.jpg").read_bytes()) as server:
        yield server


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make_photos(tmp_path / "photos", 3)


@pytest.fixture
def lists(tmp_path: Path, web: Web, s3_folder: str, upload: Upload, photos: Path) -> list[str]:
    """The same rows as text and as a column of Parquet: signed and private urls, of which some work and some do not."""
    upload(photos, f"{s3_folder}/in")
    host = web.url.removeprefix("http://")
    rows = [
        f"{s3_folder}/in/000 #0.jpg",
        f"{s3_folder}/in/gone.jpg",
        f"s3://me:{SIGNATURE}@photos/a.jpg",
        f"http://me:{quote(PASSWORD)}@{host}/good/a.jpg",
        f"http://me:{PASSWORD}@{host}/good/b.jpg",
        f"http://me:{quote(PASSWORD)}@127.0.0.1:9/c.jpg",
        f"ftp://me:{quote(PASSWORD)}@{host}/d.jpg",
        f"{web.url}/good/e.jpg?X-Amz-Credential={TOKEN}&X-Amz-Signature={SIGNATURE}",
        f"{web.url}/status/403/f.jpg?sig={SIGNATURE}&se=2030",
        f"{web.url}/short/g.jpg?w=3&token={TOKEN}",
        f"{web.url}/to/{web.url}/status/404/x?sig={SIGNATURE}",
        f"{web.url}/to/ftp://me:{SIGNATURE}@{host}/h.jpg",
    ]
    (tmp_path / "urls.txt").write_text("\n".join(rows) + "\n")
    pq.write_table(pa.table({"url": rows}), tmp_path / "list.parquet")
    return [str(tmp_path / "urls.txt"), str(tmp_path / "list.parquet#url")]


class Heard:
    """What commands say, in this process and in others, with ``--debug`` and without."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.said: list[str] = []
        self._capsys = capsys

    def apart(self, *arguments: str) -> int:
        done = mrimage(*arguments, env={"MRIMAGE_RETRY_SECONDS": "0.3"})
        self.said += [done.stdout, done.stderr]
        return done.returncode

    def failing(self, *arguments: str, **env: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {"MRIMAGE_RETRY_SECONDS": "0.3", **env}.items():
                patch.setenv(name, value)
            assert main(list(arguments)) > 0
            assert main([*arguments, "--debug"]) > 0
        self.said += self._capsys.readouterr()


@pytest.mark.usefixtures("real_report")
def test_nothing_that_runs_leave_or_say_holds_a_secret(
    tmp_path: Path, s3_folder: str, lists: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    outs = [f"{s3_folder}/out", str(tmp_path / "out"), f"{s3_folder}/again"]
    heard = Heard(capsys)
    for source, out in zip([*lists, f"{s3_folder}/in"], outs, strict=True):
        assert heard.apart("run", source, out, *OPTIONS, "--json", "--debug") == 0, heard.said[-1]
    assert heard.apart("query", outs[0], "SELECT * FROM quarantine") == 0
    run = ("run", f"{s3_folder}/in", f"{s3_folder}/none", *OPTIONS)
    heard.failing(*run, AWS_SECRET_ACCESS_KEY=WRONG)
    heard.failing(*run, AWS_ENDPOINT_URL=f"http://me:{WRONG}@127.0.0.1:9")
    heard.failing(*run, "--endpoint", f"http://me:{WRONG}@127.0.0.1:9")
    heard.failing("run", f"s3://me:{WRONG}@photos/in", outs[0])
    heard.failing("run", f"{s3_folder}/in", f"s3://me:{WRONG}@photos/out")
    heard.failing("run", f"http://127.0.0.1:9/x.jpg?sig={SIGNATURE}", str(tmp_path / "x"))
    heard.failing("inspect", f"http://me:{WRONG}@127.0.0.1:9/x.jpg?sig={SIGNATURE}")
    assert len(heard.said) > 20
    left = [named for out in outs for named in all_below(out)]
    assert {name.partition("/")[0] for name, _ in left} >= {
        "images",
        "catalogue",
        "_run",
        "report.html",
        "outputs.parquet",
    }
    texts = [*left, *(("said", text.encode()) for text in heard.said)]
    found = {
        (secret, name)
        for name, text in texts
        for secret in SECRETS
        if any(s in text for s in spellings(secret))
    }
    assert found == set()
    rows = [row for name, text in left if name == "quarantine.parquet" for row in [text]]
    assert all(b"***" in row for row in rows[:2]), "there was something to hide"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:p@ss@host/x", "https://***@host/x"),
        ("https://me:p#ss?word@host/x", "https://***@host/x"),
        ("https://me:my pass@host/x", "https://***@host/x"),
        ("see https://me:pw@host/x and a@b", "see https://***@host/x and a@b"),
        ("https://host/a@b?w=3#c@d", "https://host/a@b?w=3#c@d"),
        (
            "https://host/x?key=AIzaSy1&X-Goog-Signature=1f",
            "https://host/x?key=***&X-Goog-Signature=***",
        ),
        ("https://host/get?key=photos/a.jpg&w=3", "https://host/get?key=photos/a.jpg&w=3"),
    ],
)
def test_what_is_secret_in_a_url_is_hidden_and_the_rest_is_shown(url: str, shown: str) -> None:
    assert redact(url) == shown
