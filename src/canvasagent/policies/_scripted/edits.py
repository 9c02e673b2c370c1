"""The operations that draw and change things: each looks at what came of it, and tries another way where it failed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from canvasagent.policies._scripted.details import head, lookup, phrase
from canvasagent.policies._scripted.language import knowledge, rule
from canvasagent.policies._scripted.plan import Step
from canvasagent.policies._scripted.scene import Scene, Unmet
from canvasagent.policies._scripted.words import checkable, nameable, plain, resolved, says

TRIES = 3
"""How often a step is tried at most, in other ways each time."""


def generate(step: Step, scene: Scene) -> None:
    """A new picture; drawn anew where a text that it should show cannot be read."""
    prompt, texts, unread = step.details["prompt"], step.details["says"], ""
    for _ in range(TRIES):
        made = scene.make("generate", prompt=prompt)
        if not (unread := _unread(scene, made, texts)):
            break
    scene.attend(made)
    scene.picture = made
    scene.texts["written"] = " ".join(texts) or scene.texts.get("written", "")
    scene.noun = None if rule("several").search(prompt) else head(rule("drawn").sub("", prompt))
    if unread:
        raise Unmet(f"drawn, but {unread}")


def _unread(scene: Scene, image: str, texts: list[str]) -> str:
    """What OCR cannot read of some texts in a picture; empty if it reads them all, or cannot tell."""
    missed = [text for text in texts if checkable(text) and not says(scene.lines(image), text)]
    return f"'{missed[0]}' cannot be read in it" if missed else ""


def draw(step: Step, scene: Scene) -> None:
    """A new picture where there is none yet, an edit otherwise."""
    if scene.picture is None:
        generate(replace(step, details=step.details | {"prompt": step.details["scene"]}), scene)
    else:
        edit(step, scene)


def noun(step: Step, scene: Scene) -> None:
    """A description alone: a new picture, but only where there is none."""
    if scene.picture is not None:
        raise Unmet("it was not understood")
    generate(step, scene)


def edit(step: Step, scene: Scene) -> None:
    """Change a picture, look whether it shows, and try again in other words, or inside a mask."""
    wanted, restore = step.details, False
    image, covered, prompt = _aim(wanted, scene)
    new, old = wanted["new"], wanted["old"]
    new = prompt.split(" ", 1)[-1] if new and new.lower() in knowledge()["pronouns"] else new
    old = scene.noun or "" if old and old.lower() in knowledge()["pronouns"] else head(old)
    kept = [] if wanted["kind"] else [f"the {phrase(thing)[0]}" for thing in wanted["kept"]]
    ways = [text.format(old=f"the {old}", new=new) for text in knowledge()["rephrase"].get(wanted["kind"], [])]
    asked, why = ", but ".join([prompt, *(f"leave {thing} alone" for thing in kept)]), ""
    for attempt in range(TRIES):
        try:
            key, given = "again" if attempt else "edit", {"image": image, "edit_prompt": asked, "masked_image": covered}
            made = scene.make(key, plain(why), **given)
        except Unmet as refusal:
            why = str(refusal)
            if kept and not restore:
                asked, restore = prompt, True
            elif nameable(old) and covered is None and rule("localise").search(why):
                covered = scene.make("segment", old, image=image, bbox=list(scene.seek(image, old)[0].box))
            else:
                raise
            continue
        if not (why := _fault(wanted, old, new, image, made, scene)):
            for thing in kept if restore else []:
                made = _put_back(scene, phrase(thing)[0], image, made)
            scene.texts |= wanted["texts"]
            scene.change(image, made)
            scene.noun = head(new) or old or scene.noun
            return
        asked = ways[attempt] if attempt < len(ways) else asked
    scene.attend(image)  # what came of it was no better: the earlier picture stays the result
    raise Unmet(f"{why}, so {image} is kept")


def _aim(wanted: Any, scene: Scene) -> tuple[str, str | None, str]:
    """The picture to change, the mask that limits it, and the prompt with its pronouns resolved."""
    topic, prompt, pronoun = scene.topic, wanted["prompt"], wanted["image"] == "it"
    if topic is not None and (pronoun or wanted["image"] == "mask"):
        return topic.image, topic.mask or scene.things.get("mask"), resolved(prompt, topic.phrase, pronoun)
    of_thing = rule("of_thing").fullmatch(prompt) and not rule("of_picture").fullmatch(prompt)
    return (
        scene.target(wanted["image"]),
        None,
        resolved(prompt, scene.noun if of_thing or not pronoun else None, pronoun),
    )


def _fault(wanted: Any, old: str, new: str, image: str, made: str, scene: Scene) -> str:
    """What a look at the result shows to be wrong; empty where all is well or nothing can tell."""
    try:
        if "written" in wanted["texts"]:
            return _unread(scene, made, [wanted["texts"]["written"]])
        if "removed" in wanted["texts"]:
            return "the text can still be read" if says(scene.lines(made), wanted["texts"]["removed"]) else ""
        if wanted["kind"] in ("add", "replace") and nameable(new):
            more = rule("one_more").match(new) is not None
            least = 1 + scene.count(image, head(new)) if more else max(int(lookup("number", new) or 1), 1)
            return (
                "" if scene.count(made, head(new), "present") >= least else f"no {head(new)} can be found in the result"
            )
        if wanted["kind"] == "remove" and nameable(old):
            after = scene.count(made, old, "absent")
            before = scene.count(image, old) if after and not phrase(wanted["old"])[1] else 0
            return f"the {old} can still be found" if after and after >= before else ""
    except Unmet:  # Grounding or OCR cannot tell
        pass
    return ""


def _put_back(scene: Scene, thing: str, before: str, made: str) -> str:
    """Put back something that an edit of the whole picture should have left as it was."""
    box = scene.seek(before, thing)[0].box
    mask = scene.make("segment", thing, image=before, bbox=list(box))
    cut, spot = scene.make("extract", image=before, mask=mask), [(box[0] + box[2]) // 2, (box[1] + box[3]) // 2]
    return scene.make("restore", thing, base_image=made, content=cut, position=spot)
