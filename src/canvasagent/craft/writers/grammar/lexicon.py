"""The data of the grammar, and what is regular in English: articles, plurals, forms of verbs."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from canvasagent.english.nouns import article, is_plural_noun

_NUMBERS = {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "several", "some", "many"}
_DETERMINERS = {"a", "an", "the", "my", "his", "her", "its", "their", "our", "this", "that", "another", "no", "both"}
_PREPOSITIONS = {"in", "on", "at", "under", "over", "inside", "with", "near", "by"}


@cache
def data(name: str) -> dict[str, Any]:
    """The tables of `name`.toml of this package, read once."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))


@cache
def acts() -> dict[str, dict[str, Any]]:
    """How each act is said."""
    return {act: table for part in ("picture", "things", "words") for act, table in data(f"acts/{part}").items()}


def vague(act: str, facts: dict[str, str]) -> list[dict[str, Any]]:
    """Indirect wording that stands for one of `facts`."""
    tables = data("vague")
    return [tables[key] for name, value in facts.items() if (key := f"{act} {name} {value}") in tables]


def head_of(phrase: str) -> str:
    """The noun of a phrase: `tree` of `second tree from the left`."""
    before = re.split(r" (?:from|in|on|at|of|with|next|near|under|behind|above|below|to|by|beside|that|who) ", phrase)[
        0
    ]
    return before.lower()


@cache
def resting(where: str) -> str:
    """Where a thing is that was moved there: what is moved to the left then stands on the left."""
    where = re.sub(r"^to (the \S+ side\b|the (?:left|right)$)", r"on \1", where)
    return re.sub(r"^to (the .*\bcorner|the middle|the centre)", r"in \1", where)


def is_plural(phrase: str) -> bool:
    """Whether a phrase takes a plural verb: `scissors`, `two dogs`."""
    words = phrase.lower().split()
    if words and words[0] in _NUMBERS - {"one"}:
        return True
    head = head_of(phrase)
    nouns = data("verbs")["nouns"]
    return any(head == noun or head.endswith(" " + noun) for noun in nouns["plural"])


@cache
def with_article(phrase: str) -> str:
    """`phrase` as a new thing: `a dog`, `an apple`, `some scissors`, `snow`."""
    words = phrase.lower().split()
    if not words or words[0] in _NUMBERS | _DETERMINERS | _PREPOSITIONS or words[0].isdigit():
        return phrase
    nouns = data("verbs")["nouns"]
    head = head_of(phrase)
    if any(head == noun or head.endswith(" " + noun) for noun in nouns["mass"]):
        return phrase
    if any(head == noun for noun in nouns["definite"]):
        return f"the {phrase}"
    if is_plural(phrase) or is_plural_noun(head):
        return f"some {phrase}"
    return article(phrase) + " " + phrase


@cache
def definite(phrase: str) -> str:
    """`phrase` as a known thing: `the dog`."""
    words = phrase.lower().split()
    return phrase if words and words[0] in _DETERMINERS - {"a", "an", "no", "another"} else f"the {phrase}"


@dataclass(frozen=True)
class Verb:
    """A verb's forms."""

    base: str
    ing: str
    participle: str


@cache
def verb(base: str) -> Verb:
    """The forms of a verb, hyphens and capitals as given."""
    table = data("verbs")
    if forms := table["irregular"].get(base):
        return Verb(base, *forms)
    stem, hyphen, last = base.rpartition("-")
    if hyphen and last in table["irregular"]:
        ing, participle = table["irregular"][last]
        return Verb(base, f"{stem}-{ing}", f"{stem}-{participle}")
    if base in table["doubled"]["verbs"]:
        return Verb(base, f"{base}{base[-1]}ing", f"{base}{base[-1]}ed")
    if base.endswith(("ee", "oe", "ye")):
        return Verb(base, base + "ing", base + "d")
    if base.endswith("e"):
        return Verb(base, base[:-1] + "ing", base + "d")
    if re.search(r"[^aeiou]y$", base):
        return Verb(base, base + "ing", base[:-1] + "ied")
    return Verb(base, base + "ing", base + "ed")


_SECOND_VERB = re.compile(r"(?<=\band )(?:put|set|say|tell|report|drop|take|give|report)\b")


def gerund(order: str) -> str:
    """The -ing form of an order, of its second verb as well: `taking it out and putting a cat there`."""
    first, space, rest = order.partition(" ")
    return verb(first).ing + space + _SECOND_VERB.sub(lambda match: verb(match.group()).ing, rest)
