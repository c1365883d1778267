"""The command ``mrimage``, and ``python -m mrimage``: as little as can be before Ctrl-C is answered in one line."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and answer its exit status."""
    try:
        from mrimage.cli import main as cli

        return cli.main()
    except KeyboardInterrupt:
        print("mrimage: interrupted before anything was done.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
