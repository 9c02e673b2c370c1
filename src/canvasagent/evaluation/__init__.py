"""Comparing policies so that a sceptical reader believes the table.

statistics.py   intervals, paired tests, agreement, rank correlation
"""
