"""Reasons: what was seen, what went wrong with it, and why the next step is the next one."""

from __future__ import annotations

import random
import re

from canvasagent.craft.acts import act_named
from canvasagent.craft.plan import Branch, Node, Plan, Step
from canvasagent.craft.writers.base import Seen
from canvasagent.craft.writers.grammar.lexicon import data, gerund
from canvasagent.craft.writers.grammar.patterns import fill, pattern, tidy
from canvasagent.craft.writers.grammar.pictures import served_by
from canvasagent.craft.writers.grammar.seeing import agreed, first_look, result_of, slots_of, trouble_of

MOST_WORDS = 55


def write_reason(plan: Plan, step: Step, seen: tuple[Seen, ...], key: str) -> str:
    """What is thought before `step`, after `seen`."""
    rng = random.Random(f"{key}/reason/{step.id}/{len(seen)}")
    slots = reason_slots(step)
    last = seen[-1] if seen else None
    mends = last is not None and (last.mishap or last.failed) and step.purpose != "check"
    opening = _opening(plan, step, last, mends, rng)
    text = f"{opening} {_next(plan, step, seen, mends, slots, rng)}"
    if len(text.split()) > MOST_WORDS:
        text = _plain_next(step, slots, rng) if not mends else text
    return capitals(agreed(tidy(text), step.facts.get("thing", "")))


def reason_slots(step: Step) -> dict[str, str]:
    """The facts of `step` with what depends on their kind."""
    slots = slots_of(step)
    return slots | (act_named(step.act).slots(step, slots) if "adjustment" in slots else {})


def order_words(step: Step, slots: dict[str, str], rng: random.Random, part: str = "orders") -> str:
    """The step in plain words that its facts suffice for."""
    choices = [text for text in getattr(act_named(step.act).wording, part) if pattern(text).needs <= slots.keys()]
    return fill(rng.choice(choices), slots) if choices else f"make the {step.tool} call"


def _opening(plan: Plan, step: Step, last: Seen | None, mends: bool, rng: random.Random) -> str:
    if last is None:
        return first_look(plan, step, rng) if rng.random() < 0.85 else ""
    if mends or last.failed:
        return trouble_of(last, step, rng)
    return result_of(last, rng) if last.step.tool in ("Grounding", "OCR") or rng.random() < 0.9 else ""


def _next(
    plan: Plan, step: Step, seen: tuple[Seen, ...], mends: bool, slots: dict[str, str], rng: random.Random
) -> str:
    frames = data("reasons")["next"]
    order = order_words(step, slots, rng)
    forms = {"to": order, "doing": gerund(order)}
    if mends:
        return fill(rng.choice(frames["again"]), forms)
    why = _why(plan, step, slots, rng) if rng.random() < 0.6 else None
    if why:
        return fill(rng.choice(frames["why"]), {**forms, "why": why, "Why": why})
    path = plan.path()
    if not seen:
        return fill(rng.choice(frames["alone" if len(path) == 1 else "first"]), forms)
    if path and step.id == path[-1].id and rng.random() < 0.6:
        return fill(rng.choice(frames["last"]), forms)
    return fill(rng.choice(frames["frames"]), forms)


def _plain_next(step: Step, slots: dict[str, str], rng: random.Random) -> str:
    order = order_words(step, slots, rng)
    return fill(rng.choice(data("reasons")["next"]["frames"]), {"to": order, "doing": gerund(order)})


def _why(plan: Plan, step: Step, slots: dict[str, str], rng: random.Random) -> str | None:
    """Why `step` is made: what it serves, or what is asked for."""
    table = act_named(step.act).wording.why
    keys = [f"/{step.facts['why']}"] if "why" in step.facts else []
    keys += [">branch"] if _decides(plan.nodes, step) else []
    keys += [">answer"] if step.purpose == "answer" else []
    served = served_by(plan, step)
    if served is not None:
        keys += [f">{served.act}"] + ([">edit"] if served.tool == "ImageEdit" else [])
    keys.append("")
    for key in keys:
        choices = [text for text in table.get(key, ()) if pattern(text).needs <= slots.keys()]
        if choices:
            return fill(rng.choice(choices), slots)
    return None


def _decides(nodes: tuple[Node, ...], step: Step) -> bool:
    for node in nodes:
        if isinstance(node, Branch) and (node.condition.step == step.id or _decides((*node.yes, *node.no), step)):
            return True
    return False


_START = re.compile(r"(?:^|(?<=[.?!] ))([a-z])")


def capitals(text: str) -> str:
    """`text` with a capital at the start of each sentence."""
    text = _START.sub(lambda match: match[1].upper(), text)
    return re.sub(r"([.?!])\.+", r"\1", text)
