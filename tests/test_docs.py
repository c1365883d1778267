"""What the pages say is true: names, options, links, and every piece of code in them, run."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import mrimage
from mrimage.cli.arguments import make_parser
from mrimage.engine import ENGINES
from mrimage.errors import REASONS
from mrimage.image import COLOR_SPACES, CORRECTIONS, ENCODERS, EXTRACTORS
from mrimage.image.sizes import SIZE_SETS
from mrimage.mappers.keys import KEY_NAMES
from mrimage.reducers import GROUPS

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
GUIDE = ROOT / "docs" / "guide.md"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    """Command lines of mrimage: those that begin a line, or follow a prompt or a comment's sign."""
    text = page.read_text().replace("\\\n", " ")
    for line in re.findall(r"^(?:    |\$ |# +|#     )(mrimage [a-z].*)$", text, re.MULTILINE):
        yield shlex.split(line.replace("[options]", ""), comments=True)


def options_of_run() -> set[str]:
    return options_of("run")


def options_of(command: str) -> set[str]:
    commands = next(
        action
        for action in make_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    actions = commands.choices[command]._actions
    return {option for action in actions for option in action.option_strings} - {"-h", "--help"}


def run(folder: Path, *arguments: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment or None,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with three images in ``photos``."""
    (tmp_path / "photos").mkdir()
    for side in (40, 50, 60):
        Image.new("RGB", (side, side), (side, 2 * side, 0)).save(
            tmp_path / "photos" / f"{side}.jpg"
        )
    return tmp_path


def test_the_guide_names_everything_that_can_be_chosen() -> None:
    columns = {column for extractor in EXTRACTORS.values() for column in extractor.columns}
    names = {
        *KEY_NAMES,
        *EXTRACTORS,
        *GROUPS,
        *REASONS,
        *COLOR_SPACES,
        *CORRECTIONS,
        *ENCODERS,
        *ENGINES,
        *SIZE_SETS,
        *columns,
    }
    named = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`]+)`", prose(GUIDE)))))
    assert sorted(name for name in names if name not in named) == []


def test_the_guide_has_every_option_of_run() -> None:
    assert (
        sorted(
            option
            for option in options_of_run()
            if not re.search(rf"{option}\b", GUIDE.read_text())
        )
        == []
    )


def test_the_guide_has_no_option_that_is_none() -> None:
    known = {
        option
        for page in PAGES
        for line in commands(page)
        for option in line
        if option.startswith("--")
    }
    known |= {option for command in ("run", "retry", "query") for option in options_of(command)}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", GUIDE.read_text())) <= known


@pytest.mark.parametrize(
    "page", [*PAGES, *sorted((ROOT / "examples").glob("*.toml"))], ids=lambda page: page.name
)
def test_printed_commands_are_well_formed(page: Path) -> None:
    for line in commands(page):
        make_parser().parse_args(line[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)", prose(page)) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []
    headings = {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", page.read_text())) <= headings


def test_the_readme_shows_the_command_and_its_result_at_once() -> None:
    top = "\n".join((ROOT / "README.md").read_text().splitlines()[:30])
    assert "$ mrimage run " in top
    assert "report.html" in top


def test_the_readme_s_job_runs(folder: Path) -> None:
    [script] = blocks(ROOT / "README.md", "python")
    run(folder, "-c", script)
    assert (folder / "out/groups/unknown/sheet.jpg").stat().st_size > 1000


def test_the_guide_s_jobs_run(folder: Path) -> None:
    [script] = blocks(GUIDE, "python")
    (folder / "script.py").write_text(script)
    run(folder, "script.py")
    assert (folder / "out-years/groups/undated/count.json").read_text() == '{\n  "images": 3\n}\n'
    [job] = blocks(GUIDE, "toml")
    (folder / "job.toml").write_text(job)
    run(
        folder,
        "-m",
        "mrimage",
        "run",
        "photos",
        "out",
        "--job",
        "job.toml",
        "--quiet",
        "--workers",
        "1",
    )
    with Image.open(folder / "out/images/%2E/40.jpg") as image:
        assert image.size == (224, 224)


def test_the_python_page_s_scripts_run(folder: Path) -> None:
    for script in blocks(ROOT / "docs" / "python.md", "python"):
        (folder / "script.py").write_text(script)
        run(folder, "script.py")
    assert (folder / "out/images/jpeg/40.jpg").exists()


def test_contributing_s_examples_do_what_it_says(tmp_path: Path) -> None:
    """A key, an edit and a reducer are added to a copy of the package as the page says, and its tests are run."""
    key, key_line, key_test, edit, edit_test, reducer, reducer_line, reducer_test = blocks(
        ROOT / "CONTRIBUTING.md", "python"
    )
    package = tmp_path / "mrimage"
    shutil.copytree(
        Path(mrimage.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )

    def change(file: str, *pairs: tuple[str, str]) -> None:
        text = (package / file).read_text()
        for old, new in pairs:
            assert text.count(old) == 1, f"{file} has no single {old!r}"
            text = text.replace(old, new)
        (package / file).write_text(text)

    change(
        "mappers/keys.py",
        ("\nKEYS: Mapping", f"\n{key}\n\nKEYS: Mapping"),
        ('        "alpha"', f'{key_line}        "alpha"'),
    )
    change(
        "image/correct.py",
        ("CORRECTIONS: Mapping", f"{edit}\n\nCORRECTIONS: Mapping"),
        ('    "exposure": exposure,\n', '    "exposure": exposure,\n    "negative": negative,\n'),
    )
    change("image/names.py", ('"exposure")', '"exposure", "negative")'))
    (package / "reducers/largest.py").write_text(reducer)
    change(
        "reducers/__init__.py",
        ("_REDUCERS = (\n", f"_REDUCERS = (\n{reducer_line.rstrip()},\n"),
    )
    for number, test in enumerate((key_test, edit_test, reducer_test)):
        (tmp_path / f"test_{number}.py").write_text(test)
    said = run(
        tmp_path,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        PYTHONPATH=str(tmp_path),
    )
    assert "3 passed" in said
    help_text = run(tmp_path, "-m", "mrimage", "run", "--help", PYTHONPATH=str(tmp_path))
    assert [name for name in ("hour", "negative", "largest") if name not in help_text] == []
