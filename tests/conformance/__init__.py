"""Tests of conformance/."""
