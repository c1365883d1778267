"""``mrimage explore``: the page over OUT, served or as files."""

from __future__ import annotations

import argparse
import webbrowser
from contextlib import ExitStack, closing, suppress
from importlib.util import find_spec
from pathlib import Path

from mrimage.errors import JobError, UsageError
from mrimage.storage import Store, StoreSettings
from mrimage.types import RunFacts


def serve_page(
    results: Path,
    facts: RunFacts,
    store: Store,
    settings: StoreSettings,
    options: argparse.Namespace,
) -> int:
    """Serve the page until Ctrl-C, and print its url. Raises JobError if a library is missing."""
    for library in ("starlette", "uvicorn"):
        if find_spec(library) is None:
            raise JobError(
                f"mrimage explore needs {library}, but it is not installed: "
                'pip install "mrimage[explore]"'
            )
    from mrimage.explore.marks import marks_of
    from mrimage.explore.pile import Pile
    from mrimage.explore.server import open_explorer

    if not 0 <= options.port <= 65535:
        raise UsageError(f"--port must be a number from 0 to 65535, but got {options.port}.")
    marks = marks_of(options.out, settings)
    with ExitStack() as stack, suppress(KeyboardInterrupt):
        pile = stack.enter_context(closing(Pile(results, facts)))
        explorer = open_explorer(
            stack, pile, store, marks, settings, host=options.host, port=options.port
        )
        print(f"{explorer.url}\nCtrl-C ends the server.", flush=True)
        if options.open:
            webbrowser.open(explorer.url)
        explorer.run()
    return 0


def export_page(
    results: Path, facts: RunFacts, store: Store, settings: StoreSettings, folder: str
) -> int:
    """Write the page as files into ``folder``, and print where it is."""
    from mrimage.explore.exported import export_to
    from mrimage.explore.pile import Pile

    with closing(Pile(results, facts)) as pile:
        page = export_to(pile, store, settings, Path(folder))
    print(page)
    return 0
