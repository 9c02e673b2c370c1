"""Setting text: broken into lines that fit a box, shrunk where they must, drawn as a transparent layer."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from canvasagent.errors import ToolRefusal
from canvasagent.imaging.fonts import clean_text, direction, font_for
from canvasagent.imaging.geometry import Size

Color = tuple[int, int, int]

LEADING = 1.05
"""Distance of lines, in font heights."""

OUTLINE = 0.06
"""Width of an outline, in font sizes."""


BOLD_FROM = 14
"""Letter size in pixels from which bold is drawn bold: smaller, it runs together and takes more room."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of text in a font, with room for an outline of `outline` pixels around every letter."""

    lines: tuple[str, ...]
    font: ImageFont.FreeTypeFont
    outline: int
    size: Size
    """(width, height) in pixels, outline included."""


def printable(text: str) -> str:
    """`text` as it can be drawn, without blank lines around it. Raises `ToolRefusal` if nothing is left."""
    lines = [line.rstrip() for line in clean_text(text).split("\n")]
    cleaned = "\n".join(lines).strip("\n")
    if not cleaned.strip():
        raise ToolRefusal("the text has no visible characters; give letters, digits or signs to draw.")
    return cleaned


def set_text(
    text: str, box: Size, wanted: int, smallest: int, *, bold: bool = True, whole_words: int | None = None
) -> Block:
    """`text` (see `printable`) at `wanted` pixels, or the largest smaller size at which its lines fit `box`.

    Words are broken only where they would shrink below `whole_words` pixels otherwise (half the wanted size). Raises
    `ToolRefusal` if it does not fit at `smallest` pixels, and what `font_for` raises.
    """
    smallest = min(smallest, wanted)
    whole = max(smallest, min(whole_words or wanted // 2, wanted))
    for lowest, break_words in ((whole, False), (smallest, True)):
        if (block := _largest(text, box, lowest, wanted, bold, break_words)) is not None:
            return block
    raise ToolRefusal(
        f"the text is too long: its {len(text):,} characters do not fit {box[0]} × {box[1]} pixels even at a letter "
        f"size of {smallest} pixels. Shorten it, or use a larger picture or area."
    )


def _largest(text: str, box: Size, lowest: int, highest: int, bold: bool, break_words: bool) -> Block | None:
    """The block at the largest size from `lowest` to `highest` that fits, by bisection; None if none does."""
    # Most texts fit at the wanted size, so try that before the bisection.
    best = _fits(text, box, highest, bold, break_words)
    if best is not None or (best := _fits(text, box, lowest, bold, break_words)) is None:
        return best
    low, high = lowest, highest
    while high - low > 1:
        middle = (low + high) // 2
        block = _fits(text, box, middle, bold, break_words)
        low, high, best = (middle, high, block) if block is not None else (low, middle, best)
    return best


def _fits(text: str, box: Size, size: int, bold: bool, break_words: bool) -> Block | None:
    font = font_for(text, size, bold and size >= BOLD_FROM)
    outline = max(1, round(size * OUTLINE))
    room = box[0] - 2 * outline - max(1, size // 12)  # some letters stick out beyond their advance
    lines: list[str] = []
    for paragraph in text.split("\n"):
        broken = _wrap(paragraph, font, room, break_words)
        if broken is None:
            return None
        lines += broken
        # Far too many lines: do not measure the rest of a long text.
        if len(lines) * line_height(font) > box[1] * 2:
            return None
    width = max(_ink_width(line, font) for line in lines) + 2 * outline
    height = line_height(font) * (len(lines) - 1) + sum(font.getmetrics()) + 2 * outline
    if width > box[0] or height > box[1]:
        return None
    return Block(tuple(lines), font, outline, (width, height))


def _ink_width(line: str, font: ImageFont.FreeTypeFont) -> int:
    """Width of a line, with what sticks out beyond its letters' advances."""
    left, _, right, _ = font.getbbox(line, anchor="ls")
    return math.ceil(max(font.getlength(line), right) - min(left, 0))


def line_height(font: ImageFont.FreeTypeFont) -> int:
    """Distance of two baselines, in pixels."""
    return round(sum(font.getmetrics()) * LEADING)


def _wrap(paragraph: str, font: ImageFont.FreeTypeFont, room: float, break_words: bool) -> list[str] | None:
    """`paragraph` as lines of at most `room` pixels; None where a word is wider and must not be broken."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(paragraph):
        joined = line + piece
        if not line.strip() or font.getlength(joined.rstrip()) <= room:
            line = joined
        else:
            lines.append(line.rstrip())
            line = piece
        while font.getlength(line.rstrip()) > room:
            if not break_words:
                return None
            cut = _longest_prefix(line, font, room)
            if cut == 0:
                return None
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line.rstrip()]


def _pieces(paragraph: str) -> list[str]:
    """What must stay together on a line, with the spaces that follow: words, single Chinese or Japanese letters."""
    pieces: list[str] = []
    for char in paragraph:
        wide = unicodedata.east_asian_width(char) in {"W", "F"}
        # Closing punctuation and combining marks must not begin a line.
        closing = unicodedata.category(char) in {"Pe", "Pf", "Po", "Mn", "Mc"}
        previous = pieces[-1][-1] if pieces else ""
        after_wide = previous != "" and unicodedata.east_asian_width(previous) in {"W", "F"}
        if not pieces or (previous == " " != char) or ((wide or after_wide) and not closing and char != " "):
            pieces.append(char)
        else:
            pieces[-1] += char
    return pieces


def _longest_prefix(line: str, font: ImageFont.FreeTypeFont, room: float) -> int:
    low, high = 0, len(line)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if font.getlength(line[:middle]) <= room else (low, middle)
    return low


def draw_block(block: Block, fill: Color, outline: Color | None) -> Image.Image:
    """The block as an RGBA layer, cropped to its ink, lines centred; outlined if `outline` is a colour."""
    letters = _ink(block, 0)
    around = _ink(block, block.outline) if outline is not None else letters
    box = around.getbbox()
    if box is None:
        raise ToolRefusal("the text has no visible characters; give letters, digits or signs to draw.")
    letters, around = letters.crop(box), around.crop(box)
    bands = [_between(letters, low, high) for low, high in zip(outline or fill, fill, strict=True)]
    return Image.merge("RGBA", (*bands, around))


def _between(letters: Image.Image, low: int, high: int) -> Image.Image:
    """One colour band: `low` beside the letters, `high` on them. Four times as fast as pasting a colour."""
    if (low, high) == (0, 255):
        return letters
    if low == high:
        return Image.new("L", letters.size, low)
    return letters.point([round(low + (high - low) * ink / 255) for ink in range(256)])


def _ink(block: Block, stroke: int) -> Image.Image:
    """The letters of a block as an L picture, `stroke` pixels thicker on every side."""
    # Ink can exceed a font's metrics: swashes, stacked accents.
    pad = block.font.size.__ceil__()
    ink = Image.new("L", (block.size[0] + 2 * pad, block.size[1] + 2 * pad))
    draw = ImageDraw.Draw(ink)
    shaped = block.font.layout_engine == ImageFont.Layout.RAQM
    top = pad + block.outline + block.font.getmetrics()[0]
    for number, line in enumerate(block.lines):
        left = pad + (block.size[0] - block.font.getlength(line)) / 2
        draw.text(
            (left, top + number * line_height(block.font)),
            line,
            fill=255,
            font=block.font,
            anchor="ls",
            stroke_width=stroke,
            direction=direction(line) if shaped else None,
        )
    return ink
