"""What the server refuses, and what it keeps of OUT."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import pytest

from mrimage.errors import UsageError
from mrimage.explore.bins import MISSING, code_categories, code_numbers
from mrimage.explore.database import open_database
from mrimage.explore.marks import MarksFile
from mrimage.explore.pictures import PictureCache
from mrimage.explore.pile import Pile
from mrimage.explore.server import Explorer
from mrimage.storage import open_store


@pytest.fixture
def ask(explorer: Explorer) -> Iterator[object]:
    parts = urlsplit(explorer.url)
    token = parts.query.removeprefix("token=")
    own = {"Host": parts.netloc, "Cookie": f"mrimage-{parts.port}={token}"}

    def answer(
        path: str, *, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", parts.port or 0, timeout=60)
        connection.request(method, path, body, own | headers)
        response = connection.getresponse()
        found = response.status, response.read()
        connection.close()
        return found

    return answer  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Cookie": ""}, 403),
        ({"Cookie": "mrimage-1=x"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({}, 200),
    ],
)
def test_only_the_page_itself_is_answered(ask, headers: dict[str, str], status: int) -> None:
    assert ask("/data/start", **headers)[0] == status


def test_a_name_in_a_url_opens_no_file(ask) -> None:
    assert ask("/assets/..%2fserver.py")[0] == 404
    assert ask("/assets/%2e%2e/__init__.py")[0] == 404
    assert ask("/picture/9999")[0] == 400
    assert ask("/made/0/99")[0] == 400


def test_a_condition_reads_only_the_tables(ask) -> None:
    for condition in (
        "uri IN (SELECT content FROM read_text('/etc/passwd'))",
        "1) ; DROP TABLE starts; --",
        "true) UNION ALL SELECT 7 WHERE (true",
        "uri IN (COPY catalogue TO '/tmp/x')",
    ):
        status, answer = ask(f"/api/match?sql={quote(condition)}")
        if status == 200:
            # A union of rows is no harm: it names rows that the page may show anyway.
            assert b'"count":25' in answer
        else:
            assert status == 400
    assert ask("/data/start")[0] == 200


def test_a_query_that_takes_too_long_is_stopped(out: Path, pile: Pile) -> None:
    forever = "(SELECT count(*) FROM range(100000000) a, range(100000000) b) > 0"
    with open_database(out, pile.files, pile.starts, seconds=0.2) as database:
        with pytest.raises(UsageError, match="longer than"):
            database.matching(forever)
        assert database.matching("width = 12").num_rows == 3


def test_an_image_that_cannot_be_drawn_costs_only_itself(ask, pile: Pile) -> None:
    broken = pile.names.to_pylist().index("broken.jpg")
    status, _ = ask(f"/picture/{broken}")
    assert status in (200, 404)
    assert ask(f"/picture/{broken + 1}")[0] == 200


def test_exploring_changes_nothing_in_out(ask, out: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    ask("/picture/2")
    ask("/data/copies")
    bits = np.packbits(np.arange(25) == 3, bitorder="little").tobytes()
    assert ask("/api/marks?tag=best", method="POST", body=bits)[0] == 200
    assert ask("/api/marks?untag=best", method="POST", body=bits)[0] == 200
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_marks_survive_and_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    marks = MarksFile(store, "out.marks.parquet")
    marks.change(["/a", "/b"], mark="accept", tag="best")
    marks.change(["/b"], mark="none", untag="best")
    again = MarksFile(store, "out.marks.parquet").read()
    assert again.marks == {"/a": "accept"}
    assert again.tags == {"/a": ("best",)}
    (tmp_path / "other.marks.parquet").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"other\.marks\.parquet"):
        MarksFile(store, "other.marks.parquet").change(["/a"], mark="reject")
    assert (tmp_path / "other.marks.parquet").read_bytes() == b"mine"


def test_the_cache_of_pictures_is_bounded(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path / "pictures", limit=1000)
    for number in range(30):
        cache.put(f"{number:02}", bytes(100))
    assert len(list((tmp_path / "pictures").iterdir())) <= 10
    assert cache.get("29") == bytes(100)


def test_bins_hold_every_value() -> None:
    import pyarrow as pa

    numbers = code_numbers(pa.chunked_array([[0.5, 7.0, None, 1e9, 3.0] * 30]))
    assert (numbers.codes == MISSING).sum() == 30
    known = numbers.codes[numbers.codes != MISSING]
    assert known.max() < len(numbers.edges) - 1
    names = code_categories(pa.chunked_array([["b", "a", "a", None]]))
    assert names is not None
    assert names.values == ("a", "b")
    assert names.codes.tolist() == [1, 0, 0, MISSING]


def test_a_port_in_use_is_named(out: Path, pile: Pile) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=str(port)):
            Explorer(None, "127.0.0.1", port)  # type: ignore[arg-type]
