"""Words are written on the picture."""

from __future__ import annotations

import re
from dataclasses import replace

from canvasagent.craft.acts import _places, _texts
from canvasagent.craft.acts._base import Act, Asking, Bound, CheckContext, Data, Look, StepContext, Verb, Wording
from canvasagent.craft.asking import things as asking
from canvasagent.craft.plan import Plan, Step, Value
from canvasagent.craft.slots import Entity, Unfit
from canvasagent.craft.views import TextState
from canvasagent.errors import InputError


def bind(context: StepContext) -> Bound:
    """The picture with the words; over a thing they hide it."""
    text = context.words_for("text")
    position: Value
    if "at" in context.facts:
        where = f"over the {context.words_for('at')}"
        if context.box is None:
            raise Unfit(f"a box of {where}")
        position = context.box
    else:
        where = context.words_for("where")
        position = context.position or _places.position(where)
    line = TextState(f"written:{context.id}", text, bearer="label" if "at" in context.facts else None)
    view = replace(context.view, lines=(*context.view.lines, line))
    if isinstance(hidden := context.facts.get("at"), Entity):
        view = replace(view, items=tuple(item for item in view.items if item.key != hidden.key))
    arguments: dict[str, Value] = {
        "base_image": context.image, "overlay_type": "text", "content": text, "position": position,
    }  # fmt: skip
    return Bound(arguments, {"text": text, "where": where}, view)


def look(plan: Plan, step: Step) -> Look | None:
    """The words can be read."""
    return _texts.read_back(step.facts.get("text", ""))


def written(rest: str) -> dict[str, str]:
    """The facts of `write "TEXT" at PLACE`."""
    match = re.fullmatch(r'"(?P<text>.+)" at (?P<where>\S+)', rest)
    if match is None:
        raise InputError("say which words, in quotation marks, and where")
    return match.groupdict()


def undone(context: CheckContext) -> list[Data]:
    """The words are not there."""
    text = context.step.facts["text"]
    return [] if any(line.words == text for line in context.view.lines) else [{"check": "text_absent", "text": text}]


WORDING = Wording(
    object="words",
    do=(
        "write | {where?} {on?}", "put | {where?} {on?}", "add | {where?} {to?}", "print | {where?} {on?}",
        "place | {where?} {on?}", "set | {where?} {on?}", "letter | {where?} {on?}", "stamp | {where?} {on?}",
        "overlay | {where?} {on?}", "type | {where?} {on?}", "caption {the picture} with {text} {where?}",
        "have it say {text} {where?} {on?}", "label {the picture} with {text} {where?}",
        "title {the picture} with {text} {where?}", "insert | {where?} {in?}", "display | {where?} {on?}",
        "inscribe {the picture} with {text} {where?}",
    ),
    say=(
        "it should say {text} {where} {on?}", "I want to read {text} {where} {on?}",
        "{the picture} needs {text} {where}", "{text} belongs {where} {on?}",
        "{the picture} lacks a caption: {text}, {where}", "there should be {text} {where} {on?}",
        "people should read {text} {where} {on?}", "I'd like {text} {where} {on?}",
        "{the picture} isn't finished without {text} {where}", "{text} should stand {where} {on?}",
    ),
    note=(
        "text {where?}: {text}", "caption: {text} {where?}", "{text} {where}", "write {text} {where?}",
        "add text {text} {where?}", "lettering {where?}: {text}",
    ),
    orders=(
        "write {text} {where?}", "put the text {text} {where?}", "place {text} {where?}",
        "overlay the words {text} {where?}", "letter {text} {where?}",
    ),
    why={
        "": (
            "the words {text} are still missing", "the request asks for {text} on it",
            "{text} has to be readable on the picture",
        ),
    },
    saw=(
        "{text} has been written on the picture.", "The text {text} is on the picture now.",
        "The lettering {text} is placed.",
    ),
    done=("{text} was written {where?}", "the picture carries the words {text} {where?}"),
)  # fmt: skip

ACT = Act(
    name="write",
    tool="Overlayer",
    facts=("where?", "text"),
    one_of=("where",),
    bind=bind,
    undone=undone,
    checks=_texts.written,
    look=look,
    quoted=("text",),
    named=("text",),
    verbs={"write": Verb(facts=written, example='"SALE" at bottom')},
    asking=(
        Asking("early", asking.written(False), 1.5, rank=15, aside=True),
        Asking("early", asking.written(True), 2.5, "write, read", ("Overlayer", "OCR"), 16),
    ),
    wording=WORDING,
)
