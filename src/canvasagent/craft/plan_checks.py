"""The checks that a right result of a plan passes: what is true of every right one and can be measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from canvasagent.craft.acts import CheckContext, Data, act_named, noun_of
from canvasagent.craft.plan import Made, Plan, Step
from canvasagent.craft.views import PictureState, view_of

CROP_TOLERANCE = 0.4
"""How far the area of a crop may be from that of the thing as it was drawn: boxes that are found are a little off."""


def checks_of(plan: Plan, views: Mapping[str, PictureState], touched: Mapping[str, set[str]]) -> tuple[Data, ...]:
    """The checks of a plan whose assets show what `views` say; `touched`: what each step speaks of."""
    steps = plan.path()
    if plan.result is None:
        return tuple(_answers(steps, views))
    view = views[plan.result]
    inputs = tuple(view_of(picture, number) for number, picture in enumerate(plan.pictures, 1))
    found = [
        check for step in steps
        for check in act_named(step.act).checks(
            CheckContext(plan, step, view, frozenset(touched.get(step.id, ())), inputs, step is steps[-1])
        )
    ]  # fmt: skip
    texts = [check for check in found if str(check["check"]).startswith("text_")]
    checks = [*_shape(view), *(check for check in found if check not in texts), *texts]
    if view.kind == "cutout":
        checks.append({"check": "transparent", "tight": True})
    if not checks:
        checks.append(_changed(view))
    return unique([*checks, *_answers(steps, views)])


def unique(checks: Sequence[Data]) -> tuple[Data, ...]:
    """The checks, each once."""
    return tuple(data for at, data in enumerate(checks) if data not in checks[:at])


def _answers(steps: tuple[Step, ...], views: Mapping[str, PictureState]) -> list[Data]:
    """Of steps whose words are the answer: what these must hold."""
    checks: list[Data] = []
    for step in steps:
        if step.purpose == "answer" and (words := _answer_words(step, views)):
            checks.append({"check": "answer_contains", "words": words})
    return checks


def _answer_words(step: Step, views: Mapping[str, PictureState]) -> list[str]:
    """What a step that answers has to say: the text that was asked for, or all of the picture's; the thing's name."""
    if step.tool != "OCR":
        noun = noun_of(step.facts.get("thing", ""))
        return [noun] if noun else []
    if "text" in step.facts:
        return [step.facts["text"]]
    image = step.arguments.get("image")
    view = views.get(image.step if isinstance(image, Made) else str(image))
    return [line.words for line in view.lines] if view is not None else []


def _shape(view: PictureState) -> list[Data]:
    """How the picture lies and how large it is, beside the input that it comes from."""
    checks: list[Data] = []
    if view.origin is None or view.kind == "cutout":
        return checks
    quarter = view.turn % 90 == 0
    if view.kind == "image" and view.cut is None and not view.restyled and quarter and (view.turn or view.mirror):
        if view.turn == 0:
            checks.append({"check": "mirrored", "input": view.origin})
        else:
            checks.append({"check": "orientation", "turned": view.turn, "mirrored": view.mirror, "input": view.origin})
    if view.cut and quarter:
        share = {"ratio": round(view.cut * view.scale**2, 4), "of": "area", "tolerance": CROP_TOLERANCE}
        checks.append({"check": "size_ratio", **share, "input": view.origin})
    elif view.cut is None and view.scale > 1 and quarter:
        sides = {"ratio": view.scale**2, "of": "area"} if view.turn % 180 else {"ratio": view.scale}
        checks.append({"check": "size_ratio", **sides, "input": view.origin})
    return checks


def _changed(view: PictureState) -> Data:
    """There is a picture, and not the one that was given."""
    same = view.origin is not None and view.kind == "image" and view.cut is None and view.turn % 90 == 0
    return {"check": "not_blank", "differs_from": view.origin} if same else {"check": "not_blank"}
