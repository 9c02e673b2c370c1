"""Sprites: drawn objects, each an SVG file that says of itself what it is, how large, and where it may stand.

A sprite file is an SVG whose `<metadata>` holds TOML:

    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 160">
      <metadata>
        name = "dog"
        plural = "dogs"
        synonyms = ["puppy", "hound"]
        category = "animal"
        height = 0.6                      # natural height of the drawing in metres
        stands = ["ground", "floor"]      # where it may be, most natural first
        color = "#b5763a"                 # its main colour, when none is asked for
        facing = "right"                  # right, left or front
      </metadata>
      <path fill="{main}" d="…"/><path fill="{main-dark}" d="…"/>
    </svg>

`{main}`, `{main-dark}`, `{main-light}` are replaced by the asked-for colour and its shades; everything else keeps
its own colour. The drawing fills its viewBox from edge to edge, and what stands on the ground touches the bottom.
"""

from __future__ import annotations

import colorsys
import io
import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from PIL import Image, ImageColor
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.errors import InputError

FOLDER = Path(__file__).parent / "sprites"
_SVG = "{http://www.w3.org/2000/svg}"
_FORBIDDEN = {"script", "image", "foreignObject", "use", "text", "style", "filter"}

Place = Literal["ground", "floor", "table", "wall", "shelf", "water", "underwater", "sky", "road"]


class SpriteInfo(BaseModel):
    """What a sprite says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z -]*$")
    """Singular noun, lower case."""
    plural: str
    """Its plural."""
    synonyms: list[str] = Field(default_factory=list)
    """Other singular nouns that mean it."""
    category: str
    """animal, person, vehicle, building, plant, food, furniture, sky, tool, toy, sign, household, clothing …"""
    height: float = Field(gt=0)
    """Natural height of the drawing in metres (what lies far away, such as the sun: as it appears)."""
    stands: list[Place] = Field(min_length=1)
    """Where it may be, the most natural place first."""
    color: str = Field(pattern=r"^#[0-9a-f]{6}$")
    """Main colour when none is asked for."""
    facing: Literal["right", "left", "front"] = "front"
    """Which way it looks; the renderer may mirror what does not look to the front."""
    text_box: list[float] | None = Field(default=None, min_length=4, max_length=4)
    """Where written words go on it (signs, shop fronts), in viewBox units: x, y, width, height."""


@dataclass(frozen=True)
class Sprite:
    """A drawn object."""

    info: SpriteInfo
    svg: str
    width: float
    """Of the viewBox."""
    height: float

    @property
    def aspect(self) -> float:
        """Width by height."""
        return self.width / self.height

    def markup(self, color: str | None = None) -> str:
        """The SVG with its colours filled in. `color` is #rrggbb or a CSS name."""
        main = ImageColor.getrgb(color or self.info.color)[:3]
        filled = self.svg
        for token, value in shades(main).items():
            filled = filled.replace("{" + token + "}", value)
        return filled

    def picture(self, height: int, color: str | None = None) -> Image.Image:
        """The sprite as an RGBA picture of that height in pixels."""
        return rasterise(self.markup(color), max(1, round(height * self.aspect)), max(1, height))


def shades(main: tuple[int, ...]) -> dict[str, str]:
    """The colour tokens for a main colour: itself, darker for shade and lighter for light from the top left."""
    hue, light, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in main))

    def tone(lightness: float) -> str:
        red, green, blue = colorsys.hls_to_rgb(hue, min(max(lightness, 0.0), 1.0), saturation)
        return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"

    dark = light * 0.72 if light > 0.12 else light + 0.10
    return {"main": tone(light), "main-dark": tone(dark), "main-light": tone(light + (1 - light) * 0.35)}


@lru_cache(maxsize=512)
def rasterise(svg: str, width: int, height: int) -> Image.Image:
    """An SVG as an RGBA picture of exactly that size, stretched to fill it. Do not change the result in place."""
    import resvg_py

    stretched = svg.replace("<svg ", f'<svg width="{width}" height="{height}" preserveAspectRatio="none" ', 1)
    data = resvg_py.svg_to_bytes(svg_string=stretched, skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(data))) as opened:
        return opened.convert("RGBA")


def load_sprite(path: Path) -> Sprite:
    """The sprite in a file. Raises `InputError` that says what is wrong with it and what would be right."""
    try:
        text = path.read_text("utf-8")
        root = ElementTree.fromstring(text)
    except (OSError, UnicodeDecodeError, ElementTree.ParseError) as error:
        raise InputError(f"sprite '{path.name}' is not an SVG file that can be read: {error}.") from error
    if root.tag != f"{_SVG}svg":
        raise InputError(f"sprite '{path.name}': the outermost element must be <svg> in the SVG namespace.")
    for element in root.iter():
        tag = element.tag.removeprefix(_SVG)
        if tag in _FORBIDDEN or any("href" in name or name.startswith("on") for name in element.attrib):
            raise InputError(f"sprite '{path.name}': <{tag}> is not allowed; use plain shapes and gradients.")
    metadata = root.find(f"{_SVG}metadata")
    if metadata is None or not metadata.text:
        raise InputError(f"sprite '{path.name}' has no <metadata> with its name, height and places.")
    try:
        info = SpriteInfo(**tomllib.loads(metadata.text))
        left, top, width, height = (float(number) for number in root.attrib["viewBox"].split())
    except (tomllib.TOMLDecodeError, ValidationError, KeyError, ValueError) as error:
        raise InputError(f"sprite '{path.name}': {error}") from error
    if (left, top) != (0, 0) or width <= 0 or height <= 0:
        raise InputError(f"sprite '{path.name}': its viewBox must be '0 0 WIDTH HEIGHT'.")
    return Sprite(info, re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL), width, height)


@cache
def all_sprites(folder: Path = FOLDER) -> dict[str, Sprite]:
    """Every sprite of a folder by name. Raises `InputError` if a file is wrong or two claim one word."""
    sprites: dict[str, Sprite] = {}
    claimed: dict[str, str] = {}
    for path in sorted(folder.glob("*.svg")):
        sprite = load_sprite(path)
        for word in {sprite.info.name, sprite.info.plural, *sprite.info.synonyms}:
            if word in claimed:
                raise InputError(f"the sprites '{claimed[word]}' and '{sprite.info.name}' both claim '{word}'.")
            claimed[word] = sprite.info.name
        sprites[sprite.info.name] = sprite
    return sprites
