"""Broken servers that the cases of `conformance/wire/` must catch: the proof that each can fail.

A mutant is our own server with one thing wrong.  `semantic.toml` has those that were thought of,
one or more for each clause, as an old and a new piece of source at a named seam; `mechanical` makes
more from the tables; `degenerate` has servers that do next to nothing.  `sweep` runs the cases on
them and records who killed whom.
"""
