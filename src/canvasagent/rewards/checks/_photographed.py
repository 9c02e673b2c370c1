"""Which of 80 kinds of things a photograph shows, by the second detector, which no tool uses.

Between what is surely there and what is surely not lies what cannot be measured. Only the kinds of that detector are
known, and only in what is surely a photograph: it was not made for drawings.
"""

from __future__ import annotations

from functools import cache

from PIL import Image

from canvasagent.backends.lite.photographs import networks
from canvasagent.backends.lite.photographs.second_detector import LEAST, find_things_again
from canvasagent.english.lexicon import lexicon
from canvasagent.imaging.photograph import likeness
from canvasagent.rewards.checks._pixels import rgb
from canvasagent.rewards.checks._templates import thing_named
from canvasagent.rewards.checks.base import Finding, not_measured

DOUBT = 0.25
"""Score from which a thing may be there. On 84 labelled photographs 9 of 66 kinds that are there stay below it."""
SURELY_PHOTOGRAPH = 5.5
"""Likeness to a photograph from which what is not seen counts as not there."""
PERSON = "person"


@cache
def kind_named(word: str) -> str | None:
    """The kind of thing that a word means, and no narrower one; None where it means none."""
    kinds = lexicon()["photographed"]
    for kind, entry in kinds.items():
        if word == kind or word in entry.get("words", ()):
            return str(kind)
    return next((str(kind) for kind in kinds if kind != PERSON and thing_named(kind) == word), None)


class Seen:
    """What the second detector sees of one kind in a photograph: boxes in shares of the picture."""

    def __init__(self, picture: Image.Image, kind: str) -> None:
        pixels = rgb(picture)
        height, width = pixels.shape[:2]
        found = [item for item in find_things_again(pixels, DOUBT) if item.name == kind]
        self.scores = [item.score for item in found]
        edges = [item.box for item in found if item.score >= LEAST]
        self.sure = [(left / width, top / height, right / width, bottom / height) for left, top, right, bottom in edges]
        self.complete = len(self.sure) == len(found) and likeness(pixels) >= SURELY_PHOTOGRAPH
        """Whether no more may be there than what is surely there."""

    @property
    def best(self) -> float:
        """The score of the surest one; 0 where there is none."""
        return max(self.scores, default=0.0)


def seen_again(picture: Image.Image, name: str) -> Seen | None:
    """What is seen of a thing in a photograph; None where the thing or the network is not known."""
    kind = kind_named(name)
    return Seen(picture, kind) if kind is not None and networks.has(*networks.SECOND) else None


def presence(picture: Image.Image, name: str, unknown: Finding) -> Finding:
    """Whether a thing is in a photograph; `unknown` where there are no means to tell."""
    seen = seen_again(picture, name)
    if seen is None:
        return unknown
    if seen.sure:
        return Finding(seen.best, True, f"a second detector sees a {name} ({seen.best:.2f}, {LEAST} is enough)")
    if seen.complete:
        return Finding(0.0, False, f"a second detector sees no {name} in the photograph")
    return not_measured(f"a second detector is not sure whether a {name} is there ({seen.best:.2f})")
