"""The checks that a right result of a plan passes: what is true of every right one and can be measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from canvasagent.craft.chains.slots import words
from canvasagent.craft.chains.views import PictureState, ThingState, view_of
from canvasagent.craft.plan import Made, Plan, Step
from canvasagent.sketch.lexicon import phrases

Data = dict[str, Any]
CROP_TOLERANCE = 0.4
"""How far the area of a crop may be from that of the thing as it was drawn: boxes that are found are a little off."""


def checks_of(plan: Plan, views: Mapping[str, PictureState], touched: Mapping[str, set[str]]) -> tuple[Data, ...]:
    """The checks of a plan whose assets show what `views` say; `touched`: what each step speaks of."""
    steps = plan.path()
    if plan.result is None:
        return tuple(_answers(steps, views))
    view = views[plan.result]
    checks = [*_shape(view, plan), *_things(view, plan, steps, touched), *_texts(view, steps, touched)]
    if view.kind == "cutout":
        checks.append({"check": "transparent", "tight": True})
    if not checks:
        checks.append(_changed(view))
    checks += _answers(steps, views)
    unique: list[Data] = []
    for data in checks:
        if data not in unique:
            unique.append(data)
    return tuple(unique)


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
        noun = _noun(step.facts.get("thing", ""))
        return [noun] if noun else []
    if "text" in step.facts:
        return [step.facts["text"]]
    image = step.arguments.get("image")
    view = views.get(image.step if isinstance(image, Made) else str(image))
    return [line.words for line in view.lines] if view is not None else []


def _noun(phrase: str) -> str | None:
    """The name of a drawn thing in a phrase, by which Grounding calls it."""
    known = [word for word, token in phrases().items() if token.sort == "sprite" and f" {word} " in f" {phrase} "]
    return max(known, key=len) if known else None


def _shape(view: PictureState, plan: Plan) -> list[Data]:
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


def _things(view: PictureState, plan: Plan, steps: tuple[Step, ...], touched: Mapping[str, set[str]]) -> list[Data]:
    """Things that were added, changed, taken away or generated."""
    if not view.drawn or not view.upright or view.restyled or view.kind == "mask" or view.cut is not None:
        return []
    inputs = [view_of(picture, number) for number, picture in enumerate(plan.pictures, 1)]
    checks: list[Data] = []
    for step in steps:
        for key in sorted(touched.get(step.id, ())):
            item = view.item(key)
            if step.act in ("add", "replace", "recolor") and item is not None and _recognisable(item, view):
                checks.append({"check": "object_present", "object": item.name})
                plain = not view.toned and item.color in words()["colours"]["names"]
                if step.act == "recolor" and plain and item.alone:
                    checks.append({"check": "object_color", "object": item.name, "color": item.color})
            elif step.act in ("remove", "replace") and item is None:
                before = next((known for shown in inputs if (known := shown.item(key))), None)
                if before is not None and before.alone and _known(before.name):
                    checks.append({"check": "object_absent", "object": before.name})
        if step.act == "generate":
            shown = [item for item in view.items if _recognisable(item, view)]
            checks += [{"check": "object_present", "object": item.name} for item in shown]
        if step.act == "paste" and view.items and view.items[-1].key.startswith("pasted:"):
            checks.append({"check": "object_present", "object": view.items[-1].name})
    return checks


def _recognisable(item: ThingState, view: PictureState) -> bool:
    """Whether a thing looks like its template: writing on it makes it look otherwise, and is checked itself."""
    return _known(item.name) and all(line.bearer != item.key for line in view.lines)


def _known(name: str) -> bool:
    token = phrases().get(name)
    return token is not None and token.sort == "sprite"


def _texts(view: PictureState, steps: tuple[Step, ...], touched: Mapping[str, set[str]]) -> list[Data]:
    """Texts that were written, changed or erased, where they can still be read."""
    if view.kind != "image":
        return []
    checks: list[Data] = []
    for step in steps:
        if step.act in ("write", "rewrite", "erase"):
            lines = [line for key in touched.get(step.id, ()) if (line := view.line(key)) is not None]
            # Over a thing, letters that a person reads at once are often lost on the readers.
            lines += [line for line in view.lines if line.key == f"written:{step.id}" and line.bearer is None]
            level = view.upright or all(line.key.startswith("written:") for line in lines)
            if not view.restyled or (step.act == "write" and step is steps[-1]):
                checks += [{"check": "text_readable", "text": line.words} for line in lines if level]
            old = step.facts.get("old" if step.act == "rewrite" else "text", "")
            gone = step.act != "write" and old and not any(old.lower() in line.words.lower() for line in view.lines)
            if gone and view.upright and not view.restyled:
                checks.append({"check": "text_absent", "text": old})
        elif step.act == "crop" and view.upright and not view.restyled and view.scale == 1:
            lines = [line for line in view.lines if step is steps[-1] and not line.key.startswith("written:")]
            checks += [
                {"check": "text_readable", "text": line.words}
                for line in lines
                if line.key in _kept(view, step, touched)
            ]
        elif step.act == "generate" and view.upright and not view.restyled:
            checks += [{"check": "text_readable", "text": line.words} for line in view.lines if line.bearer]
    return checks


def _kept(view: PictureState, step: Step, touched: Mapping[str, set[str]]) -> set[str]:
    """The texts that a crop was made for: itself, or what stands on the thing."""
    about = touched.get(step.id, set())
    return {line.key for line in view.lines if line.key in about or line.bearer in about}


def _changed(view: PictureState) -> Data:
    """There is a picture, and not the one that was given."""
    same = view.origin is not None and view.kind == "image" and view.cut is None and view.turn % 90 == 0
    return {"check": "not_blank", "differs_from": view.origin} if same else {"check": "not_blank"}
