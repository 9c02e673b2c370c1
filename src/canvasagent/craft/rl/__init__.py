"""Task specifications: seeds over R, L and D, expanded to plans with branches, checked, worded, tried.

seeds.py         which R, L and D each task is to have, by marginals
draft.py         a plan that is being composed: its steps, what its pictures show by now, what was spoken of
blocks.py        what a part of a request may ask for
conditions.py    what branches turn on
shape.py         how many branches within and after each other, which tools, how many calls
compose.py       a plan for a seed
criteria.py      checks of what must not happen, and success in words
filters.py       which tasks are rejected, and why
tasks.py         one task, from its seed to its record
solving.py       how a reference policy fares
review.py        the queue for people, and what they decide
"""
