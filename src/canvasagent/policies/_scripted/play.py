"""Following a plan: each operation calls tools and looks at what came of it."""

from collections import Counter
from collections.abc import Callable, Sequence

from canvasagent.english.lexicon import translations
from canvasagent.imaging.geometry import bounds, centred_box, grown
from canvasagent.policies._scripted.accounting import is_decisive
from canvasagent.policies._scripted.details import edged_box, head, lookup, phrase
from canvasagent.policies._scripted.edits import draw, edit, generate, join
from canvasagent.policies._scripted.language import nameable
from canvasagent.policies._scripted.lettering import is_of_lettering, restyle, spot, write
from canvasagent.policies._scripted.patterns import Details, knowledge, rule
from canvasagent.policies._scripted.plan import Plan
from canvasagent.policies._scripted.scene import Pasted, Scene, Topic, Unmet, need
from canvasagent.policies._scripted.wishes import Condition
from canvasagent.protocol.observation_parser import Finding, letters_of, says
from canvasagent.protocol.turns import said as plain

MOST = 8
"""Things that a step does one by one where all are asked for."""


def perform(plan: Plan, scene: Scene) -> None:
    """Every step in order; what cannot be done is noted, and what does not depend on it is done all the same."""
    edits = any(step["operation"] in ("edit", "draw") for step in plan.steps)
    for step in plan.steps:
        for item in scene.inputs if (each := step["image"] == "each") else [""]:
            wanted = step | ({"image": f"id {scene.latest(item)}"} if each else {}) | {"kept": plan.kept}
            try:
                true, seen = judge(asked, scene) if (asked := step["condition"]) else (step["holds"], "")
                turned = asked and asked.kind == "turned" and step["operation"] in ("rotate", "flip")
                if true == step["holds"]:
                    name = "upright" if turned else step["operation"]
                    left = rest_of(step)
                    spare(wanted | {"edits": edits}, scene)
                    complete = PLAYS[knowledge()["plays"].get(name, name)](wanted, scene)
                    if left and not complete:
                        scene.unmet.append(f"{left} (of '{plain(step['text'], 80)}': the rest of it is done)")
                else:
                    scene.answers.append(f"'{plain(step['text'], 80)}' was not called for: {seen}")
            except Unmet as trouble:
                scene.unmet.append(f"{plain(step['text'], 120)} ({plain(str(trouble), 240)})")
                if not step["condition"] and step["operation"] in knowledge()["made"]["by"]:
                    scene.missing = f"'{step.get('phrase') or step['text']}', which there is not"


def rest_of(step: Details) -> str:
    """The words of a step that nothing in it uses, if they leave something out.

    Raises `Unmet` where the picture would be wrong without them: it is better not changed.
    """
    left, answers = " ".join(step["left"]), step["operation"] in knowledge()["tells_all"]
    decisive = is_decisive(step["left"])
    whole = step["operation"] in knowledge()["undivided"]
    need(not left or answers or not (decisive or whole), f"'{left}' is not understood, and matters to the result")
    return left if decisive or not answers else ""


def spare(wanted: Details, scene: Scene) -> None:
    """Raise `Unmet` where a step would not leave alone what the request wants left alone.

    An edit is asked to leave it alone, or it is put back. Turning or enlarging changes everything; a crop must hold it,
    and what is put on must not cover it.
    """
    operation, kept = wanted["operation"], [phrase(thing)[0] for thing in wanted["kept"]]
    if operation in ("rotate", "flip", "enlarge"):
        need(not kept or wanted["edits"], f"'{', '.join(kept)}' cannot stay as it is while everything is changed")
    if operation not in ("crop", "text", "place") or not kept:
        return
    image = scene.target(wanted["image"]) if operation != "place" else scene.picture or scene.focus or ""
    for thing in kept:
        if operation == "text" and rule("about_text").search(thing):
            continue  # what is written is read back
        for item in scene.seek(image, thing):
            left, top, right, bottom = item.box
            if operation == "crop":
                low_x, low_y, high_x, high_y = _crop_box(wanted, scene)[1]
                inside = low_x <= left and low_y <= top and right <= high_x and bottom <= high_y
                need(inside, f"the {thing} would be cut off")
            else:
                x, y = spot(wanted.get("style") or wanted, image, scene)[0]
                clear = not (left - 60 < x < right + 60 and top - 60 < y < bottom + 60)
                need(clear, f"it would cover the {thing}")


def judge(asked: Condition, scene: Scene) -> tuple[bool, str]:
    """Whether a statement is true, and what was seen. Looked up once. Raises `Unmet` where nothing can tell."""
    need(asked.kind != "unknown", f"whether '{asked.text}' holds cannot be told without a model")
    if asked.kind == "done":  # what the last step, or each of them, should have come to
        named = [Condition("there", "", phrase=scene.noun)] if scene.noun and nameable(scene.noun) else []
        parts = scene.done[0 if rule("each").search(asked.text) else -1 :] or named
        asked = asked._replace(parts=tuple(parts), said=True)
    if asked.parts:
        seen = (judge(part, scene) for part in asked.parts)
        true, told = next((found for found in seen if not found[0]), (True, "it is as it should be"))
        return true == asked.said, told
    if (key := asked._replace(said=True)) in scene.judged:
        return scene.judged[key][0] == asked.said, scene.judged[key][1]
    image, thing = scene.target(asked.image), scene.meant(asked.phrase)
    if asked.kind == "there" and thing and not rule("about_text").search(thing):
        total = scene.count(image, thing)
        true, told = asked.least <= total <= asked.most, f"{total} found for '{thing}'"
    else:
        texts, turned = scene.lines(image, "read"), [line.turned for line in scene.look("read", image).found]
        told = f"the text reads: {' / '.join(texts)}" if texts else "no text was found"
        need(texts or asked.kind != "turned", "no text could be read in it, so which way is up is not known")
        before = scene.texts.get("written" if asked.said else "removed", "") if asked.kind != "any_text" else ""
        scene.noun = f'text "{asked.quote}"' if asked.quote else None
        stands = any(turned) != ("upright" in asked.text.lower())
        true = stands if asked.kind == "turned" else asked.kind == "done" or says(texts, asked.quote or before)
    scene.judged[key] = true, told
    return asked.kind == "done" or true == asked.said, told


# ── questions ────────────────────────────────────────────────────────────────────────────────────────────


def find(wanted: Details, scene: Scene) -> None:
    """Say how many there are of something, or where."""
    thing, image = need(scene.meant(wanted["phrase"]), "it does not say what"), scene.target(wanted["image"])
    total = scene.count(image, thing)
    told, scene.texts["read"] = f"Found {total} for '{thing}'", str(total) if wanted["count"] else ""
    where = [] if wanted["count"] else scene.seek(image, thing)[:MOST]
    scene.answers.append(told + "".join(f"; {item.label} at {list(item.box)}" for item in where))


def ask(wanted: Details, scene: Scene) -> None:
    """A question that is answered by yes or no; a check is one that ought to be answered by yes."""
    asked: Condition = wanted["asked"]
    true, told = judge(asked, scene)
    scene.answers.append(f"{'Yes' if true else 'No'}: {plain(asked.text.strip(' ?'), 120)} ({told})")
    need(true or wanted["operation"] != "check", told)


def mention(wanted: Details, scene: Scene) -> None:
    """A thing or a picture that is only spoken of: what 'it' means in what follows."""
    scene.noun = head(wanted["phrase"]) or scene.noun
    scene.focus = scene.target(wanted["image"]) if wanted["image"].startswith(("id", "input")) else scene.focus


def hand_back(wanted: Details, scene: Scene) -> None:
    """A picture that was made before is what the request wants in the end, or the cut-out of what was masked."""
    if wanted["image"] == "cutout" and "cutout" not in scene.things and scene.topic:
        return cut(wanted | {"operation": "cut", "phrase": "", "image": "it", "many": False}, scene)
    return scene.attend(scene.latest(scene.target(wanted["image"])))


def read(wanted: Details, scene: Scene) -> None:
    """Say what a picture says."""
    texts = scene.lines(scene.target(wanted["image"]), "read")
    if beside := wanted.get("beside"):
        texts = [need(word_beside(texts, *beside), f"no {beside[0]} was read {beside[1]} '{beside[2]}'")]
    if part := wanted.get("part"):
        parts = texts if part[0] == "line" else [word for text in texts for word in text.split()]
        texts = [need(parts[part[1] :][:1], f"only {len(parts)} {part[0]}s were read")[0]]
    scene.texts["read"] = "\n".join(texts)
    whether = wanted["text"].lower().startswith(("is ", "are "))
    need(texts or whether, "no text could be read, which is not to say that there is none")
    scene.answers.append(f"The text reads: {' / '.join(texts)}" if texts else "No text was found")


def word_beside(texts: Sequence[str], kind: str, how: str, near: str) -> str:
    """The word, number or line that was read after or before another one; empty where there is none."""
    parts = [part for text in texts for part in ([text] if kind == "line" else text.split())]
    wanted = [letters_of(word) for word in ([near] if kind == "line" else near.split())]
    plain, count = [letters_of(part) for part in parts], len(wanted)
    at = next((at for at in range(len(plain)) if plain[at : at + count] == wanted), None)
    if at is None:
        return ""
    rest = parts[:at][::-1] if how in ("before", "preceding", "above") else parts[at + count :]
    return next((part for part in rest if kind != "number" or any(map(str.isdigit, part))), "")


def translate(wanted: Details, scene: Scene) -> None:
    """Translate what was quoted or read, from a small word list; what is written next is the translation."""
    words, language = translations().get(wanted["language"]), wanted["language"].title()
    said = wanted["quoted"] or scene.texts.get("read") or " ".join(scene.lines(scene.target(wanted["image"]), "read"))
    need(said, "no text was read that could be translated")
    found = (words or {}).get(" ".join(said.lower().split()))
    scene.texts["read"] = (found.upper() if said.isupper() else found) if found else ""
    need(found, f"'{plain(said, 60)}' is not among the few words of {language} known here; a model can translate it")
    scene.answers.append(f"In {language}, by a small word list: {scene.texts['read']}")


# ── changes of a picture as a whole ──────────────────────────────────────────────────────────────────────


def change(wanted: Details, scene: Scene) -> bool | None:
    """Rotate, flip or enlarge, by one call after the other."""
    if wanted["operation"] == "enlarge" and is_of_lettering(
        wanted["text"], bool(rule("larger").match(wanted["text"])), scene
    ):
        return restyle(wanted["text"], scene)
    if wanted["operation"] == "enlarge" and rule("larger").match(wanted["text"]) and is_of_pasted(scene):
        paste_larger(wanted["text"], scene)
        return None
    image, operation, factor = scene.target(wanted["image"]), wanted["operation"], wanted["factor"]
    over = operation == "flip" and rule("vertical").search(wanted["how"])
    again = "flip_vertical" if over else operation if f"{operation}{factor}" == "enlarge16" else ""
    for call in filter(None, (operation, again)):
        made = scene.make(call, image=image, angle=wanted["angle"] if call == "rotate" else None)
        scene.change(image, made)
        image = made
    need(operation != "enlarge" or factor in (4, 16), f"enlarged 4 times, the only factor there is, not {factor}")
    return None


def crop(wanted: Details, scene: Scene) -> None:
    """Keep a box, a region, a format or what is around a thing."""
    image, box = _crop_box(wanted, scene)
    scene.change(image, scene.make("crop", image=image, bbox=list(box)))


def _crop_box(wanted: Details, scene: Scene) -> tuple[str, Sequence[int]]:
    """The picture that is cropped, and the box that is kept of it."""
    if "phrase" in wanted:
        image, found = locate(wanted, scene)
        ends = [end for item in found[: None if wanted["many"] else 1] for end in (item.box[:2], item.box[2:])]
        box = grown(bounds(ends), 1 / 6 if wanted["margin"] else 0)
    else:
        image = scene.target(wanted["image"])
        if crop_size := wanted.get("size"):
            return image, centred_pixels(need(scene.sizes.get(image), f"how large {image} is, is not known"), crop_size)
        if cut := wanted.get("edges"):
            size = need(scene.sizes.get(image), f"how large {image} is, is not known")
            kept = edged_box(cut, size)
            need(kept[0] < kept[2] and kept[1] < kept[3], f"{image} is only {size[0]} × {size[1]} pixels")
            return image, kept
        box = centred_box(scene.sizes.get(image, (1, 1)), wanted["ratio"]) if "ratio" in wanted else wanted["bbox"]
    return image, box


def centred_pixels(size: Sequence[int], kept: Sequence[int]) -> Sequence[int]:
    """The box in the middle that is `kept` pixels wide and high, on the grid. Raises `Unmet` where it is larger."""
    need(kept[0] <= size[0] and kept[1] <= size[1], f"it is only {size[0]} × {size[1]} pixels")
    low = [(whole - part) // 2 for whole, part in zip(size, kept, strict=True)]
    high = [start + part for start, part in zip(low, kept, strict=True)]
    return [round(1000 * edge / whole) for edges in (low, high) for edge, whole in zip(edges, size, strict=True)]


def upright(wanted: Details, scene: Scene) -> None:
    """Turn the picture by as much as most letters of its text stand turned; not where that makes it worse."""
    image = scene.target(wanted["image"])
    letters = Counter(line.turned or 0 for line in scene.look("read", image).found for _ in letters_of(line.label))
    need(letters, "no text could be read in it, so which way is up is not known")
    scene.attend(image)
    if turned := letters.most_common(1)[0][0]:
        made = scene.make("turn_upright", image=image, angle={90: -90, 180: 180, 270: 90}[turned])
        better = len(letters_of("".join(scene.lines(made)))) * 2 >= letters.total()
        need(better, f"turned, less of the text could be read, so {image} is kept")
        scene.change(image, made)


# ── things in a picture ──────────────────────────────────────────────────────────────────────────────────


def locate(wanted: Details, scene: Scene) -> tuple[str, Sequence[Finding]]:
    """The picture and the boxes of a phrase, without asking again for what was just found."""
    topic, thing = scene.topic, wanted["phrase"]
    if topic is not None and (thing.lower() == topic.phrase.lower() or (wanted["image"] == "it" and not thing)):
        return topic.image, scene.look("locate", topic.image, topic.phrase).found
    need(thing, "it does not say what")
    return (image := scene.target(wanted["image"])), scene.seek(image, thing)


def cut(wanted: Details, scene: Scene) -> None:
    """Mask a thing, and cut it out unless only the mask is asked for."""
    known = scene.topic if not wanted["phrase"] else None
    if not known and not wanted["phrase"] and scene.focus in scene.parts:
        return  # 'cut it out', said of what is cut out already
    image, found = locate(wanted, scene)
    thing = wanted["phrase"] or (known.phrase if known else found[0].label)
    for item in found[: MOST if wanted["many"] else 1]:
        mask = made = (known and known.mask) or scene.make("segment", thing, image=image, bbox=list(item.box))
        if wanted["operation"] != "mask":
            made = scene.things["cutout"] = scene.make("extract", image=image, mask=mask)
            scene.things[thing.lower()] = made
        scene.things["mask"], scene.parts = mask, scene.parts | {mask, made}
        scene.attend(made)
        scene.topic = Topic(thing, image, mask) if made == mask else None


def place(wanted: Details, scene: Scene) -> bool | None:
    """Place something; where 'it' can only be a thing in the picture, that thing is moved by an edit."""
    if wanted["what"] == "it" and not wanted["image"] and is_of_lettering(wanted["text"], True, scene):
        return restyle(wanted["text"], scene)
    alone = scene.topic is None and scene.focus not in scene.parts and len(scene.inputs) < 2
    if wanted["what"] == "it" and not wanted["image"] and alone and scene.noun:
        edit(wanted | wanted["edit"], scene)
        return None
    whole = wanted["phrase"] and wanted["image"] in ("it", "picture") and scene.focus not in scene.parts
    before = scene.focus if whole else None
    content = _content(wanted, scene)
    base = before or _base(wanted["image"], content, scene)
    flat: Details = (
        {} if wanted["quad"] else dict(zip(("position", "scale"), spot(wanted, base, scene, content), strict=True))
    )
    flat |= {name: wanted[name] for name in ("opacity", "rotation") if wanted[name] is not None}
    made = scene.make(
        "hang" if wanted["quad"] else "place", base_image=base, content=content, quad=wanted["quad"], **flat
    )
    scene.change(base, made)
    scene.picture = scene.focus
    scene.pasted = None if wanted["quad"] else Pasted(wanted, content, flat["scale"] or 1.0, base, made)
    return None


def is_of_pasted(scene: Scene) -> bool:
    """Whether what was put on a picture was the last thing done, so that 'it' means that."""
    return scene.pasted is not None and scene.pasted.made == scene.focus


def paste_larger(text: str, scene: Scene) -> None:
    """Put what was put on a picture last on it anew, larger, with the same middle."""
    before = need(scene.pasted, "nothing was put on a picture")
    scale = before.scale * lookup("object_size", text)
    where, _ = spot(before.wanted | {"scale": scale}, before.base, scene, before.content)
    made = scene.make("place", base_image=before.base, content=before.content, position=where, scale=scale)
    scene.change(before.base, made)
    scene.pasted = before._replace(scale=scale, made=made)


def _content(wanted: Details, scene: Scene) -> str:
    """What is put on: a picture that is named, a cut-out that was made before, or a thing still to be cut out."""
    thing, source = wanted["phrase"], wanted["source"]
    if thing.lower() in scene.things:
        return scene.latest(scene.things[thing.lower()])
    if not thing and not (scene.topic and wanted["what"] == "it"):
        return scene.resolve(wanted["what"])
    if not source and thing and len(scene.inputs) == 2 and wanted["image"].startswith(("input", "id", "other")):
        base = scene.resolve(wanted["image"])
        source = f"id {scene.other(base) or base}"
    cut(wanted | {"image": source or ("" if thing else "it"), "many": False}, scene)
    return scene.resolve("cutout")


def _base(meaning: str, content: str, scene: Scene) -> str:
    """The picture that something is put on: the one named, or else the other one, or the one it came from."""
    origin = scene.picture if content in scene.parts else content
    if meaning and meaning != "it":
        return scene.resolve(f"id {scene.other(origin) or scene.picture}" if meaning == "other" else meaning)
    found = scene.other(origin) if not meaning and len(scene.inputs) == 2 else scene.picture
    return str(need(found if found != content else None, "there is no other picture to put it on"))


def refuse(wanted: Details, scene: Scene) -> None:
    """What this policy does not understand is said, never guessed."""
    raise Unmet(knowledge()["refusals"][wanted["operation"]])


_PLAYS = (
    change,
    crop,
    upright,
    mention,
    hand_back,
    read,
    find,
    ask,
    cut,
    place,
    write,
    generate,
    draw,
    edit,
    join,
    translate,
    refuse,
)
PLAYS: dict[str, Callable[[Details, Scene], bool | None]] = {play.__name__: play for play in _PLAYS}
"""What carries out the operations of patterns.toml, by name; [plays] of words.toml tells the other ones.

True: every word of the step was used, whatever its `left` says.
"""
