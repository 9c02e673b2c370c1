"""From a request to its plan: one step a wish, as data, with every detail read from the words."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from canvasagent.english.quotations import Quotes
from canvasagent.policies._scripted import details, language
from canvasagent.policies._scripted.language import Details, knowledge, pattern, rule
from canvasagent.policies._scripted.wishes import Condition, Wish, Wishes, condition, first

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
        for text, asked, holds in self.asked:
            step = {"operation": self.lost, "text": text, "image": ""} if self.lost else step_of(text, self.quotes)
            if step["operation"] != "context":
                yield step | {"condition": asked, "holds": holds}


@lru_cache(maxsize=256)
def make_plan(instruction: str) -> Plan:
    """The plan of a request. Never raises."""
    marked, quotes = language.quotes_of(instruction)
    found, foreign = Wishes(marked, quotes), language.is_foreign(marked)
    if foreign or all(step_of(wish[0], quotes)["operation"] in knowledge()["idle"] for wish in found.asked):
        return Plan(((instruction.strip(), None, True),), quotes, lost="foreign" if foreign else "unknown")
    return Plan(tuple(found.asked), quotes, tuple(found.kept))


@lru_cache(maxsize=1024)
def step_of(clause: str, quotes: Quotes) -> Details:
    """The step that a clause asks for, by the first rule of patterns.toml that it fits.

    A rule is tried on the clause, or on what is left of it without fillers unless it is `exact`; then without a reason
    at the end. What is very long can only be a description to draw or an edit, which are exact.
    """
    texts = dict.fromkeys((clause, rule("purpose").sub("", clause) or clause))
    forms = [(text, language.reworded("filler", text[:LONG]).strip()) for text in texts]
    rules = (way for way in knowledge()["rule"] if "exact" in way or len(clause) <= LONG)
    fits = (_fit(way, text if "exact" in way else bare, quotes) for way in rules for text, bare in forms)
    return {"text": quotes.restore(clause)} | next(found for found in fits if found is not None)


def _fit(way: Mapping[str, Any], clause: str, quotes: Quotes) -> Details | None:
    """The details of a clause by a rule, if it is one of the rule's patterns all over."""
    hits = (pattern(source).fullmatch(clause) for source in way["patterns"])
    named = ({name: value.strip() for name, value in hit.groupdict().items() if value} for hit in hits if hit)
    read = (READERS[way["reader"]](clause, groups | {"operation": way["operation"]}, quotes) for groups in named)
    return next(({"operation": way["operation"], **found} for found in read if found is not None), None)


def _plain(clause: str, groups: Details, quotes: Quotes) -> Details | None:
    """Picture, thing, angle, factor, language and quotation; a turned `thing` that is no picture makes it an edit."""
    if "thing" in groups:
        named = details.reference(groups["thing"])[0]
        return None if named else _edit(clause, {"prompt": clause}, quotes) | {"operation": "edit"}
    around, how = details.reference(clause)[0], groups.get("how", "")
    image, rest = details.reference(f"{groups.get('phrase', '')} {groups.get('rest', '')}".strip())
    words, many = details.phrase(quotes.restore(rest))
    found: Details = {"image": image or (around.replace("it", "") if "phrase" in groups else around), "how": how}
    found |= {"phrase": words, "many": many, "count": "count" in groups, "language": groups.get("language", "").lower()}
    factor = int(details.lookup("number", how.replace("4k", "")) or 4)
    return found | {"angle": details.angle(how), "factor": factor, "quoted": [*quotes.of(clause), ""][0]}


def _crop(clause: str, groups: Details, quotes: Quotes) -> Details | None:
    image = details.reference(clause)[0]
    if "aspect" in groups:
        return {"image": image, "ratio": details.aspect(groups["aspect"])}
    if "phrase" in groups:
        margin = rule("margin").search(groups["phrase"])
        found = _plain(clause, {"phrase": groups["phrase"][: margin.start() if margin else None]}, quotes) or {}
        found |= {"many": found["many"] or found["phrase"] in ("text", "writing"), "margin": margin is not None}
        return found if found["phrase"] or found["image"] == "it" else None
    if "box" in groups:
        return {"image": image, "bbox": [int(edge) for edge in re.findall(r"\d+", groups["box"])][:4]}
    box = details.remainder(groups["cut"]) if "cut" in groups else details.region(groups.get("region", "middle"))
    return {"image": image, "bbox": box} if box else None


def _ask(clause: str, groups: Details, quotes: Quotes) -> Details | None:
    """A question of yes or no; a check is one on what was written or removed last, unless it names something."""
    said = condition(rule("yes_no").sub("", groups.get("said", "")), quotes)
    of_text = "⟪" in clause or rule("about_text").search(clause)
    if groups["operation"] == "check" and (said.kind != "there" or of_text):
        image, quoted = details.reference(rule("that_or_this").sub("", clause))[0], [*quotes.of(clause), None][0]
        kind = "text" if of_text or said.kind == "any_text" else "done"
        said = Condition(kind, quotes.restore(clause), not rule("gone").search(clause), image=image, quote=quoted)
    return None if said.kind == "unknown" else {"image": said.image, "asked": said}


def _text(clause: str, groups: Details, quotes: Quotes) -> Details | None:
    text = quotes.restore(groups.pop("text"), bare=True).strip()
    image = details.reference(re.sub(r"⟪\d+⟫", "", clause))[0]
    around = " ".join(value for name, value in groups.items() if name != "operation")
    if not text or "⟪" in around:
        return None  # a second quotation: this would leave it out in silence
    if "⟪" not in clause:
        text = "" if rule("read_before").fullmatch(text.strip(" :,.")) else text.strip(" :,.")
    anchor, around = details.anchor(around)
    extra = rule("lettering_extras").search(around)
    position = details.place(around) or details.lookup("text_usual", around) or [500, 500]
    found = {"image": image, "text": text, "position": position, "anchor": anchor, "extra": extra and extra[0].strip()}
    return found | {"color": details.colour(around), "font_size": details.lookup("text_size", around)}


def _place(clause: str, groups: Details, quotes: Quotes) -> Details | None:
    """Slots are taken out of the words after the verb one by one; what is left is what goes on."""
    quad = rule("corners").search(groups["body"])
    anchor, left = details.anchor(groups["body"].replace(quad[0], "", 1) if quad else groups["body"])
    slots = {"source": "", "base": "", "size": "", "spot": ""}
    for name in slots:
        for found in [*pattern(f"{{slot_{name}}}").finditer(left)][: 1 if name in ("source", "base") else 2]:
            slots[name] += f" {found['value']}"
            left = left.replace(found[0], " ", 1)
    left = rule("slot_rest").sub("", " ".join(left.split()).strip(" ,"))
    (what, rest), base = details.reference(left), details.reference(slots["base"])[0]
    words, source = details.phrase(quotes.restore(rest))[0], details.reference(slots["source"])[0]
    if words and what:
        source, what = what, ""  # "the face of the first picture"
    if source and not base and not words:
        source, base = "", source  # "put it at the top of the second picture"
    brought = source not in ("", "it") or not rule("indefinite").match(left)
    carried = brought and (base or source or "copies" in groups) and rule("carried").fullmatch(left)
    if not (carried if words else what in ("it", "cutout") or (what and base)) or "⟪" in left:
        return None
    slot: Details = {"image": base, "what": "" if words else what, "phrase": words, "source": source, "anchor": anchor}
    slot |= {"position": details.place(slots["spot"]), "scale": details.lookup("object_size", slots["size"])}
    points = [int(number) for number in quad["points"].split()] if quad else []
    slot["quad"] = [points[at : at + 2] for at in range(0, 8, 2)] if points else None
    return slot | {"edit": _edit(clause, {"prompt": clause}, quotes)}


def _draw(clause: str, groups: Details, quotes: Quotes) -> Details:
    """A description: what an empty canvas shows, or what an edit brings."""
    drawn = {"scene": quotes.restore(groups["prompt"]), "says": quotes.of(groups["prompt"])}
    return _edit(clause, {"prompt": clause}, quotes) | drawn


def _wish(clause: str, groups: Details, quotes: Quotes) -> Details | None:
    """'the sky should be orange' → make the sky orange; 'it should be rotated left' → rotate it left."""
    thing, state, done = groups["thing"], groups["state"], rule("participle").match(groups["state"])
    verb = knowledge()["participles"].get(done[1].lower()) if done else None
    usual = verb or ("put" if rule("placed").match(state) else "make")
    step = step_of(language.strip(f"{usual} {thing} {state[done.end() if done and verb else 0 :]}"), quotes)
    return None if step["operation"] in ("unknown", "context") else step


def _edit(clause: str, groups: Details, quotes: Quotes) -> Details:
    """An edit: its prompt with a numbered picture called 'the picture'; 'it' is left for the play to resolve."""
    prompt, image = groups["prompt"], details.reference(groups["prompt"][:LONG])[0]
    if image and image not in ("it", "picture"):
        rest, picture = details.reference(prompt)[1], rule("of_whole").sub(r"\1 the picture", prompt)
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
