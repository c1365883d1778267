"""The guide's tables of options are made from the table that the program itself reads.

``python tests/test_guide_options.py`` writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mrimage.cli.arguments import describe_values
from mrimage.job.defaults import describe_default
from mrimage.job.field import Field, Section
from mrimage.job.fields import JOB_SECTIONS, RUN_SECTIONS
from mrimage.job.option_types import FLAG

GUIDE = Path(__file__).parents[1] / "docs" / "guide.md"
BEGIN = "<!-- made by tests/test_guide_options.py -->\n"
END = "<!-- end of what is made -->\n"


def tables() -> str:
    """All sections as Markdown."""
    sections = [*JOB_SECTIONS, *RUN_SECTIONS]
    return "\n".join(line for section in sections for line in table(section))


def table(section: Section) -> Iterator[str]:
    yield f"### {section.title.capitalize()}\n"
    yield "| option | in Python | takes | meaning | default |"
    yield "| --- | --- | --- | --- | --- |"
    for field in section.fields:
        cells = (option(field), python(field), takes(field), field.help, describe_default(field))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def option(field: Field) -> str:
    if not field.flag:
        return ""
    metavar = field.metavar or field.type.metavar
    return f"`{field.flag} {metavar}`" if metavar else f"`{field.flag}`"


def python(field: Field) -> str:
    owner = {"RunOptions": "run", "StoreSettings": "run"}.get(field.owner, field.owner)
    no = field.flag.startswith("--no-")
    value = f"={not no}" if field.type is FLAG else "="
    return f"`{owner}({field.name}{value})`"


def takes(field: Field) -> str:
    option_type = field.type
    if option_type is FLAG:
        return ""
    values = describe_values(field)
    if values:
        return ", ".join(f"`{value}`" for value in values)
    if option_type.wanted == option_type.wanted_in_python:
        return option_type.wanted
    return f"{option_type.wanted}; in Python {option_type.wanted_in_python}"


def split() -> tuple[str, str, str]:
    """The guide before, in and after its tables."""
    before, begin, rest = GUIDE.read_text().partition(BEGIN)
    made, end, after = rest.partition(END)
    assert begin
    assert end
    return before + begin, made, end + after


def test_the_guide_s_tables_are_those_of_the_program() -> None:
    _, made, _ = split()
    assert made == tables(), "run: python tests/test_guide_options.py"


def test_every_row_has_five_cells() -> None:
    rows = [line for line in tables().splitlines() if line.startswith("|")]
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {7}


if __name__ == "__main__":
    before, _, after = split()
    GUIDE.write_text(before + tables() + after)
