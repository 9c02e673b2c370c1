"""Kinds of benchmark: each file defines `load(...)`, which returns the tasks and their version."""
