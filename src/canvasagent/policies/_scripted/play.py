"""Following a plan: each operation calls tools and looks at what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from canvasagent.policies._scripted.details import Box, aspect_box, beside
from canvasagent.policies._scripted.edits import draw, edit, generate, noun
from canvasagent.policies._scripted.language import knowledge
from canvasagent.policies._scripted.plan import Plan, Step
from canvasagent.policies._scripted.scene import Finding, Scene, Topic, Unmet
from canvasagent.policies._scripted.wishes import Condition
from canvasagent.policies._scripted.words import checkable, key, plain, says

MOST = 8
"""Things that a step does one by one where all are asked for."""


def perform(plan: Plan, scene: Scene) -> None:
    """Every step in order; what cannot be done is noted, and what does not depend on it is done all the same."""
    judged: dict[Condition, bool] = {}
    for step in plan.steps:
        each = step.details.get("image") == "each"
        for name in scene.inputs if each else [""]:
            details = {**step.details, **({"image": f"id {scene.latest(name)}"} if each else {}), "kept": plan.kept}
            try:
                if step.condition is not None and step.condition not in judged:
                    judged[step.condition] = judge(step.condition, scene)
                if step.condition is None or judged[step.condition] == step.holds:
                    turned = step.condition is not None and step.condition.kind == "turned"
                    operation = "upright" if turned and step.operation in ("rotate", "flip") else step.operation
                    OPERATIONS[operation](replace(step, details=details), scene)
                    scene.failed = False
                else:
                    scene.answers.append(
                        f"'{plain(step.text, 80)}' was not called for: {evidence(step.condition, scene)}"
                    )
            except Unmet as trouble:
                scene.failed = True
                scene.unmet.append(f"{plain(step.text, 120)} ({plain(str(trouble), 240)})")
                if step.condition is None and step.operation in MAKERS:
                    thing = step.details.get("phrase") or step.details.get("prompt") or step.text
                    scene.missing = f"'{thing}', which there is not"


def judge(asked: Condition, scene: Scene) -> bool:
    """Whether a statement is true, by looking. Raises `Unmet` where nothing can tell."""
    if asked.kind == "failed":
        return scene.failed == ("fail" in asked.text or "wrong" in asked.text or not asked.said)
    if asked.kind == "unknown":
        raise Unmet(f"whether '{asked.text}' holds cannot be told without a model")
    image = scene.target(asked.image)
    if asked.kind == "there" and meant(asked, scene):
        return (asked.least <= scene.count(image, meant(asked, scene)) <= asked.most) == asked.said
    turned = [line.turned for line in scene.look("read", image).found]
    if asked.kind == "turned":
        if not turned:
            raise Unmet("no text could be read in it, so which way is up is not known")
        return (any(turned) != ("upright" in asked.text.lower())) == asked.said
    scene.noun = f'text "{asked.quote}"' if asked.quote else None
    before = scene.texts.get("written" if asked.said else "removed", "") if asked.kind == "text" else ""
    return says(scene.lines(image), asked.quote or before) == asked.said


def meant(asked: Condition, scene: Scene) -> str:
    """What a condition speaks of, 'it' and 'one' resolved."""
    return scene.noun if scene.noun and asked.phrase.lower() in knowledge()["pronouns"] else asked.phrase


def evidence(asked: Condition, scene: Scene) -> str:
    """What an answer rests on."""
    if asked.kind == "there":
        return f"{scene.count(scene.resolve(asked.image), meant(asked, scene))} found for '{meant(asked, scene)}'"
    texts = scene.lines(scene.resolve(asked.image)) if asked.kind in ("text", "any_text", "turned") else []
    return f"the text reads: {' / '.join(texts)}" if texts else f"'{asked.text}' was looked at"


# ── questions ────────────────────────────────────────────────────────────────────────────────────────────


def find(step: Step, scene: Scene) -> None:
    phrase, image = step.details["phrase"], scene.target(step.details["image"])
    phrase = scene.noun or "" if phrase.lower() in knowledge()["pronouns"] else phrase
    if not phrase:
        raise Unmet("it does not say what")
    total, where = scene.count(image, phrase), [] if step.details["count"] else scene.seek(image, phrase)[:MOST]
    scene.answers.append(
        f"Found {total} for '{phrase}'" + "".join(f"; {item.label} at {list(item.box)}" for item in where)
    )


def ask(step: Step, scene: Scene) -> None:
    """A question that is answered by yes or no; a check is one that ought to be answered by yes."""
    asked: Condition = step.details["asked"]
    true = judge(asked, scene)
    scene.answers.append(f"{'Yes' if true else 'No'}: {plain(asked.text.strip(' ?'), 120)} ({evidence(asked, scene)})")
    if step.operation == "check" and not true:
        wanted = f"'{asked.quote or scene.texts.get('written', 'text')}' cannot be read in it"
        raise Unmet(
            evidence(asked, scene) if asked.kind == "there" else wanted if asked.said else "the text can still be read"
        )


def read(step: Step, scene: Scene) -> None:
    texts = scene.lines(scene.target(step.details["image"]), "read")
    scene.texts["read"] = "\n".join(texts)
    scene.answers.append(f"The text reads: {' / '.join(texts)}" if texts else "No text was found")


# ── changes of a picture as a whole ──────────────────────────────────────────────────────────────────────


def change(step: Step, scene: Scene) -> None:
    """Rotate, flip, enlarge: the calls of [plays] in words.toml, one after the other."""
    wanted, image = step.details, scene.target(step.details["image"])
    for call in knowledge()["plays"][wanted.get("play") or step.operation]:
        given = {"image": image, "angle": wanted["angle"], **call.get("with", {})}
        made = scene.make(call["call"], **{name: given[name] for name in call.get("takes", ["image"])})
        scene.change(image, made)
        image = made
    if step.operation == "enlarge" and wanted["factor"] not in (4, 16):
        raise Unmet(f"enlarged 4 times, the only factor there is, not {wanted['factor']}")


def crop(step: Step, scene: Scene) -> None:
    wanted = step.details
    if "phrase" in wanted:
        image, found = locate(step, scene)
        box = _around(found if wanted["many"] else found[:1], 6 if wanted["margin"] else 10**6)
    else:
        image = scene.target(wanted["image"])
        box = aspect_box(scene.sizes.get(image, (1, 1)), wanted["ratio"]) if "ratio" in wanted else wanted["bbox"]
    scene.change(image, scene.make("crop", image=image, bbox=list(box)))


def _around(found: list[Finding], share: int) -> Box:
    """The box around boxes, larger by a share of its own size on every side."""
    lefts, tops, rights, bottoms = zip(*(item.box for item in found), strict=True)
    left, top, right, bottom = min(lefts), min(tops), max(rights), max(bottoms)
    wide, high = (right - left) // share, (bottom - top) // share
    return max(left - wide, 0), max(top - high, 0), min(right + wide, 1000), min(bottom + high, 1000)


def upright(step: Step, scene: Scene) -> None:
    """Turn the picture by as much as most letters of its text stand turned; not where that makes it worse."""
    image = scene.target(step.details["image"])
    letters: Counter[int] = Counter()
    for line in scene.look("read", image).found:
        letters[line.turned] += len(key(line.label))
    if not letters:
        raise Unmet("no text could be read in it, so which way is up is not known")
    scene.attend(image)
    if turned := letters.most_common(1)[0][0]:
        made = scene.make("turn_upright", image=image, angle={90: -90, 180: 180, 270: 90}[turned])
        if len(key("".join(scene.lines(made)))) * 2 < letters.total():
            raise Unmet(f"turned, less of the text could be read, so {image} is kept")
        scene.change(image, made)


def text(step: Step, scene: Scene) -> None:
    """Write, read back, and write again in another way where OCR cannot read it; at most three times in all."""
    wanted, image = step.details, scene.target(step.details["image"])
    content = scene.texts["written"] = wanted["text"] or scene.texts.get("read", "")
    if not content:
        raise Unmet("nothing was read that could be written")
    position, readable = _spot(wanted, image, scene), not checkable(content)
    size, colour = wanted["font_size"], wanted["color"]
    larger = min((size or 90) * 1.6, 300)
    ways = [("write", size, colour), ("rewrite", larger, colour)]
    for call, letters, shade in [*ways, ("rewrite", larger * 1.3 if colour else larger, colour or "yellow")]:
        made = scene.make(call, base_image=image, content=content, position=position, color=shade, font_size=letters)
        try:
            readable = readable or says(scene.lines(made), content)
        except Unmet:
            readable = True
        if readable:
            break
    scene.change(image, made)
    if not readable or wanted["extra"]:
        raise Unmet(f"it is written, but {'not ' + wanted['extra'] if readable else 'OCR could not read it back'}")


# ── things in a picture ──────────────────────────────────────────────────────────────────────────────────


def locate(step: Step, scene: Scene) -> tuple[str, list[Finding]]:
    """The picture and the boxes of a step's phrase, without asking again for what was just found."""
    topic, phrase = scene.topic, step.details["phrase"]
    pronoun = step.details["image"] == "it" and not phrase
    if topic is not None and (pronoun or phrase.lower() == topic.phrase.lower()):
        return topic.image, scene.look("locate", topic.image, topic.phrase).found
    if not phrase:
        raise Unmet("it does not say what")
    image = scene.target(step.details["image"])
    return image, scene.seek(image, phrase)


def cut(step: Step, scene: Scene) -> None:
    """Mask a thing, and cut it out unless only the mask is asked for."""
    known = scene.topic if step.details["image"] == "it" or not step.details["phrase"] else None
    if not known and not step.details["phrase"] and scene.focus in scene.parts:
        return  # 'cut it out', said of what is cut out already
    image, found = locate(step, scene)
    phrase = step.details["phrase"] or (known.phrase if known else found[0].label)
    for item in found[: MOST if step.details["many"] else 1]:
        made = (known and known.mask) or scene.make("segment", phrase, image=image, bbox=list(item.box))
        scene.things["mask"], topic = made, Topic(phrase, image, item.box, made)
        scene.parts.add(made)
        if step.operation != "mask":
            made, topic = scene.make("extract", image=image, mask=made), None  # type: ignore[assignment]
            scene.things |= {"cutout": made, phrase.lower(): made}
            scene.parts.add(made)
        scene.attend(made)
        scene.topic = topic


def place(step: Step, scene: Scene) -> None:
    """Place something; where 'it' can only be a thing in the picture, that thing is moved by an edit."""
    wanted, alone = step.details, scene.topic is None and scene.focus not in scene.parts and len(scene.inputs) < 2
    if wanted["what"] == "it" and not wanted["image"] and alone and scene.noun:
        return edit(replace(step, details=wanted["edit"] | {"kept": wanted["kept"]}), scene)
    content = _content(step, scene)
    base = _base(wanted["image"], content, scene)
    position, scale = _spot(wanted, base, scene, content), wanted["scale"]
    scene.change(base, scene.make("place", base_image=base, content=content, position=position, scale=scale))
    scene.picture = scene.focus


def _spot(wanted: Mapping[str, Any], image: str, scene: Scene, content: str = "") -> list[int]:
    """Where something goes: where the words say, or by a thing in the picture that has to be found first."""
    if (anchor := wanted["anchor"]) is None:
        return wanted["position"] or [500, 500]
    box = scene.seek(image, anchor["phrase"])[0].box
    if not {image, content} <= set(scene.sizes):
        return beside(anchor["how"], box)
    base, own, scale = scene.sizes[image], scene.sizes[content], 500 * (wanted["scale"] or 1.0)
    return beside(anchor["how"], box, (scale * own[0] / base[0] + 10, scale * own[1] / base[1] + 10))


def _content(step: Step, scene: Scene) -> str:
    """What is put on: a picture that is named, a cut-out that was made before, or a thing still to be cut out."""
    wanted, phrase, source = step.details, step.details["phrase"], step.details["source"]
    if phrase.lower() in scene.things:
        return scene.latest(scene.things[phrase.lower()])
    if not phrase and not (scene.topic and wanted["what"] == "it"):
        return scene.resolve(wanted["what"])
    if not source and phrase and len(scene.inputs) == 2 and wanted["image"].startswith(("input", "id", "other")):
        base = scene.resolve(wanted["image"])
        source = f"id {scene.other(base) or base}"
    cut(Step("cut", step.text, {"phrase": phrase, "image": source or ("" if phrase else "it"), "many": False}), scene)
    return scene.resolve("cutout")


def _base(meaning: str, content: str, scene: Scene) -> str:
    """The picture that something is put on: the one named, or else the other one, or the one it came from."""
    origin = scene.picture if content in scene.parts else content
    if meaning and meaning != "it":
        return scene.resolve(f"id {scene.other(origin) or scene.picture}" if meaning == "other" else meaning)
    found = scene.other(origin) if not meaning and len(scene.inputs) == 2 else scene.picture
    if found is None or found == content:
        raise Unmet("there is no other picture to put it on")
    return found


def refuse(step: Step, scene: Scene) -> None:
    """What this policy does not understand is said, never guessed."""
    raise Unmet(knowledge()["refusals"][step.operation])


MAKERS = frozenset({"cut", "mask", "generate", "noun", "find", "crop", "draw"})
"""Operations whose outcome later steps speak of: where one fails, 'it' means nothing."""
OPERATIONS: dict[str, Callable[[Step, Scene], None]] = {
    "rotate": change, "flip": change, "enlarge": change, "crop": crop, "upright": upright, "read": read, "find": find,
    "ask": ask, "check": ask, "mask": cut, "cut": cut, "place": place, "text": text, "generate": generate,
    "draw": draw, "noun": noun, "edit": edit, "unknown": refuse, "foreign": refuse,
}  # fmt: skip
