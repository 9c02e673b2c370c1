"""Branches in words: both sides are said, and which side a sentence belongs to is never left open."""

from __future__ import annotations

import re

from canvasagent.craft.plan import Branch, Condition, Node, Step
from canvasagent.craft.writers.grammar.acts import clause
from canvasagent.craft.writers.grammar.facts import several
from canvasagent.craft.writers.grammar.lexicon import data
from canvasagent.craft.writers.grammar.patterns import LOCATIVES, ended, fill, pattern
from canvasagent.craft.writers.grammar.referring import Reference
from canvasagent.english.phrases import is_plural, with_article

_WORDS = {"1": "one", "2": "two", "3": "three", "4": "four", "5": "five"}
_COUNTS = ("at least", "at_least", "count", "number", "n")


def says_something(branch: Branch) -> bool:
    """Whether a side of it asks for anything."""
    return any(_asks(node) for node in (*branch.yes, *branch.no))


def _asks(node: Node) -> bool:
    return says_something(node) if isinstance(node, Branch) else node.purpose in ("asked", "answer", "check")


def after_another(sentences: list[str], ref: Reference) -> list[str]:
    """The sentences of a branch that follows another one: it belongs to no side of that."""
    lead = ref.rng.choice(data("conditions")["forms"]["either_way"])
    return [f"{lead}, {sentences[0]}", *sentences[1:]]


def branch_sentences(branch: Branch, ref: Reference) -> list[str]:
    """The sentences of `branch`."""
    forms = data("conditions")["forms"]
    rng = ref.rng
    yes_says, no_says = any(map(_asks, branch.yes)), any(map(_asks, branch.no))
    yes, no = _condition(branch.condition, ref)
    if _flat(branch.yes) and _flat(branch.no):
        kind = "both" if yes_says and no_says else "yes" if yes_says else "no"
        template: str = rng.choice(forms[kind])
        sides: dict[str, str] = {}
        for letter in re.findall(r"\{([AB])\}", template):  # in the order in which they are read
            if letter not in sides:
                sides[letter] = _side(branch.yes if letter == "A" else branch.no, ref)
        return [ended(fill(template, {"yes": yes, "no": no, **sides}))]
    sentences: list[str] = []
    if yes_says:
        sentences += _nested(rng.choice(forms["nested_yes"]), {"yes": yes}, "A", branch.yes, ref)
    if no_says:
        key = "nested_no" if _flat(branch.no) else "nested_no_deep"
        template = (
            rng.choice(forms[key]) if yes_says else "if {no}, {B}" if _flat(branch.no) else "if {no}, do this: {B}"
        )
        sentences += _nested(template, {"no": no}, "B", branch.no, ref)
    return sentences


def _nested(template: str, words: dict[str, str], letter: str, nodes: tuple[Node, ...], ref: Reference) -> list[str]:
    if _flat(nodes):
        return [ended(fill(template, {**words, letter: _side(nodes, ref)}))]
    parts: list[str] = []
    for node in nodes:
        if isinstance(node, Branch):
            if not says_something(node):
                continue
            ref.focus = None
            inner = branch_sentences(node, ref)
            still = [f"{ref.rng.choice(data('conditions')['forms']['still'])}, {inner[0]}"] if parts else inner[:1]
            parts += [*still, *inner[1:]]
        elif _asks(node):
            ref.focus = None
            parts.append(ended(clause(node, ref).do))
    first = fill(template, {**words, letter: parts[0]}) if parts else ""
    return [ended(first), *parts[1:]]


def _flat(nodes: tuple[Node, ...]) -> bool:
    return not any(isinstance(node, Branch) and says_something(node) for node in nodes)


def _side(nodes: tuple[Node, ...], ref: Reference) -> str:
    """The orders of a side, joined by commas and `and`."""
    ref.focus = None
    orders = [clause(node, ref).do for node in nodes if isinstance(node, Step) and _asks(node)]
    ref.focus = None
    if not orders:
        return "leave it as it is"
    glue = ref.rng.choice([" and then ", " and ", " and after that "])
    return glue.join(filter(None, [", ".join(orders[:-1]), orders[-1]]))


def _condition(condition: Condition, ref: Reference) -> tuple[str, str]:
    """The condition as it is said after "if", and its denial."""
    facts = condition.facts
    thing = facts.get("thing", "")
    kind: str = condition.kind
    if kind == "present" and is_plural(thing):
        kind = "present_plural"
    slots = {"thing": thing, "a thing": with_article(thing) if thing else "", "things": several(thing) if thing else ""}
    number = next((facts[name] for name in _COUNTS if name in facts), "2")
    slots["n"] = ref.rng.choice((number, _WORDS.get(number, number)))
    if "text" in facts:
        slots["text"] = ref.keep(facts["text"])
    step = ref.grounds.steps.get(condition.step)
    ground = ref.grounds.of(step) if step else None
    name = f"the {ref.noun}"
    must = step is not None and ref.must_name(step)
    if ground is not None and (must or ref.naming.root is None):
        name = ref.naming.name(ground)
    slots["the picture"] = name
    table = data("conditions")[kind]
    texts = []
    for side in ("yes", "no"):
        choices = [text for text in table[side] if not must or pattern(text).names_picture]
        form = pattern(ref.rng.choice(choices))
        filled = dict(slots)
        if slot := next((slot for slot in LOCATIVES if slot in form.takes), None):
            filled[slot] = f"{slot} {name}" if must or ref.rng.random() < 0.5 else ""
        texts.append(fill(form.text, filled))
    return texts[0], texts[1]
