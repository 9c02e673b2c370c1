"""The checks of an edit of the profile `lite`: its own examples ask for it, and for nothing else."""

from __future__ import annotations

from canvasagent.backends.lite.edits import Edit, all_edits, understands
from canvasagent.testing.errors import require


def check_edit(name: str) -> None:
    """Hold an edit, by name, against the contract. Raises `ConformanceError` for the first thing wrong.

    What it does to pixels is for a test of its own.
    """
    subject = f"edit '{name}'"
    edit = all_edits().get(name)
    require(isinstance(edit, Edit), subject, f"there is no such edit; there are {', '.join(all_edits())}.")
    assert edit is not None
    require(bool(edit.summary.strip()), subject, "has no summary; say in a few words what it does.")
    require(bool(edit.words), subject, "has no words; say what asks for it.")
    require(bool(edit.examples), subject, "has no examples; give prompts that must be understood as this edit.")
    require(edit.strength > 0, subject, f"its strength is {edit.strength}; give a positive number.")
    for example in edit.examples:
        plan = understands(example)
        require(not plan.unknown, subject, f"its example {example!r} is not understood: {plan.unknown}.")
        used = [step.edit for step in plan.steps]
        require(used == [name], subject, f"its example {example!r} is understood as {used}.")
