"""The rules that reject tasks before anything is run: ambiguous, too simple, other than their seed.

A rule looks at a `TaskCandidate`, the task in words, and says what is wrong, or nothing. What a gold run shows
falls by the rules of `quality`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from canvasagent.craft.acts import act_named
from canvasagent.craft.difficulty import measure
from canvasagent.craft.plan import Branch, Node, Plan, Step
from canvasagent.craft.quality import RULES as GOLD_RULES
from canvasagent.craft.quality import RuleViolation, instruction_problem
from canvasagent.craft.rl.seeds import Seed
from canvasagent.craft.writers.grammar.pictures import all_steps
from canvasagent.english.nouns import plural
from canvasagent.task import question_in

LEAST_CALLS = 2
"""Calls of a task, at least."""


@dataclass(frozen=True)
class TaskCandidate:
    """A task in words, before it is tried."""

    seed: Seed
    plan: Plan
    instruction: str


Rule = Callable[[TaskCandidate], str | None]


def _instruction(task: TaskCandidate) -> str | None:
    """The instruction can be used: no mark of the wire, neither too short nor too long."""
    return instruction_problem(task.instruction)


def _inconsistent(task: TaskCandidate) -> str | None:
    """R, L and D, measured on the plan, are those of its seed."""
    measured = measure(task.plan)
    off = [f"{axis} is {level}, not {task.seed.levels[axis]}" for axis, level in measured.items()
           if level != task.seed.levels[axis]]  # fmt: skip
    return ", ".join(off) or None


def _too_simple(task: TaskCandidate) -> str | None:
    """There are two calls at least, and a check that tells success from having done just anything."""
    calls = len(task.plan.path())
    if calls < LEAST_CALLS:
        return f"it takes {calls} call{'' if calls == 1 else 's'}"
    if all(check["check"] == "not_blank" for check in task.plan.checks):
        return "no check tells whether what was asked for was done"
    return None


def _ambiguous(task: TaskCandidate) -> str | None:
    """All that it turns on is in its words, each thing is one certain thing, and both sides of a branch differ."""
    for rule in (_unmentioned, _several_meant, _same_sides, _no_question, _both_other):
        if (why := rule(task)) is not None:
            return why
    return None


def _unmentioned(task: TaskCandidate) -> str | None:
    text = _plain(task.instruction)
    for name, value, is_text in _facts(task.plan):
        wanted = [_plain(value)] if is_text else _nouns(value)
        if not any(word in text for word in wanted):
            return f"the request does not name the {'text' if is_text else name} '{value}'"
    return None


def _facts(plan: Plan) -> Iterator[tuple[str, str, bool]]:
    """What must be in words, of both sides of every branch: the fact, its value, whether it is text."""
    for step in all_steps(plan.nodes):
        if step.purpose == "needed":
            continue
        act = act_named(step.act)
        for name in act.named:
            if name in step.facts and not (step.act == "paste" and step.facts[name].endswith("picture")):
                yield name, step.facts[name], name in act.quoted
    for branch in plan.branches():
        for name, value in branch.condition.facts.items():
            if name != "at least":
                yield name, value, name == "text"


def _nouns(phrase: str) -> list[str]:
    """How a thing may be called: by its noun, alone or several, wherever it stands in the phrase."""
    head = re.split(r" (?:from|in|on|with|of)\b", phrase)[0]
    words = head.split()
    nouns = [" ".join(words[start:]) for start in range(len(words))]
    return [_plain(form) for noun in nouns for form in (noun, plural(noun))]


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("’", "'").split())


def _several_meant(task: TaskCandidate) -> str | None:
    for step in all_steps(task.plan.nodes):
        name = step.facts.get("thing", "")
        if not act_named(step.act).one_meant or not name:
            continue
        picture = _picture_of(task.plan, step)
        for thing in task.plan.pictures[picture].contents.things if picture is not None else ():
            if thing.name == name and thing.count > 1 and thing.phrase != name:
                return f"there are {thing.count} of '{name}', and one of them is meant"
    return None


def _picture_of(plan: Plan, step: Step) -> int | None:
    """The input picture that a step works on as it is, counted from 0."""
    argument = step.arguments.get("image") or step.arguments.get("base_image")
    match = re.fullmatch(r"img_(\d+)", argument) if isinstance(argument, str) else None
    return int(match[1]) - 1 if match and int(match[1]) <= len(plan.pictures) else None


def _same_sides(task: TaskCandidate) -> str | None:
    for branch in task.plan.branches():
        if not branch.yes and not branch.no:
            return "nothing hangs on a condition"
        if _sketched(branch.yes) == _sketched(branch.no):
            return "the same is asked for whichever way a condition turns out"
    return None


def _sketched(nodes: tuple[Node, ...]) -> str:
    return json.dumps([_sketch(node) for node in nodes], sort_keys=True)


def _sketch(node: Node) -> Any:
    if isinstance(node, Branch):
        return [node.condition.kind, node.condition.facts, _sketched(node.yes), _sketched(node.no)]
    return [node.act, node.facts]


def _no_question(task: TaskCandidate) -> str | None:
    """Words are the answer only where the request is understood to ask for words."""
    asks = any(step.purpose == "answer" for step in task.plan.path())
    return "it wants words for an answer, but does not ask" if asks and question_in(task.instruction) is None else None


def _both_other(task: TaskCandidate) -> str | None:
    """Two pictures in one sentence, both called the other one."""
    for sentence in re.split(r"[.!?;\n]", task.instruction):
        if len(re.findall(r"\bthe other\b(?! hand)", sentence, re.IGNORECASE)) > 1:
            return "two pictures are both called the other one"
    return None


RULES: Mapping[str, Rule] = {
    "instruction": _instruction,
    "inconsistent": _inconsistent,
    "too simple": _too_simple,
    "ambiguous": _ambiguous,
}
"""In the order in which they are applied."""


def sieve(task: TaskCandidate) -> RuleViolation | None:
    """The first rule that a task breaks; None where it is sound."""
    for name, rule in RULES.items():
        if (why := rule(task)) is not None:
            return RuleViolation(name, why)
    return None


def stages() -> dict[str, str]:
    """Every stage that can reject a task, in order, and what it requires."""
    rules = {
        "picture": "A plan of that difficulty was found, on pictures that the sources have.",
        "writer": "The writer had words.",
        **{name: " ".join((rule.__doc__ or "").split()) for name, rule in RULES.items()},
        "model": "The filter model finds it clear, worth doing and as hard as it says.",
    }
    kept = {"infrastructure": "A backend or worker of ours did not fail."}
    gold = {
        f"gold: {name}": kept.get(name, " ".join((rule.__doc__ or "").split())) for name, rule in GOLD_RULES.items()
    }
    for name in ("consistent references", "valid parameters", "execution"):
        gold[f"gold: {name}"] = f"In the gold run: {name}."
    last = {
        "done already": "Its checks do not hold before anything was done.",
        "duplicate": "No other task says the same of the same pictures, or has nearly the picture.",
        "review": "People who looked at it did not reject it.",
    }
    return {**rules, **gold, **last}
