"""The operations on things in a picture: find, mask, cut out, place on another picture."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from canvasagent.policies._scripted import words
from canvasagent.policies._scripted.calls import Move, Play, make, target, use
from canvasagent.policies._scripted.details import beside
from canvasagent.policies._scripted.plan import Step
from canvasagent.policies._scripted.scene import Scene, Topic, Unmet
from canvasagent.policies._scripted.transcript import Finding, Observation

MOST = 8
"""Things that a step does one by one where all are asked for."""


def find(step: Step, scene: Scene) -> Play:
    phrase, question = step.details["phrase"], step.details["question"]
    image = target(step, scene)
    found, total = yield from _ground(scene, image, phrase)
    if question == "where":
        if not found:
            raise Unmet(f"no {phrase} was found in {image}")
        scene.answers.append(
            f"Found {total}: " + "; ".join(f"{item.label} at {list(item.box)}" for item in found[:MOST])
        )
    else:
        scene.answers.append(f"{total} found for '{phrase}'")


def locate(step: Step, scene: Scene) -> Generator[Move, Observation, tuple[str, list[Finding]]]:
    """The picture and the boxes of a step's phrase, without asking again for what was just found."""
    topic = scene.topic
    phrase = step.details["phrase"]
    pronoun = step.details.get("image") == "it" and not phrase
    if topic is not None and (pronoun or phrase.lower() == topic.phrase.lower()):
        return topic.image, [Finding(topic.phrase, topic.box, 1.0)]
    if not phrase:
        raise Unmet("it does not say what")
    image = target(step, scene)
    return image, (yield from seek(scene, image, phrase))


def seek(scene: Scene, image: str, phrase: str) -> Generator[Move, Observation, list[Finding]]:
    """Where a phrase is in a picture, the likeliest first. Raises `Unmet` where it is not."""
    found, _ = yield from _ground(scene, image, phrase)
    if not found:
        raise Unmet(f"no {phrase} was found in {image}")
    return found


def _ground(scene: Scene, image: str, phrase: str) -> Generator[Move, Observation, tuple[list[Finding], int]]:
    reason = words.reason("locate", image=image, phrase=phrase)
    seen = yield from use(scene, "Grounding", reason, image=image, reference_text=phrase)
    found = seen.findings
    if found:
        scene.found(phrase, image, found[0])
    return found, seen.total


def mask(step: Step, scene: Scene) -> Play:
    image, found = yield from locate(step, scene)
    phrase = step.details["phrase"] or found[0].label
    for item in found[: MOST if step.details["many"] else 1]:
        made = yield from _segment(scene, image, phrase, item)
        scene.attend(made)
        scene.mask, scene.topic = made, Topic(phrase, image, item.box, made)


def _segment(scene: Scene, image: str, phrase: str, item: Finding) -> Generator[Move, Observation, str]:
    reason = words.reason("segment", image=image, phrase=phrase, bbox=list(item.box))
    return (yield from make(scene, "SAM", reason, image=image, bbox=list(item.box)))


def cut(step: Step, scene: Scene) -> Play:
    known = scene.topic if step.details.get("image") == "it" or not step.details["phrase"] else None
    image, found = yield from locate(step, scene)
    phrase = step.details["phrase"] or found[0].label
    for item in found[: MOST if step.details["many"] else 1]:
        covered = known.mask if known and known.mask else None
        covered = covered or (yield from _segment(scene, image, phrase, item))
        reason = words.reason("extract", image=image, mask=covered)
        made = yield from make(scene, "Extract", reason, image=image, mask=covered)
        scene.attend(made)
        scene.mask, scene.cutout = covered, made
        scene.things[phrase.lower()] = made


def place(step: Step, scene: Scene) -> Play:
    wanted = step.details
    content = yield from _content(step, scene)
    base = _base(wanted["image"], content, scene)
    position = yield from spot(wanted, base, scene, content)
    reason = words.reason("place", content=content, image=base, position=position)
    made = yield from make(
        scene, "Overlayer", reason,
        base_image=base, overlay_type="object", content=content, position=position, scale=wanted["scale"],
    )  # fmt: skip
    scene.change(base, made)
    scene.picture = made


def spot(
    wanted: Mapping[str, Any], image: str, scene: Scene, content: str = ""
) -> Generator[Move, Observation, list[int]]:
    """Where something goes: where the words say, or by a thing in the picture that has to be found first."""
    anchor = wanted.get("anchor")
    if anchor is None:
        return wanted["position"] or [500, 500]
    found = yield from seek(scene, image, anchor["phrase"])
    if not {image, content} <= set(scene.sizes):
        return beside(anchor["how"], found[0].box)
    base, own, scale = scene.sizes[image], scene.sizes[content], 500 * (wanted["scale"] or 1.0)
    return beside(anchor["how"], found[0].box, (scale * own[0] / base[0] + 10, scale * own[1] / base[1] + 10))


def _content(step: Step, scene: Scene) -> Generator[Move, Observation, str]:
    """What is put on: a picture that is named, a cut-out that was made before, or a thing still to be cut out."""
    wanted = step.details
    phrase = wanted["phrase"]
    if phrase.lower() in scene.things and not wanted["source"]:
        return scene.things[phrase.lower()]
    if not phrase and not (scene.topic and wanted["what"] == "it"):
        return scene.resolve(wanted["what"])
    source = wanted["source"]
    if not source and phrase and len(scene.inputs) == 2 and wanted["image"].startswith(("input", "id", "other")):
        base = scene.resolve(wanted["image"])
        source = f"id {scene.other(base) or base}"
    taken = {"phrase": phrase, "image": source or ("" if phrase else "it"), "many": False}
    yield from cut(Step("cut", step.text, taken), scene)
    return scene.resolve("cutout")


def _base(meaning: str, content: str, scene: Scene) -> str:
    """The picture that something is put on: the one named, or else the other one, or the one it came from."""
    if meaning and meaning != "it":
        if meaning == "other":
            meaning = f"id {scene.other(_origin(content, scene)) or scene.picture}"
        return scene.resolve(meaning)
    found = scene.other(_origin(content, scene)) if not meaning and len(scene.inputs) == 2 else scene.picture
    if found is None or found == content:
        raise Unmet("there is no other picture to put it on")
    return found


def _origin(content: str, scene: Scene) -> str | None:
    return scene.picture if not scene.is_whole(content) else content
