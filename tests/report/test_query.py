"""``mrimage query``: one answer as a table for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from mrimage import report
from mrimage.cli.main import main
from mrimage.errors import UsageError


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
    with pytest.raises(UsageError, match="Expected SQL that DuckDB can run") as error:
        report.query(plain, "SELECT nothing FROM catalogue")
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="nothing to answer"):
        report.query(plain, "")
