"""Pictures turned by quarter turns, mirrored, made small, blurred; and their boxes with them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from PIL import Image, ImageFilter

from canvasagent.craft.pictures import Box, Contents, Need
from canvasagent.imaging.geometry import PixelBox, Size, box_to_grid

SMALL = 320
"""Longer side up to which a picture counts as small."""
_QUARTERS = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
"""Clockwise turns."""


@dataclass(frozen=True)
class Change:
    """What is done to a picture before it is handed out: shrunk, blurred, mirrored, then turned clockwise."""

    turned: int = 0
    mirrored: bool = False
    small: bool = False
    blurred: bool = False

    @property
    def code(self) -> str:
        """In letters, for keys: `180mb`; `-` for nothing."""
        flags = (("m", self.mirrored), ("s", self.small), ("b", self.blurred))
        return (str(self.turned) if self.turned else "") + "".join(letter for letter, on in flags if on) or "-"

    @classmethod
    def of(cls, code: str) -> Change:
        """The change that a code stands for. Raises `ValueError` for what is no code."""
        digits = code.rstrip("msb-")
        turned = int(digits or 0)
        if turned not in (0, *_QUARTERS) or set(code[len(digits) :]) - set("msb-"):
            raise ValueError(f"'{code}' is no change of a picture")
        return cls(turned, "m" in code, "s" in code, "b" in code)

    @classmethod
    def needed(cls, need: Need, random: Random) -> Change:
        """What a need asks for; nothing where it does not say."""
        turned = random.choice((90, 180, 180, 270)) if need.turned else 0
        return cls(turned, bool(need.mirrored), bool(need.small), bool(need.blurred))

    def size(self, size: Size) -> Size:
        """Of the changed picture."""
        if self.small:
            scale = min(1.0, 0.95 * SMALL / max(size))
            size = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        return size[::-1] if self.turned % 180 else size

    def apply(self, picture: Image.Image) -> Image.Image:
        """The changed picture."""
        if self.small:
            shrunk = self.size(picture.size)
            picture = picture.resize(shrunk[::-1] if self.turned % 180 else shrunk, Image.Resampling.LANCZOS)
        if self.blurred:
            picture = picture.filter(ImageFilter.GaussianBlur(blur_of(picture.size)))
        if self.mirrored:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return picture.transpose(_QUARTERS[self.turned]) if self.turned else picture

    def box(self, box: PixelBox, size: Size) -> Box:
        """A pixel box of the upright picture of that size on the grid of the changed one."""
        left, top, right, bottom = box
        width, height = size
        if self.mirrored:
            left, right = width - right, width - left
        for _ in range(self.turned // 90):
            left, top, right, bottom = height - bottom, left, height - top, right
            width, height = height, width
        x0, y0, x1, y1 = box_to_grid((left, top, right, bottom), (width, height))
        return x0, y0, x1, y1


def blur_of(size: Size) -> float:
    """A radius that is seen, but lets things be made out."""
    return 0.0016 * max(size)


def fits(contents: Contents, need: Need) -> bool:
    """Whether contents are what is needed; whether phrases are steady is the source's own affair."""
    flags = ("drawn", "mirrored", "small", "blurred")
    flags_match = all(getattr(need, flag) in (None, getattr(contents, flag)) for flag in flags)
    turned = need.turned in (None, contents.turned != 0)
    return flags_match and turned and len(contents.things) >= need.things and len(contents.texts) >= need.texts
