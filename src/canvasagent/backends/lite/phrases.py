"""What a phrase asks for, in the words that the lite Grounding understands (`words.toml`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from canvasagent.english.colors import HsvRange, colors, family_of, hsv_range
from canvasagent.english.lexicon import lexicon
from canvasagent.english.nouns import plural
from canvasagent.english.quotations import QUOTED


@dataclass(slots=True)
class Query:
    """A phrase taken apart. `unknown` holds the words that mean nothing here; a query with any is to be refused."""

    kind: str = ""
    """face, head, text, object, area or shape; empty where the phrase names nothing."""
    shape: str = ""
    """The shape's name, for kind shape."""
    color: str = ""
    """A name of the lexicon; a basic word (red) stands for its like (crimson)."""
    shade: str = ""
    """light, dark or bright; only together with a color."""
    quoted: str = ""
    """The very text that is looked for, for kind text."""
    whole_line: bool = False
    """Whether the line that holds the quoted text is meant (a sign), or only the words themselves."""
    board: bool = False
    """Whether the board that the text stands on is meant."""
    order: list[str] = field(default_factory=list)
    """left, right, top, bottom, large, small, middle: where or how large, in the order said."""
    ordinal: int = 0
    """Which one: 1 is the first, -1 the last, 0 none in particular."""
    count: int = 0
    """How many at most; 0 is not said."""
    plural: bool = False
    refused: str = ""
    """The sort of thing (person, animal) that was asked for and is known not to be found."""
    unknown: list[str] = field(default_factory=list)


@cache
def vocabulary() -> dict[str, Any]:
    """`words.toml`, as it is."""
    return tomllib.loads((files(__package__) / "words.toml").read_text("utf-8"))


@cache
def _entries() -> dict[str, list[tuple[str, Any]]]:
    """From a word or several to what they set in a query: (field, value) pairs."""
    words = vocabulary()
    entries: dict[str, list[tuple[str, Any]]] = {}
    named = (("kind", words["kinds"]), ("shape", words["shapes"]), ("refused", words["refused"]["words"]))
    for target, names in named:
        for name, nouns in names.items():
            for noun in nouns:
                entries[noun] = [(target, name)]
                entries.setdefault(plural(noun), [(target, name), ("plural", True)])
    entries.update({name: [("color", family_of(name) or name)] for name in colors()})
    for name, shade in lexicon()["shade_ranges"].items():
        entries.update({word: [("shade", name)] for word in shade["words"]})
    for name, terms in words["order"].items():
        entries.update({term: [("order", name)] for term in terms})
    entries.update({word: [("ordinal", number)] for word, number in words["ordinals"].items()})
    counts: dict[str, int] = lexicon()["counts"]
    entries.update({word: [("count", number), ("plural", True)] for word, number in counts.items() if number > 1})
    for word in words["filler"]:
        entries.setdefault(word, [("plural", True)] if word in words["plural"] else [])
    return entries


def parse(phrase: str) -> Query:
    """Take `phrase` apart. Nothing is guessed: what is not understood is listed in `unknown`."""
    query = Query()
    rest = phrase.strip().rstrip(".!?")
    if found := QUOTED.search(rest):
        query.quoted = next(group for group in found.groups() if group is not None).strip()
        rest = rest[: found.start()] + " " + rest[found.end() :]
    rest = _split_said(rest, query)
    matches = list(_matches(re.findall(r"[\w'’-]+", rest.replace("’", "'"))))
    nouns: list[tuple[str, str, str]] = []
    named: list[str] = []
    for at, (word, meaning) in enumerate(matches):
        if meaning is None:
            names_text = _next_is_text(matches[at + 1 :]) and (query.quoted or word != word.lower())
            (named if names_text else query.unknown).append(word)
            continue
        for target, value in meaning:
            if target in {"kind", "shape", "refused"}:
                nouns.append((target, value, word))
            elif target == "order":
                query.order.append(value)
            else:
                setattr(query, target, value)
    query.quoted = query.quoted or " ".join(named)
    _settle(query, nouns)
    return query


def _next_is_text(following: list[tuple[str, Any]]) -> bool:
    """Whether 'sign', 'text' or the like comes next: a word before it is what it says (STOP sign), or which sort."""
    meanings = [meaning for _, meaning in following if meaning is not None]
    return bool(meanings) and ("kind", "text") in meanings[0]


def _split_said(rest: str, query: Query) -> str:
    """Take what follows 'that says', 'the word' and the like as the text that is looked for, if not quoted."""
    for said in sorted(vocabulary()["says"]["words"], key=len, reverse=True):
        found = re.search(rf"\b{said}\b\s*[:,]?\s*(.*)$", rest, re.IGNORECASE)
        if not found:
            continue
        before, after = rest[: found.start()], found.group(1).strip()
        if query.quoted:
            return f"{before} {after} text" if said.startswith("the ") else f"{before} {after}"
        if after and not all(meaning is not None for _, meaning in _matches(after.split())):
            query.quoted = after
            return f"{before} text" if said.startswith("the ") else before
        if after and after != after.lower():  # known words, but written as on a sign: 'the word RED'
            query.quoted = after
            return f"{before} text" if said.startswith("the ") else before
    return rest


def _matches(tokens: list[str]) -> Iterator[tuple[str, list[tuple[str, Any]] | None]]:
    """The tokens, grouped into the longest entries; None for a word that is not known."""
    entries, at = _entries(), 0
    while at < len(tokens):
        for length in range(min(4, len(tokens) - at), 0, -1):
            words = " ".join(tokens[at : at + length]).lower()
            if words in entries:
                yield words, entries[words]
                break
        else:
            length = 1
            yield tokens[at], None
        at += length


def _settle(query: Query, nouns: list[tuple[str, str, str]]) -> None:
    """Decide what one thing the nouns (field, value, word) name together."""
    kinds = {value for target, value, _ in nouns if target == "kind"}
    shapes = {value for target, value, _ in nouns if target == "shape"}
    for target, value, word in nouns:
        if target == "refused":
            query.refused = value
            query.unknown.append(word)
    if query.shade and not query.color:
        query.unknown.append(query.shade)
    specific = sorted(kinds - {"object", "area"})
    board = vocabulary()["board"]["words"]
    query.board = any(word.lower() in board or word.lower() in map(plural, board) for _, _, word in nouns)
    if query.quoted:  # a sign may be called a box or a thing as well, but not a face
        query.kind = "text"
        whole = vocabulary()["whole_line"]["words"]
        query.whole_line = query.board or any(
            word.lower() in whole or word.lower() in map(plural, whole) for _, _, word in nouns
        )
        query.unknown += sorted(set(specific) - {"text"} | shapes - {"rectangle"})
    elif len(specific) + len(shapes) > 1:
        query.unknown.append("two things at once: " + ", ".join([*specific, *sorted(shapes)]))
    elif shapes:
        query.kind, query.shape = "shape", shapes.pop()
    elif kinds:
        query.kind = (specific or sorted(kinds))[0]
    elif query.color in lexicon()["nouns"]["colors_too"]:
        query.unknown.append(query.color)  # a rose, a salmon: the thing is meant, not what has its color
    elif query.color:
        query.kind = "object"


def color_range(query: Query) -> HsvRange:
    """The hues, saturation and value of the color that a query names, narrowed by its shade."""
    return hsv_range(query.color, query.shade)
