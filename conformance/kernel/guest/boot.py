"""Run as a file by the guest's init: make the package importable and start the bench.

The interpreter runs isolated and without site-packages (`-I -S`), which halves its start under
User Mode Linux; so the folder that holds the `kernel` package goes onto the path here.
"""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    bench = importlib.import_module("kernel.guest.bench")
    sys.exit(bench.main(sys.argv[1]))
