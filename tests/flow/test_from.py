"""``--from OUT --where SQL``: a job on the images of an earlier run that a condition selects."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import mrimage as mr
from mrimage.cli.main import main
from mrimage.errors import SinkError, SourceError, UsageError

pytestmark = pytest.mark.usefixtures("plain_report")


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    """Six pictures, 10 to 60 pixels wide, in two folders."""
    for number in range(1, 7):
        folder = tmp_path / "in" / ("odd" if number % 2 else "even")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10 * number, 9), (40 * number,) * 3).save(folder / f"{number}.png")
    return tmp_path / "in"


def run(source: Path, out: Path, **fields: object) -> list[str]:
    """Run a job, and return the names of the images that it took."""
    mr.run(mr.Job(**fields), source, out, workers=1, thumbnails=False)
    return [Path(path).stem for path in mr.open(out).catalogue["path"].to_pylist()]


def taken(source: Path, out: Path, where: str | None) -> list[str]:
    return run(source, out, from_out=str(out.parent / "first"), where=where)


def test_a_condition_selects_the_images_of_the_next_job(pile: Path, tmp_path: Path) -> None:
    run(pile, tmp_path / "first")
    wide = taken(pile, tmp_path / "wide", "width > 30 OR width = 10 -- or so")
    assert sorted(wide) == ["1", "4", "5", "6"]
    assert len(taken(pile, tmp_path / "all", None)) == 6
    facts = mr.open(tmp_path / "wide").facts
    assert facts.ignored_reasons == {"not selected": 2}
    assert facts.listed == 4


def test_findings_can_be_asked_for_by_score_and_by_kind(pile: Path, tmp_path: Path) -> None:
    run(pile, tmp_path / "first", extract="findings")
    dark = taken(pile, tmp_path / "dark", "list_contains(findings, 'dark')")
    assert dark == taken(pile, tmp_path / "score", "dark >= 0.68")
    assert 0 < len(dark) < 6


def test_a_column_of_the_earlier_run_is_a_key(pile: Path, tmp_path: Path) -> None:
    run(pile, tmp_path / "first", extract="content")
    run(pile, tmp_path / "next", from_out=str(tmp_path / "first"), key="mean_color")
    keys = mr.open(tmp_path / "next").groups["key"].to_pylist()
    assert "#282828" in keys
    assert len(keys) == 6
    assert "mean_color" in mr.open(tmp_path / "next").catalogue.column_names


def test_the_selection_follows_the_earlier_run_as_it_grows(pile: Path, tmp_path: Path) -> None:
    run(pile, tmp_path / "first")
    assert sorted(taken(pile, tmp_path / "next", "width > 40")) == ["5", "6"]
    Image.new("RGB", (70, 9)).save(pile / "even" / "7.png")
    Image.new("RGB", (20, 9), (1, 1, 1)).save(pile / "odd" / "5.png")
    # What the earlier run says is of another version of 5, and it has no 7 yet.
    assert taken(pile, tmp_path / "next", "width > 40") == ["6"]
    run(pile, tmp_path / "first")
    assert sorted(taken(pile, tmp_path / "next", "width > 40")) == ["6", "7"]
    assert mr.open(tmp_path / "next").facts.reused == 1


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("widht > 3", "width"),
        ("width > 3; SELECT 1", "more than one|syntax"),
        ("(SELECT count(*) FROM read_csv('/etc/passwd')) > 0", "disabled"),
        ("uri IN (SELECT content FROM read_text('https://example.com/'))", "disabled"),
        ("", "Error"),
    ],
)
def test_a_condition_that_is_none_is_one_line(
    pile: Path, tmp_path: Path, where: str, reason: str
) -> None:
    run(pile, tmp_path / "first")
    with pytest.raises(UsageError, match=rf"(?s)--where needs a condition.*({reason})") as caught:
        taken(pile, tmp_path / "next", where)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "next").exists()


def test_the_earlier_run_must_be_of_this_source_and_not_this_out(
    pile: Path, tmp_path: Path
) -> None:
    run(pile, tmp_path / "first")
    with pytest.raises(UsageError, match="same source"):
        taken(pile / "odd", tmp_path / "next", None)
    with pytest.raises(UsageError, match="another run"):
        taken(pile, tmp_path / "first", None)
    with pytest.raises(
        mr.SinkError if hasattr(mr, "SinkError") else Exception, match="finished run"
    ):
        run(pile, tmp_path / "next", from_out=str(tmp_path / "none"))
    with pytest.raises(UsageError, match="Add --from OUT"):
        run(pile, tmp_path / "next", where="true")
    with pytest.raises(SourceError, match="selects no image"):
        taken(pile, tmp_path / "next", "width > 900")


def test_another_condition_is_another_job(pile: Path, tmp_path: Path) -> None:
    run(pile, tmp_path / "first")
    taken(pile, tmp_path / "next", "width > 40")
    with pytest.raises(SinkError, match='where "width > 50" instead of "width > 40"'):
        taken(pile, tmp_path / "next", "width > 50")


def test_toml_the_command_line_and_the_dry_run_say_from(pile: Path, tmp_path: Path, capsys) -> None:
    run(pile, tmp_path / "first")
    job = tmp_path / "job.toml"
    job.write_text(f"from = '{tmp_path / 'first'}'\nwhere = 'width > 40'\n")
    assert main(["run", str(pile), str(tmp_path / "next"), "--job", str(job), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert f"2 images of {tmp_path / 'first'} where width > 40" in shown
    assert "4 not selected by --from" in shown
    options = ["--from", str(tmp_path / "first"), "--where", "width > 40", "--workers", "1"]
    assert main(["run", str(pile), str(tmp_path / "next"), *options, "--quiet"]) == 0
    assert mr.open(tmp_path / "next").facts.listed == 2
