"""`python -m ninep.conformance.kernel`: the lab without the `ninep` command in front of it."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
