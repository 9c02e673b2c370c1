"""Acts joined to a text: which are said, in what groups, in what order of the words."""

from __future__ import annotations

from collections.abc import Sequence

from canvasagent.craft.acts import act_named
from canvasagent.craft.plan import Branch, Node, Step
from canvasagent.craft.writers.grammar import branching
from canvasagent.craft.writers.grammar.acts import clause, framed, free_sentence, order_kind
from canvasagent.craft.writers.grammar.lexicon import data
from canvasagent.craft.writers.grammar.patterns import Clause, ended, fill
from canvasagent.craft.writers.grammar.referring import Reference

CHECKS_SAID = 0.75
NEEDED_SAID = 0.05
LISTED = 0.12
GLUED = 0.55
"""Share of terse instructions that are one line of fragments."""


def spoken(nodes: Sequence[Node], ref: Reference) -> list[Node]:
    """The `nodes` that the instruction names: what is asked for, most checks, few of the steps that are only needed."""
    chosen: list[Node] = []
    branches = ref.plan.branches()
    deciding = {branch.condition.step for branch in branches}  # a branch says by itself what it turns on
    for node in nodes:
        if isinstance(node, Branch):
            if branching.says_something(node):
                chosen.append(node)
        elif (
            node.purpose in ("asked", "answer")
            or (node.purpose == "check" and (bool(branches) or ref.rng.random() < CHECKS_SAID))
            or (
                node.act in ("locate", "read")
                and node.purpose == "needed"
                and node.id not in deciding
                and len(nodes) > 1
                and ref.rng.random() < NEEDED_SAID
            )
        ):
            chosen.append(node)
    steps = [node for node in nodes if isinstance(node, Step)]
    return chosen or [*steps[-1:]]


def instruction_sentences(nodes: Sequence[Node], ref: Reference) -> list[str]:
    """The sentences of an instruction, without capitals; each ends with its mark."""
    items = spoken(nodes, ref)
    rng = ref.rng
    only_steps = all(isinstance(item, Step) for item in items)
    if len(items) == 1 and isinstance(items[0], Step):
        return [ended(single(items[0], ref))]
    if ref.tone == "terse" and only_steps and len(items) <= 5 and rng.random() < GLUED:
        return [ended(_glued([item for item in items if isinstance(item, Step)], ref))]
    if len(items) >= 3 and rng.random() < LISTED:
        return listed(items, ref)
    return sentences(items, ref)


def single(step: Step, ref: Reference) -> str:
    """One act as a sentence of its own, in any form."""
    rng = ref.rng
    free = ["say"] if act_named(step.act).wording.say else []
    if step.purpose == "answer" and act_named(step.act).wording.ask:
        free += ["ask", "ask"]
    if ref.tone == "terse" and act_named(step.act).wording.note:
        free += ["note", "note"]
    if (
        step.purpose != "check"
        and free
        and rng.random() < 0.15 + 0.12 * len(free)
        and (free_clause := free_sentence(step, ref, free))
    ):
        return free_clause.text
    return wrapped(clause(step, ref), ref, order_kind(step) == "tell")


def wrapped(made: Clause, ref: Reference, tells: bool = False) -> str:
    """A clause in a frame of its own."""
    if tells:
        return framed("tell", made.forms(), ref)
    kind = ref.rng.choices(("do", "doing", "done"), (6, 2, 2.5 if made.done else 0))[0]
    return framed(kind, made.forms(), ref)


def sentences(items: list[Node], ref: Reference) -> list[str]:
    """`items` in sentences of one to three acts."""
    result: list[str] = []
    start = 0
    after_branch = False
    while start < len(items):
        item = items[start]
        if isinstance(item, Branch):
            inner = branching.branch_sentences(item, ref)
            result += branching.after_another(inner, ref) if after_branch else inner
            start, after_branch = start + 1, True
            continue
        group = _group(items, start, ref)
        last = start + len(group) == len(items)
        result.append(ended(_sentence(group, ref, start == 0, last, after_branch)))
        start, after_branch = start + len(group), False
    return result


def _group(items: list[Node], start: int, ref: Reference) -> list[Step]:
    size = ref.rng.choices((1, 2, 3), (5, 5, 1.5))[0]
    group: list[Step] = []
    for item in items[start : start + size]:
        if isinstance(item, Branch):
            break
        group.append(item)
    return group


def _sentence(group: list[Step], ref: Reference, first: bool, last: bool, after_branch: bool) -> str:
    rng = ref.rng
    joins = data("joins")
    asks = (
        len(group) == 1 and group[0].purpose == "answer" and act_named(group[0].act).wording.ask and rng.random() < 0.5
    )
    if asks and (question := free_sentence(group[0], ref, ["ask"], plain=not first)):
        text = question.text
        if first:
            return text
        templates = joins["after"]["ask"] if after_branch else joins["asks"]["last" if last else "next"]
        return fill(rng.choice(templates), {"ask": text})
    if first and len(group) == 1 and rng.random() < 0.3:
        return single(group[0], ref)
    made = joined(group, ref, free=first)
    if isinstance(made, str):
        return made
    if after_branch:
        return fill(rng.choice(joins["after"]["do"]), made.forms())
    if first:
        if not last and rng.random() < 0.25:
            starts = [text for text in joins["first"]["do"] if len(group) == 1 or text.endswith(", {do}")]
            return fill(rng.choice(starts), made.forms())
        return wrapped(made, ref, tells=made.done is None) if rng.random() < 0.5 else made.do
    if rng.random() < 0.15:
        return made.do
    part = "last" if last and rng.random() < 0.6 else "next"
    return fill(rng.choice(joins[part]["do"]), made.forms())


def joined(group: list[Step], ref: Reference, free: bool = True) -> Clause | str:
    """`group` as one clause, or as a sentence whose words are in another order than the acts."""
    if len(group) == 1:
        return clause(group[0], ref)
    pair = data("joins")["pair"]
    if len(group) == 3:
        one, two, three = (clause(step, ref) for step in group)
        return Clause(
            ref.rng.choice(
                [
                    "{0}, {1} and {2}",
                    "{0}, {1}, and then {2}",
                    "{0}, then {1} and {2}",
                    "{0} and {1}, then {2}",
                ]
            ).format(one.do, two.do, three.do)
        )
    kind = ref.rng.choices(("straight", "turned", "passive"), (6, 3 if free else 0, 1.5 if free else 0))[0]
    templates: list[str] = pair[kind]
    if ref.plan.branches():  # "when it is done" reads like one more condition
        templates = [text for text in templates if not text.startswith("when ")] or templates
    template: str = ref.rng.choice(templates)
    if kind == "straight" and not free:
        template = ref.rng.choice(pair["straight"][: pair["whole"]])
    if template.find("{b.") < template.find("{a."):
        b = clause(group[1], ref)
        a = clause(group[0], ref)
    else:
        a = clause(group[0], ref)
        b = clause(group[1], ref)
    if kind == "passive" and a.done is None:
        template = (
            "{a.do}, then {b.do}"
            if template.startswith(("once", "as", "with", "when", "after"))
            else "{b.do} after {a.doing}"
        )
    text = fill(
        template,
        {f"{name}.{form}": words for name, made in (("a", a), ("b", b)) for form, words in made.forms().items()},
    )
    return Clause(text) if template.startswith("{a.do}") and "{b.do}" in template and "before" not in template else text


def _glued(steps: list[Step], ref: Reference) -> str:
    glue: str = ref.rng.choice(data("joins")["terse"]["glue"])
    notes = ref.rng.random() < 0.3
    parts = []
    for step in steps:
        note = free_sentence(step, ref, ["note"], plain=True) if notes and step.purpose != "check" else None
        parts.append(note.text if note else clause(step, ref).do)
    return glue.join(parts)


def listed(items: list[Node], ref: Reference) -> list[str]:
    """A list with a head, one item a line."""
    joins = data("joins")["list"]
    mark: str = ref.rng.choice(joins["marks"])
    numbers = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    head = fill(
        ref.rng.choice(joins["heads"]), {"n": numbers[len(items)] if len(items) < len(numbers) else str(len(items))}
    )
    lines = []
    after_branch = False
    for number, item in enumerate(items, 1):
        if isinstance(item, Branch):
            inner = branching.branch_sentences(item, ref)
            apart = branching.after_another(inner, ref) if after_branch else inner
            text, after_branch = " ".join(_line(sentence) for sentence in apart), True
        else:
            text, after_branch = clause(item, ref).do, False
        lines.append("\n" + mark.replace("1", str(number)) + text)
    return [head + "".join(lines)]


def _line(text: str) -> str:
    return text[:1].upper() + text[1:]
