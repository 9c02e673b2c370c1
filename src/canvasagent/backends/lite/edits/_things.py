"""Which things of a drawing words name: "the second dog from the left", "all the red cars", "the cat on the table"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import ImageColor

from canvasagent.backends.base import Detection
from canvasagent.backends.lite.choice import by_area, chosen
from canvasagent.backends.lite.drawn_things import nouns
from canvasagent.backends.lite.named_things import named, unknown_words, vocabulary
from canvasagent.backends.lite.phrases import color_range
from canvasagent.backends.lite.shapes import color_mask
from canvasagent.english.colors import HsvRange
from canvasagent.english.noun_phrase import NounPhrase, Vocabulary, noun_phrases
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.item import Item
from canvasagent.sketch.lexicon import suggestion, tokens
from canvasagent.sketch.reading import Drawing
from canvasagent.sketch.sprite import all_sprites

ANYTHING = {"thing", "things", "object", "objects", "everything", "one", "ones", "item", "items", "figure", "figures"}


class NotThere(ToolRefusal):
    """A thing that is named is not in the picture."""


@dataclass(frozen=True)
class Named:
    """Things of a drawing that words name."""

    indices: tuple[int, ...]
    several: bool
    """Whether the words speak of more than one thing."""


@cache
def _vocabulary() -> Vocabulary:
    anything = {word: (frozenset[str](), word.endswith("s") or word == "everything") for word in ANYTHING}
    return vocabulary(anything | nouns())


def find(drawing: Drawing, phrase: str) -> Named | None:
    """The things that `phrase` names, the best first; None where its noun is none of the drawn world.

    Raises `ToolRefusal` for words about them that mean nothing here.
    """
    parts = noun_phrases(_vocabulary().tokens(phrase))
    if any(part.quoted or not part.nouns for part in parts):
        return None
    found = [index for part in parts for index in _meant(drawing, part, phrase)]
    return Named(tuple(dict.fromkeys(found)), len(parts) > 1 or any(part.several for part in parts))


def _meant(drawing: Drawing, part: NounPhrase, phrase: str) -> list[int]:
    """The things that one noun phrase names."""
    known = [token for token in part.nouns if token.value]
    if unknown := unknown_words(replace(part, nouns=tuple(known))):
        raise ToolRefusal(f"'{', '.join(unknown)}' in '{phrase}' means nothing here; `--profile full` may know.")
    items = list(drawing.items)
    found = [index for index, item in enumerate(items) if not known or item.name in known[-1].value]
    if part.color:
        found = [index for index in found if _has_colour(items[index], color_range(part))]
    if part.relation:
        others = [index for other in part.others for index in _meant(drawing, other, phrase)]
        found = [index for index in found if any(_holds(part.relation, items, index, other) for other in others)]
    detections = [Detection(str(index), items[index].box, 1.0) for index in found]
    return [int(detection.label) for detection in chosen(detections, part, drawing.size, by_area)]


def the(drawing: Drawing, phrase: str) -> tuple[int, ...] | None:
    """The things that `phrase` names, exactly one where it speaks of one; None as for `find`.

    Raises `ToolRefusal` where there is none, or where it is open which of several is meant.
    """
    named = find(drawing, phrase)
    if named is None:
        return None
    if not named.indices:
        there = sorted({item.name for item in drawing.items})
        seen = f"what is: {', '.join(there)}" if there else "no drawn thing was found in it"
        raise NotThere(
            f"'{phrase}' is not in the picture; {seen}. Nothing was changed; `--profile full` can look for more."
        )
    if len(named.indices) > 1 and not named.several:
        name = drawing.items[named.indices[0]].name
        raise ToolRefusal(
            f"'{phrase}' could be any of {len(named.indices)}; say which ('the left {name}', 'the largest {name}', "
            f"'the second {name} from the left') or 'all {all_sprites()[name].info.plural}'. Nothing was changed."
        )
    return named.indices


def unknown_nouns(phrase: str) -> str:
    """The words of a phrase that the drawn world does not have, quoted, with what was perhaps meant."""
    words = [word for word in tokens(phrase)[1] if word not in nouns()]
    near = {word: suggestion(word) for word in words}
    return ", ".join(f"'{word}'" + (f" (did you mean '{meant}'?)" if meant else "") for word, meant in near.items())


def riders(drawing: Drawing, index: int) -> list[int]:
    """The things that stand on a thing: nearer, with their feet on its upper part."""
    host = drawing.items[index].box
    tall = host[3] - host[1]
    found = []
    for other in range(len(drawing.items)):
        left, top, right, bottom = drawing.items[other].box
        on_top = host[1] - 0.03 * tall <= bottom <= host[1] + 0.3 * tall
        if other > index and on_top and host[0] <= (left + right) / 2 <= host[2] and top < host[1]:
            found.append(other)
    return found


def _has_colour(item: Item, colour: HsvRange) -> bool:
    place = item.placement
    rgb = ImageColor.getrgb(place.color or place.sprite.info.color)[:3]
    return bool(color_mask(np.array([[rgb]], np.uint8), colour)[0, 0])


def _holds(kind: str, items: Sequence[Item], index: int, other: int) -> bool:
    """Whether a thing stands to another as words have it."""
    if index == other:
        return False
    one, host = items[index].box, items[other].box
    middle, foot = (one[0] + one[2]) / 2, one[3]
    within = host[0] <= middle <= host[2]
    wide, tall = max(one[2] - one[0], host[2] - host[0]), host[3] - host[1]
    apart = max(host[0] - one[2], one[0] - host[2])
    return {
        "left": middle < (host[0] + host[2]) / 2,
        "right": middle > (host[0] + host[2]) / 2,
        "on": within and one[1] < host[1] and foot < host[1] + 0.5 * tall,
        "above": within and foot < host[1] + 0.3 * tall,
        "under": within and foot > host[1] + 0.5 * tall,
        "front": index > other and apart < 0,
        "behind": index < other and apart < 0,
        "next": apart < wide,
    }.get(kind, False)


def is_drawn_noun(phrase: str) -> bool:
    """Whether a phrase has a noun that the drawn world knows, without any picture."""
    return bool(named(phrase, _vocabulary()))
