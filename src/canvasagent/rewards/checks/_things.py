"""Which things a picture shows and where: drawn things and plain shapes by template, faces by cascades of their own."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from PIL import Image
from pydantic import AfterValidator

from canvasagent.imaging.photograph import is_photograph
from canvasagent.rewards.checks._drawn import Box, Candidate, DetectedThing, candidates, find, overlap
from canvasagent.rewards.checks._photographed import PERSON, kind_named
from canvasagent.rewards.checks._pixels import Array, rgb, within
from canvasagent.rewards.checks._templates import SHAPES, thing_named
from canvasagent.rewards.checks.base import Finding, not_measured
from canvasagent.sketch.sprite import all_sprites

LONGEST = 352
"""Longest side in pixels of the copy in which drawn things are looked for."""
USUAL, PLAIN = 0.4, 0.72
"""Score from which a drawn thing counts as found, and a plain shape."""
DOUBT, OUTSTANDING = 0.28, 1.4
"""Below the score that is enough, a place is in doubt from this score on if it is so many times as good as the next.
Of 292 things that are not in small JPEG drawings 7 are in doubt."""
SURELY = 1.2
"""A place that fits by so many times the threshold answers whether a thing is there at all."""
FACE = "face"
MEANS = (
    "Templates of the drawing's flat parts (explained variance over places and sizes) and their colours, "
    "independent of the recogniser behind Grounding; faces by the cascades alt and profile, which tools do not use. "
    "In photographs things of 80 kinds by NanoDet-g, which no tool uses, where it is here and sure (`models pull "
    "photo-checks`); else a drawn thing can be found, but that no other is there cannot be measured, and is told so."
)


def _known(word: str) -> str:
    plain = word.lower().strip()
    if plain in ("person", "persons", "people"):
        return PERSON
    name = FACE if plain in ("face", "faces") else thing_named(word) or kind_named(plain)
    if name is None:
        close = difflib.get_close_matches(word.lower(), [*all_sprites(), *SHAPES, FACE], 1)
        hint = f"did you mean '{close[0]}'?" if close else "name a drawn thing such as 'dog', a plain shape, or 'face'."
        raise ValueError(f"'{word}' is nothing that can be found; {hint}")
    return name


Thing = Annotated[str, AfterValidator(_known)]
"""A drawn thing (any word of the drawn world), a plain shape (circle, square, triangle, diamond), a person's 'face', or
one of the 80 kinds of things that are found in photographs."""


def threshold(name: str) -> float:
    """Score from which a thing counts as found: a plain shape, which much looks like, must fit better."""
    return PLAIN if name in SHAPES else USUAL


def seen(picture: Image.Image, name: str, ease: float = 1.0) -> tuple[DetectedThing, ...]:
    """The things of that name in the picture, the surest first; `ease` below 1 lowers the threshold.

    Beside a sure one, a place that fits by less than 0.6 of it is no second one: all are seen in the same light.
    """
    matches = places(picture, name)
    least = max(ease * threshold(name), 0.6 * matches[0].score) if matches else 1.0
    return tuple(item for item in matches if item.score >= least)


def places(picture: Image.Image, name: str, enough: float = inf) -> tuple[DetectedThing, ...]:
    """The places looked at, good enough or not, the best first; 1 is a perfect fit.

    All there are, or where one fits by `enough`, none of those that would have been looked at after it.
    """
    pixels = within(rgb(picture), LONGEST if name != FACE else 768)
    return _places(pixels.tobytes(), pixels.shape[0], pixels.shape[1], name, enough)


@lru_cache(maxsize=128)
def _places(data: bytes, height: int, width: int, name: str, enough: float) -> tuple[DetectedThing, ...]:
    pixels = _pixels(data, height, width)
    if name == FACE:
        return _faces(pixels)
    drawn = thing_named(name)
    return find(pixels, drawn, _candidates(data, height, width, drawn), enough) if drawn else ()


@lru_cache(maxsize=128)
def _candidates(data: bytes, height: int, width: int, name: str) -> tuple[Candidate, ...]:
    return candidates(_pixels(data, height, width), name, 32)


def _pixels(data: bytes, height: int, width: int) -> Array:
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _faces(pixels: Array) -> tuple[DetectedThing, ...]:
    """Faces by two cascades, frontal and in profile, the latter both ways round."""
    height, width = pixels.shape[:2]
    least = max(20, round(0.06 * min(height, width)))
    if min(height, width) < 24:
        return ()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    faces: list[DetectedThing] = []
    for cascade, mirrored in (("frontalface_alt", False), ("profileface", False), ("profileface", True)):
        path = Path(cv2.__file__).parent / "data" / f"haarcascade_{cascade}.xml"
        shown = np.ascontiguousarray(grey[:, ::-1]) if mirrored else grey
        needed = 4 if cascade == "frontalface_alt" else 6
        for x, y, across, down in cv2.CascadeClassifier(str(path)).detectMultiScale(
            shown, 1.1, needed, minSize=(least, least)
        ):
            left = width - x - across if mirrored else x
            box = left / width, y / height, (left + across) / width, min((y + 1.15 * down) / height, 1.0)
            if all(overlap(box, other.box) < 0.4 for other in faces):
                part = pixels[y : y + down, left : left + across].reshape(-1, 3)
                red, green, blue = (int(value) for value in np.median(part, axis=0))
                score = 0.9 if cascade == "frontalface_alt" else 0.7
                faces.append(DetectedThing(box, score, mirrored, (red, green, blue)))
    return tuple(faces)


def there(picture: Image.Image, name: str) -> tuple[DetectedThing, ...]:
    """Places of a thing, of which the first says whether it is there at all: a sure one ends the search."""
    return places(picture, name, SURELY * threshold(name))


def hidden(picture: Image.Image, *names: str) -> Finding | None:
    """What to find where more may be in a picture than was seen: things in a photograph, and a place in a drawn picture
    that stands out and yet does not fit well enough (a small or pale thing). Faces are always seen.
    """
    blind = [name for name in names if name != FACE]
    if blind and is_photograph(rgb(picture)):
        return not_measured(f"the picture is a photograph or like one, and a {' or '.join(blind)} in it is not seen")
    for name in blind:
        if thing_named(name) is None:
            return not_measured(f"a {name} is none of the things of the drawn world, and the picture is no photograph")
        best, next_best = ([*(item.score for item in places(picture, name)[:2]), 0.0, 0.0])[:2]
        if DOUBT <= best < threshold(name) == USUAL and best >= OUTSTANDING * next_best:
            return not_measured(
                f"one place is like a {name} by {best:.2f}, too little to be sure of and too much to pass"
            )
    return None


def places_text(matches: Sequence[DetectedThing], name: str) -> str:
    """Where things were found, in words, on the 0–1000 grid."""
    if not matches:
        return f"no {name} was found"
    boxes = ", ".join(str([round(1000 * edge) for edge in item.box]) for item in matches[:4])
    return f"{len(matches)} × {name} at {boxes} (fit {matches[0].score:.2f}, {threshold(name):.2f} is enough)"


def middle(box: Box) -> tuple[float, float]:
    """The middle of a box, in shares of the picture."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
