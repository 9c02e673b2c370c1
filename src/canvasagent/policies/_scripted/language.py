"""From a request's text to its clauses: quotations set aside, spelling mended, sentences split where a wish begins."""

import re
from typing import NamedTuple

from canvasagent.english.quotations import QUOTED, Quotes
from canvasagent.english.spelling import respelled
from canvasagent.policies._scripted.accounting import words_of
from canvasagent.policies._scripted.patterns import entries, rule, vocabulary


def quotes_of(text: str) -> tuple[str, Quotes]:
    """A text with every quotation, and every WORD that stands out by its capitals, replaced by a mark."""
    loud = sum(map(str.isupper, text[:200])) * 2 > sum(map(str.isalpha, text[:200])) and rule("shouted").match(text)
    return Quotes.take(text, QUOTED if loud else rule("quoted_or_loud"))


class Clause(NamedTuple):
    """A clause of a request."""

    text: str
    opens: bool
    """Whether it begins a sentence or stands after ', then': a condition said before does not reach it."""
    lost: tuple[str, ...] = ()
    """What other ways of saying it left out."""


def clauses(text: str) -> list[Clause]:
    """The clauses of a text whose quotations are marks, in order, cleared of politeness and connectives."""
    text = reworded("whole", re.sub(r"[^\S\n]+", " ", text))
    text = respelled("".join(reworded("rewrite", sentence) for sentence in rule("sentence").split(text)))
    start, opens, parts = 0, True, list[Clause]()
    for match in [*rule("hard").finditer(text), None]:
        pieces = _split_soft(text[start : match.start() if match else len(text)])
        for index, piece in enumerate(pieces):
            if parts and "⟪" in parts[-1].text and rule("of_text").match(piece):
                parts[-1] = parts[-1]._replace(text=f"{parts[-1].text} {piece.strip()}")
                continue  # 'write X, rotated by 45 degrees'
            lost = list[str]()
            parts.append(Clause(strip(piece, lost), opens and not index, tuple(lost)))
        start, opens = match.end() if match else 0, not match or rule("goes_on").fullmatch(match[0].strip()) is None
    return _merge([part for part in parts if part.text])


def _split_soft(sentence: str) -> list[str]:
    """Split at commas and conjunctions, but only before something that starts a clause."""
    cuts = ((match.span(), opened(sentence[match.end() :][:120])) for match in rule("soft").finditer(sentence))
    begins = (span for span, rest in cuts if rule("starters").match(rest) or rule("correction").match(rest))
    edges = [edge for span in begins for edge in span]
    parts = zip([0, *edges[1::2]], [*edges[::2], len(sentence)], strict=True)
    return [sentence[start:end] for start, end in parts if start < end]


def strip(clause: str, lost: list[str] | None = None) -> str:
    """A clause without leading connectives and politeness, and without what trails it, its verb a plain one.

    Words that another way of saying it leaves out are appended to `lost`.
    """
    return reworded("terse", opened(rule("tail").sub("", f" {clause.strip()}"), lost), lost)


def opened(clause: str, lost: list[str] | None = None) -> str:
    """A clause without what leads up to its verb, which is put into its plain form."""
    clause = rule("lead").sub("", " ".join(clause.split()).strip(" ,;:-–—")).strip()
    form = re.match(r"([a-z]+)(ing|ed)\b(?! of\b)", clause, re.IGNORECASE)
    if form and not rule("starters").match(clause) and (verb := imperative(form[1])):
        object_ = "" if form[2] != "ed" or re.match(" (?:it|them|this|the)\\b", clause[form.end() :]) else " it"
        clause = verb + object_ + clause[form.end() :]
    return reworded("synonym", clause, lost)


def reworded(table: str, text: str, lost: list[str] | None = None) -> str:
    """A text in the words that the other rules know: every entry of a table of clauses.toml in its turn."""
    for entry in entries(table):
        if hit := entry["seen"](text):
            if lost is not None and not entry.get("statement"):
                lost += [word for name in entry["lost"] for word in words_of(hit[name] or "")]
            text = entry["fits"].sub(entry["means"], text)
    return text


def imperative(stem: str) -> str:
    """The verb of which `stem` is what is left without -ing or -ed: rotat → rotate, cropp → crop."""
    forms = (stem, stem + "e", stem[:-1] if stem[-1:] == stem[-2:-1] else stem)
    return next((form for form in forms if rule("starters").fullmatch(form)), "")


def _merge(parts: list[Clause]) -> list[Clause]:
    """Join a fragment that only says where or how ('at the bottom') to the clause that it belongs to."""
    merged: list[Clause] = []
    for index, (text, opens, lost) in enumerate(parts):
        text = f"write {text}" if merged and rule("again").match(text) else text
        alone, last = rule("fragment").fullmatch(text), index + 1 == len(parts)
        if merged and ((alone and (last or not opens)) or rule("fragment").fullmatch(merged[-1].text)):
            order = (merged[-1].text, text) if alone else (text, merged[-1].text)
            merged[-1] = Clause(" ".join(order), merged[-1].opens, merged[-1].lost + lost)
        else:
            merged.append(Clause(text, opens, lost))
    return merged


def is_foreign(text: str) -> bool:
    """Whether a request seems to be in another language than English. Quotations do not count."""
    bare = re.sub(r"⟪\d+⟫", " ", text).lower()
    words = re.findall(r"[^\W\d_]+", bare)
    foreign, ours = (sum(map(vocabulary(name).__contains__, words)) for name in ("foreign", "english"))
    return len(re.findall("[\u0250-\uffff]", bare)) * 3 > len("".join(words)) or (foreign >= 2 and foreign > ours)


# ── what is said, and small judgements on words ──────────────────────────────────────────────────────────


def resolved(prompt: str, noun: str | None, pronoun: bool) -> str:
    """An edit prompt in which 'it' says what it means, a thing or the picture, and 'one' says one of what."""
    name, one = f"the {noun}" if noun else "the picture", "a" if re.match(r"(?i)add|draw|put|insert", prompt) else "one"
    bare = rule("shade").sub("", noun or "").strip()
    prompt = re.sub(r"(?i)(?<=the )([\w-]+) one\b", rf"\1 {bare}", prompt) if bare else prompt  # 'the green one'
    prompt = rule("one").sub(lambda match: f"{match['of'] or one} {noun}", prompt) if noun else prompt
    for place in ("leading_it", "closing_it") if pronoun else ():
        prompt = rule(place).sub(lambda match: f"{match[1]} {name}", prompt)
    return prompt


def nameable(thing: str) -> bool:
    """Whether Grounding can be asked for a thing: not for a look, a light or a text."""
    return bool(thing) and rule("unnameable").fullmatch(thing) is None
