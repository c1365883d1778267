"""``mrimage query``: one answer as a table for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from mrimage import report
from mrimage.cli.main import main
from mrimage.errors import UsageError
from mrimage.flow.run import run
from mrimage.job.job import Job, RunOptions


def test_a_query_answers_as_table_csv_and_json(plain: Path) -> None:
    sql = "SELECT format, count(*) AS n FROM catalogue GROUP BY format ORDER BY n DESC, format LIMIT 2"
    rows = json.loads(report.query(plain, sql, "json"))
    assert [list(row) for row in rows] == [["format", "n"]] * 2
    table = list(csv.DictReader(io.StringIO(report.query(plain, sql, "csv"))))
    assert [{"format": row["format"], "n": str(row["n"])} for row in rows] == table
    lines = report.query(plain, sql).splitlines()
    assert lines[0].split() == ["format", "n"]
    assert lines[-1] == "2 rows"


def test_a_long_answer_comes_whole_and_a_table_says_what_it_leaves_out(plain: Path) -> None:
    numbers = "SELECT * FROM range(5001) numbers(n)"
    assert [row["n"] for row in json.loads(report.query(plain, numbers, "json"))] == list(
        range(5001)
    )
    assert report.query(plain, numbers, "csv") == "".join(f"{n}\n" for n in ("n", *range(5001)))
    assert report.query(plain, numbers).endswith("The first 1000 rows; --format csv gives all.\n")
    assert "--format csv gives them whole" in report.query(plain, "SELECT repeat('x', 200)")
    assert json.loads(report.query(plain, "SELECT 1.50 AS a, 2 AS a, NULL AS b", "json")) == [
        {"a": 1.5, "a (2)": 2, "b": None}
    ]
    assert json.loads(report.query(plain, "SELECT uri FROM image WHERE false", "json")) == []


def test_wide_letters_keep_the_columns_of_a_table(plain: Path) -> None:
    lines = report.query(
        plain, "SELECT * FROM (VALUES ('写真', 'a'), ('photo', 'b')) names(name, x)"
    ).splitlines()
    assert lines[2:4] == ["写真   a", "photo  b"]


def test_what_a_terminal_would_obey_is_made_visible_there_alone(
    plain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = "SELECT chr(27) || '[2J' || chr(155) || chr(8238) AS evil"
    places = ["query", str(plain), sql, "--format", "csv"]
    main(places)
    assert capsys.readouterr().out == "evil\n\x1b[2J\x9b\u202e\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    main(places)
    assert capsys.readouterr().out == "evil\n\u241b[2J\u2421\u2426\n"


def test_a_query_for_people_obeys_no_terminal_codes(plain: Path) -> None:
    assert "\x1b" not in report.query(plain, "SELECT chr(27) || '[31mred' AS evil")


def test_a_wrong_query_is_a_usage_error_in_one_line(plain: Path) -> None:
    with pytest.raises(
        UsageError, match='DuckDB cannot run "SELECT nothing FROM catalogue" on the views'
    ) as error:
        report.query(plain, "SELECT nothing FROM catalogue")
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="no statement in it that returns rows"):
        report.query(plain, "")


CLOSED = {
    "a file": "SELECT * FROM read_text('{secret}')",
    "a file by its name": "SELECT * FROM '{secret}'",
    "a list of files": "SELECT * FROM glob('{folder}/*')",
    "a database": "ATTACH '{folder}/new.duckdb'",
    "an exported database": "EXPORT DATABASE '{folder}/new'",
    "the network": "SELECT * FROM read_csv('http://127.0.0.1:9/a.csv')",
    "an extension": "INSTALL httpfs",
    "an extension that is here": "LOAD httpfs",
    "a secret": "CREATE PERSISTENT SECRET s (TYPE s3)",
    "the settings": "SET enable_external_access = true",
    "the settings at once": "RESET allowed_paths; SELECT * FROM read_text('{secret}')",
    "a log": "CALL enable_logging(storage = 'file', storage_config = {{'path': '{folder}/log'}})",
    "a profile": "PRAGMA profiling_output = '{folder}/profile'",
    "a variable of the program": "SELECT * FROM results",
    "a copy": "COPY (SELECT 1) TO '{folder}/copy.csv'",
    "a table of its own": "COPY (SELECT 1) TO '{table}' (FORMAT csv, USE_TMP_FILE false)",
    "a copy in a question": "WITH x AS (COPY (SELECT 1) TO '{table}' (USE_TMP_FILE false)) SELECT 1",
    "a copy that is explained": "EXPLAIN ANALYZE /* é */ copy (SELECT 1) TO '{folder}/copy.csv'",
}


@pytest.mark.parametrize("name", CLOSED)
def test_a_query_reaches_nothing_but_the_tables(name: str, plain: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("nothing for a report")
    (tmp_path / "out").mkdir()
    table = plain / "outputs.parquet"
    before = table.read_bytes()
    sql = CLOSED[name].format(secret=secret, folder=tmp_path / "out", table=table)
    with pytest.raises(UsageError) as caught:
        report.query(plain, sql)
    assert "nothing for a report" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []
    assert table.read_bytes() == before


@pytest.mark.parametrize("name", ["plain", "r[1]", "r*", "it's", "status=done", "a b", "é"])
def test_a_query_reads_the_tables_wherever_they_are(
    name: str, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(plain, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path / name, Path(name)):
        for view in ("catalogue", "image", "groups", "outputs", "quarantine", "members"):
            sql = f"SELECT count(*) AS n FROM {view}"
            assert report.query(place, sql, "csv") == report.query(plain, sql, "csv", unsafe=True)


def test_a_query_computes_what_it_likes_of_the_tables(plain: Path) -> None:
    for sql in (
        "PIVOT (SELECT format, width FROM catalogue) ON format USING count(*)",
        "CREATE TEMP TABLE wide AS SELECT * FROM image WHERE width > 1; SELECT count(*) FROM wide",
        "SUMMARIZE SELECT width FROM catalogue",
        "SELECT 'copy' AS a, '{\"a\": 1}'::JSON ->> 'a' AS b -- copy",
        "SELECT * FROM (SELECT repeat(uri, 2000) AS u FROM catalogue, range(40)) ORDER BY u LIMIT 1",
    ):
        assert report.query(plain, sql)


def test_an_unsafe_query_may_write_a_file(plain: Path, tmp_path: Path) -> None:
    sql = f"COPY (SELECT count(*) AS n FROM catalogue) TO '{tmp_path}/n.csv'"
    assert main(["query", str(plain), sql]) == 2
    assert not (tmp_path / "n.csv").exists()
    assert main(["query", str(plain), sql, "--unsafe"]) == 0
    assert (tmp_path / "n.csv").read_text().startswith("n\n")


def test_cells_of_csv_that_begin_like_formulas_are_quoted_unless_someone_asks_otherwise(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(Job(), str(photos), str(out), RunOptions(workers=1, thumbnails=False))
    sql = "SELECT '=HYPERLINK(1)' AS a, -5 AS n, '@x' AS \"+b\" FROM groups LIMIT 1"
    assert main(["query", str(out), sql, "--format", "csv"]) == 0
    assert capsys.readouterr().out == "a,n,'+b\n'=HYPERLINK(1),-5,'@x\n"
    assert main(["query", str(out), sql, "--format", "csv", "--no-quote-formulas"]) == 0
    assert capsys.readouterr().out == "a,n,+b\n=HYPERLINK(1),-5,@x\n"
    assert main(["query", str(out), sql, "--format", "json"]) == 0
    assert '"=HYPERLINK(1)"' in capsys.readouterr().out
