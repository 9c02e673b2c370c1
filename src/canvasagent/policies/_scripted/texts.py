"""The operations on text in a picture: read, write and read back, check, turn the right way up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator

from canvasagent.policies._scripted import words
from canvasagent.policies._scripted.calls import Move, Play, make, target, use
from canvasagent.policies._scripted.plan import Step
from canvasagent.policies._scripted.scene import Scene, Unmet
from canvasagent.policies._scripted.things import spot
from canvasagent.policies._scripted.transcript import Finding, Observation


def read(step: Step, scene: Scene) -> Play:
    image = target(step, scene)
    texts = [line.label for line in (yield from _lines(scene, image, "read"))]
    scene.read = "\n".join(texts)
    scene.answers.append(f"The text reads: {' / '.join(texts)}" if texts else "No text was found")


def text(step: Step, scene: Scene) -> Play:
    """Write, read back, and write again in another way where OCR cannot read it; at most three times in all."""
    wanted, image = step.details, target(step, scene)
    content = wanted["text"] or scene.read
    if not content:
        raise Unmet("nothing was read that could be written")
    scene.written = content
    position = yield from spot(wanted, image, scene)
    for attempt, look in enumerate(words.looks(wanted)):
        key = "rewrite" if attempt else "write"
        reason = words.reason(key, text=content, image=image, position=position)
        made = yield from make(
            scene, "Overlayer", reason,
            base_image=image, overlay_type="text", content=content, position=position, **look,
        )  # fmt: skip
        if not words.checkable(content):
            break
        try:
            lines = yield from _lines(scene, made, "verify")
        except Unmet:
            break
        if words.says([line.label for line in lines], content):
            break
    else:
        scene.change(image, made)
        raise Unmet("it is written, but OCR could not read it back")
    scene.change(image, made)


def check(step: Step, scene: Scene) -> Play:
    """Read the result and hold it against what was written or removed."""
    image = target(step, scene)
    expected = step.details["text"] or (scene.written if not step.details["gone"] else scene.removed)
    texts = [line.label for line in (yield from _lines(scene, image, "verify"))]
    scene.answers.append(f"The text reads: {' / '.join(texts)}" if texts else "No text was found")
    gone = step.details["gone"] or (scene.removed is not None and not step.details["text"])
    if gone and (words.says(texts, expected) if expected else texts):
        raise Unmet("the text can still be read")
    if not gone and (not words.says(texts, expected) if expected else not texts):
        raise Unmet(f"'{expected}' cannot be read in it" if expected else "no text can be read in it")


def upright(step: Step, scene: Scene) -> Play:
    """Read the text and turn the picture by as much as most of its letters stand turned; read again."""
    image = target(step, scene)
    lines = yield from _lines(scene, image, "read")
    if not lines:
        raise Unmet("no text could be read in it, so which way is up is not known")
    letters: Counter[int] = Counter()
    for line in lines:
        letters[line.turned] += len(words.key(line.label))
    turned = letters.most_common(1)[0][0]
    if turned == 0:
        scene.attend(image)
        return
    angle = {90: -90, 180: 180, 270: 90}[turned]
    made = yield from make(scene, "Rotate", words.reason("turn_upright", image=image), image=image, angle=angle)
    yield from _lines(scene, made, "verify")
    scene.change(image, made)


def _lines(scene: Scene, image: str, reason: str) -> Generator[Move, Observation, list[Finding]]:
    """The lines of text in a picture. Pictures never change, so one that was read is not read again."""
    if image not in scene.lines:
        seen = yield from use(scene, "OCR", words.reason(reason, image=image), image=image)
        scene.lines[image] = seen.findings
    return scene.lines[image]
