"""The entry point of ``mrimage`` and of ``python -m mrimage``.

It imports almost nothing before the ``try``, so that Ctrl-C during the imports prints one line and
no traceback.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        from mrimage.cli import main as cli

        return cli.main()
    except KeyboardInterrupt:
        print("mrimage: interrupted before anything was done.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
