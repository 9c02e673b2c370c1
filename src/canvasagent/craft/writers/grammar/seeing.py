"""What was seen, in words: where a box lies, how much it takes up, what a call came to, what went wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from canvasagent.craft.acts import act_named
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.writers.base import Seen
from canvasagent.craft.writers.grammar.lexicon import data
from canvasagent.craft.writers.grammar.patterns import fill, tidy
from canvasagent.craft.writers.grammar.pictures import Grounds
from canvasagent.english.phrases import is_plural, resting, with_article

LONGEST_QUOTE = 8
"""Words of a text that a reason repeats."""
LONGEST_ERROR = 16


def place_of(box: Sequence[float], rng: random.Random) -> str:
    """Where a box lies: `on the left`, `in the upper right`, `in the middle`."""
    left, top, right, bottom = box
    across, down = (left + right) / 2, (top + bottom) / 2
    if right - left > 850 and bottom - top > 850:
        return rng.choice(["all over the picture", "filling nearly the whole picture"])
    side = "left" if across < 375 else "right" if across > 625 else ""
    height = "top" if down < 375 else "bottom" if down > 625 else ""
    if side and height:
        other = {"top": "upper", "bottom": "lower"}[height]
        return rng.choice(
            [
                f"in the {height} {side}",
                f"in the {other} {side}",
                f"at the {height}, on the {side}",
                f"toward the {height} {side}",
            ]
        )
    if side:
        return rng.choice([f"on the {side}", f"on the {side} side", f"in the {side} part"])
    if height:
        return rng.choice([f"at the {height}", f"near the {height}", f"in the {height} part"])
    return rng.choice(["in the middle", "near the center", "around the middle"])


_SHARES = (
    (0.015, "just a speck of the picture"),
    (0.035, "a small spot of the picture"),
    (0.07, "about a twentieth of the picture"),
    (0.14, "about a tenth of the picture"),
    (0.28, "about a fifth of the picture"),
    (0.42, "about a third of the picture"),
    (0.6, "about half of the picture"),
)


def share_of(box: Sequence[float]) -> str:
    """How much of the picture a box takes up."""
    area = max(0.0, (box[2] - box[0]) * (box[3] - box[1])) / 1e6
    for limit, words in _SHARES:
        if area < limit:
            return words
    return "most of the picture"


def quoted(text: str) -> str:
    """A text as a reason repeats it: the first words, in quotes."""
    words = " ".join(text.split()).replace("<", "‹").replace(">", "›").split(" ")
    shown = " ".join(words[:LONGEST_QUOTE]) + (" …" if len(words) > LONGEST_QUOTE else "")
    return f"“{shown}”" if "'" in shown or '"' in shown else f"'{shown}'"


def result_of(last: Seen, rng: random.Random) -> str:
    """What the last call came to, as a sentence."""
    step, table = last.step, data("reasons")["saw"]
    facts = slots_of(step)
    items: list[Mapping[str, Any]] = [item for item in last.data or [] if isinstance(item, Mapping)]
    if step.tool == "Grounding":
        return _found(step, items, facts, rng)
    if step.tool == "OCR":
        return _read(step, items, facts, rng)
    return fill(rng.choice(act_named(step.act).wording.saw or table["made"]), facts)


def _found(step: Step, items: list[Mapping[str, Any]], facts: dict[str, str], rng: random.Random) -> str:
    table = data("reasons")["saw"]
    gone = step.facts.get("expected") == "gone"
    if not items:
        return fill(rng.choice(table["gone" if gone else "found_none"]), facts)
    box = items[0]["bbox"]
    share = share_of(box)
    facts |= {
        "place": place_of(box, rng),
        "share": f"taking up {share}",
        "share_of": share,
        "n": counted(len(items)),
        "label": str(items[0].get("label", facts["thing"])),
    }
    kind = (
        "not_gone" if gone else "found_many" if len(items) > 1 else "confirmed" if step.act == "verify" else "found_one"
    )
    return agreed(fill(rng.choice(table[kind]), facts), facts["thing"])


def _read(step: Step, items: list[Mapping[str, Any]], facts: dict[str, str], rng: random.Random) -> str:
    table = data("reasons")["saw"]
    if not items:
        return fill(rng.choice(table["read_none"]), facts)
    line = items[0]
    wanted = step.facts.get("text", "")
    if step.act == "proofread":
        match = next((item for item in items if _same(str(item["text"]), wanted)), None)
        if match is None and not _same(" ".join(str(item["text"]) for item in items), wanted):
            return fill(rng.choice(table["proof_bad"]), {"wanted": quoted(wanted)})
        text = str(match["text"]) if match else wanted
        return fill(rng.choice(table["proof_good"]), {"text": quoted(text)})
    if wanted:
        line = next((item for item in items if _same(str(item["text"]), wanted)), line)
    slots = {"text": quoted(str(line["text"])), "n": counted(len(items)), "place": place_of(line["bbox"], rng)}
    sentence = fill(rng.choice(table["read_many" if len(items) > 1 else "read_one"]), slots)
    if line.get("turned") == 180:
        sentence += rng.choice(table["upside"])
    return sentence


def _same(read: str, wanted: str) -> bool:
    one, other = (re.sub(r"\W+", "", text).lower() for text in (read, wanted))
    return bool(other) and other in one


def trouble_of(last: Seen, step: Step, rng: random.Random) -> str:
    """What went wrong in the last call, as a sentence; `step` is the one that is made instead."""
    table = data("reasons")["failed"]
    wrong, right = last.step.facts, step.facts
    slots = slots_of(last.step)
    if last.failed:
        return _error(last, table, rng)
    if last.step.tool != step.tool:
        return f"{result_of(last, rng)} {rng.choice(table['looked'])}"
    if "color" in wrong and wrong["color"] != right.get("color"):
        return fill(rng.choice(table["color"]), slots)
    if "where" in wrong and wrong["where"] != right.get("where"):
        return fill(rng.choice(table["place"]), slots)
    count = len(last.data or [])
    if step.tool == "Grounding" and count != 1:
        return fill(rng.choice(table["many"]), {**slots, "n": counted(count)}) if count else result_of(last, rng)
    if step.tool in ("Crop", "SAM"):
        return fill(rng.choice(table["small"]), {**slots, "thing": slots.get("thing") or "part that is meant"})
    return str(rng.choice(table["wrong"]))


def _error(last: Seen, table: Mapping[str, list[str]], rng: random.Random) -> str:
    message = re.sub(r"^Error(?: \([^)]*\))?:\s*", "", " ".join(last.text.split()))
    low = message.lower()
    generic = rng.random() < 0.6
    if generic and re.search(
        r"there is no (?:asset|image|picture) |no asset|not (?:in|one of) the|unknown (?:image|asset|id)|imglist", low
    ):
        return rng.choice(table["id"])
    if generic and last.step.tool in ("Crop", "SAM") and re.search(r"box|xmin|edge|bbox", low):
        return rng.choice(table["box"])
    if generic and last.step.tool == "ImageEdit" and last.mishap and not re.search(r"img_|imageedit_", low):
        return rng.choice(table["vague"])
    first = re.split(r"(?<=[.;!?])\s", message)[0].rstrip(".;!? ").replace("<", "‹").replace(">", "›")
    words = first.split(" ")
    error = " ".join(words[:LONGEST_ERROR]) + (" …" if len(words) > LONGEST_ERROR else "")
    return fill(
        rng.choice(table["call"]), {"error": error or "no reason was given", "what": f"The {last.step.tool} call"}
    )


def slots_of(step: Step) -> dict[str, str]:
    """The facts of a step as reasons fill them in."""
    facts = {name: value for name, value in step.facts.items() if value}
    texts = act_named(step.act).quoted
    for name in texts:
        if name in facts:
            facts[name] = quoted(facts[name])
    for name in ("new", "setting"):
        if name in facts and name not in texts:
            facts[f"a {name}"] = with_article(facts[name])
    if "thing" in facts:
        facts["a thing"] = with_article(facts["thing"])
    if "where" in facts:
        where = facts["where"]
        many = is_plural(facts.get("thing", ""))
        to = re.match(r"(?:to|towards|into|onto|over)\b", where)
        facts["where"] = resting(where)
        facts["to where"] = where if to else f"so that {'they are' if many else 'it is'} {where}"
    if "style" in facts:
        facts["a style"] = with_article(facts["style"] + " look")[: -len(" look")]
    if step.act == "crop":
        facts["part"] = (
            f"the {step.facts['thing']}"
            if "thing" in step.facts
            else facts.get("text") or f"the {step.facts.get('region', 'part that is meant')}"
        )
    if step.act == "generate":
        facts["prompt"] = _described(
            act_named(step.act).slots(step, {"prompt": step.facts.get("prompt", "a picture")})["prompt"]
        )
    return facts


def _described(prompt: str) -> str:
    words = with_article(prompt).split()
    return " ".join(words[:22]) + (" …" if len(words) > 22 else "")


def agreed(text: str, thing: str) -> str:
    """`text` with its verbs in the plural where `thing` is several."""
    if not thing or not is_plural(thing):
        return text
    for one, many in (
        ("is", "are"),
        ("was", "were"),
        ("has", "have"),
        ("takes", "take"),
        ("belongs", "belong"),
        ("ends", "end"),
        ("lies", "lie"),
        ("stands", "stand"),
    ):
        text = re.sub(rf"(?i)(?<=\b{re.escape(thing)} ){one}\b", many, text)
    return text


def counted(number: int) -> str:
    """A number in words, up to ten."""
    names = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return names[number] if number < len(names) else str(number)


def first_look(plan: Plan, step: Step, rng: random.Random) -> str:
    """What the input of `step` shows before anything was done; empty where nothing is known of it."""
    table = data("reasons")["look"]
    if not plan.pictures:
        return str(rng.choice(table["none"]))
    ground = Grounds(plan).of(step)
    number = ground.number if 0 < ground.number <= len(plan.pictures) else 1
    picture = plan.pictures[number - 1]
    contents = picture.contents
    ordinal = {1: "first ", 2: "second ", 3: "third "}.get(number, "") if len(plan.pictures) > 1 else ""
    slots = {
        "noun": f"{ordinal}{rng.choice(['picture', 'image', 'input'])}",
        "size": f"{picture.size[0]}×{picture.size[1]}",
        "n": counted(len(plan.pictures)),
    }
    kinds: list[str] = []
    names = sorted({thing.name for thing in contents.things})
    rng.shuffle(names)
    names = names[: rng.choice((1, 2, 2, 3))]
    if names:
        counts = {thing.name: thing.count for thing in contents.things}
        listed = [with_article(name) if counts[name] == 1 else several(name, counts[name]) for name in names]
        slots["things"] = listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + f" and {listed[-1]}"
        slots["is"] = "are" if counts[names[0]] > 1 or is_plural(names[0]) else "is"
        slots["Things"] = slots["things"][:1].upper() + slots["things"][1:]
        kinds += ["things"] * 4
    at = setting_words(contents.setting)
    if names and at:
        slots |= {"at": at, "At": at[:1].upper() + at[1:], "setting": contents.setting or ""}
        kinds += ["setting"] * 4
    kinds += ["texts"] if contents.texts and step.act in ("read", "rewrite", "erase", "proofread") else []
    kinds += ["upside"] * 3 if contents.turned == 180 else ["turned"] * 3 if contents.turned else []
    kinds += ["mirrored"] * 3 if contents.mirrored and contents.texts else []
    kinds += ["small"] * 4 if contents.small and step.act == "enhance" else []
    kinds += ["several"] if len(plan.pictures) > 1 else []
    kinds += ["size"] if not kinds or step.act == "enhance" else []
    return tidy(fill(rng.choice(table[rng.choice(kinds)]), slots))


def several(name: str, count: int) -> str:
    """`three dogs`"""
    from canvasagent.english.nouns import plural

    return f"{counted(count)} {plural(name)}"


def setting_words(setting: str | None) -> str | None:
    """`on a beach`; None where the setting is not one of those known by preposition."""
    known: dict[str, str] = data("verbs")["at"]
    return known.get(setting or "")
