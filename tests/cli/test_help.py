"""What ``--help`` says is what there is."""

from __future__ import annotations

import re

import pytest

from mrimage.cli.main import KEY_HELP, main
from mrimage.image import CORRECTIONS, ENCODERS, EXTRACTORS
from mrimage.image.names import COLOR_SPACES
from mrimage.mappers.keys import KEYS
from mrimage.reducers import GROUPS


def test_help_names_every_key_and_nothing_else() -> None:
    names = re.sub(r"\([^)]*\)", "", KEY_HELP).rpartition(":")[2]
    assert {name.strip() for name in names.split(",")} == set(KEYS)


def test_help_names_every_edit_extractor_and_reducer(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert [
        name
        for name in (*CORRECTIONS, *ENCODERS, *COLOR_SPACES, *EXTRACTORS, *GROUPS)
        if name not in text
    ] == []
