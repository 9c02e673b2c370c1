"""The operations on text in a picture: read, write and read back, check, turn the right way up."""

from __future__ import annotations

from canvasagent.policies._scripted import words
from canvasagent.policies._scripted.calls import Play, make, target, use
from canvasagent.policies._scripted.plan import Step
from canvasagent.policies._scripted.scene import Scene, Unmet
from canvasagent.policies._scripted.things import spot
from canvasagent.policies._scripted.transcript import Finding


def read(step: Step, scene: Scene) -> Play:
    image = target(step, scene)
    seen = yield from use(scene, "OCR", words.reason("read", image=image), image=image)
    texts = [line.label for line in seen.findings]
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
            seen = yield from use(scene, "OCR", words.reason("verify", image=made), image=made)
        except Unmet:
            break
        if words.says([line.label for line in seen.findings], content):
            break
    else:
        scene.change(image, made)
        raise Unmet("it is written, but OCR could not read it back")
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
