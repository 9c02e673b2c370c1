"""Display of objects in notebooks: HTML of bounded size with small copies of pictures.

All text is escaped and cut to a few lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from canvasagent.imaging.previews import data_uri, png_bytes, preview
from canvasagent.pages import render

ALONE_SIDE = 384
"""Longest side of a picture that is shown by itself."""
TILE_SIDE = 144
"""Longest side of a picture that is shown beside others."""
MOST_TILES = 12
"""Most pictures shown beside each other."""
MOST_CHARACTERS = 400
"""Most characters of one text."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture with a line below it."""

    caption: str
    picture: Image.Image
    mask: bool = False


def picture_png(picture: Image.Image, *, mask: bool = False) -> bytes:
    """A small copy of a picture as a PNG file's bytes."""
    return png_bytes(preview(picture, ALONE_SIDE, mask=mask))


def card(title: str, facts: Sequence[tuple[str, str]] = (), tiles: Sequence[Tile] = ()) -> str:
    """HTML with a title, a table of facts and small pictures: the last `MOST_TILES`; one alone is shown larger."""
    side = ALONE_SIDE if len(tiles) == 1 else TILE_SIDE
    shown = tiles[-MOST_TILES:]
    return render(
        Path(__file__).with_name("card.html"),
        title=_cut(title),
        facts=[(name, _cut(text)) for name, text in facts if text],
        earlier=len(tiles) - len(shown),
        tiles=[(_cut(tile.caption), data_uri(preview(tile.picture, side, mask=tile.mask))) for tile in shown],
    )


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
