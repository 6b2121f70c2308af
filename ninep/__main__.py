"""`python -m ninep`."""

from ninep.cli import entry

if __name__ == "__main__":
    entry()
