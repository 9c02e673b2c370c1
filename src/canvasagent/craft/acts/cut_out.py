"""A thing is cut out of the picture by its mask."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.craft.acts import _things
from canvasagent.craft.acts._base import Act, Asking, Bound, StepContext, Verb, Wording
from canvasagent.craft.asking import pictures as asking
from canvasagent.craft.slots import Entity, Unfit
from canvasagent.craft.views import cropped


def bind(context: StepContext) -> Bound:
    """The thing alone."""
    phrase, entity = context.words_for("thing"), context.facts["thing"]
    if context.mask is None:
        raise Unfit(f"a mask of {phrase}")
    item = context.view.item(entity.key) if isinstance(entity, Entity) else None
    shown = cropped(context.view, item.box if item is not None else None, entity.key if item is not None else None)
    view = replace(shown, kind="cutout", items=(replace(item, box=None),) if item is not None else ())
    return Bound({"image": context.image, "mask": context.mask}, {"thing": phrase}, view)


WORDING = Wording(
    object="thing",
    do=(
        "cut out | {from?}", "cut | out {of?}", "extract | {from?}", "lift | out {of?}", "isolate | {from?}",
        "give me | on a transparent background", "make a cut-out of | {in?}", "free | from the background",
        "separate | from the background", "pull | out {of?}", "crop | out along the outline",
        "take the background away around |", "get | onto a transparent background", "snip | out {of?}",
        "strip away everything behind |", "make a sticker of | {in?}", "release | from the rest {of?}",
        "detach | from everything around {it}",
    ),
    say=(
        "I need | by {itself}, with nothing behind {it}", "I'd like | as a cut-out with transparency",
        "I need | on a transparent background", "I want to reuse |, so I need {it} cut out {of?}",
        "a cut-out of | {in?} is what I'm after", "only | should be left, with transparency around {it}",
        "I need | as a sticker, without the background",
        "the background around | has to go, so that only {they} {is} left",
    ),
    note=(
        "cut-out of {thing}", "{thing}, transparent background", "extract {thing}", "cut out {thing}",
        "{thing} only, no background", "cut-out: {thing}", "sticker of {thing}",
    ),
    orders=(
        "cut the {thing} out", "extract the {thing}", "lift the {thing} out by the mask",
        "apply the mask to cut out the {thing}", "isolate the {thing}", "free the {thing} from the background",
    ),
    why={
        ">paste": (
            "the {thing} has to come free before it can be pasted",
            "pasting needs the {thing} without any background",
        ),
        "": (
            "the {thing} is wanted without any background", "the request asks for the {thing} on its own",
        ),
    },
    saw=(
        "The {thing} is cut out.", "I have the {thing} as a cut-out.", "The cut-out of the {thing} is ready.",
        "The {thing} has been lifted out with the mask.",
    ),
    done=("the {thing} was cut out", "the {thing} stands on transparency now"),
)  # fmt: skip

ACT = Act(
    name="cut out",
    tool="Extract",
    facts=("thing",),
    bind=bind,
    named=("thing",),
    one_meant=True,
    about="thing",
    takes=frozenset({"mask"}),
    usual="needed",
    verbs={"cut": Verb(facts=_things.found_last)},
    asking=(Asking("last", asking.cut_out, 3, tools=("Grounding", "SAM", "Extract"), rank=6),),
    wording=WORDING,
)
