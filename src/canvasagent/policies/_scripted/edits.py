"""The operations that draw and change things: each looks at what came of it, and tries another way where it failed."""

from contextlib import suppress

from canvasagent.policies._scripted.details import colour, head, number, phrase
from canvasagent.policies._scripted.language import nameable, resolved
from canvasagent.policies._scripted.lettering import is_of_lettering, restyle
from canvasagent.policies._scripted.patterns import Details, knowledge, rule
from canvasagent.policies._scripted.scene import Scene, Unmet, need
from canvasagent.policies._scripted.wishes import Condition
from canvasagent.protocol.observation_parser import says
from canvasagent.protocol.turns import said as plain

TRIES = 3
"""How often a step is tried at most, in other ways each time."""


def generate(wanted: Details, scene: Scene) -> None:
    """A new picture; drawn anew, with larger signs, where a text that it should show cannot be read."""
    for attempt in range(TRIES):
        prompt = rule("signs").sub(r"large \1", wanted["scene"]) if attempt else wanted["scene"]
        made = scene.make("redraw" if attempt else "generate", prompt=prompt)
        if not (unread := [text for text in wanted["says"] if not scene.reads(made, text)]):
            break
    scene.attend(made)
    scene.picture, scene.texts["written"] = made, " ".join(wanted["says"]) or scene.texts.get("written", "")
    scene.noun = None if rule("several").search(wanted["scene"]) else head(rule("drawn").sub("", wanted["scene"]))
    need(not unread, f"drawn, but '{''.join(unread[:1])}' cannot be read in it")


def draw(wanted: Details, scene: Scene) -> None:
    """A new picture where there is none yet, an edit otherwise; but a description alone orders no edit."""
    need(scene.picture is None or wanted["operation"] != "noun", "it was not understood")
    (generate if scene.picture is None else edit)(wanted, scene)


def edit(wanted: Details, scene: Scene) -> None:
    """Change a picture, look whether it shows, and try again in other words, or inside a mask."""
    restyled = wanted["kind"] in ("", "alter") and not wanted["texts"]
    if restyled and is_of_lettering(wanted["prompt"], wanted["image"] == "it", scene):
        restyle(wanted["prompt"], scene)
        return
    image, covered, prompt = _aim(wanted, scene)
    new, old, kind = wanted["new"], wanted["old"], wanted["kind"]
    new = prompt.split(" ", 1)[-1] if new and new.lower() in knowledge()["pronouns"] else new
    old = head(scene.meant(old)) if old else ""
    kept, restore = [] if wanted["kind"] else [f"the {phrase(thing)[0]}" for thing in wanted["kept"]], False
    ways = [text.format(old=f"the {old}", new=new) for text in knowledge()["rephrase"].get(wanted["kind"], [])]
    asked, why = ", but ".join([prompt, *(f"leave {thing} alone" for thing in kept)]), ""
    for attempt in range(TRIES):
        given = {"image": image, "edit_prompt": asked, "masked_image": covered}
        try:
            made = scene.make("again" if attempt else "edit", plain(why), **given)
        except Unmet as refusal:
            why = str(refusal)
            if kept and not restore:
                for thing in kept:  # what cannot be found cannot be put back, so nothing is changed
                    scene.seek(image, phrase(thing)[0])
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
            scene.noun = head(new) or old or scene.noun
            text, shade = next(iter(wanted["texts"].values()), None), colour(prompt) or ""
            thing = f"{shade if kind in ('', 'alter') else ''} {scene.noun or ''}".strip()
            if text or nameable(scene.noun or ""):
                scene.done.append(Condition("text" if text else "there", thing, kind != "remove", thing, quote=text))
            return scene.change(image, made)
        asked = ways[attempt] if attempt < len(ways) else asked
    scene.attend(image)  # what came of it was no better: the earlier picture stays the result
    raise Unmet(f"{why}, so {image} is kept")


def join(wanted: Details, scene: Scene) -> None:
    """All pictures in one, the first at the left or at the top."""
    if len(scene.inputs) < 2:
        return edit(wanted, scene)
    first, *others = (scene.latest(name) for name in scene.inputs)
    made = scene.make("join", image=first, references=others, edit_prompt=wanted["prompt"])
    return scene.change(first, made)


def _aim(wanted: Details, scene: Scene) -> tuple[str, str | None, str]:
    """The picture to change, the mask that limits it, and the prompt with its pronouns resolved."""
    topic, prompt, pronoun = scene.topic, wanted["prompt"], wanted["image"] == "it"
    if topic is not None and (pronoun or wanted["image"] == "mask"):
        if rule("about_text").search(topic.phrase):
            return topic.image, None, resolved(prompt, topic.phrase, True)  # a mask of strokes is too thin for effects
        return topic.image, topic.mask or scene.things.get("mask"), resolved(prompt, topic.phrase, pronoun)
    of_thing = rule("of_thing").fullmatch(prompt) and not rule("of_picture").fullmatch(prompt)
    noun = scene.noun if of_thing or not pronoun else None
    return scene.target(wanted["image"]), None, resolved(prompt, noun, pronoun)


def _fault(wanted: Details, old: str, new: str, image: str, made: str, scene: Scene) -> str:
    """What a look at the result shows to be wrong; empty where all is well or nothing can tell."""
    kind, written, gone = wanted["kind"], wanted["texts"].get("written"), wanted["texts"].get("removed")
    with suppress(Unmet):  # Grounding or OCR cannot tell
        if written is not None:
            return "" if scene.reads(made, written) else f"'{written}' cannot be read in it"
        if gone is not None:
            had, has = scene.lines(image), scene.lines(made)
            still = says(has, gone) if gone else len(has) >= len(had) > 0
            unseen = "" if had else "no text could be read before, so that it is gone cannot be seen"
            return "the text can still be read" if still else unseen
        if kind in ("add", "replace") and nameable(thing := head(new)):
            more = rule("one_more").match(new) is not None
            least = 1 + scene.count(image, thing) if more else max(int(number(new) or 1), 1)
            return "" if scene.count(made, thing, "present") >= least else f"no {thing} can be found in the result"
        if kind == "remove" and nameable(old) and (after := scene.count(made, old, "absent")):
            gone_one = not phrase(wanted["old"])[1] and scene.count(image, old) > after
            return "" if gone_one else f"the {old} can still be found"
    return ""


def _put_back(scene: Scene, thing: str, before: str, made: str) -> str:
    """Put back something that an edit of the whole picture should have left as it was."""
    box = scene.seek(before, thing)[0].box
    mask = scene.make("segment", thing, image=before, bbox=list(box))
    cut, spot = scene.make("extract", image=before, mask=mask), [(box[0] + box[2]) // 2, (box[1] + box[3]) // 2]
    return scene.make("restore", thing, base_image=made, content=cut, position=spot)
