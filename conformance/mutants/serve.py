"""Serve a directory with one thing wrong, for whoever tests a client or a suite.

    python -m ninep.conformance.mutants.serve unlink-only-said ROOT ADDR

ROOT is a directory, or `memory:` for those that are wrong in the tree in memory alone.  It has
the aname `data`, too.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from ninep.backend import Backend
from ninep.backends.local import LocalBackend
from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.server import Server

from .mutant import Mutant
from .reference import NAMED
from .sweep import mutants

MEMORY = "memory:"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the end of the process."""
    parser = argparse.ArgumentParser(prog="python -m ninep.conformance.mutants.serve")
    parser.add_argument("mutant", help="its id, as the sweep prints it")
    parser.add_argument("root", help="what to export, for reading and writing")
    parser.add_argument("address", help="where to listen")
    args = parser.parse_args(argv)
    if args.mutant not in mutants():
        parser.error(f"no mutant is called {args.mutant}")
    if mutants()[args.mutant].memory and args.root != MEMORY:
        parser.error(f"{args.mutant} is wrong in the tree in memory alone: ROOT must be {MEMORY}")
    asyncio.run(serve(mutants()[args.mutant], args.root, args.address))
    return 0


async def serve(mutant: Mutant, root: str, address: str) -> None:
    """Put the mutant in and serve."""
    tree: Backend = MemoryBackend() if root == MEMORY else LocalBackend(root)
    export = ReadonlyBackend(tree) if mutant.readonly else tree
    with mutant.put():
        async with Server({b"": export, NAMED: export}, address) as server:
            print(f"listening on {server.addresses[0]}", flush=True)
            await server.wait_closed()


if __name__ == "__main__":
    sys.exit(main())
