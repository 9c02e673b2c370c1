"""A thing is masked."""

from __future__ import annotations

from canvasagent.craft.acts import _things
from canvasagent.craft.acts._base import Act, Bound, StepContext, Verb, Wording
from canvasagent.craft.slots import Unfit
from canvasagent.craft.views import PictureState


def bind(context: StepContext) -> Bound:
    """The mask of what is in the box that was found."""
    phrase = context.words_for("thing")
    if context.box is None:
        raise Unfit(f"a box of {phrase}")
    mask = PictureState(kind="mask", size=context.view.size)
    return Bound({"image": context.image, "bbox": context.box}, {"thing": phrase}, mask)


WORDING = Wording(
    object="thing",
    do=(
        "make a mask of | {in?}", "mask | {in?}", "segment | {in?}", "create a mask for | {in?}",
        "outline | as a mask", "give me a mask of | {in?}", "produce a segmentation mask of | {in?}",
        "mark every pixel of | {in?}", "select | as a mask {in?}", "separate | from the rest as a mask",
        "get me the mask for | {in?}", "draw up a black and white mask of |", "compute the mask of | {in?}",
        "isolate the shape of | as a mask", "turn | into a mask", "trace | pixel by pixel {in?}", "mask out |",
    ),
    say=(
        "I need a mask of | {in?}", "I'm after a segmentation of | {in?}", "a mask that covers | is what I need",
        "what I need is the silhouette of | as a mask", "I need to know which pixels belong to | {in?}",
        "a clean mask of | would do", "for compositing I need a mask of |", "I'd like | selected as a mask",
        "a mask for | is missing from my set",
    ),
    note=(
        "mask of {thing}", "mask: {thing}", "segment {thing}", "{thing} mask", "segmentation: {thing}",
        "{thing} as mask",
    ),
    orders=(
        "mask the {thing}", "make a mask of the {thing}", "segment the {thing}", "ask SAM for a mask of the {thing}",
        "have the {thing} segmented", "get the mask of the {thing} from the box",
    ),
    why={
        ">cut out": (
            "the cut-out needs an exact mask", "only a mask gives a clean cut-out",
            "a box alone would leave background around the {thing}",
        ),
        "": (
            "a mask of the {thing} is asked for", "the request wants the {thing} pixel by pixel",
        ),
    },
    saw=(
        "The mask of the {thing} is there.", "I have a mask for the {thing} now.", "SAM made a mask of the {thing}.",
        "The {thing} is masked.",
    ),
    done=("the {thing} was masked", "the mask of the {thing} is made"),
)  # fmt: skip

ACT = Act(
    name="segment",
    tool="SAM",
    facts=("thing",),
    bind=bind,
    about="thing",
    takes=frozenset({"box"}),
    usual="needed",
    verbs={"sam": Verb("needed", _things.found_last)},
    wording=WORDING,
)
