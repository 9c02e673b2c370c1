"""Backgrounds: drawn places, each an SVG file that says where in it things may stand.

A background file is an SVG with viewBox '0 0 1600 1000' whose `<metadata>` holds TOML:

    name = "beach"
    synonyms = ["seaside", "shore"]
    indoor = false
    [zones]                       # place → [top, bottom]: where the feet of things may be (sky: their middles),
    ground = [640, 960]           # in viewBox units
    sky = [80, 380]
    [[palettes]]                  # the first is the usual one; a seed chooses among them
    sky = "#8fd0ee"
    sand = "#efd9a7"

Tokens such as `{sky}` are replaced by the palette's colours. A picture of another shape shows the middle part:
the drawing is scaled to cover it, anchored at the bottom, and zones move along.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.errors import InputError
from canvasagent.imaging.geometry import Size
from canvasagent.sketch.sprite import Place, rasterise

FOLDER = Path(__file__).parent / "backgrounds"
WIDTH, HEIGHT = 1600, 1000
SMALL = 160
"""Longest side of pictures of which many are remembered: places are recognised by them."""
_SVG = "{http://www.w3.org/2000/svg}"


class BackgroundInfo(BaseModel):
    """What a background says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z -]*$")
    """Noun, lower case: beach."""
    synonyms: list[str] = Field(default_factory=list)
    """Other nouns that mean it."""
    indoor: bool = False
    """Whether it is a room: no weather, no sky."""
    zones: dict[Place, tuple[float, float]] = Field(min_length=1)
    """Place → top and bottom of the band in which things there stand."""
    palettes: list[dict[str, str]] = Field(min_length=1)
    """Colours by token."""


@dataclass(frozen=True)
class Background:
    """A drawn place."""

    info: BackgroundInfo
    svg: str

    def markup(self, palette: int = 0) -> str:
        """The SVG with the colours of a palette filled in."""
        filled = self.svg
        for token, value in self.info.palettes[palette % len(self.info.palettes)].items():
            filled = filled.replace("{" + token + "}", value)
        return filled

    def picture(self, size: Size, palette: int = 0, mirrored: bool = False) -> Image.Image:
        """The place as an RGB picture of that size."""
        left, top, width, height = view(size)
        markup = re.sub(r'viewBox="[^"]*"', f'viewBox="{left} {top} {width} {height}"', self.markup(palette), count=1)
        picture = (_small if max(size) <= SMALL else _opaque)(markup, size)
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else picture.copy()

    def zone(self, place: Place, size: Size) -> tuple[float, float] | None:
        """The band for `place` in a picture of that size, as fractions of its height; None if there is none."""
        if place not in self.info.zones:
            return None
        _, top, _, height = view(size)
        low, high = self.info.zones[place]
        clamp = [min(max((y - top) / height, 0.02), 0.98) for y in (low, high)]
        return clamp[0], clamp[1]


@lru_cache(maxsize=256)
def _small(markup: str, size: Size) -> Image.Image:
    return rasterise(markup, *size).convert("RGB")


@lru_cache(maxsize=32)
def _opaque(markup: str, size: Size) -> Image.Image:
    return rasterise(markup, *size).convert("RGB")


def view(size: Size) -> tuple[float, float, float, float]:
    """The part of the drawing that a picture of that size shows: left, top, width, height in viewBox units."""
    aspect = size[0] / size[1]
    if aspect < WIDTH / HEIGHT:
        return (WIDTH - HEIGHT * aspect) / 2, 0.0, HEIGHT * aspect, float(HEIGHT)
    height = WIDTH / aspect
    return 0.0, HEIGHT - height, float(WIDTH), height


def load_background(path: Path) -> Background:
    """The background in a file. Raises `InputError` that says what is wrong with it."""
    try:
        text = path.read_text("utf-8")
        metadata = ElementTree.fromstring(text).find(f"{_SVG}metadata")
        info = BackgroundInfo(**tomllib.loads((metadata.text or "") if metadata is not None else ""))
    except (OSError, UnicodeDecodeError, ElementTree.ParseError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise InputError(f"background '{path.name}': {error}") from error
    if f'viewBox="0 0 {WIDTH} {HEIGHT}"' not in text:
        raise InputError(f"background '{path.name}': its viewBox must be '0 0 {WIDTH} {HEIGHT}'.")
    return Background(info, re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL))


@cache
def all_backgrounds(folder: Path = FOLDER) -> dict[str, Background]:
    """Every background of a folder by name."""
    found = [load_background(path) for path in sorted(folder.glob("*.svg"))]
    return {background.info.name: background for background in found}


PLACES: tuple[str, ...] = get_args(Place)
"""Every kind of place there is."""
