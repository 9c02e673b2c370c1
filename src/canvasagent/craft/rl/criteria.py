"""What must not have happened, as checks; and what success means, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from canvasagent.craft.acts import CheckContext, act_named
from canvasagent.craft.plan import Branch, Condition, Node, Plan, Step
from canvasagent.craft.plan_checks import unique
from canvasagent.craft.views import PictureState
from canvasagent.english.nouns import plural
from canvasagent.english.phrases import is_plural, with_article

Data = dict[str, Any]
BEARERS = ("sign", "billboard")
"""What bears a text: that it can be read says more surely that it is there than its shape, which the text covers."""


def untaken(nodes: Sequence[Node], carried: bool = True) -> Iterator[Step]:
    """The steps of the sides that are not executed."""
    for node in nodes:
        if isinstance(node, Branch):
            yield from untaken(node.yes, carried and node.condition.holds)
            yield from untaken(node.no, carried and not node.condition.holds)
        elif not carried:
            yield node


def checks_against(plan: Plan, checks: Sequence[Data], final: PictureState) -> tuple[Data, ...]:
    """The checks, and those that fail if the wrong side of a branch was executed: what it adds must be absent."""
    selected = [data for data in checks if final.upright or not str(data["check"]).startswith("text_")]
    selected = [data for data in selected if data.get("object") not in BEARERS]
    for step in plan.path():
        content = step.arguments.get("content")
        laid_over = "content" in act_named(step.act).takes and isinstance(content, str)
        if laid_over and final.kind == "image" and not final.restyled:
            selected.append({"check": "contains_input", "input": int(str(content).removeprefix("img_"))})
    if plan.result is None or final.kind != "image" or not final.upright or final.restyled:
        return tuple(selected)
    for step in untaken(plan.nodes):
        selected += act_named(step.act).undone(CheckContext(plan, step, final, frozenset(), (), last=False))
    return unique(selected)


def criteria_of(plan: Plan) -> list[str]:
    """Success in words: how each branch turns out, what is done, and what is measured on the result."""
    branches = [_branch(branch) for branch in _met(plan.nodes)]
    return [*branches, *(in_words(check) for check in plan.checks)]


def _met(nodes: Sequence[Node]) -> Iterator[Branch]:
    """The branches that are come to on the plan's pictures."""
    for node in nodes:
        if isinstance(node, Branch):
            yield node
            yield from _met(node.yes if node.condition.holds else node.no)


def _branch(branch: Branch) -> str:
    yes, no = branch.yes, branch.no
    side, other = (yes, no) if branch.condition.holds else (no, yes)
    what = "what the request says for this case is done" if side else "nothing is done about it"
    rest = ", and not what it says for the other" if side and other else ""
    return f"{condition_in_words(branch.condition)}: {what}{rest}."


def condition_in_words(condition: Condition) -> str:
    """How a condition turns out, as a statement."""
    facts, holds = condition.facts, condition.holds
    thing = facts.get("thing", "")
    match condition.kind:
        case "present":
            there = "There are" if is_plural(thing) else "There is"
            return f"{there} {with_article(thing)}" if holds else f"{there} no {thing}"
        case "count":
            several, least = plural(thing), facts.get("at least", "1")
            return f"There are at least {least} {several}" if holds else f"There are fewer than {least} {several}"
        case "text says":
            return f"It says '{facts['text']}'" if holds else f"It does not say '{facts['text']}'"
        case "text present":
            return "There is text" if holds else "There is no text"
        case _:
            return "The picture is upside down" if holds else "The picture is the right way up"


def in_words(check: Data) -> str:
    """A check as a sentence."""
    parameters, name = check, check["check"]
    of = f"input {parameters['input']}" if "input" in parameters else "the input"
    match name:
        case "object_present":
            return f"The result shows {with_article(parameters['object'])}."
        case "object_absent":
            return f"The result shows no {parameters['object']}."
        case "object_color":
            return f"The {parameters['object']} is {parameters['color']}."
        case "text_readable":
            return f"'{parameters['text']}' can be read in the result."
        case "text_absent":
            return f"'{parameters['text']}' cannot be read in the result."
        case "mirrored":
            return f"The result is {of}, mirrored left to right."
        case "orientation":
            mirrored = " and mirrored" if parameters.get("mirrored") else ""
            return f"The result is {of}, turned {parameters['turned']} degrees clockwise{mirrored}."
        case "size_ratio":
            what = "area" if parameters.get("of") == "area" else "sides"
            return f"The result's {what} are {parameters['ratio']:g} times those of {of}.".replace(
                "area are", "area is"
            )
        case "contains_input":
            return f"The result shows {of}, whole."
        case "transparent":
            return "The result is a cut-out: transparent around the thing, and tight."
        case "answer_contains":
            return f"The answer says {', '.join(map(str, parameters['words']))}."
        case "not_blank":
            return "The result is a picture" + (
                f" that differs from input {parameters['differs_from']}." if "differs_from" in parameters else "."
            )
        case _:
            listing = ", ".join(f"{key} {value}" for key, value in parameters.items() if key != "check")
            return f"{name.replace('_', ' ')} holds: {listing}."
