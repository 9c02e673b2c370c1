"""What is added and where it goes, in words: "a red ball next to the dog", "to the top left", "onto the table"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from canvasagent.backends.lite.edits._things import is_drawn_noun
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.grammar import parse
from canvasagent.sketch.lexicon import data, phrases, tokens
from canvasagent.sketch.rules import SPOTS
from canvasagent.sketch.scene import Group, Scene
from canvasagent.sketch.sprite import all_sprites

_MORE = re.compile(
    r"^(?:(?:an?|one)(?: (?:second|third|fourth|new|additional|extra|further|other|single))|another|one more|"
    r"(?:yet )?another|some more|an extra)\b ?",
    re.IGNORECASE,
)
_NUMBER_MORE = re.compile(
    r"^(two|three|four|five|six|seven|eight|nine|ten|\d+) (?:more|other|additional|extra|new)\b", re.I
)
_DEFINITE = re.compile(
    r"(?:the|it|its|him|her|them|this|that|these|those|my|his|their|both|all|every(?:thing)?)\b", re.I
)
_HOST = r"(?:the|its?|my|his|her|their|that|this|all|every|both|them|an?)\b"
_NUDGES: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("up", "upwards", "higher", "higher up"), (0, -1)),
    **dict.fromkeys(("down", "downwards", "lower", "lower down"), (0, 1)),
    **dict.fromkeys(("left", "leftwards", "further left", "further to the left", "more to the left"), (-1, 0)),
    **dict.fromkeys(("right", "rightwards", "further right", "further to the right", "more to the right"), (1, 0)),
}
_SLIGHTLY = re.compile(
    r"^(?:a (?:little )?bit|a little|slightly|somewhat)(?: to the)? | (?:a (?:little )?bit|slightly)$"
)


@dataclass(frozen=True)
class New:
    """What shall be added: groups of things, and how the first stands to what is there."""

    groups: tuple[Group, ...]
    relation: str | None = None
    hosts: tuple[str, ...] = ()
    """Phrases for the things that the relation speaks of."""
    background: str | None = None
    """A place that the words take for granted: "on the beach"."""


@dataclass(frozen=True)
class Target:
    """Where a thing shall go; one of these is given."""

    spot: str | None = None
    place: str | None = None
    relation: str | None = None
    hosts: tuple[str, ...] = ()
    nudge: tuple[float, float] | None = None
    """Shares of the picture to the right and down."""


@cache
def _relations() -> re.Pattern[str]:
    known = phrases().items()
    words = {word for word, token in known if token.sort in ("relation", "spot", "place")} | {"onto", "around", "at"}
    longest = sorted(words, key=len, reverse=True)
    return re.compile(rf"\b(?P<phrase>{'|'.join(map(re.escape, longest))})\b", re.IGNORECASE)


def _relation(words: str) -> str | None:
    token = phrases().get(words)
    return token.value if token is not None and token.sort == "relation" else None


def read_new(words: str) -> New | None:
    """What `words` ask to be added, or None where they name nothing of the drawn world, or a thing that is there."""
    words = re.sub("\x02\\d+\x03", "'A'", words)  # quoted words that are hidden while a prompt is taken apart
    words = _NUMBER_MORE.sub(r"\1", _MORE.sub("a ", words.strip(), count=1), count=1)
    words = re.sub(r" (?:to|into|in) (?:it|the (?:picture|image|scene|drawing|photo))$", "", words, flags=re.I)
    if not words or _DEFINITE.match(words):
        return None
    before, relation, host = _split(words)
    scene = _scene(before)
    if scene is None or not scene.groups:
        return None
    if relation is None:
        return New(scene.groups)
    places = [token.value for token in tokens(host)[0] if token.sort == "background"]
    if not is_drawn_noun(host):
        return New(scene.groups, background=places[0]) if places and not tokens(host)[1] else None
    return New(scene.groups, relation, _hosts(relation, host))


def _scene(words: str) -> Scene | None:
    """Nothing but things, as a scene; None for anything more."""
    if any(token.sort == "the" for token in tokens(words)[0]):
        return None  # "a hat to the dog": what is there already is not added
    try:
        scene = parse(words)
    except ToolRefusal:
        return None
    return scene if scene == Scene(groups=scene.groups) else None


def _split(words: str) -> tuple[str, str | None, str]:
    """The words before a relation to what is there, that relation, and the words for what is there."""
    for match in _relations().finditer(words):
        phrase, rest = match["phrase"].lower(), words[match.end() :].strip()
        kind = {"onto": "on", "around": "next"}.get(phrase) or _relation(phrase)
        if kind is not None and re.match(_HOST, rest, re.IGNORECASE):
            return words[: match.start()].strip(" ,"), str(kind), rest
    # What is worn goes on its wearer: "add a hat to the dog".
    if (worn := re.match(r"(?P<thing>.+?) to (?P<host>the .+)$", words, re.IGNORECASE)) and _is_worn(worn["thing"]):
        return worn["thing"], "on", worn["host"]
    return words, None, ""


def _is_worn(words: str) -> bool:
    scene = _scene(words)
    if scene is None or not scene.groups:
        return False
    return all(all_sprites()[group.sprite].info.category == "clothing" for group in scene.groups)


def _hosts(relation: str, host: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in host.split(" and ", 1)) if relation == "between" else (host,)


def single(words: str) -> Group | None:
    """One drawn thing without a place ("a red car"), or None."""
    scene = _scene(words)
    if scene is None or len(scene.groups) != 1:
        return None
    group = scene.groups[0]
    plain = Group(sprite=group.sprite, color=group.color, scale=group.scale)
    return group if group == plain else None


def read_target(words: str) -> Target | None:
    """Where `words` send a thing, or None."""
    words = " ".join(words.lower().strip(" .").split())
    slight = bool(_SLIGHTLY.search(words))
    bare = _SLIGHTLY.sub("", words).strip()
    if bare in _NUDGES and (slight or bare != words or not words.startswith("to ")):
        share = 0.08 if slight else 0.18
        across, down = _NUDGES[bare]
        return Target(nudge=(across * share, down * share))
    _, relation, host = _split(f"thing {words}")
    if relation is not None and is_drawn_noun(host):
        return Target(relation=relation, hosts=_hosts(relation, host))
    spot = re.sub(r"^(?:(?:in|on|at|to|into|onto|towards?)(?: to)? )?(?:the )?(?:far )?", "", words)
    spot = re.sub(r"(?:[- ]hand)?(?: (?:corner|side|edge|part|half))?(?: of (?:it|the \w+))?$", "", spot)
    spot = spot.replace("upper", "top").replace("lower", "bottom").replace("-", " ")
    spot = re.sub(r"^(?:center|centre)$", "middle", spot)
    if spot in SPOTS:
        return Target(spot=spot)
    for phrase, place in data()["places"].items():
        if words.removeprefix("up ").replace("into the", "in the").replace("onto the", "on the") in (
            phrase,
            phrase.replace("in the", "to the").replace("on the", "to the"),
        ):
            return Target(place=str(place))
    return None
