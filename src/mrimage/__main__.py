"""``python -m mrimage``."""

import sys

from mrimage.cli import main

sys.exit(main())
