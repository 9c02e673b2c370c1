"""Difficulty: the paper's Table 2 as code, measured on a whole plan, both sides of its branches included.

L counts the calls of the path that is carried out, D the distinct tools in it. R is what choosing that path takes:

    branches   conditions in the request
    full       branches that ask for something on both sides
    nesting    how many conditions lie within each other, at most
    paths      distinct courses that the request allows
    state      how often what happens hangs on what happened before: arguments that a step found, each change of the
               picture that a box is followed through, conditions on a picture that a step made

and is then

    easy     a single course: no branch and state of at most 3, or one branch that has but one side
    hard     nested conditions on at least 3 courses; or at least 3 branches that make 6 courses or more, with state
             of 2 or more
    medium   everything between
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from canvasagent.craft.plan import Branch, Found, Made, Node, Plan, Step

Level = Literal["easy", "medium", "hard"]
LEVELS: tuple[Level, ...] = ("easy", "medium", "hard")

LONG, LONGEST = 5, 9
"""Calls from which L is medium, and hard."""
WIDE, WIDEST = 3, 5
"""Distinct tools from which D is medium, and hard."""
STATE = 4
"""State from which a single course is not easy any more."""
PATHS_NESTED, BRANCHES_WIDE, PATHS_WIDE, STATE_WIDE = 3, 3, 6, 2
"""What makes R hard; see above."""


@dataclass(frozen=True)
class Reasoning:
    """What R is measured by; see the module's docstring."""

    branches: int
    full: int
    nesting: int
    paths: int
    state: int

    @property
    def level(self) -> Level:
        """R of Table 2."""
        if self.nesting > 1 and self.paths >= PATHS_NESTED:
            return "hard"
        if self.branches >= BRANCHES_WIDE and self.paths >= PATHS_WIDE and self.state >= STATE_WIDE:
            return "hard"
        weak = self.branches == 1 and not self.full
        return "easy" if weak or (not self.branches and self.state < STATE) else "medium"


def measure(plan: Plan) -> dict[str, str]:
    """R, L and D of a plan."""
    steps = plan.path()
    return {"R": reasoning(plan).level, "L": of_length(len(steps)), "D": of_diversity(step.tool for step in steps)}


def of_length(steps: int) -> Level:
    """L: 1–4, 5–8, 9 and more calls."""
    return "easy" if steps < LONG else "medium" if steps < LONGEST else "hard"


def of_diversity(tools: Iterable[str]) -> Level:
    """D: 1–2, 3–4, 5 and more distinct tools."""
    count = len(set(tools))
    return "easy" if count < WIDE else "medium" if count < WIDEST else "hard"


def reasoning(plan: Plan) -> Reasoning:
    """What the choice of the path takes."""
    branches = plan.branches()
    full = sum(bool(branch.yes) and bool(branch.no) for branch in branches)
    return Reasoning(len(branches), full, _nesting(plan.nodes), _paths(plan.nodes), _state(plan))


def _nesting(nodes: Sequence[Node]) -> int:
    inner = [max(_nesting(node.yes), _nesting(node.no)) + 1 for node in nodes if isinstance(node, Branch)]
    return max(inner, default=0)


def _paths(nodes: Sequence[Node]) -> int:
    product = 1
    for node in nodes:
        if isinstance(node, Branch):
            product *= _paths(node.yes) + _paths(node.no)
    return product


def _steps(nodes: Sequence[Node]) -> Iterable[Step]:
    """Every step, on whichever side of a branch."""
    for node in nodes:
        if isinstance(node, Branch):
            yield from _steps(node.yes)
            yield from _steps(node.no)
        else:
            yield node


def _state(plan: Plan) -> int:
    steps = {step.id: step for step in _steps(plan.nodes)}
    references = [value for step in steps.values() for value in step.arguments.values() if isinstance(value, Found)]
    conditions = [steps.get(branch.condition.step) for branch in plan.branches()]
    changed = sum(step is not None and isinstance(step.arguments.get("image"), Made) for step in conditions)
    return sum(1 + len(value.through) for value in references) + changed
