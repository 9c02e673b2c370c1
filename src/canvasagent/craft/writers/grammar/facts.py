"""The facts of a step as slots of patterns, with all that follows from them."""

from __future__ import annotations

import re
from collections.abc import Callable

from canvasagent.craft.acts import act_named
from canvasagent.craft.plan import Step
from canvasagent.craft.writers.grammar.patterns import agreement
from canvasagent.english.nouns import plural
from canvasagent.english.phrases import is_plural

_TO = re.compile(r"(?:to|towards|into|onto)\b")


def facts_of(step: Step, keep: Callable[[str], str]) -> dict[str, str]:
    """The facts of `step`; `keep` makes what stands for a text in quotes."""
    facts = {name: value for name, value in step.facts.items() if value}
    act = act_named(step.act)
    for name in act.quoted:
        if name in facts:
            facts[name] = keep(facts[name])
    facts |= agreement(is_plural(step.facts.get("thing", "")))
    own = act.slots(step, facts)
    if step.act == "adjust":
        facts.pop("adjustment")
    if "where" in facts:
        where = facts["where"]
        facts["to where"] = where if _TO.match(where) else f"so that {facts['they']} {facts['is']} {where}"
    facts |= own
    return facts


def is_prompt_place(prompt: str) -> bool:
    """Whether a prompt begins with its place, so that it cannot stand after "a picture of"."""
    return bool(re.match(r"(?:in|on|at|under|near|inside)\b", prompt))


def several(phrase: str) -> str:
    """`phrase` as a plural, for counts."""
    return phrase if is_plural(phrase) else plural(phrase)
