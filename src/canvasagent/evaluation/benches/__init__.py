"""Kinds of benchmark: each file defines `load(...)`, which returns a `Loaded`."""
