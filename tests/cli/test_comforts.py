"""Comforts of the command line: completion, colors, estimates, repair, and pointers in errors."""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

import mrimage as mr
from mrimage.cli.arguments import make_parser
from mrimage.cli.color import RED, painted
from mrimage.cli.completion import completion_script
from mrimage.cli.main import main
from mrimage.cli.manual import manual
from mrimage.mappers.keys import KEYS


def run(*arguments: str | Path) -> int:
    return main(["run", *map(str, arguments), "--workers", "1", "--quiet", "--no-thumbnails"])


def files_of(out: Path) -> dict[str, bytes]:
    paths = (path for top in ("images", "groups") for path in (out / top).rglob("*"))
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths if path.is_file()}


@pytest.mark.parametrize("output", ["files", "webdataset", "parquet"])
def test_repair_makes_missing_and_altered_outputs_again(
    output: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ["--key", "format", "--resize", "8x8", "--format", "jpg", "--output", output]
    assert run(photos, out, *options, "--group", "contact-sheet") == 0
    before = files_of(out)
    names = sorted(before)
    (out / names[0]).unlink()
    (out / names[-1]).write_bytes(b"altered")
    (out / "groups.parquet").unlink()
    assert main(["verify", str(out)]) == 1
    capsys.readouterr()
    assert main(["verify", str(out), "--repair", "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    assert f"missing: {names[0]}" in printed
    assert printed.splitlines()[-1].endswith("11 images accounted for")
    if output == "files":
        assert files_of(out) == before
    assert sum(1 for _ in mr.open(out).edited_images()) == 9


def test_repair_makes_what_a_second_pass_made_again(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(photos, out, "--key", "all", "--correct", "exposure-group", "--resize", "8x8") == 0
    before = files_of(out)
    (out / min(before)).unlink()
    assert main(["verify", str(out), "--repair", "--workers", "1"]) == 0
    assert files_of(out) == before


def test_repair_needs_the_job_s_own_functions_to_be_named(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = mr.Job(reduce=count)
    mr.run(job, photos, tmp_path / "out", workers=1, thumbnails=False)
    shutil.rmtree(tmp_path / "out" / "groups")
    assert main(["verify", str(tmp_path / "out"), "--repair"]) == 2
    assert "--trust" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "out"), "--repair", "--trust", "--workers", "1"]) == 0


def count(key, values):
    yield mr.Output("count.json", len(list(values)))


def test_an_error_points_to_the_help_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "only-one"]) == 2
    assert "See mrimage run --help." in capsys.readouterr().err
    assert main(["query"]) == 2
    assert "See mrimage query --help." in capsys.readouterr().err


def test_bash_completes_commands_options_and_values() -> None:
    script = completion_script("bash", make_parser())

    def completed(*words: str) -> set[str]:
        typed = " ".join(f"'{word}'" for word in words)
        code = (
            f"{script}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _mrimage; "
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    assert completed("mrimage", "qu") == {"query"}
    assert completed("mrimage", "run", "--shard") == {"--shard-size"}
    assert {"srgb", "gray"} <= completed("mrimage", "run", "--to", "")
    assert {"year", "day"} <= completed("mrimage", "run", "--key", "")
    assert completed("mrimage", "query", "--format", "j") == {"json"}


def test_every_option_is_completed_in_every_shell() -> None:
    parser = make_parser()
    [commands] = [
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    ]
    options = {
        option
        for command in commands.choices.values()
        for option in command._option_string_actions
        if option.startswith("--")
    }
    for shell, prefix in (("bash", "--"), ("zsh", "--"), ("fish", "-l ")):
        script = completion_script(shell, parser)
        assert [name for name in options if f"{prefix}{name[2:]}" not in script] == []


def test_the_manual_page_has_every_command_and_option_and_roff_takes_it() -> None:
    parser = make_parser()
    page = manual(parser)
    [commands] = [
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    ]
    for name, command in commands.choices.items():
        section = page.partition(f".SS mrimage {name}\n")[2].partition(".SS ")[0]
        written = section.replace("\\-", "-")
        assert [option for option in command._option_string_actions if option not in written] == []
    assert "%%" not in page
    if shutil.which("groff"):
        command = ["groff", "-man", "-Tutf8", "-ww"]
        done = subprocess.run(command, input=page, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert "interrupted command: 130 for Ctrl-C." in done.stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colors_are_for_terminals_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert painted("x", RED, Terminal()) == "\033[31mx\033[0m"
    assert painted("x", RED, io.StringIO()) == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert painted("x", RED, Terminal()) == "x"


def test_a_dry_run_estimates_time_and_size(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", str(photos), str(tmp_path / "out"), "--dry-run", "--workers", "3"]
    assert main([*command, "--resize", "8x8", "--format", "png"]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line[:8] == "estimate"]
    assert "of images" in line
    assert "with 3 local workers (from 8 images)" in line
    assert not (tmp_path / "out").exists()


def test_extensions_are_names_of_formats(photos: Path, tmp_path: Path) -> None:
    assert run(photos, tmp_path / "out", "--key", "all", "--format", "jpg") == 0
    assert (tmp_path / "out/images/all/trip/tall-0~png.jpg").exists()
    image = mr.open_image(photos / "wide 0.jpg")
    assert image.edited(mr.Edits(format="tif")).extension == "tiff"
    job = mr.Job(edits=mr.Edits(format="jpg"))
    assert job == mr.Job(edits=mr.Edits(format="jpeg"))


def image_with(**facts: object) -> SimpleNamespace:
    blank = {"taken_at": None, "latitude": None, "longitude": None}
    return SimpleNamespace(metadata=SimpleNamespace(**(blank | facts)))


def test_day_and_place_are_those_of_the_photograph() -> None:
    assert KEYS["day"](image_with(taken_at=datetime(2024, 6, 1, 23, 59))) == "2024-06-01"
    assert KEYS["day"](image_with()) == "unknown"
    assert KEYS["place"](image_with(latitude=52.52, longitude=13.405)) == "52.5N 13.4E"
    assert KEYS["place"](image_with(latitude=-33.86, longitude=-0.01)) == "33.9S 0.0E"
    assert KEYS["place"](image_with()) == "unknown"


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ((250, 10, 10), "red"),
        ((250, 10, 60), "red"),
        ((240, 130, 20), "orange"),
        ((30, 160, 40), "green"),
        ((20, 30, 200), "blue"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "gray"),
        ((3, 3, 3), "black"),
    ],
)
def test_hue_is_the_name_of_the_most_frequent_color(
    color: tuple[int, int, int], name: str, tmp_path: Path
) -> None:
    Image.new("RGB", (20, 20), color).save(tmp_path / "x.png")
    assert KEYS["hue"](mr.open_image(tmp_path / "x.png")) == name
