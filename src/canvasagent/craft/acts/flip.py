"""The picture is mirrored left to right."""

from __future__ import annotations

from canvasagent.craft.acts._base import Act, Asking, Bound, StepContext, Verb, Wording
from canvasagent.craft.asking import pictures as asking
from canvasagent.craft.views import flipped
from canvasagent.imaging.geometry import GRID


def bind(context: StepContext) -> Bound:
    """The mirrored picture."""
    facts: dict[str, str] = {name: context.words_for(name) for name in ("thing", "why") if name in context.facts}
    return Bound({"image": context.image}, facts, flipped(context.view))


WORDING = Wording(
    object="picture",
    do=(
        "mirror |", "flip | from left to right", "flip | horizontally", "mirror | left to right",
        "swap left and right in |", "reflect | sideways", "make a mirror image of |", "turn | into its mirror image",
        "reverse | left to right", "flip | over sideways", "give | a horizontal flip",
        "flip | along its vertical axis", "mirror | around the vertical middle line", "show | as a mirror would",
        "exchange the left and right sides of |", "apply a horizontal mirror to |",
        "reflect | so that left becomes right", "mirror | so that right and left trade places",
        "do a left-right flip of |",
    ),
    say=(
        "| ought to be the other way round, left to right", "| came out mirrored and needs flipping back",
        "in | left and right should trade places", "what I'm after is the mirror image of |",
        "I need to see | the way a mirror would show it", "left should be right and right should be left in |",
        "everything on the left of | belongs on the right, and the other way round",
        "| only works for me as a mirror image",
    ),
    note=(
        "mirror image of |", "left-right flip of |", "flip | horizontally", "mirrored version of |", "mirror |",
        "horizontal flip of |", "flip | sideways", "|, but mirrored", "|: left to right", "| the other way round",
    ),
    indirect={
        "why mirrored": {
            "do": (
                "mirror | back", "undo the mirroring of |", "turn the mirror writing in | back to normal",
                "unmirror |", "flip | back so that the writing can be read",
                "mirror | so that the text is no longer backwards",
                "reverse | so that the letters run the right way",
            ),
            "say": (
                "the writing in | is backwards", "| is mirrored", "the letters in | run the wrong way",
                "the text in | is mirror writing", "I would need a mirror to read |",
                "| got mirrored somewhere on the way", "the text in | reads from right to left",
                "someone mirrored |, and now the text is backwards",
            ),
            "note": (
                "text is backwards", "mirror writing", "it's mirrored", "unmirror it", "letters are backwards",
                "mirrored, flip back",
            ),
        },
    },
    orders=(
        "mirror the picture", "flip it left to right", "flip the picture horizontally", "mirror it left to right",
        "turn it into its mirror image", "swap left and right",
    ),
    why={
        "/mirrored": (
            "the writing runs backwards", "the picture is mirrored and should not be",
            "mirroring it back makes it legible",
        ),
        "": (
            "left and right should trade places", "a mirror image is asked for", "the picture is wanted mirrored",
        ),
    },
    saw=(
        "The picture is mirrored now.", "Left and right have traded places.", "The flip is done.",
    ),
    done=("the picture was mirrored", "left and right were swapped"),
)  # fmt: skip

ACT = Act(
    name="flip",
    tool="Flip",
    facts=("thing?", "why?"),
    bind=bind,
    about="picture",
    verbs={"flip": Verb()},
    move_box=lambda box, arguments, before, after: (GRID - box[2], box[1], GRID - box[0], box[3]),
    moves=True,
    asking=(Asking("last", asking.once("flip"), 2, "mirror", rank=8, aside=True),),
    wording=WORDING,
)
