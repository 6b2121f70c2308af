"""Numbered conformance scripts.

A script is a module of functions `check_NAME(here: Place)`, each with one fresh empty directory.
It may declare `NEEDS` (see `needs`), `SHORT = True` (also runs over the second transport),
`DEADLINE` (seconds for one check) and `prepare(backing)`.
"""
