"""Run as a file by the guest's init: make the package importable and start the bench, or another
module of it that has a `main`.

The interpreter runs isolated and without site-packages (`-I -S`), which halves its start under
User Mode Linux; so the folder that holds the `kernel` package goes onto the path here.
"""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    path, name = sys.argv[1:]
    sys.exit(importlib.import_module(f"kernel.{name}").main(path))
