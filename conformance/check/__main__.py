"""`python -m ninep.conformance.check`: the suite without the `ninep` command in front of it."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
