"""What a phrase means in a photograph: things of 80 kinds, parts of faces, the main subject.

The nouns are in the lexicon. A phrase that names none of them is left to the other finders. A word that only narrows
a kind (woman, taxi) is understood where there is one of the kind, and refused where there are several, because the
detector cannot tell which is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from canvasagent.backends.base import Detection
from canvasagent.backends.lite.named_things import Nouns, Scene, named, resolve, vocabulary
from canvasagent.backends.lite.photographs import networks
from canvasagent.backends.lite.photographs.colours import is_of_colour
from canvasagent.backends.lite.photographs.detector import PhotographedThing, find_things
from canvasagent.backends.lite.photographs.landmarks import sure_faces
from canvasagent.backends.lite.photographs.saliency import subject_box
from canvasagent.english.lexicon import lexicon
from canvasagent.english.noun_phrase import Vocabulary
from canvasagent.english.nouns import plural
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Size, overlap

Array = np.ndarray[Any, Any]

SUBJECT, PERHAPS = "main subject", "perhaps"
"""Kinds of the main subject: as such, and as something that the detector does not know."""
DOUBT = 0.35
"""Score from which the detector's opinion of what the main subject is counts against another name for it."""
CAN_FIND = (
    "80 kinds of things ('the person on the right', 'the red car', 'all cups', 'the largest dog'), parts of faces "
    "('the left eye', 'the mouth') and 'the main subject'"
)


@cache
def thing_nouns() -> Nouns:
    """From a noun to the kinds of things that it means, and whether it is a plural."""
    found: dict[str, tuple[frozenset[str], bool]] = {}
    for name, kinds in lexicon()["photographed_groups"].items():
        found[plural(name)], found[name] = (frozenset(kinds), True), (frozenset(kinds), False)
    for name, entry in lexicon()["photographed"].items():
        for word in (*entry.get("narrower", ()), *entry.get("words", ()), name):
            found[plural(word)], found[word] = (frozenset([name]), True), (frozenset([name]), False)
    found["persons"] = found["people"]
    return found


@cache
def narrower_words() -> frozenset[str]:
    """The words that mean some of a kind only, singular and plural."""
    words = [word for entry in lexicon()["photographed"].values() for word in entry.get("narrower", ())]
    return frozenset(words) | {plural(word) for word in words}


@cache
def _part_nouns() -> Nouns:
    pairs = [(word, part) for part, words in lexicon()["face_parts"].items() for word in words]
    found = {plural(word): (frozenset([part]), True) for word, part in pairs}
    return found | {word: (frozenset([part]), False) for word, part in pairs}


@cache
def _subject_nouns() -> Nouns:
    """Nouns of the main subject: those that mean it, and those of things that it may be."""
    words: dict[str, list[str]] = lexicon()["subjects"]
    found = {word: (frozenset([SUBJECT]), False) for word in words["words"]}
    for word in words["perhaps"]:
        found[plural(word)], found[word] = (frozenset([PERHAPS]), True), (frozenset([PERHAPS]), False)
    return found


@cache
def _vocabulary() -> Vocabulary:
    return vocabulary({**_subject_nouns(), **thing_nouns(), **_part_nouns()})


def names_photographed(phrase: str) -> bool:
    """Whether a phrase names anything that can be found in photographs."""
    return bool(named(phrase, _vocabulary()))


def find_photographed(picture: Size, pixels: Array, phrase: str) -> list[Detection]:
    """What a phrase means in a photograph, best first or as it asks.

    `picture` is the size, `pixels` the (height, width, 3) uint8 RGB. Raises `ToolRefusal` for words that mean nothing
    and where what finds such things is not on this machine, `WeightsError` for damaged weights.
    """
    words = named(phrase, _vocabulary())
    things: list[PhotographedThing] = []
    if any(word in thing_nouns() for word in words):
        _require(phrase, networks.DETECTOR, networks.GRAPH)
        things += find_things(pixels)
        _refuse_narrower(words, things)
    parts = {part for word in words if word in _part_nouns() for part in _part_nouns()[word][0]}
    if parts:
        _require(phrase, networks.FACE)
        faces = sure_faces(pixels)
        things += [
            PhotographedThing(name, box, face.score) for name in parts for face in faces for box in face.parts(name)
        ]
    if any(word in _subject_nouns() for word in words):
        _require(phrase, networks.SALIENCY)
        _refuse_several_subjects(phrase, words)
        things += _subjects(pixels)
    scene = Scene(things, picture, _vocabulary(), lambda thing, part: is_of_colour(pixels, thing.box, part), _refusal)
    found = resolve(scene, phrase)
    labels = {SUBJECT: "main subject", PERHAPS: f"main subject, taken for '{phrase}'"}
    return [replace(item, label=labels.get(item.label, item.label)) for item in found]


def _require(phrase: str, *names: str) -> None:
    if not networks.has(*names):
        raise ToolRefusal(missing(phrase, names[0]))


def missing(phrase: str, name: str = networks.DETECTOR) -> str:
    """The message for a phrase that would be understood if the networks were here."""
    return (
        f"The lite Grounding finds '{phrase}' in photographs only with small networks that are not on this machine: "
        f"{networks.advice(name)} Without them it finds faces, text and coloured shapes."
    )


def _refuse_narrower(named: list[str], things: list[PhotographedThing]) -> None:
    """Raises `ToolRefusal` where a noun narrows a kind of which there are several."""
    for word in named:
        if word not in narrower_words():
            continue
        (kind,) = thing_nouns()[word][0]
        count = sum(thing.name == kind for thing in things)
        if count > 1:
            raise ToolRefusal(
                f"The lite Grounding sees {count} {plural(kind)} here and cannot tell which is meant by '{word}'. Say "
                f"'the {kind} on the left', 'the largest {kind}' or 'all {plural(kind)}'. `--profile full` knows more."
            )


def _refuse_several_subjects(phrase: str, named: list[str]) -> None:
    if any(_subject_nouns().get(word, (None, False))[1] for word in named):
        raise ToolRefusal(f"The lite Grounding finds one main subject, not several (asked: '{phrase}').")


def _subjects(pixels: Array) -> list[PhotographedThing]:
    """The main subject; as what it may be, too, where it is none of the kinds that the detector knows."""
    found = subject_box(pixels)
    if found is None:
        return []
    box, score = found
    known = find_things(pixels, DOUBT) if networks.has(networks.DETECTOR, networks.GRAPH) else []
    names = [SUBJECT] if any(overlap(thing.box, box) > 0.5 for thing in known) else [SUBJECT, PERHAPS]
    return [PhotographedThing(name, box, score) for name in names]


def _refusal(phrase: str, unknown: Sequence[str]) -> str:
    what = " and ".join(f"'{word}'" for word in unknown) or f"'{phrase}'"
    return (
        f"The lite Grounding does not know {what} (asked: '{phrase}'). In photographs it finds {CAN_FIND}. "
        "`--profile full` finds whatever can be named."
    )
