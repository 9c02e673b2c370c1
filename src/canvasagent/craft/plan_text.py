"""Plans and observations as text for a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canvasagent.craft.plan import Node, Plan, Step
from canvasagent.craft.writers.base import Seen

LONGEST = 400
"""Most characters of an observation."""


def plan_text(plan: Plan) -> str:
    """The steps of a plan, one a line, branches indented."""
    return "\n".join(_lines(plan.nodes, ""))


def _lines(nodes: Sequence[Node], indent: str) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Step):
            yield indent + step_text(node)
            continue
        condition = node.condition
        facts = ", ".join(f"{name}: {value}" for name, value in condition.facts.items())
        yield f"{indent}branch on {condition.kind}" + (f" ({facts})" if facts else "")
        for label, side in (("if so", node.yes), ("if not", node.no)):
            yield f"{indent}  {label}:" + ("" if side else " nothing")
            yield from _lines(side, indent + "    ")


def step_text(step: Step) -> str:
    """A step: its tool, what it does, its facts, what it is for, and what it works on."""
    facts = ", ".join(f"{name}: {value}" for name, value in step.facts.items())
    inputs = [str(value) for value in step.arguments.values() if isinstance(value, str) and value.startswith("img_")]
    on = f" on {' and '.join(inputs)}" if inputs else ""
    return f"{step.tool} ({step.act}){on}" + (f" | {facts}" if facts else "") + f" | {step.purpose}"


def seen_text(seen: Sequence[Seen]) -> str:
    """The results of calls, one a line."""
    lines = []
    for one in seen:
        mark = " [failed]" if one.failed else " [a wrong turn, not used]" if one.mishap else ""
        text = " ".join(one.text.split())
        lines.append(f"{step_text(one.step)}{mark} -> {text[:LONGEST]}" + ("…" if len(text) > LONGEST else ""))
    return "\n".join(lines) or "Nothing was called yet."
