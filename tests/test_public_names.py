"""What ``import mrimage as mr`` promises: a name more or less is a decision, not an accident."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mrimage
import mrimage.errors


def test_the_public_names_are_these_and_all_can_be_had() -> None:
    assert mrimage.__all__ == [
        "AccountingError",
        "BudgetError",
        "Crop",
        "DeniedError",
        "Edits",
        "EngineError",
        "Image",
        "ImageError",
        "InternalError",
        "Job",
        "JobError",
        "Limits",
        "MrimageError",
        "NotFoundError",
        "Output",
        "Results",
        "Round",
        "Rule",
        "SinkError",
        "SourceError",
        "Statistic",
        "StoreError",
        "Summary",
        "Table",
        "UsageError",
        "__version__",
        "batched",
        "contact_sheet",
        "extractor",
        "open",
        "open_image",
        "run",
    ]
    for name in mrimage.__all__:
        assert getattr(mrimage, name) is not None


def test_an_error_of_a_run_can_be_caught_by_its_public_name() -> None:
    errors = {name for name in mrimage.__all__ if name.endswith("Error")}
    own = {
        name
        for name, value in vars(mrimage.errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    inner = {
        "CarelessError",
        "CodeError",
    }  # between a task and its engine, and a kind of ImageError
    assert errors == own - inner


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--help"],
        ["run"],
        ["rum"],
        ["run", "a", "b", "--no-such-option"],
        ["run", "a", "b", "--resize", "512x"],
        ["run", "a", "b", "--format", "jpgg"],
        ["retry", "a", "--workers", "0"],
    ],
    ids=" ".join,
)
def test_help_and_bad_usage_load_neither_numpy_nor_codecs(arguments: list[str]) -> None:
    code = (
        "import sys, mrimage.cli.main as cli\n"
        f"try: status = cli.main({arguments})\n"
        "except SystemExit as end: status = end.code\n"
        "heavy = {'numpy', 'pyvips', 'pyarrow', 'duckdb', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == (0 if "--help" in arguments else 2), done.stderr
