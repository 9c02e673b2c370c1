"""Written text is taken away."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.craft.acts import _texts
from canvasagent.craft.acts._base import Act, Asking, Bound, CheckContext, Data, StepContext, Wording
from canvasagent.craft.asking import things as asking
from canvasagent.craft.slots import Entity

PROMPTS = ("remove the text '{text}'", "erase the text '{text}'")


def bind(context: StepContext) -> Bound:
    """The picture without the text."""
    text, entity = context.words_for("text"), context.facts["text"]
    lines = context.view.lines
    if isinstance(entity, Entity):
        lines = tuple(line for line in lines if line.key != entity.key)
    return context.edit(replace(context.view, lines=lines), {"text": text}, context.prompt(PROMPTS, text=text))


def checks(context: CheckContext) -> list[Data]:
    """The text cannot be read."""
    return [*_texts.readable(context), *_texts.gone(context, context.step.facts.get("text", ""))]


WORDING = Wording(
    object="text",
    do=(
        "erase |", "remove | {from?}", "delete | {from?}", "wipe | off {the picture}", "get rid of | {in?}",
        "take | off {the picture}", "rub | out", "make | disappear {from?}", "clear | away {from?}", "paint over |",
        "blot out | {in?}", "scrub | off {the picture}", "clean | off {the picture}", "strip | from {the picture}",
        "take away | {from?}", "retouch {the picture} so that | is gone", "edit | out {of?}",
    ),
    say=(
        "| should not be there", "| has to go", "I don't want | {in?}", "{the picture} should be free of |",
        "{the picture} would be better without |", "| is spoiling {the picture}; it has to go",
        "nobody should see | {in?}", "I need {the picture} without |", "| doesn't belong {in?}",
    ),
    note=(
        "no {text}", "erase {text}", "{text} out", "without {text}", "text {text}: delete", "remove {text}",
    ),
    orders=(
        "erase {text}", "remove the text {text}", "wipe {text} away", "take {text} off the picture",
        "clear {text} away",
    ),
    why={
        "": ("{text} should not be there", "the request wants {text} gone"),
    },
    done=("{text} was erased", "{text} was wiped off"),
)  # fmt: skip

ACT = Act(
    name="erase",
    tool="ImageEdit",
    facts=("text",),
    bind=bind,
    checks=checks,
    quoted=("text",),
    named=("text",),
    prompts=(r"(?:erase|remove) the text '(?P<text>[^']+)'", r"(?:erase|remove) the text"),
    rank=2,
    asking=(Asking("early", asking.erase, 0.5, rank=14),),
    vague=("do something about the text",),
    wording=WORDING,
)
