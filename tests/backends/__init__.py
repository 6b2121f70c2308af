"""Tests of the file trees."""
