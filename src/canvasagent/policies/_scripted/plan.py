"""From a request to its plan: one step a wish, as data, with every detail read from the words."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from canvasagent.english.quotations import Quotes
from canvasagent.policies._scripted import details, language
from canvasagent.policies._scripted.accounting import left_over, without, words_of
from canvasagent.policies._scripted.lettering import style
from canvasagent.policies._scripted.patterns import Details, entries, knowledge, pattern, rule, watched
from canvasagent.policies._scripted.wishes import Condition, Wish, Wishes, condition, first

PIXELS = 50
"""Two numbers from this on are a size in pixels ('200 by 200'), smaller ones a ratio ('16:9')."""
LONG = 400
"""Characters of a clause that are matched; a longer one can only be a description to draw or an edit."""


class Plan(NamedTuple):
    """The wishes of a request, in order, with its quotations, and the things that it wants left as they are.

    `lost` is the operation that refuses the whole request, where nothing of it was understood.
    """

    asked: tuple[Wish, ...]
    quotes: Quotes
    kept: tuple[str, ...] = ()
    lost: str | None = None

    @property
    def steps(self) -> Iterator[Details]:
        """A step a wish, each read from its words only when its turn comes.

        A step holds its `operation` of patterns.toml (`unknown` where the clause was not understood), its `text`, the
        `condition` it hangs on and what that must come to (`holds`), and the operation's own details, of which
        `image`, a reference as `details.reference` reads it, is always there.
        """
        for text, asked, holds, lost in self.asked:
            step = {"operation": self.lost, "text": text, "image": ""} if self.lost else step_of(text, self.quotes)
            left = (*step.get("left", ()), *without(lost, words_of(text)))
            if step["operation"] != "context":
                yield step | {"condition": asked, "holds": holds, "left": () if self.lost else left}


@lru_cache(maxsize=256)
def make_plan(instruction: str) -> Plan:
    """The plan of a request. Never raises."""
    marked, quotes = language.quotes_of(instruction)
    found, foreign = Wishes(marked, quotes), language.is_foreign(marked)
    if foreign or all(step_of(wish.text, quotes)["operation"] in knowledge()["idle"] for wish in found.asked):
        return Plan((Wish(instruction.strip()),), quotes, lost="foreign" if foreign else "unknown")
    return Plan(tuple(_limited(found, quotes)), quotes, tuple(found.kept))


def _limited(found: Wishes, quotes: Quotes) -> Iterator[Wish]:
    """The wishes, each with the words of what it is to be done without, unless that is done nowhere in the request."""
    done = {step_of(wish.text, quotes)["operation"] for wish in found.asked}
    for index, wish in enumerate(found.asked):
        limits = [limit for limit in found.limits if limit.at == index]
        broken = [limit.text for limit in limits if _forbidden(limit.verb, quotes) in {*done, "unknown"}]
        yield wish._replace(lost=wish.lost + tuple(word for text in broken for word in text.split()))


def _forbidden(verb: str, quotes: Quotes) -> str:
    """The operation that a verb names; 'unknown' where it may be part of any."""
    operation = str(step_of(f"{verb} it", quotes)["operation"])
    return "unknown" if operation in ("edit", "context") and verb not in ("edit", "change") else operation


@lru_cache(maxsize=1024)
def step_of(clause: str, quotes: Quotes) -> Details:
    """The step that a clause asks for, by the first rule of patterns.toml that it fits.

    A rule is tried on the clause, or on what is left of it without fillers unless it is `exact`; then without a reason
    at the end. What is very long can only be a description to draw or an edit, which are exact.
    """
    forms = _forms(clause)
    rules = (way for way in knowledge()["rule"] if "exact" in way or len(clause) <= LONG)
    fits = (
        [(_fit(way, text if "exact" in way else bare, quotes), lost) for text, bare, lost in forms] for way in rules
    )
    steps = ([step | {"left": step["left"] + lost} for step, lost in tried if step is not None] for tried in fits)
    known = (min(found, key=lambda step: len(step["left"])) for found in steps if found)
    best = next(known)
    if best["operation"] == "enlarge" and best["left"]:  # 'increase the size of the dog': of a thing, so an edit
        best = next((step for step in known if step["operation"] == "edit"), best)
    idle = best["operation"] == "unknown" and not without(words_of(clause), ())
    return {"text": quotes.restore(clause)} | best | ({"operation": "context"} if idle and words_of(clause) else {})


def _forms(clause: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """A clause with and without the purpose at its end, each also without fillers, and the words that it is without.

    What a picture is for changes nothing; what it shall come to does ('so that the horizon is level').
    """
    short, forms = rule("purpose").sub("", clause) or clause, [(clause, tuple[str, ...]())]
    if short != clause:
        purpose = clause[len(short) :]
        forms.append((short, without(words_of(purpose), ()) if rule("outcome").match(purpose) else ()))
    return [(text, language.reworded("filler", text[:LONG]).strip(), lost) for text, lost in forms]


def _fit(way: Mapping[str, Any], clause: str, quotes: Quotes) -> Details | None:
    """The details of a clause by a rule, if it is one of the rule's patterns all over."""
    for source in way["patterns"]:
        if (hit := watched(source).fullmatch(clause)) is None:
            continue
        groups = {name: value.strip() for name, value in hit.groupdict().items() if value and name[0] != "_"}
        used = [word[0] for word in pattern(way["uses"]).finditer(clause)] if "uses" in way else []
        found = READERS[way["reader"]](clause, groups | {"operation": way["operation"]}, quotes, used)
        if found is not None:
            return {"operation": way["operation"], "left": left_over(hit, used), **found}
    return None


def _plain(clause: str, groups: Details, quotes: Quotes, used: list[str]) -> Details | None:
    """Picture, thing, angle, factor, language and quotation; a turned `thing` that is no picture makes it an edit."""
    if "thing" in groups:
        named = details.reference(groups["thing"])[0]
        return None if named else _edit(clause, {"prompt": clause}, quotes, used) | {"operation": "edit"}
    around, how = details.reference(clause, used)[0], groups.get("how", "")
    image, rest = details.reference(f"{groups.get('phrase', '')} {groups.get('rest', '')}".strip())
    words, many = details.phrase(quotes.restore(rest))
    if groups["operation"] == "cut" and not words and image not in ("", "it", "cutout", "mask"):
        return None  # 'take the second picture': nothing in it is named
    if groups["operation"] in knowledge()["looks_for"]:
        used.append(rest)  # Grounding takes every word of a phrase, or refuses it
    found: Details = {"image": image or (around.replace("it", "") if "phrase" in groups else around), "how": how}
    found |= {"phrase": words, "many": many, "count": "count" in groups, "language": groups.get("language", "").lower()}
    used.append(groups.get("language", ""))
    if groups["operation"] == "read" and (near := rule("word_beside").search(clause)):
        used.append(near[0])
        found |= {"beside": (near["kind"].lower(), near["how"].lower(), quotes.restore(near["near"], bare=True))}
    elif groups["operation"] == "read" and (which := rule("part_of_text").search(clause)):
        used.append(which[0])
        number = int(details.number(which["which"]) or 1)
        found |= {"part": (which["kind"].lower(), number - (number > 0))}
    factor = int(details.number(how.replace("4k", ""), used) or 4) if groups["operation"] == "enlarge" else 4
    angle = details.angle(how, used) if groups["operation"] == "rotate" else 0
    return found | {"angle": angle, "factor": factor, "quoted": [*quotes.of(clause), ""][0]}


def _crop(clause: str, groups: Details, quotes: Quotes, used: list[str]) -> Details | None:
    image = details.reference(clause, used)[0]
    if "aspect" in groups:
        used.append(groups["aspect"])
        size = [int(number) for number in re.findall(r"\d+", groups["aspect"])]
        pixels = min(size, default=0) >= PIXELS
        return {"image": image, **({"size": size} if pixels else {"ratio": details.aspect(groups["aspect"])})}
    if "phrase" in groups:
        margin = rule("margin").search(groups["phrase"])
        used.append(margin[0] if margin else "")
        inner = groups | {"phrase": groups["phrase"][: margin.start() if margin else None]}
        found = _plain(clause, inner, quotes, used) or {}
        found |= {"many": found["many"] or found["phrase"] in ("text", "writing"), "margin": margin is not None}
        return found if found["phrase"] or found["image"] == "it" else None
    if "box" in groups:
        used.append(groups["box"])
        return {"image": image, "bbox": [int(edge) for edge in re.findall(r"\d+", groups["box"])][:4]}
    place = groups.get("cut") or groups.get("region", "middle")
    if edges := details.edges(place, "cut" not in groups, used):
        return {"image": image, "edges": edges}
    box = details.remainder(place, used) if "cut" in groups else details.region(place, used)
    return {"image": image, "bbox": box} if box else None


def _ask(clause: str, groups: Details, quotes: Quotes, used: list[str]) -> Details | None:
    """A question of yes or no; a check is one on what was written or removed last, unless it names something."""
    said = condition(rule("yes_no").sub("", groups.get("said", "")), quotes)
    used.append(clause)
    of_text = "⟪" in clause or rule("about_text").search(clause)
    if groups["operation"] == "check" and (said.kind != "there" or of_text):
        image, quoted = details.reference(rule("that_or_this").sub("", clause))[0], [*quotes.of(clause), None][0]
        kind = "text" if of_text or said.kind == "any_text" else "done"
        said = Condition(kind, quotes.restore(clause), not rule("gone").search(clause), image=image, quote=quoted)
    return None if said.kind == "unknown" else {"image": said.image, "asked": said}


def _text(clause: str, groups: Details, quotes: Quotes, used: list[str]) -> Details | None:
    used.append(groups["text"])
    text = quotes.restore(groups.pop("text"), bare=True).strip()
    image = details.reference(re.sub(r"⟪\d+⟫|\b(?:both|all)(?= (?:in|of)\b)", "", clause), used)[0]
    around = " ".join(value for name, value in groups.items() if name != "operation")
    if not text or "⟪" in around:
        return None  # a second quotation: this would leave it out in silence
    reads = False
    if "⟪" not in clause:
        text = text.strip(" :,") if rule("initials").search(text) else text.strip(" :,.")
        reads, before = text.lower().startswith("what"), rule("read_before").fullmatch(text)
        text = "" if before else text
    return {"image": image, "content": text, "quoted": "⟪" in clause, "reads": reads, "style": style(around, used)}


def _place(clause: str, groups: Details, quotes: Quotes, used: list[str]) -> Details | None:
    """Slots are taken out of the words after the verb one by one; what is left is what goes on."""
    quad = rule("corners").search(groups["body"])
    anchor, left = details.anchor(groups["body"].replace(quad[0], "", 1) if quad else groups["body"], used)
    slots = {"look": "", "source": "", "base": "", "size": "", "spot": ""}
    for name in slots:
        for found in [*pattern(f"{{slot_{name}}}").finditer(left)][: 1 if name in ("source", "base") else 2]:
            slots[name] += f" {found['value']}"
            left = left.replace(found[0], " ", 1)
    left = rule("slot_rest").sub("", " ".join(left.split()).strip(" ,"))
    if rule("words_to_write").match(left) or rule("effect").search(left):
        return None  # 'put the word fragile on it', 'put a frame around it'
    (what, rest), base = details.reference(left), details.reference(slots["base"])[0]
    words, source = details.phrase(quotes.restore(rest))[0], details.reference(slots["source"])[0]
    if rule("only_where").match(words):
        return None  # 'put it on white': no thing is named
    if words and what:
        source, what = what, ""  # "the face of the first picture"
    if source and not base and not words:
        source, base = "", source  # "put it at the top of the second picture"
    brought = source not in ("", "it") or not rule("indefinite").match(left)
    carried = brought and (base or source or "copies" in groups) and rule("carried").fullmatch(left)
    if not (carried if words else what in ("it", "cutout") or (what and base)) or "⟪" in left:
        return None
    slot: Details = {"image": base, "what": "" if words else what, "phrase": words, "source": source, "anchor": anchor}
    used += [left, slots["source"], slots["base"], quad[0] if quad else ""]
    slot |= {"position": details.place(slots["spot"], used)}
    look = style(slots["look"], used)
    slot |= {"opacity": look.get("opacity"), "rotation": look.get("rotation")}
    slot |= {"scale": details.lookup("object_size", slots["size"], used)}
    points = [int(number) for number in quad["points"].split()] if quad else []
    slot["quad"] = [points[at : at + 2] for at in range(0, 8, 2)] if points else None
    return slot | {"edit": _edit(clause, {"prompt": clause}, quotes, [])}


def _draw(clause: str, groups: Details, quotes: Quotes, used: list[str]) -> Details:
    """A description: what an empty canvas shows, or what an edit brings."""
    drawn = {"scene": quotes.restore(groups["prompt"]), "says": quotes.of(groups["prompt"])}
    return _edit(clause, {"prompt": clause}, quotes, used) | drawn


def _wish(clause: str, groups: Details, quotes: Quotes, used: list[str]) -> Details | None:
    """'the sky should be orange' → make the sky orange; 'it should be rotated left' → rotate it left."""
    thing, state, done = groups["thing"], groups["state"], rule("participle").match(groups["state"])
    verb = knowledge()["participles"].get(done[1].lower()) if done else None
    usual = verb or ("put" if rule("placed").match(state) else "make")
    step = step_of(language.strip(f"{usual} {thing} {state[done.end() if done and verb else 0 :]}"), quotes)
    return None if step["operation"] in ("unknown", "context") else step


def _edit(clause: str, groups: Details, quotes: Quotes, used: list[str]) -> Details:
    """An edit: its prompt with a numbered picture called 'the picture'; 'it' is left for the play to resolve.

    ImageEdit does all that its prompt asks for, or refuses.
    """
    used.append(clause)
    prompt, image = groups["prompt"], details.reference(groups["prompt"][:LONG])[0]
    if image and image not in ("it", "picture"):
        rest, picture = details.reference(prompt)[1], rule("of_whole").sub(r"\1 the picture", prompt)
        if image == "each":
            picture = next(entry["fits"] for entry in entries("reference") if entry["means"] == "each").sub(
                "the picture", prompt, 1
            )
        prompt = rest if picture == prompt else picture
    kinds = ((kind, first(kind, prompt[:LONG])) for kind in ("replace", "remove", "add", "alter"))
    kind, parts = next(((kind, found) for kind, found in kinds if found), ("", {}))
    old, new = (quotes.restore(parts.get(name) or "") for name in ("old", "new"))
    quoted, text = quotes.of(prompt), rule("about_text").search(prompt) is not None
    texts = {"written": quoted[-1]} if kind == "replace" and quoted else {}
    texts = {"removed": "".join(quoted[:1])} if kind == "remove" and (quoted or text) else texts
    return {"image": image, "prompt": quotes.restore(prompt), "kind": kind, "old": old, "new": new, "texts": texts}


READERS: dict[str, Any] = {read.__name__: read for read in (_plain, _crop, _ask, _text, _place, _draw, _wish, _edit)}
"""How the details of an operation are read from a matching clause; None: the match does not hold."""
