"""Patterns of acts: filling their slots, and the forms that an order can take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from canvasagent.craft.writers.grammar.lexicon import data, gerund, verb

ENDINGS = ".?!:"
_SLOT = re.compile(r"\{([^{}?]+)(\?)?\}")
_SPACES = re.compile(r" {2,}")
_BEFORE = re.compile(r" (?=[,.;:?!])")
_BARE = re.compile(r"^ (look|say|disappear|appear|vanish)\b")
LOCATIVES = ("in", "from", "of", "to", "into", "on")


@dataclass(frozen=True)
class Pattern:
    """A pattern, read once."""

    text: str
    needs: frozenset[str]
    """Slots that must be filled."""
    takes: frozenset[str]
    """Slots that may be filled."""
    passive: bool
    """It has the form "I want it …ed"."""

    @property
    def names_picture(self) -> bool:
        """Whether the picture is named, or can be."""
        return "the picture" in self.needs or any(name in self.takes for name in LOCATIVES)


@cache
def pattern(text: str) -> Pattern:
    """`text` as a pattern."""
    slots = _SLOT.findall(text)
    needs = frozenset(name for name, optional in slots if not optional)
    takes = frozenset(name for name, optional in slots if optional)
    return Pattern(text, needs, takes, _object_follows_verb(text))


def _object_follows_verb(text: str) -> bool:
    before = re.split(r"[|\[]", text, maxsplit=1)[0].split()
    table = data("verbs")
    if "|" not in text or " and " in text or not before or before[0] in table["active"]["verbs"]:
        return False
    return len(before) == 1 or (len(before) == 2 and before[1] in table["particles"]["words"])


def fill(text: str, slots: Mapping[str, str]) -> str:
    """`text` with its slots filled and the traces of those left out removed. Raises `KeyError` for a missing one."""

    def put(match: re.Match[str]) -> str:
        name, optional = match.groups()
        return slots.get(name, "") if optional else slots[name]

    return tidy(_SLOT.sub(put, text))


def tidy(text: str) -> str:
    """Single spaces, none before a comma or at an end."""
    return _BEFORE.sub("", _SPACES.sub(" ", text)).strip()


@dataclass(frozen=True)
class Clause:
    """An act in words, in the forms that frames and joints ask for."""

    do: str
    """`paint the dog blue`"""
    object: str | None = None
    """`the dog`, where the passive is possible"""
    done: str | None = None
    """`painted blue`"""
    many: bool = False
    """The object takes a plural verb."""

    @property
    def doing(self) -> str:
        """`painting the dog blue`"""
        return gerund(self.do)

    def forms(self) -> dict[str, str]:
        """What frames may use."""
        by_name = {"do": self.do, "doing": self.doing, **agreement(self.many)}
        if self.object is not None and self.done is not None:
            by_name |= {"object": self.object, "done": self.done}
        return by_name


def order(form: Pattern, slots: Mapping[str, str], object_: str, many: bool) -> Clause:
    """The clause of an order."""
    do = _its(_with_object(fill(form.text, slots), object_))
    if not form.passive:
        return Clause(do)
    filled = fill(form.text, slots)
    if "[" in filled:
        before, rest = filled.split("[", 1)
        inner, after = rest.split("]", 1)
        whole = inner.replace("|", object_)
        many = False
    else:
        before, after = filled.split("|", 1)
        whole = object_
    first, *particle = before.split()
    if first == "make":
        after = _BARE.sub(r" to \1", after)
    done = " ".join([verb(first).participle, *particle, after.replace("|", object_).strip()])
    return Clause(do, _its(whole), tidy(done), many)


def sentence(form: Pattern, slots: Mapping[str, str], object_: str) -> str:
    """A statement, question or note."""
    return _its(_with_object(fill(form.text, slots), object_))


def _with_object(text: str, object_: str) -> str:
    return text.replace("[", "").replace("]", "").replace("|", object_)


def _its(text: str) -> str:
    return re.sub(
        r"\bthe (color|size|background|resolution|time of day|lighting|weather) (of|in) it\b", r"its \1", text
    )


def agreement(many: bool) -> dict[str, str]:
    """What goes with one thing or several."""
    return dict(_SEVERAL if many else _ONE)


_ONE = {name: name for name in ("is", "was", "were", "has", "needs", "gets", "bothers", "it", "itself")} | {
    "they": "it"
}
_SEVERAL = {
    "is": "are", "was": "were", "were": "were", "has": "have", "needs": "need", "gets": "get", "bothers": "bother",
    "it": "them", "itself": "themselves", "they": "they",
}  # fmt: skip


def ended(text: str) -> str:
    """`text` with a mark at its end."""
    return text if text.endswith(tuple(ENDINGS)) else text + "."
