"""The last touches: greetings and thanks, what has nothing to do with it, spelling, typos, capitals."""

from __future__ import annotations

import re
from collections.abc import Iterable

from canvasagent.craft.plan import Branch, Plan
from canvasagent.craft.writers.grammar.lexicon import data
from canvasagent.craft.writers.grammar.naming import spoken_facts
from canvasagent.craft.writers.grammar.patterns import fill
from canvasagent.craft.writers.grammar.referring import Reference
from canvasagent.english.phrases import with_article

TYPOS = 0.05
"""Share of instructions with a typo."""
ASIDES = {"chatty": 0.55, "plain": 0.14, "terse": 0.03}
MORE_ASIDES = 0.12
"""Added to these where the request is a single act without facts."""
SHORTEST = 12
"""Characters; less is given a "please"."""
BRITISH = 0.35
_SPELLING = (
    (r"olor", "olour"),
    (r"\bcenter\b", "centre"),
    (r"\bfavor\b", "favour"),
    (r"\bgray", "grey"),
    (r"\bneighbor", "neighbour"),
    (r"\bcenterpiece\b", "centrepiece"),
)
_WORD = re.compile(r"(?<![\w'-])[a-z]{5,}(?![\w'-])")
_NEVER_WRONG = {
    *("first", "second", "third", "fourth", "image", "picture", "clockwise", "counterclockwise", "degree", "degrees"),
    *("before", "after", "there", "their", "other", "third", "original", "number", "otherwise", "unless"),
}
_START = re.compile(r"(^|[.?!]\s+|\n(?:(?:Step )?[(#]?\d+[.):]*\s|[-*] )?)([a-z])")


def finished(sentences: list[str], plan: Plan, ref: Reference) -> str:
    """The instruction: `sentences` with what people say around them, as people write."""
    text = " ".join(_around(sentences, plan, ref))
    text = re.sub(r"\b(the words [\ue000-\uf8ff]) is\b", r"\1 are", text)
    text = re.sub(r"\b(where it says) the (?:text|writing|words) (?=[\ue000-\uf8ff])", r"\1 ", text)
    guarded = _guarded(plan, ref)
    if ref.rng.random() < BRITISH:
        text = _british(text, guarded)
    if ref.rng.random() < TYPOS:
        text = _mistyped(text, guarded, ref)
    text = text.replace(". . ", ". ")
    text = re.sub(r"([?!])\.", r"\1", text)
    text = _terse(text, ref) if ref.tone == "terse" else _START.sub(lambda match: match[1] + match[2].upper(), text)
    if len(text) < SHORTEST:
        text = text.rstrip(".!") + ", please"
    return ref.restore(re.sub(r"\bi\b(?=[ '])", "I", text) if ref.tone != "terse" else text)


_ONCE = ("request", "favor", "help", "a question")
"""Words that are not said both before a request and in it."""


def _around(sentences: list[str], plan: Plan, ref: Reference) -> Iterable[str]:
    extras, rng, tone = data("extras"), ref.rng, ref.tone
    lead = ""
    first = rng.random() < 0.3
    if tone in extras["greetings"] and rng.random() < (0.35 if tone == "chatty" else 0.07):
        lead = rng.choice(extras["greetings"][tone]) + rng.choice([",", "!", "."] if tone == "chatty" else [","])
    aside = _aside(plan, ref) if rng.random() < ASIDES[tone] + (MORE_ASIDES if bare(plan) else 0) else None
    polite = rng.choices(("none", "before", "after", "both"), (5, 2, 2.5, 0.5))[0]
    if tone in extras["before"] and polite in ("before", "both"):
        before = rng.choice(extras["before"][tone])
        if any(word in before and word in sentences[0].lower() for word in _ONCE):
            before = ""
        first = first and not before.endswith((",", ":"))
        if before.endswith((".", "?", ":")) or not sentences[0].endswith("?"):
            lead = f"{lead} {before}".strip()
    if lead:
        yield _ended(lead) if first and aside else lead
    if first and aside and "\n" not in sentences[-1]:
        yield aside + "."
    yield from sentences
    if aside and (not first or "\n" in sentences[-1]):
        yield ("\n" if "\n" in sentences[-1] else "") + aside + "."
    if polite in ("after", "both") and "\n" not in sentences[-1]:
        yield rng.choice(extras["closings"][tone]) + rng.choice([".", "!"] if tone == "chatty" else ["."])


def bare(plan: Plan) -> bool:
    """Whether a plan is a single act that has no facts, so that little makes one request differ from another."""
    steps = [node for node in plan.nodes if not isinstance(node, Branch)]
    return len(plan.nodes) == len(steps) == 1 and not set(steps[0].facts) - {"why", "text"}


def _ended(lead: str) -> str:
    return lead[:-1] + "." if lead.endswith((",", ":")) else lead


def _aside(plan: Plan, ref: Reference) -> str:
    asides, rng = data("extras")["asides"], ref.rng
    which = rng.choices(("for", "alone", "of_picture"), (5, 4, 2 if len(plan.pictures) == 1 else 0))[0]
    what = rng.choice(asides["what"])
    return fill(
        rng.choice(asides[which]), {"who": rng.choice(asides["who"]), "what": what, "a what": with_article(what)}
    )


def _guarded(plan: Plan, ref: Reference) -> frozenset[str]:
    """Words that stay as they are: all that facts are made of."""
    facts = spoken_facts(plan, ref.grounds)
    return frozenset(word for fact in facts for word in re.findall(r"\w+", fact.lower()))


def _british(text: str, guarded: frozenset[str]) -> str:
    def spell(match: re.Match[str]) -> str:
        word = match.group()
        if word.lower() in guarded:
            return word
        for american, british in _SPELLING:
            word = re.sub(american, british, word)
        return word

    return re.sub(r"\w+", spell, text)


def _mistyped(text: str, guarded: frozenset[str], ref: Reference) -> str:
    words = [match for match in _WORD.finditer(text) if match.group() not in guarded | _NEVER_WRONG]
    if not words:
        return text
    match, rng = ref.rng.choice(words), ref.rng
    word = match.group()
    at = rng.randrange(1, len(word) - 2)
    kind = rng.choice(("swap", "drop", "double"))
    wrong = {
        "swap": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        "drop": word[:at] + word[at + 1 :],
        "double": word[: at + 1] + word[at:],
    }[kind]
    return text[: match.start()] + wrong + text[match.end() :]


def _terse(text: str, ref: Reference) -> str:
    rng = ref.rng
    if rng.random() < 0.35:
        text = _START.sub(lambda match: match[1] + match[2].upper(), text)
    return text[:-1] if text.endswith(".") and rng.random() < 0.75 else text
