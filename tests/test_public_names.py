"""What ``import mrimage as mr`` promises: a name more or less is a decision, not an accident."""

from __future__ import annotations

import subprocess
import sys

import mrimage


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
        "Job",
        "JobError",
        "Limits",
        "MrimageError",
        "NotFoundError",
        "Output",
        "SinkError",
        "SourceError",
        "StoreError",
        "Summary",
        "UsageError",
        "__version__",
        "contact_sheet",
        "open_image",
        "run",
    ]
    for name in mrimage.__all__:
        assert getattr(mrimage, name) is not None


def test_help_loads_neither_numpy_nor_codecs() -> None:
    code = (
        "import sys, mrimage.cli.main as cli\n"
        "try: cli.main(['run', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pyvips', 'pyarrow', 'duckdb', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
