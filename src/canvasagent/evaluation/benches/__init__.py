"""Kinds of benchmark: each file defines `load(...)`, which gives the tasks and their version."""
