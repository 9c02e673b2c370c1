"""The picture is enlarged four times."""

from __future__ import annotations

from canvasagent.craft.acts._base import Act, Asking, Bound, StepContext, Verb, Wording
from canvasagent.craft.asking import pictures as asking
from canvasagent.craft.views import enlarged


def bind(context: StepContext) -> Bound:
    """The enlarged picture."""
    return Bound({"image": context.image}, {}, enlarged(context.view, 4))


WORDING = Wording(
    object="picture",
    do=(
        "enlarge | four times", "upscale |", "blow | up to four times its size", "raise the resolution of |",
        "make a high-resolution version of |", "scale | up 4x", "make | four times as large",
        "upscale | by a factor of four", "increase the resolution of | fourfold", "run super-resolution on |",
        "bring | up to a higher resolution", "quadruple the resolution of |", "enlarge | without losing detail",
        "give | more pixels, 4x", "super-resolve |", "upsample | to four times the size",
        "make | large enough to print", "boost the resolution of | by four", "rework | in 4x resolution",
    ),
    say=(
        "| is far too small and low-res to use", "| doesn't have nearly enough pixels",
        "| turns to mush as soon as I zoom in, so it needs a much higher resolution",
        "the resolution of | is too low for print", "I could do with a much larger version of |",
        "| needs to be four times bigger, and crisp", "what I have is tiny, and I need | at 4x",
        "at this size | is no use to me; four times larger would be right",
        "| only comes in thumbnail size, which I can't use; please upscale it",
    ),
    note=(
        "4x upscale of |", "upscale |", "higher resolution for |", "enlarge | 4x", "super-resolution for |",
        "|: 4x size", "more resolution for |", "| in 4x",
    ),
    orders=(
        "upscale it 4x", "enlarge it four times", "raise its resolution with SR", "run super-resolution",
        "enlarge the picture with SR", "bring it to four times the size",
    ),
    why={
        "": (
            "the picture is wanted larger", "more resolution is asked for", "the request wants it enlarged",
            "fine detail is wanted",
        ),
    },
    saw=(
        "The picture is four times as large now.", "The upscaled picture is ready.",
        "The resolution has been raised.",
    ),
    done=("the picture was enlarged four times", "the resolution was raised 4x"),
)  # fmt: skip

ACT = Act(
    name="enhance",
    tool="SR",
    facts=(),
    bind=bind,
    about="picture",
    verbs={"sr": Verb()},
    move_box=lambda box, arguments, before, after: (box[0], box[1], box[2], box[3]),
    asking=(Asking("last", asking.once("enhance"), 2, "enlarge", rank=7),),
    wording=WORDING,
)
