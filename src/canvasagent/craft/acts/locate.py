"""A thing is looked for because something hangs on where it is."""

from __future__ import annotations

from canvasagent.craft.acts import _things
from canvasagent.craft.acts._base import Act, Bound, StepContext, Verb, Wording


def bind(context: StepContext) -> Bound:
    """A search for the thing."""
    phrase = _things.sought(context)
    return Bound({"image": context.image, "reference_text": phrase}, {"thing": phrase})


WORDING = Wording(
    object="thing",
    do=(
        "find | {in?}", "locate | {in?}", "look for | {in?}", "find out where | {is} {in?}",
        "search {the picture} for |", "track down | {in?}", "spot | {in?}", "pinpoint | {in?}", "detect | {in?}",
        "work out where | {is} {in?}", "box | in", "mark out |", "check where | {is} {in?}",
        "identify where | {is} {in?}", "get the position of | {in?}",
    ),
    tell=(
        "tell me where | {is} {in?}", "find | for me {in?}", "show me where | {is} {in?}",
        "give me the position of | {in?}", "report where | {is} {in?}", "let me know where | {is} {in?}",
        "point out | {in?}", "locate | {in?} for me", "give me the box around |", "say where | can be found {in?}",
        "describe where | {is} {in?}", "give me the coordinates of | {in?}",
        "work out where | {is} {in?} and tell me", "look for | {in?} and say where {they} {is}",
        "search {the picture} for | and report where {it} {is}", "name the spot where | {is} {in?}",
        "help me find | {in?}", "tell me the exact place of | {in?}",
    ),
    ask=(
        "where {is} | {in?}?", "where can I find | {in?}?", "whereabouts {is} | {in?}?",
        "in which part of {the picture} {is} |?", "where do you see | {in?}?", "what is the position of | {in?}?",
        "where exactly {is} | {in?}?", "what are the coordinates of | {in?}?", "can you see | {in?}, and where?",
        "where {has} | got to {in?}?", "where {in?} should I look for |?", "which spot {in?} {is} | at?",
    ),
    say=(
        "I can't find | {in?}", "I've lost track of | {in?}", "I need to know where | {is} {in?}",
        "I've been searching {the picture} for | without luck", "I'm looking for | {in?}",
        "I have to know the exact spot of | {in?}", "I'm curious where | {is} {in?}",
    ),
    note=(
        "where is the {thing}", "position of {thing}", "{thing}: where?", "locate {thing}", "{thing} coordinates",
        "find {thing}", "box of {thing}",
    ),
    orders=(
        "find the {thing}", "locate the {thing}", "look for the {thing}", "search for the {thing}",
        "get the box of the {thing}", "ask Grounding for the {thing}", "look where the {thing} is",
    ),
    why={
        ">crop": (
            "the crop needs the box of the {thing}", "without a box I can't crop to the {thing}",
            "I need to know where the {thing} ends before I crop", "the crop has to fit the {thing}",
        ),
        ">segment": (
            "the mask needs a box to start from", "SAM wants the box of the {thing}",
            "I need the box of the {thing} before I can mask it", "to mask the {thing} I must know where it is",
        ),
        ">recolor": (
            "I want to be certain which {thing} is meant before I change the color",
            "I should know where the {thing} is before I recolor it",
        ),
        ">edit": (
            "I should know where the {thing} is before I change anything",
            "the edit depends on where the {thing} is",
        ),
        ">paste": (
            "the place to paste depends on the {thing}", "I need the spot of the {thing} first",
        ),
        ">write": (
            "the text has to go where the {thing} is", "I need to know where the {thing} is before I write there",
        ),
        ">branch": (
            "what to do depends on the {thing}", "the request turns on the {thing}",
            "which way to go depends on whether the {thing} is found",
        ),
        ">answer": (
            "the question is where the {thing} is", "the position of the {thing} is asked for",
            "only a search can tell where the {thing} is",
        ),
        "": (
            "the {thing} has to be found first", "I need the exact place of the {thing}",
            "the {thing} is part of the request",
        ),
    },
    done=("the {thing} was located", "the {thing} was found"),
)  # fmt: skip

ACT = Act(
    name="locate",
    tool="Grounding",
    facts=("thing",),
    bind=bind,
    about="thing",
    verbs={"find": Verb("needed"), "find!": Verb("check"), "tell": Verb("answer")},
    wording=WORDING,
)
