"""Damaged sessions against a server: `python -m ninep.conformance.fuzz`.

Each input is a session drawn from the tables, damaged by some of the mutators, and sent over a
connection of its own.  A number stands for an input: the same one is drawn again from it.
"""
