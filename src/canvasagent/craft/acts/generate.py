"""A picture is made from a description."""

from __future__ import annotations

from canvasagent.craft.acts import _texts, _things
from canvasagent.craft.acts._base import (
    Act,
    Bound,
    CheckContext,
    Data,
    Look,
    StepContext,
    Verb,
    Wording,
)
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.slots import SceneSlot
from canvasagent.craft.views import PictureState

SIZE = (512, 512)


def bind(context: StepContext) -> Bound:
    """The new picture."""
    scene = context.facts["scene"]
    if not isinstance(scene, SceneSlot):
        return Bound({"prompt": str(scene)}, {"prompt": str(scene), "subject": str(scene)}, PictureState(size=SIZE))
    view = PictureState(items=scene.items, lines=scene.lines, size=SIZE, drawn=True, setting=scene.setting)
    return Bound({"prompt": scene.prompt}, {"prompt": scene.prompt, "subject": scene.subject.phrase}, view)


def look(plan: Plan, step: Step) -> Look | None:
    """What it is about is found."""
    return _things.found(step.facts.get("subject"))


def checks(context: CheckContext) -> list[Data]:
    """Everything that it shows and says."""
    found: list[Data] = []
    if context.items_known:
        shown = [item for item in context.view.items if _things.is_recognisable(item, context.view)]
        found = [{"check": "object_present", "object": item.name} for item in shown]
    return [*found, *_texts.readable_signs(context)]


def slots(step: Step, facts: dict[str, str]) -> dict[str, str]:
    """The description with its place last."""
    return {"prompt": _things.described(facts["prompt"])}


WORDING = Wording(
    object="made",
    do=(
        "draw |", "make |", "create |", "generate |", "come up with |", "produce |", "paint |", "illustrate |",
        "design |", "show me |", "put together |", "whip up |", "compose |", "render |", "get me |", "think up |",
        "sketch out |",
    ),
    say=(
        "I'm looking for |", "I'm after |", "what I need is |", "picture this: {prompt}", "imagine this: {prompt}",
        "I have this in mind: {prompt}", "my idea is |", "the scene is this: {prompt}",
        "I've been wanting | for ages", "I haven't got a picture yet; it should show {prompt}",
        "there's no picture to start from; I need |", "I can't draw, but I need |", "I see it before me: {prompt}",
        "the picture should show {prompt}", "what the picture should show: {prompt}",
    ),
    note=(
        "new picture: {prompt}", "{prompt}", "picture of {prompt}", "scene: {prompt}", "to draw: {prompt}",
        "image: {prompt}", "wanted: {prompt}",
    ),
    orders=(
        "generate {prompt}", "draw {prompt}", "have {prompt} drawn", "create the scene: {prompt}",
        "ask ImageGeneration for {prompt}", "produce {prompt}",
    ),
    why={
        "": (
            "the request starts from a description", "a new picture is asked for",
            "there has to be a picture before anything else",
        ),
    },
    saw=(
        "The picture has been generated.", "A first picture is there now.", "The generated scene came back.",
        "The scene has been drawn.",
    ),
    done=(
        "the scene is drawn", "the picture has been generated", "there is a picture as described",
    ),
)  # fmt: skip

ACT = Act(
    name="generate",
    tool="ImageGeneration",
    facts=("scene",),
    bind=bind,
    checks=checks,
    look=look,
    about="picture",
    slots=slots,
    verbs={"gen": Verb()},
    wording=WORDING,
)
