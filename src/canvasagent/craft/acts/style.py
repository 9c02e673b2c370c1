"""The picture is redone in a style."""

from __future__ import annotations

import re
from dataclasses import replace

from canvasagent.craft.acts._base import Act, Asking, Bound, StepContext, Wording
from canvasagent.craft.asking import pictures as asking
from canvasagent.craft.plan import Step
from canvasagent.craft.slots import a, words
from canvasagent.english.phrases import with_article

_COUNTABLE = re.compile(r"(?:sketch|painting|drawing|cartoon|mosaic|poster|comic|negative|print|etching|collage)$")


def bind(context: StepContext) -> Bound:
    """The picture in the style."""
    style = context.words_for("style")
    prompt = words()["styles"].get(style) or f"turn it into {a(style)}"
    return context.edit(replace(context.view, restyled=True), {"style": style}, prompt)


def slots(step: Step, facts: dict[str, str]) -> dict[str, str]:
    """`a sepia`, to go before "look"; `a pencil sketch` where that is a thing."""
    found = {"a style": with_article(facts["style"] + " look").removesuffix(" look")}
    return found | ({"a_style": with_article(facts["style"])} if _COUNTABLE.search(facts["style"]) else {})


WORDING = Wording(
    object="picture",
    do=(
        "give | {a style} look", "turn | into {a_style}", "apply {a style} effect to |", "redo | in {a style} style",
        "render | in {a style} style", "make | look like {a_style}", "restyle | with {a style} look",
        "convert | to {a style} version", "put {a style} filter on |", "transform | into {a_style}",
        "process | for {a style} effect", "show | in {a style} style", "dress | up with {a style} treatment",
        "rework | into {a style} version", "put | through {a style} filter", "try {a style} finish on |",
        "lay {a style} effect over |",
    ),
    say=(
        "| would be perfect in {a style} style", "I picture | with {a style} look", "{a style} look would suit |",
        "what | lacks is {a style} touch", "I'd love to see | as {a_style}", "| belongs in {a style} style",
        "I've been dreaming of | in {a style} style", "{a style} version of | is what I'm after",
    ),
    note=(
        "{style}", "{style} look", "{style} effect", "style: {style}", "{style} version", "{style} filter",
    ),
    orders=(
        "give it a {style} look", "apply the {style} look", "render it in {style} style", "turn it to {style} style",
        "restyle it as {style}",
    ),
    why={
        "": ("the look should be {style}", "{a style} look is asked for"),
    },
    done=("the {style} look was applied", "it was restyled as {style}"),
)  # fmt: skip

ACT = Act(
    name="style",
    tool="ImageEdit",
    facts=("style",),
    bind=bind,
    slots=slots,
    prompts=(r"(?P<style>.+)",),
    rank=99,
    asking=(Asking("late", asking.overall("style", "style", "style"), 0.6, rank=2, aside=True),),
    vague=("make the picture nicer", "make it pop"),
    wording=WORDING,
)
