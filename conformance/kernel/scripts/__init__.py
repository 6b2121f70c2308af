"""Numbered conformance scripts.

A script is a module of functions `check_NAME(here: Place)`, each with one fresh empty directory.
It may declare `NEEDS` (see `needs`), `SHORT = True` (also runs over the second transport),
`LONG = True` (runs when it is asked for: `--long`, `--all`, `--script`), `DEADLINE` (seconds for
one check) and `prepare(backing)`.
"""
