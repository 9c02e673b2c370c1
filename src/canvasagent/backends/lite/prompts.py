"""What a generation prompt asks for: a ground, and items on it. Needs no pixels.

The prompt is cut at "and" and commas into noun phrases, the ground taken off ("… on a blue background"), and every
phrase offered to each of `PARSERS`. One that nobody takes is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from canvasagent.backends.lite.figures import NAMES, Figures
from canvasagent.backends.lite.lettering import Lettering
from canvasagent.backends.lite.scenery import Ground, ground_for, ground_names, plain
from canvasagent.english.colors import Rgb, color_named, color_pattern
from canvasagent.english.lexicon import lexicon
from canvasagent.english.quotations import QUOTED
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Point

MOST = 60
"""At most this many shapes in one picture."""
_COUNTS = {
    **lexicon()["counts"],
    **lexicon()["vague_counts"],
    **{"the": 1, "a single": 1, "a pair of": 2, "a couple of": 2, "a few": 3, "a dozen": 12},
}
_SIZES = {**lexicon()["sizes"], "very small": 0.5, "medium-sized": 1.0, "very large": 1.9, "very big": 1.9}
_SPOTS: tuple[tuple[str, Point], ...] = (
    (r"(?:top|upper)[- ]left", (0, 0)),
    (r"(?:top|upper)[- ]right", (1, 0)),
    (r"(?:bottom|lower)[- ]left", (0, 1)),
    (r"(?:bottom|lower)[- ]right", (1, 1)),
    (r"left", (0, 0.5)),
    (r"right", (1, 0.5)),
    (r"top", (0.5, 0)),
    (r"bottom", (0.5, 1)),
    (r"middle|cent(?:er|re)", (0.5, 0.5)),
)
_SPOT_PATTERN = "|".join(words for words, _ in _SPOTS)
_WHERE = rf"(?:(?:in|on|at|to|near|towards)? ?(?:the )?(?P<spot>{_SPOT_PATTERN})(?:[- ]hand)?(?: (?:corner|side|edge|half|part))?(?: of (?:the |it|this )?(?:picture|image|canvas|frame)?)?)"  # noqa: E501
_SHAPE_WORDS = "|".join(rf"(?P<{name}>{words})" for name, words in NAMES.items())
_FIGURE = re.compile(
    rf"(?:(?P<count>{'|'.join(sorted(_COUNTS, key=len, reverse=True))}|\d{{1,3}}) )?"
    rf"(?:(?P<size>{'|'.join(sorted(_SIZES, key=len, reverse=True))}) )?(?:(?:simple|solid|filled|flat|bright) )?"
    rf"(?:(?P<color>{color_pattern()})(?:[- ]colou?red)? )?(?:{_SHAPE_WORDS})(?:e?s)?(?P<rest>(?: {_WHERE})?)",
    re.IGNORECASE,
)
_BOARD = r"(?:(?P<tint>{color}) )?(?:(?:wooden|street|shop|road|simple|big|large|small|neon|metal|paper|greeting|birthday|plain) )?(?P<board>sign(?:board)?|board|poster|banner|card|label|billboard|plaque|flyer|placard|cover|title)"  # noqa: E501
_LETTERING = re.compile(
    rf"(?:(?:an?|the) )?(?:{_BOARD.format(color=color_pattern())}(?: {_WHERE.replace('spot', 'board_spot')})?,? ?)?"
    r"(?:(?:that|which) )?(?:says?|saying|reads?|reading|showing|with|bearing|titled|spelling)? ?"
    rf"(?:(?:the |a |an )?(?:(?P<before>{color_pattern()}) )?(?:large |big |bold )?(?:text|words?|message|letters|lettering|title|caption|headline|inscription|slogan) )?"  # noqa: E501
    r"(?:(?:saying|reading|that says|that reads) )?\x02(?P<quote>\d+)\x03(?: written| on it)?"
    rf"(?: in (?:(?:big|large|bold) )?(?P<color>{color_pattern()})(?: (?:letters|text|lettering|type|ink))?| in (?:big|large|bold) letters)?"  # noqa: E501
    rf"(?: {_WHERE})?",
    re.IGNORECASE,
)
_BOARD_NAMES = {"signboard": "sign", "board": "sign", "billboard": "sign", "plaque": "label", "flyer": "poster",
                "placard": "sign", "cover": "poster", "title": ""}  # fmt: skip
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
    quotes: list[str] = []

    def hide(match: re.Match[str]) -> str:
        quotes.append(next(group for group in match.groups() if group is not None))
        return f"\x02{len(quotes) - 1}\x03"

    clean = "".join(character for character in prompt if character.isprintable() or character in "\n\t")
    text = " ".join(QUOTED.sub(hide, clean).split()).strip(" .!?")
    if len(text) > 1000 or not text:
        raise ToolRefusal("the prompt is empty or longer than 1,000 characters; say in one sentence what to draw.")
    for words in dict.fromkeys((text, _INTRO.sub("", text, count=1))):
        if (ground := ground_for(words)) is not None:
            return Scene(ground, ())
    text = _INTRO.sub(_article_kept, text, count=1)
    rest, ground = _take_ground(text)
    items = tuple(_item(phrase, quotes, index) for index, phrase in enumerate(_phrases(rest)))
    if not items and ground is None:
        raise _refusal(text, quotes)
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


def _item(phrase: str, quotes: list[str], index: int) -> Item:
    for parser in PARSERS:
        item = parser(phrase, quotes, index)
        if item is not None:
            return item
    raise _refusal(phrase, quotes)


def parse_figures(phrase: str, quotes: list[str], index: int) -> Figures | None:
    """ "three small red circles on the left", or None."""
    match = _FIGURE.fullmatch(phrase.strip())
    if match is None:
        return None
    count = (match["count"] or "1").lower()
    name = next(name for name in NAMES if match[name])
    color = color_named(match["color"]) if match["color"] else None
    number = _COUNTS[count] if count in _COUNTS else int(count)
    scale = _SIZES.get((match["size"] or "medium").lower(), 1.0)
    return Figures(name, color or WHEEL[index % len(WHEEL)], max(number, 1), _spot(match["spot"]), scale)


def parse_lettering(phrase: str, quotes: list[str], index: int) -> Lettering | None:
    """ "a red sign that says 'OPEN'", "the words 'hello' in blue at the top", or None."""
    match = _LETTERING.fullmatch(phrase.strip())
    if match is None:
        return None
    board = (match["board"] or "").lower()
    color, tint = match["color"] or match["before"], match["tint"]
    return Lettering(
        quotes[int(match["quote"])],
        _BOARD_NAMES.get(board, board),
        color_named(color) if color else None,
        color_named(tint) if tint else None,
        _spot(match["spot"] or match["board_spot"]) or (0.5, 0.5),
    )


PARSERS: tuple[Callable[[str, list[str], int], Item | None], ...] = (parse_lettering, parse_figures)
"""What turns a phrase into an item; the first that takes it wins."""


def _spot(words: str | None) -> Point | None:
    if not words:
        return None
    return next(point for pattern, point in _SPOTS if re.fullmatch(pattern, words, re.IGNORECASE))


def _usual_ground(items: tuple[Item, ...]) -> Ground:
    """White; a light grey behind a white or nearly white thing, and behind boards."""
    colors = [item.color for item in items if isinstance(item, Figures)]
    pale = any(min(color) > 225 for color in colors)
    boards = any(isinstance(item, Lettering) and item.board for item in items)
    return plain((176, 186, 198) if pale else (226, 230, 234) if boards else (255, 255, 255))


def _refusal(phrase: str, quotes: list[str]) -> ToolRefusal:
    said = re.sub(r"\x02(\d+)\x03", lambda match: f"'{quotes[int(match[1])]}'", phrase)
    noun = _bare(said)
    return ToolRefusal(
        f"no drawing for '{noun}'; `--profile full` can. The lite profile draws grounds ({', '.join(ground_names())}), "
        f"coloured shapes ({', '.join(NAMES)}) with number, size and place, and quoted words on a sign, poster, banner "
        "or card."
    )
