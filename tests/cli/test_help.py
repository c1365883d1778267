"""What ``--help`` says is what there is."""

from __future__ import annotations

import re

import pytest

from mrimage.cli.main import main
from mrimage.image import CORRECTIONS, ENCODERS, EXTRACTORS
from mrimage.image.names import COLOR_SPACES
from mrimage.job.fields import JOB_FIELDS, OUTPUTS, RUN_FIELDS
from mrimage.mappers.keys import KEY_NAMES
from mrimage.reducers import GROUPS


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    return re.sub(r"-\n\s+", "-", capsys.readouterr().out)


def test_help_names_everything_that_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of("run", capsys)
    names = (*KEY_NAMES, *CORRECTIONS, *ENCODERS, *COLOR_SPACES, *EXTRACTORS, *GROUPS, *OUTPUTS)
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("command", ["run", "retry"])
def test_every_option_says_what_it_means(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(command, capsys)
    fields = [
        field
        for field in (*JOB_FIELDS.values(), *RUN_FIELDS.values())
        if field.flag and f"{field.flag} " in text
    ]
    assert len(fields) > 8
    flat = " ".join(text.split())
    assert [field.name for field in fields if field.help not in flat] == []
