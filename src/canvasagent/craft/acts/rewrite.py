"""Written text is changed."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.craft.acts import _texts
from canvasagent.craft.acts._base import Act, Asking, Bound, CheckContext, Data, Look, StepContext, Wording
from canvasagent.craft.asking import things as asking
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.slots import Entity

PROMPTS = (
    "replace the text '{old}' with '{new}'",
    "change '{old}' to '{new}'",
    "change the text '{old}' to '{new}'",
)


def bind(context: StepContext) -> Bound:
    """The picture with the other text."""
    old, new = context.words_for("old"), context.words_for("new")
    entity = context.facts["old"]
    line = context.view.line(entity.key) if isinstance(entity, Entity) else None
    view = context.view.with_line(replace(line, words=new)) if line is not None else context.view
    return context.edit(view, {"old": old, "new": new}, context.prompt(PROMPTS, old=old, new=new))


def look(plan: Plan, step: Step) -> Look | None:
    """The new text can be read."""
    return _texts.read_back(step.facts.get("text") or step.facts.get("new", ""))


def checks(context: CheckContext) -> list[Data]:
    """The new text can be read, the old one not."""
    return [*_texts.readable(context), *_texts.gone(context, context.step.facts.get("old", ""))]


WORDING = Wording(
    object="old",
    do=(
        "change | to {new}", "replace | with {new}", "make | say {new}", "rewrite | as {new}",
        "let it say {new} instead of | {in?}", "swap | for {new}", "turn | into {new}", "edit | to read {new}",
        "write {new} where it says | {in?}", "update | to {new}", "correct | to {new}",
        "have it read {new} in place of |", "exchange | for {new}", "alter | to {new}", "put {new} where | is now",
        "retype | as {new}", "revise | to {new}",
    ),
    say=(
        "it should say {new}, not {old}", "where it says {old} I need {new}",
        "{old} is out of date; it should read {new}", "instead of {old} I want to read {new} {in?}",
        "it says {old} now, and it ought to say {new}", "{old} is wrong; {new} is right",
        "the text {old} should become {new}", "I'd rather it read {new} than {old}",
        "they printed {old}, but it was meant to be {new}", "I wish it said {new} instead of {old}",
    ),
    note=(
        "{old} -> {new}", "{new} instead of {old}", "text: {old} to {new}", "{old} should be {new}",
        "reword {old} as {new}", "new text for {old}: {new}",
    ),
    orders=(
        "change {old} to {new}", "replace {old} with {new}", "rewrite {old} as {new}",
        "let it say {new} instead of {old}", "edit {old} to read {new}",
    ),
    why={
        "": ("{old} should become {new}", "the wording has to change to {new}"),
    },
    done=("{old} was changed to {new}", "it says {new} instead of {old}"),
)  # fmt: skip

ACT = Act(
    name="rewrite",
    tool="ImageEdit",
    facts=("new", "old"),
    bind=bind,
    checks=checks,
    look=look,
    quoted=("old", "new"),
    named=("old", "new"),
    prompts=(r"(?:replace|change) (?:the text )?'(?P<old>[^']+)' (?:with|to) '(?P<new>[^']+)'",),
    rank=1,
    asking=(
        Asking("early", asking.rewritten(False), 1.5, rank=12),
        Asking("early", asking.rewritten(True), 3, "rewrite, read", ("ImageEdit", "OCR"), 13),
    ),
    vague=("change the text",),
    wording=WORDING,
)
