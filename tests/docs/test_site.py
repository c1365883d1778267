"""The site builds without a warning, its links lead somewhere, and it needs no network to be read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image
from tests.docs.pages import DOCS, ROOT

from mrimage.cli.arguments import make_parser
from mrimage.image import EXTRACTORS
from mrimage.reducers import GROUPS
from mrimage.report.charts.sections import SUBSECTIONS
from mrimage.tables import found, schemas

MOST_BYTES = 60_000
"""The most bytes of a picture in the repository."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )
    return folder


def links(site: Path) -> subprocess.CompletedProcess[str]:
    script = DOCS / "site/links.py"
    return subprocess.run(
        [sys.executable, script, site], capture_output=True, text=True, check=False
    )


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_another_host(site: Path) -> None:
    checked = links(site)
    assert (checked.stdout, checked.returncode) == ("", 0)


def test_the_command_line_reference_has_every_option(site: Path) -> None:
    page = (site / "command-line.html").read_text()
    commands = next(action for action in make_parser()._actions if action.dest == "name")
    for name, command in commands.choices.items():
        assert f"mrimage {name}" in page
        for option in command._option_string_actions:
            assert option in ("-h", "--help") or option in page, (name, option)


def test_the_api_reference_documents_every_public_name(site: Path) -> None:
    import mrimage

    page = (site / "api.html").read_text()
    missing = [
        name for name, module in mrimage._MODULES.items() if f'id="{module}.{name}"' not in page
    ]
    assert missing == []


def test_every_argument_has_a_help() -> None:
    commands = next(action for action in make_parser()._actions if action.dest == "name")
    for name, command in commands.choices.items():
        assert [action.dest for action in command._actions if not action.help] == [], name


def test_a_dead_link_and_a_foreign_script_are_reported(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        '<h2 id="here"></h2><a href="#here"></a><a href="#gone"></a><a href="gone.html"></a>'
        '<a href="https://example.org/"></a><script src="https://example.org/a.js"></script>'
    )
    checked = links(tmp_path)
    assert checked.returncode == 1
    assert checked.stdout.splitlines() == [
        "index.html loads https://example.org/a.js",
        "index.html links to #gone, which does not exist",
        "index.html links to gone.html, which does not exist",
    ]


@pytest.mark.parametrize(
    "schema",
    [
        *(schemas.catalogue_schema(("header", name), 1280) for name in EXTRACTORS),
        schemas.GROUPS,
        schemas.OUTPUTS,
        schemas.QUARANTINE,
        schemas.FINDINGS,
        schemas.DUPLICATES,
        schemas.FOUND_DUPLICATES,
        *found.SCHEMAS.values(),
    ],
)
def test_the_contract_names_every_column_with_its_type(schema: pa.Schema) -> None:
    names = {pa.string(): "text", pa.float64(): "float64", pa.list_(pa.string()): "list of text"}
    names[pa.list_(pa.float64())] = "list of float64"
    page = (DOCS / "contract.md").read_text()
    for column in schema:
        kind = names.get(column.type, str(column.type)).replace(
            "list<item: int32>", "list of int32"
        )
        if pa.types.is_fixed_size_list(column.type):
            kind = {"halffloat": "float16"}.get(str(column.type.value_type), "uint8")
        assert f"| `{column.name}` | " in page
        rows = [line for line in page.splitlines() if line.startswith(f"| `{column.name}` | ")]
        assert any(f"{kind} |" in row for row in rows), column


def test_the_gallery_shows_every_chart_of_the_demo_and_every_reducer() -> None:
    page = (DOCS / "gallery.md").read_text()
    charts = {name for names in SUBSECTIONS.values() for name in names}
    assert sorted(name for name in charts if f"chart-{name}.webp" not in page) == []
    assert sorted(name for name in GROUPS if f"### {name}\n" not in page) == []


@pytest.mark.parametrize(
    "path", sorted((DOCS / "pictures").glob("*.webp")), ids=lambda path: path.stem
)
def test_a_picture_is_small_and_a_page_shows_it(path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES
    with Image.open(path) as image:
        image.load()
    pages = [*DOCS.glob("*.md"), ROOT / "README.md"]
    assert any(f"pictures/{path.name}" in page.read_text() for page in pages)
