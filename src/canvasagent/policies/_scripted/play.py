"""Following a plan: each operation as a generator that yields tool calls and is sent their observations.

Nothing is remembered between turns: the policy runs the plan from its start, answers the calls with the
observations of the conversation, and the first call left without one is the next turn.
"""

from __future__ import annotations

from collections.abc import Callable

from canvasagent.policies._scripted import words
from canvasagent.policies._scripted.calls import Play, make, target
from canvasagent.policies._scripted.details import aspect_box
from canvasagent.policies._scripted.plan import Step
from canvasagent.policies._scripted.scene import Scene, Unmet
from canvasagent.policies._scripted.texts import check, read, text, upright
from canvasagent.policies._scripted.things import cut, find, locate, mask, place
from canvasagent.policies._scripted.transcript import Finding


def perform(plan: tuple[Step, ...], scene: Scene) -> Play:
    """Every step in order; what cannot be done is noted, and what does not depend on it is done all the same."""
    for step in plan:
        each = step.details.get("image") == "each"
        for name in list(scene.inputs) if each else [""]:
            details = {**step.details, "image": f"id {scene.latest(name)}"} if each else step.details
            try:
                yield from OPERATIONS[step.operation](Step(step.operation, step.text, details), scene)
            except Unmet as reason:
                scene.unmet.append(f"{words.plain(step.text, 120)} ({words.plain(str(reason), 240)})")
                if step.operation in MAKERS or (step.operation in ("crop", "draw") and not scene.missing):
                    scene.missing = words.thing(step)


def rotate(step: Step, scene: Scene) -> Play:
    image, angle = target(step, scene), step.details["angle"]
    made = yield from make(scene, "Rotate", words.reason("rotate", image=image, angle=angle), image=image, angle=angle)
    scene.change(image, made)


def flip(step: Step, scene: Scene) -> Play:
    image = target(step, scene)
    made = yield from make(scene, "Flip", words.reason("flip", image=image), image=image)
    if step.details["vertical"]:
        turned = words.reason("flip_vertical", image=image)
        made = yield from make(scene, "Rotate", turned, image=made, angle=180)
    scene.change(image, made)


def crop(step: Step, scene: Scene) -> Play:
    wanted = step.details
    if "phrase" in wanted:
        image, found = yield from locate(step, scene)
        box = _union(found if wanted["many"] else found[:1])
        box = _grown(box) if wanted["margin"] else box
    else:
        image = target(step, scene)
        box = aspect_box(scene.sizes.get(image, (1, 1)), wanted["ratio"]) if "ratio" in wanted else wanted["bbox"]
    bbox = list(box)
    made = yield from make(scene, "Crop", words.reason("crop", image=image, bbox=bbox), image=image, bbox=bbox)
    scene.change(image, made)


def _union(found: list[Finding]) -> tuple[int, int, int, int]:
    boxes = [item.box for item in found]
    return (
        min(box[0] for box in boxes), min(box[1] for box in boxes),
        max(box[2] for box in boxes), max(box[3] for box in boxes),
    )  # fmt: skip


def _grown(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    wide, high = (box[2] - box[0]) // 6, (box[3] - box[1]) // 6
    return max(box[0] - wide, 0), max(box[1] - high, 0), min(box[2] + wide, 1000), min(box[3] + high, 1000)


def enlarge(step: Step, scene: Scene) -> Play:
    image, factor = target(step, scene), step.details["factor"]
    for _ in range(2 if factor == 16 else 1):
        made = yield from make(scene, "SR", words.reason("enlarge", image=image), image=image)
        scene.change(image, made)
        image = made
    if factor not in (4, 16):
        raise Unmet(f"enlarged 4 times, the only factor there is, not {factor}")


def generate(step: Step, scene: Scene) -> Play:
    made = yield from make(scene, "ImageGeneration", words.reason("generate"), prompt=step.details["prompt"])
    scene.attend(made)
    scene.picture = made


def draw(step: Step, scene: Scene) -> Play:
    if scene.picture is None:
        yield from generate(Step("generate", step.text, {"prompt": step.details["scene"]}), scene)
    else:
        yield from edit(step, scene)


def noun(step: Step, scene: Scene) -> Play:
    if scene.picture is not None:
        raise Unmet("it was not understood")
    yield from generate(step, scene)


def edit(step: Step, scene: Scene) -> Play:
    wanted, topic = step.details, scene.topic
    about_topic = topic is not None and wanted["image"] == "it"
    image = topic.image if topic is not None and about_topic else target(step, scene)
    covered = topic.mask if topic is not None and about_topic else None
    if wanted["image"] == "mask" and scene.topic is not None:
        image, covered = scene.topic.image, scene.mask
    prompt = words.without_pronoun(wanted["prompt"], topic.phrase if topic is not None and about_topic else None)
    scene.written, scene.removed = wanted.get("written") or scene.written, wanted.get("removed")
    reason = words.reason("edit", image=image, prompt=prompt)
    made = yield from make(scene, "ImageEdit", reason, image=image, edit_prompt=prompt, masked_image=covered)
    scene.change(image, made)


def refuse(step: Step, scene: Scene) -> Play:
    """What this policy does not understand is said, never guessed."""
    raise Unmet(words.refusal(step.operation))
    yield


OPERATIONS: dict[str, Callable[[Step, Scene], Play]] = {
    "rotate": rotate, "flip": flip, "crop": crop, "enlarge": enlarge, "read": read, "find": find, "mask": mask,
    "cut": cut, "place": place, "text": text, "generate": generate, "draw": draw, "noun": noun, "edit": edit,
    "check": check, "upright": upright, "unknown": refuse, "condition": refuse, "foreign": refuse,
}  # fmt: skip
MAKERS = frozenset({"cut", "mask", "generate", "noun", "find"})
"""Operations whose outcome later steps speak of: where one fails, 'it' means nothing."""
