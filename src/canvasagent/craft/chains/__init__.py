"""Chains of Tables 7 and 8 as data, user-defined ones, mixes, and their binding to pictures."""
