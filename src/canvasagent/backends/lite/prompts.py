"""What a generation prompt asks for: a ground, and items on it. Needs no pixels.

The prompt is cut at "and" and commas into noun phrases, the ground taken off ("… on a blue background"), and every
phrase offered to each of `PARSERS`. One that nobody takes is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from canvasagent.backends.lite.figures import SHAPES, Figures
from canvasagent.backends.lite.lettering import Lettering
from canvasagent.backends.lite.scenery import Ground, ground_for, ground_names, plain
from canvasagent.english.colors import Rgb, color_named
from canvasagent.english.lexicon import lexicon
from canvasagent.english.noun_phrase import Entry, NounPhrase, Vocabulary, noun_phrase, words_for_things
from canvasagent.english.nouns import plural
from canvasagent.english.quotations import Quotes
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Point

MOST = 60
"""At most this many shapes in one picture."""
_BOARDS = {
    "sign": ("sign", "signboard", "board", "billboard", "placard"), "poster": ("poster", "flyer", "cover"),
    "label": ("label", "plaque"), "banner": ("banner",), "card": ("card",),
}  # fmt: skip
_TEXTS = (
    "text", "word", "message", "letter", "lettering", "title", "caption", "headline", "inscription", "slogan",
    "type", "ink",
)  # fmt: skip
_FILLER = "it this of towards canvas frame simple solid filled flat bright"
_WITH_SIGNS = (
    "that which say says saying read reads reading showing with bearing titled spelling written on in bold wooden "
    "street shop road neon metal paper greeting birthday plain"
)
_INTRO = re.compile(
    r"^(?:please |can you |could you |i want |i'd like |i need )*(?:(?:draw|paint|create|make|generate|show|"
    r"design|render|produce|give) (?:me )?)?"
    r"(?:(?:an?|the|some) )?(?:(?:simple|nice|beautiful|plain|clean|minimal|minimalist|high[- ]quality|new|"
    r"blank|empty|abstract) )*"
    r"(?:(?:image|picture|photo|photograph|drawing|illustration|painting|graphic|canvas|rendering|scene|wallpaper|artwork) (?:of|with|showing|that shows|containing|for) )?"  # noqa: E501
    r"(?=\S)",
    re.IGNORECASE,
)
_SPLIT = re.compile(
    r"\s*(?:,\s*and\b|,|;|\band\b|\bplus\b|\.(?=\s|$)|\bwith(?= (?:an?|two|three|four|five|six|\d+) ))\s*",
    re.IGNORECASE,
)
WHEEL: tuple[Rgb, ...] = ((220, 38, 38), (40, 90, 210), (46, 150, 65), (250, 190, 40), (125, 50, 165), (245, 130, 32))
"""Colours of shapes that are asked for without one, in turn."""

Item = Figures | Lettering


@dataclass(frozen=True, slots=True)
class Scene:
    """A ground and what is on it, in the order of the prompt."""

    ground: Ground
    items: tuple[Item, ...]

    @property
    def lettered(self) -> bool:
        """Whether words are written in the middle."""
        return any(isinstance(item, Lettering) for item in self.items)


def read_prompt(prompt: str) -> Scene:
    """Understand all of `prompt`, or raise `ToolRefusal` naming the first part that cannot be drawn."""
    clean = "".join(character for character in prompt if character.isprintable() or character in "\n\t")
    marked, quotes = Quotes.take(clean)
    text = " ".join(marked.split()).strip(" .!?")
    if len(text) > 1000 or not text:
        raise ToolRefusal("the prompt is empty or longer than 1,000 characters; say in one sentence what to draw.")
    for words in dict.fromkeys((text, _INTRO.sub("", text, count=1))):
        if (ground := ground_for(words)) is not None:
            return Scene(ground, ())
    text = _INTRO.sub(_article_kept, text, count=1)
    rest, ground = _take_ground(text)
    items = tuple(_item(quotes.restore(phrase), index) for index, phrase in enumerate(_phrases(rest)))
    if not items and ground is None:
        raise _refusal(quotes.restore(text))
    count = sum(item.count for item in items if isinstance(item, Figures))
    if count > MOST:
        raise ToolRefusal(f"{count} shapes are more than the {MOST} that can be drawn in one picture.")
    return Scene(ground or _usual_ground(items), items)


def _article_kept(match: re.Match[str]) -> str:
    """The introduction goes, an article that belongs to the first noun stays."""
    article = re.search(r"\b(an?|the|some) (?:simple |nice |plain )?$", match[0], re.IGNORECASE)
    return f"{article[1]} " if article else ""


def _take_ground(text: str) -> tuple[str, Ground | None]:
    """The prompt without its ground, and the ground: the longest ending after "on", "against" … that is one."""
    for match in re.finditer(
        r"(?:^|,? )(?:on|over|against|in front of|with|before|and|under|in|at)(?: top of)? ", text, re.IGNORECASE
    ):
        words = text[match.end() :]
        ground = ground_for(words)
        if ground is not None and (
            color_named(_bare(words)) is None or re.search(r"\b(?:background|backdrop|ground)$", words)
        ):
            return text[: match.start()], ground
        if ground is not None and match[0].strip(" ,").lower() in {"on", "over", "against", "in front of"}:
            return text[: match.start()], ground
    for pattern in (
        r"(?P<ground>.+? (?:background|backdrop))(?: with| and|,)? (?P<rest>.+)",
        r"(?P<ground>.+?) with (?P<rest>.+)",
    ):
        leading = re.match(pattern, text, re.IGNORECASE)
        ground = ground_for(leading["ground"]) if leading else None
        if leading and ground is not None:
            return leading["rest"], ground
    return text, None


def _bare(words: str) -> str:
    return re.sub(r"^(?:an?|the) ", "", words.strip(), flags=re.IGNORECASE)


def _phrases(text: str) -> list[str]:
    return [phrase for phrase in (part.strip() for part in _SPLIT.split(text)) if phrase]


def _item(phrase: str, index: int) -> Item:
    for parser in PARSERS:
        item = parser(phrase, index)
        if item is not None:
            return item
    raise _refusal(phrase)


@cache
def _shapes() -> Vocabulary:
    return Vocabulary([*_forms(lexicon()["shapes"]), *_words(_FILLER)])


@cache
def _signs() -> Vocabulary:
    boards = {f"board {name}": words for name, words in _BOARDS.items()}
    return Vocabulary([*_forms(boards), *_forms({"text": _TEXTS}), *_words(f"{_FILLER} {_WITH_SIGNS}")])


def _forms(nouns: Mapping[str, Iterable[str]]) -> Iterator[Entry]:
    for name, words in nouns.items():
        yield from ((word, "noun", name) for word in words)
        yield from ((plural(word), "nouns", name) for word in words)


def _words(filler: str) -> Iterator[Entry]:
    yield from words_for_things()
    yield from ((word, "spot", side) for word, side in lexicon()["sides"].items())
    yield from ((word, "filler", None) for word in filler.split())


def parse_figures(phrase: str, index: int) -> Figures | None:
    """ "three small red circles on the left", or None."""
    words = noun_phrase(_shapes().tokens(phrase))
    if words.unknown or words.quoted or len(words.nouns) != 1:
        return None
    color = _color(words) or WHEEL[index % len(WHEEL)]
    return Figures(words.head, color, max(words.count or 1, 1), _point(words.spot), words.scale)


def parse_lettering(phrase: str, index: int) -> Lettering | None:
    """ "a red sign that says 'OPEN'", "the words 'hello' in blue at the top", or None."""
    tokens, board, spot, quoted = _signs().tokens(phrase), "", "", list[str]()
    colors: dict[str, Rgb | None] = {"board": None, "text": None}
    ends = [at + 1 for at, token in enumerate(tokens) if token.sort == "noun"]
    for start, end in pairwise([0, *ends, len(tokens)]):
        words = noun_phrase(tokens[start:end])
        if words.unknown or (words.count or 1) > 1:
            return None
        what, _, name = (words.head or "text").partition(" ")
        board, spot = name or board, words.spot or spot
        quoted += [words.quoted] if words.quoted else []
        colors[what] = _color(words) or colors[what]
    if len(quoted) != 1:
        return None
    return Lettering(quoted[0], board, colors["text"], colors["board"], _point(spot) or (0.5, 0.5))


PARSERS: tuple[Callable[[str, int], Item | None], ...] = (parse_lettering, parse_figures)
"""What turns a phrase into an item; the first that takes it wins."""


def _color(words: NounPhrase) -> Rgb | None:
    return color_named(f"{words.shade} {words.color}") if words.color else None


def _point(spot: str) -> Point | None:
    """Where a spot is, in shares of the picture."""
    across = 0 if "left" in spot else 1 if "right" in spot else 0.5
    down = 0 if "top" in spot else 1 if "bottom" in spot else 0.5
    return (across, down) if spot else None


def _usual_ground(items: tuple[Item, ...]) -> Ground:
    """White; a light grey behind a white or nearly white thing, and behind boards."""
    colors = [item.color for item in items if isinstance(item, Figures)]
    pale = any(min(color) > 225 for color in colors)
    boards = any(isinstance(item, Lettering) and item.board for item in items)
    return plain((176, 186, 198) if pale else (226, 230, 234) if boards else (255, 255, 255))


def _refusal(phrase: str) -> ToolRefusal:
    noun = _bare(phrase)
    return ToolRefusal(
        f"no drawing for '{noun}'; `--profile full` can. The lite profile draws grounds ({', '.join(ground_names())}), "
        f"coloured shapes ({', '.join(SHAPES)}) with number, size and place, and quoted words on a sign, poster, "
        "banner or card."
    )
