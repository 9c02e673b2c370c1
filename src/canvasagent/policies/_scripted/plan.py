"""From a request to its plan: one step a clause, as data, with every detail read from the words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from canvasagent.policies._scripted import details
from canvasagent.policies._scripted.language import Quotes, clauses, is_context, is_foreign, knowledge, pattern

Groups = Mapping[str, str]
Details = dict[str, Any]


LONG = 400
"""Characters of a clause that are matched; a longer one can only be a description to draw or an edit."""


@dataclass(frozen=True)
class Step:
    """One wish of the request: an operation of patterns.toml and what it is to be done with."""

    operation: str
    """The operation; `unknown` where the clause was not understood, `condition` for an 'if …'."""
    text: str
    """The clause, as the request has it."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """The operation's details; `image` is always there: a reference as `details.reference` reads it."""


@lru_cache(maxsize=256)
def make_plan(instruction: str) -> tuple[Step, ...]:
    """The steps of a request, in the order in which it asks for them. Never raises."""
    marked, quotes = Quotes.take(instruction)
    if is_foreign(marked):
        return (Step("foreign", instruction.strip()),)
    steps = [_step(clause, quotes) for clause in clauses(marked)]
    understood = [step for step in steps if step.operation not in ("unknown", "context")]
    if not understood:
        return (Step("unknown", instruction.strip()),)
    return tuple(step for step in steps if step.operation != "context")


def _step(clause: str, quotes: Quotes) -> Step:
    text, head, tail = quotes.restore(clause), clause[:LONG], clause[LONG:]
    for rule in knowledge()["rule"]:
        if tail and rule["operation"] not in ("generate", "draw", "edit", "noun"):
            continue
        for source in rule["patterns"]:
            match = pattern(source).fullmatch(head)
            if match is None:
                continue
            groups = {name: value.strip() for name, value in match.groupdict().items() if value}
            groups |= {"prompt": head + tail} if tail else {}
            found = READERS[rule["operation"]](clause, groups, quotes)
            if found is not None:
                return Step(found.pop("operation", rule["operation"]), text, found)
    if pattern(knowledge()["clauses"]["condition"]).match(clause):
        return Step("condition", text)
    return Step("context" if is_context(clause) else "unknown", text)


def _plain(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    """An operation on a picture as a whole; a `thing` that is no picture makes it an edit."""
    if "thing" in groups:
        if details.reference(groups["thing"])[0]:
            return None
        return _edit(clause, {"prompt": clause}, quotes) | {"operation": "edit"}
    return {"image": details.reference(clause)[0]}


def _rotate(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    found = _plain(clause, groups, quotes)
    if found and "operation" not in found:
        found["angle"] = details.angle(groups.get("how", ""))
    return found


def _flip(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    found = _plain(clause, groups, quotes)
    if found and "operation" not in found:
        found["vertical"] = re.search(r"(?i)vertical|upside|bottom|\bx\b|over\b", groups.get("how", "")) is not None
        if re.search(r"(?i)vertical axis", groups.get("how", "")):
            found["vertical"] = False
    return found


def _crop(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    found: Details = {"image": details.reference(clause)[0]}
    if "box" in groups:
        found["bbox"] = details.explicit_box(groups["box"])
    elif "aspect" in groups:
        found["ratio"] = details.aspect(groups["aspect"])
    elif "cut" in groups:
        found["bbox"] = details.remainder(groups["cut"])
    elif "region" in groups:
        found["bbox"] = details.region(groups["region"])
    elif "phrase" in groups:
        image, rest = details.reference(groups["phrase"])
        margin = re.search(
            r"(?i)\s*\bwith (?:some |a (?:bit of |small |little )?)?(?:margin|space|room|padding).*", rest
        )
        rest = rest[: margin.start()] if margin else rest
        words, many = details.phrase(quotes.restore(rest))
        many = many or words.lower() in ("text", "writing", "lettering")
        found |= {"image": image, "phrase": words, "many": many, "margin": margin is not None}
        if not words:
            return None
    else:
        found["bbox"] = details.region("middle")
    return None if "bbox" in found and found["bbox"] is None else found


def _enlarge(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    how = groups.get("how", "").replace("4k", "")
    return {"image": details.reference(clause)[0], "factor": int(details.number(how) or 4)}


def _phrase_of(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    """An operation on a thing in a picture: cut, mask and find."""
    image, rest = details.reference(f"{groups['phrase']} {groups.get('rest', '')}".strip())
    words, many = details.phrase(quotes.restore(rest))
    kind = next((name for name in ("count", "exists") if name in groups), "where")
    return {"image": image, "phrase": words, "many": many, "question": kind}


def _text(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    text = quotes.restore(groups["text"], bare=True).strip()
    around = " ".join(groups.get(name, "") for name in ("verb", "adjectives", "noun", "rest2", "rest"))
    if not text or "⟪" in around:
        return None  # a second quotation: this would leave it out in silence
    if "⟪" not in groups["text"]:
        text = text.strip(" :,.")
        if pattern(knowledge()["clauses"]["read_before"]).fullmatch(text):
            text = ""
    anchor, around = details.anchor(around)
    named = next((word for word in re.findall(r"[a-z]+", around.lower()) if word in knowledge()["text_default"]), None)
    default = details.place(knowledge()["text_default"][named]) if named else None
    return {
        "image": details.reference(re.sub(r"⟪\d+⟫", "", clause))[0],
        "text": text,
        "position": details.place(around) or default or [500, 500],
        "anchor": anchor,
        "color": details.colour(around),
        "font_size": details.size(around, "text_size"),
    }


def _place(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    anchor, where = details.anchor(f"{groups.get('where', '')} {groups.get('where2', '')}")
    what, rest = details.reference(groups["what"])
    base = details.reference(groups["base"])[0] if "base" in groups else ""
    source = details.reference(groups["source"])[0] if "source" in groups else ""
    words = details.phrase(quotes.restore(rest))[0]
    if words and what:
        source, what = what, ""  # "the face of the first picture"
    return {
        "image": base,
        "what": what if not words else "",
        "phrase": words,
        "source": source,
        "position": details.place(where),
        "anchor": anchor,
        "scale": details.size(where, "object_size"),
    }


def _generate(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    return {"image": "", "prompt": quotes.restore(groups["prompt"])}


def _draw(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    return _edit(clause, {"prompt": clause}, quotes) | {"scene": quotes.restore(groups["prompt"])}


def _wish(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    verb = "make"
    prompt = f"{verb} {groups['thing']} {groups['state']}"
    for rule in (rule for rule in knowledge()["rule"] if rule["operation"] in ("rotate", "enlarge", "flip")):
        if any(pattern(source).fullmatch(prompt) for source in rule["patterns"]):
            step = _step(prompt, quotes)
            return {**step.details, "operation": step.operation}
    return _edit(prompt, {"prompt": prompt}, quotes) | {"operation": "edit"}


def _edit(clause: str, groups: Groups, quotes: Quotes) -> Details:
    """An edit: its prompt with a numbered picture called 'the picture'; 'it' is left for the play to resolve."""
    prompt = groups["prompt"]
    image = details.reference(prompt[:LONG])[0]
    if image and image not in ("it", "picture"):
        prompt = _rename(prompt)
    quoted = quotes.of(prompt)
    change = re.match(r"(?i)(?:replace|change|swap|rewrite|update|turn|make|correct|edit|modify)\b", prompt)
    removal = re.match(r"(?i)(?:remove|erase|delete|wipe|clear|get rid of|take|clean|hide)\b.*", prompt)
    return {
        "image": image,
        "prompt": quotes.restore(prompt),
        "written": quoted[-1] if change and quoted else None,
        "removed": (quoted[0] if quoted else "") if removal and (quoted or "text" in prompt.lower()) else None,
    }


def _rename(prompt: str) -> str:
    """'the hat in the second picture' → 'the hat'; 'make the second picture darker' → '… the picture …'."""
    for entry in knowledge()["reference"]:
        found = pattern(entry["pattern"]).search(prompt)
        if found and entry["means"] not in ("it", "picture"):
            before = re.sub(r"\s*\b(?:in|of|from|on)\s+$", "", prompt[: found.start()])
            middle = "" if before != prompt[: found.start()] else "the picture"
            return re.sub(r"\s+", " ", f"{before} {middle} {prompt[found.end() :]}").strip()
    return prompt


def _check(clause: str, groups: Groups, quotes: Quotes) -> Details | None:
    quoted = quotes.of(clause)
    gone = re.search(r"(?i)\b(?:gone|removed|no (?:more )?text|not there|disappeared)\b", clause) is not None
    return {
        "image": details.reference(re.sub(r"(?i)\b(?:that|this)\b", "", clause))[0],
        "text": quoted[0] if quoted else None,
        "gone": gone,
    }


READERS: dict[str, Callable[[str, Groups, Quotes], Details | None]] = {
    "upright": _plain,
    "check": _check,
    "flip": _flip,
    "rotate": _rotate,
    "crop": _crop,
    "enlarge": _enlarge,
    "read": _plain,
    "find": _phrase_of,
    "mask": _phrase_of,
    "place": _place,
    "cut": _phrase_of,
    "text": _text,
    "generate": _generate,
    "draw": _draw,
    "wish": _wish,
    "edit": _edit,
    "noun": _generate,
}
"""How the details of each operation are read from a matching clause; None: the match does not hold."""
