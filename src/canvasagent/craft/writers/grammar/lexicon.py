"""The data of the grammar, and the forms of verbs."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def data(name: str) -> dict[str, Any]:
    """The tables of `name`.toml of this package, read once."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))


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
