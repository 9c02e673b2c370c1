"""A writer for tests: plain words, the same for the same plan, nothing to look up."""

from __future__ import annotations

from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.writers.base import Seen


class PlainWriter:
    """Says each step as it stands."""

    name = "plain"

    async def instruction(self, plan: Plan, key: str) -> str:
        """The steps of the plan, one after the other."""
        asked = [_said(step) for step in plan.path() if step.purpose in ("asked", "answer")]
        return f"Please {', then '.join(asked or ['look at it'])}."

    async def reason(self, plan: Plan, step: Step, seen: tuple[Seen, ...], key: str) -> str:
        """What comes next, and after what."""
        before = f"After {seen[-1].step.act} ({len(seen[-1].data or ())} found)" if seen else "To begin with"
        return f"{before}, the next step is to {_said(step)}."

    async def farewell(self, plan: Plan, seen: tuple[Seen, ...], key: str) -> str:
        """That all is done."""
        return f"All {len(seen)} steps are done as asked."


def _said(step: Step) -> str:
    facts = " ".join(f"{name} {value}" for name, value in step.facts.items())
    return f"{step.act} {facts}".strip()
