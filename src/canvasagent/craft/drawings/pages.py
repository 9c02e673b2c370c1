"""Pages with several lines of words: menus, posters, notices, tickets, drawn from `texts.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from PIL import Image, ImageColor, ImageDraw, ImageFont

from canvasagent.craft.drawings.words import Line, filled, texts
from canvasagent.imaging.fonts import font_for
from canvasagent.imaging.geometry import Size

_SIZES = {"title": 0.115, "body": 0.062, "small": 0.05}
"""Size of letters as a share of the page's shorter side, before lines are fitted to its width."""


@dataclass(frozen=True)
class Page:
    """A page before it is drawn."""

    kind: str
    """Menu, ticket, …"""
    align: str
    """left or centre"""
    lines: tuple[tuple[str, str], ...]
    """Role (title, body, small) and words."""
    colors: tuple[str, str, str]
    """Ground, ink, accent."""
    trim: str
    """What is drawn beside the words: frame, band, rule, stripe, none."""
    size: Size


def compose_page(least: int, size: Size, random: Random) -> Page | None:
    """A page of at least so many lines; None where no kind of page has so many."""
    fitting = [item for item in texts()["documents"] if len(item["lines"]) >= least]
    if not fitting:
        return None
    chosen = random.choice(fitting)
    lines: list[tuple[str, str]] = []
    for role, template in chosen["lines"]:
        words = filled(template, random)
        while any(words == other for _, other in lines):
            words = filled(template, random)
        lines.append((role, words))
    colors = random.choice(texts()["looks"]["colors"])
    trim = random.choice(("frame", "band", "rule", "stripe", "none"))
    return Page(chosen["name"], chosen["align"], tuple(lines), (colors[0], colors[1], colors[2]), trim, size)


def page_signature(page: Page) -> str:
    """What makes a page the same as another: its words."""
    return f"{page.kind} | " + " | ".join(words for _, words in page.lines)


def draw_page(page: Page) -> tuple[Image.Image, list[Line]]:
    """The page (RGB), and where its lines stand."""
    width, height = page.size
    side, margin = min(page.size), 0.09 * min(page.size)
    ground, ink, accent = (ImageColor.getrgb(color) for color in page.colors)
    picture = Image.new("RGB", page.size, ground)
    draw = ImageDraw.Draw(picture)
    left = margin * (1.9 if page.trim == "stripe" else 1.0)
    room = width - left - margin
    fonts = [_fitted(words, role, side, room) for role, words in page.lines]
    heights = [
        font.size * (1.75 if role == "title" else 1.6) for font, (role, _) in zip(fonts, page.lines, strict=True)
    ]
    squeeze = min(1.0, (height - 2.2 * margin) / sum(heights))
    top = (height - squeeze * sum(heights)) / 2
    _trim(draw, page, accent, margin, top + squeeze * heights[0])
    lines: list[Line] = []
    for (role, words), font, tall in zip(page.lines, fonts, heights, strict=True):
        middle = top + squeeze * tall / 2
        x, anchor = (left + room / 2, "mm") if page.align == "centre" else (left, "lm")
        dark_band = page.trim == "band" and role == "title"
        color = ground if dark_band else accent if role == "title" and page.trim != "band" else ink
        draw.text((x, middle), words, font=font, fill=color, anchor=anchor)
        box = font.getbbox(words, anchor=anchor)
        lines.append((words, (box[0] + x, box[1] + middle, box[2] + x, box[3] + middle), font.size))
        top += squeeze * tall
    return picture, lines


def _fitted(words: str, role: str, side: int, room: float) -> ImageFont.FreeTypeFont:
    size = _SIZES[role] * side
    font = font_for(words, size, bold=role == "title")
    wide = font.getlength(words)
    return font if wide <= room else font_for(words, size * room / wide, bold=role == "title")


def _trim(draw: ImageDraw.ImageDraw, page: Page, accent: tuple[int, ...], margin: float, below: float) -> None:
    width, height = page.size
    thin = max(2, round(0.012 * min(page.size)))
    if page.trim == "frame":
        inset = margin * 0.4
        draw.rectangle((inset, inset, width - inset, height - inset), outline=accent, width=thin)
    elif page.trim == "stripe":
        draw.rectangle((0, 0, margin * 0.9, height), fill=accent)
    elif page.trim == "band":
        draw.rectangle((0, 0, width, below), fill=accent)
    elif page.trim == "rule":
        draw.rectangle((margin, below - thin, width - margin, below - thin / 2), fill=accent)
