"""mrimage check: what a pipeline expects of a run, and what is not known is not met."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricate import fabricate

from mrimage import report
from mrimage.cli.main import main
from mrimage.errors import UsageError
from mrimage.report.figures.facts import read_facts
from mrimage.report.figures.rules import RULES


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("check") / "out"
    fabricate(folder, 300, pictures=False)
    return folder


def met(out: Path, *expectations: str) -> list[bool]:
    return [outcome.met for outcome in report.check(out, read_facts(out), expectations)]


def test_findings_totals_reasons_and_sql_can_be_expected(out: Path) -> None:
    figures = report.build(out).figures
    counted = {insight.name: insight.count for insight in figures.insights}
    blurred = counted["blurred"]
    assert met(out, f"blurred = {blurred}", f"blurred < {blurred}") == [True, False]
    share = 100 * blurred / figures.totals.processed
    assert met(out, f"blurred <= {share + 0.01:.2f}%", f"blurred <= {share - 0.01:.2f}%") == [
        True,
        False,
    ]
    assert met(
        out, f"copies=={counted['copies']}", f"quarantined != {figures.totals.quarantined}"
    ) == [
        True,
        False,
    ]
    assert met(out, "truncated >= 1", "not-an-image >= 1", "out-of-memory = 0") == [True] * 3
    assert met(out, "source_bytes > 1 MB", "source_bytes > 900 TB") == [True, False]
    assert met(out, "min(width) >= 300", "count(*) FILTER (width <= 300) > 1_000") == [True, False]


def test_each_rule_can_be_expected_even_if_it_finds_nothing(out: Path) -> None:
    assert all(met(out, *(f"{rule.name} >= 0" for rule in RULES)))


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        ("blured = 0", "There are animated, blurred"),
        ("blurred", "such as"),
        ("blurred = 1 parsec", "such as"),
        ("blurred = 1.2.3", "1.2.3"),
        ("width + 1 > 3", "not one"),
        ("min(camera) > 3", "does not"),
        ("(SELECT count(*) FROM read_csv('/etc/passwd')) > 3", "does not"),
    ],
)
def test_what_cannot_be_checked_is_bad_usage(out: Path, expectation: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        met(out, expectation)


def test_a_finding_whose_columns_are_missing_is_not_met(tmp_path: Path) -> None:
    facts = fabricate(tmp_path, 20, pictures=False)
    import duckdb

    part = tmp_path / "catalogue" / "part-00000.parquet"
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t AS SELECT * EXCLUDE (sharpness, sha256) FROM '{part}'")
    connection.execute(f"COPY t TO '{part}'")
    for name in ("blurred", "copies"):
        with pytest.raises(UsageError, match="--extract content,hash"):
            report.check(tmp_path, facts, [f"{name} = 0"])


def test_the_command_says_what_failed_and_how_it_ended(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "expected.toml"
    file.write_text('expect = ["listed = 300"]')
    assert main(["check", str(out), "--file", str(file)]) == 0
    assert capsys.readouterr().out == "ok      listed = 300 (it is 300)\n"
    assert main(["check", str(out), "--expect", "listed = 0", "--file", str(file)]) == 1
    assert capsys.readouterr().out.splitlines()[0] == "FAILED  listed = 0 (it is 300)"
    assert main(["check", str(out)]) == 2
    for content in ("expect = 3", "expects = []", "expect ="):
        file.write_text(content)
        assert main(["check", str(out), "--file", str(file)]) == 2
        assert "--file needs" in capsys.readouterr().err
