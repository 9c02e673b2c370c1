"""Comparison of policies on a benchmark, with intervals, tests and a human study.

statistics.py   intervals, paired tests, agreement, rank correlation
"""
