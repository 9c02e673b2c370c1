"""Following a plan: each operation as a generator that yields tool calls and is sent their observations.

Nothing is remembered between turns: the policy runs the plan from its start, answers the calls with the
observations of the conversation, and the first call left without one is the next turn.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from canvasagent.policies._scripted import words
from canvasagent.policies._scripted.details import aspect_box
from canvasagent.policies._scripted.plan import Step
from canvasagent.policies._scripted.scene import Scene, Topic, Unmet
from canvasagent.policies._scripted.transcript import Finding, Observation


@dataclass(frozen=True)
class Move:
    """A tool call and the thought before it."""

    reason: str
    tool: str
    arguments: dict[str, Any]


Play = Generator[Move, Observation, None]
Use = Generator[Move, Observation, Observation]
MOST = 8
"""Things that a step does one by one where all are asked for."""


def perform(plan: tuple[Step, ...], scene: Scene) -> Play:
    """Every step in order; what cannot be done is noted, and what does not depend on it is done all the same."""
    for step in plan:
        targets = list(scene.inputs) if step.details.get("image") == "each" else [None]
        for target in targets:
            details = step.details if target is None else {**step.details, "image": f"id {scene.latest(target)}"}
            try:
                yield from OPERATIONS[step.operation](Step(step.operation, step.text, details), scene)
            except Unmet as reason:
                scene.unmet.append(f"{step.text} ({reason})")
                if step.operation in MAKERS or (step.operation in ("crop", "draw") and not scene.missing):
                    scene.missing = words.thing(step)


def use(scene: Scene, tool: str, reason: str, **arguments: Any) -> Use:
    """One call, made once more if the tool's infrastructure failed. Raises `Unmet` with what the tool says."""
    arguments = {name: value for name, value in arguments.items() if value is not None}
    seen = yield Move(reason, tool, arguments)
    if seen.passing:
        seen = yield Move(words.reason("retry"), tool, arguments)
    if seen.error is not None:
        raise Unmet(seen.error)
    scene.saw(seen)
    return seen


def make(scene: Scene, tool: str, reason: str, **arguments: Any) -> Generator[Move, Observation, str]:
    """One call of a tool that makes a picture; its id."""
    seen = yield from use(scene, tool, reason, **arguments)
    if seen.made is None:
        raise Unmet(f"{tool} made no picture")
    return seen.made


def target(step: Step, scene: Scene) -> str:
    """The picture that a step works on; speaking of one makes it the picture in question."""
    name = scene.resolve(step.details.get("image", ""))
    if scene.is_whole(name):
        scene.picture = name
    return name


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


def enlarge(step: Step, scene: Scene) -> Play:
    image, factor = target(step, scene), step.details["factor"]
    for _ in range(2 if factor == 16 else 1):
        made = yield from make(scene, "SR", words.reason("enlarge", image=image), image=image)
        scene.change(image, made)
        image = made
    if factor not in (4, 16):
        raise Unmet(f"enlarged 4 times, the only factor there is, not {factor}")


def read(step: Step, scene: Scene) -> Play:
    image = target(step, scene)
    seen = yield from use(scene, "OCR", words.reason("read", image=image), image=image)
    texts = [line.label for line in seen.findings]
    scene.read = "\n".join(texts)
    scene.answers.append(f"The text reads: {' / '.join(texts)}" if texts else "No text was found")


def find(step: Step, scene: Scene) -> Play:
    phrase, question = step.details["phrase"], step.details["question"]
    image, found, total = yield from _ground(step, scene)
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
    image, found, _ = yield from _ground(step, scene)
    if not found:
        raise Unmet(f"no {phrase} was found in {image}")
    return image, found


def _ground(step: Step, scene: Scene) -> Generator[Move, Observation, tuple[str, list[Finding], int]]:
    phrase, image = step.details["phrase"], target(step, scene)
    reason = words.reason("locate", image=image, phrase=phrase)
    seen = yield from use(scene, "Grounding", reason, image=image, reference_text=phrase)
    found = seen.findings
    if found:
        scene.found(phrase, image, found[0])
    return image, found, seen.total


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
    position = words.inside(wanted["position"] or [500, 500], base, content, wanted["scale"], scene.sizes)
    reason = words.reason("place", content=content, image=base, position=position)
    made = yield from make(
        scene, "Overlayer", reason,
        base_image=base, overlay_type="object", content=content, position=position, scale=wanted["scale"],
    )  # fmt: skip
    scene.change(base, made)
    scene.picture = made


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


def text(step: Step, scene: Scene) -> Play:
    """Write, read back, and write again in another way where OCR cannot read it; at most three times in all."""
    wanted, image = step.details, target(step, scene)
    content = wanted["text"] or scene.read
    if not content:
        raise Unmet("nothing was read that could be written")
    scene.written = content
    for attempt, look in enumerate(words.looks(wanted)):
        position = words.text_inside(wanted["position"], content, look["font_size"], scene.sizes.get(image))
        key = "rewrite" if attempt else "write"
        reason = words.reason(key, text=content, image=image, position=position)
        made = yield from make(
            scene, "Overlayer", reason,
            base_image=image, overlay_type="text", content=content, position=position, **look,
        )  # fmt: skip
        if not words.checkable(content):
            break
        try:
            seen = yield from use(scene, "OCR", words.reason("verify", image=made), image=made)
        except Unmet:
            break
        if words.says([line.label for line in seen.findings], content):
            break
    else:
        scene.change(image, made)
        raise Unmet("it is written, but OCR could not read it back")
    scene.change(image, made)


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
    reason = words.reason("edit", image=image, prompt=prompt)
    made = yield from make(scene, "ImageEdit", reason, image=image, edit_prompt=prompt, masked_image=covered)
    scene.written = wanted.get("written") or scene.written
    scene.removed = wanted.get("removed")
    scene.change(image, made)


def check(step: Step, scene: Scene) -> Play:
    """Read the result and hold it against what was written or removed."""
    image = target(step, scene)
    expected = step.details["text"] or (scene.written if not step.details["gone"] else scene.removed)
    seen = yield from use(scene, "OCR", words.reason("verify", image=image), image=image)
    texts = [line.label for line in seen.findings]
    scene.answers.append(f"The text reads: {' / '.join(texts)}" if texts else "No text was found")
    gone = step.details["gone"] or (scene.removed is not None and not step.details["text"])
    if gone and (words.says(texts, expected) if expected else texts):
        raise Unmet("the text can still be read")
    if not gone and (not words.says(texts, expected) if expected else not texts):
        raise Unmet(f"'{expected}' cannot be read in it" if expected else "no text can be read in it")


def upright(step: Step, scene: Scene) -> Play:
    """Read the text as it stands and turned, and keep the picture that reads best."""
    image = target(step, scene)
    seen = yield from use(scene, "OCR", words.reason("read", image=image), image=image)
    sideways = bool(seen.findings) and all(_tall(item) for item in seen.findings)
    best, best_score = image, words.legible(seen.findings) * (0.5 if sideways else 1.0)
    if not step.text.lower().startswith(("if ", "when ")) and not sideways:
        best_score *= 0.99  # the request says that it is the wrong way up, so a tie means it is
    for angle in (90, -90) if sideways else (180,):
        turned = words.reason("try_turned", image=image)
        made = yield from make(scene, "Rotate", turned, image=image, angle=angle)
        seen = yield from use(scene, "OCR", words.reason("verify", image=made), image=made)
        if words.legible(seen.findings) > best_score:
            best, best_score = made, words.legible(seen.findings)
    if best_score == 0:
        raise Unmet("no text could be read in it, so which way is up is not known")
    scene.change(image, best) if best != image else scene.attend(image)


def _tall(item: Finding) -> bool:
    left, top, right, bottom = item.box
    return len(item.label) > 2 and bottom - top > 1.5 * (right - left)


def refuse(step: Step, scene: Scene) -> Play:
    """What this policy does not understand is said, never guessed."""
    raise Unmet(words.refusal(step.operation))
    yield


def _union(found: list[Finding]) -> tuple[int, int, int, int]:
    boxes = [item.box for item in found]
    return (
        min(box[0] for box in boxes), min(box[1] for box in boxes),
        max(box[2] for box in boxes), max(box[3] for box in boxes),
    )  # fmt: skip


def _grown(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    wide, high = (box[2] - box[0]) // 6, (box[3] - box[1]) // 6
    return max(box[0] - wide, 0), max(box[1] - high, 0), min(box[2] + wide, 1000), min(box[3] + high, 1000)


OPERATIONS: dict[str, Callable[[Step, Scene], Play]] = {
    "rotate": rotate, "flip": flip, "crop": crop, "enlarge": enlarge, "read": read, "find": find, "mask": mask,
    "cut": cut, "place": place, "text": text, "generate": generate, "draw": draw, "noun": noun, "edit": edit,
    "check": check, "upright": upright, "unknown": refuse, "condition": refuse, "foreign": refuse,
}  # fmt: skip
MAKERS = frozenset({"cut", "mask", "generate", "noun", "find"})
"""Operations whose outcome later steps speak of: where one fails, 'it' means nothing."""
