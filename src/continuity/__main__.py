"""``python -m continuity``."""

import sys

from continuity.cli import main

if __name__ == "__main__":
    sys.exit(main())
