"""Makes the three input pictures of the case study: a storefront with a sign, a blank panel, a rainy street.

    python examples/case_study/make_pictures.py

The bricks are scikit-image's `brick` photograph (CC0); everything else is drawn. The wall of the street runs away
from the viewer, so that a panel on it must be placed in perspective; its corners are WALL_CORNERS on the grid.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

from canvasagent.imaging.fonts import font_for

HERE = Path(__file__).parent
WALL_CORNERS = [[560, 287], [900, 199], [900, 507], [560, 491]]
"""Where the panel goes on the wall: top left, top right, bottom right, bottom left, on the 0–1000 grid."""


def bricks(size: tuple[int, int], tint: tuple[float, float, float]) -> Image.Image:
    """A brick wall of that size in a colour."""
    grey = Image.fromarray(data.brick()).convert("L").rotate(90).resize((300, 300))
    wall = Image.new("L", size)
    for x in range(0, size[0], 300):
        for y in range(0, size[1], 300):
            wall.paste(grey, (x, y))
    pixels = np.asarray(wall, dtype=np.float32)[..., None] * np.array(tint, dtype=np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def storefront() -> Image.Image:
    """A shop in daylight: a green sign with cream letters above window and door, 768 × 576."""
    picture = bricks((768, 576), (1.5, 1.08, 0.88))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 520, 768, 576), fill=(150, 146, 140))
    draw.rectangle((70, 250, 470, 500), fill=(66, 50, 40))
    draw.rectangle((84, 264, 456, 486), fill=(178, 210, 222))
    draw.polygon([(84, 264), (230, 264), (140, 486), (84, 486)], fill=(200, 226, 235))
    draw.rectangle((540, 250, 690, 520), fill=(66, 50, 40))
    draw.rectangle((556, 266, 674, 520), fill=(124, 60, 44))
    draw.rectangle((576, 286, 654, 390), fill=(178, 210, 222))
    draw.ellipse((652, 410, 664, 422), fill=(226, 190, 90))
    shade = Image.new("L", picture.size, 0)
    ImageDraw.Draw(shade).rectangle((128, 82, 652, 212), fill=120)
    picture.paste((30, 26, 24), (0, 0), shade.filter(ImageFilter.GaussianBlur(7)))
    draw.rectangle((120, 70, 640, 200), fill=(24, 92, 62))
    draw.text((380, 135), "BAKERY", font=font_for("BAKERY", 92, bold=True), fill=(248, 240, 214), anchor="mm")
    return picture


def panel() -> Image.Image:
    """A blank panel: cream boards in a dark frame, 640 × 400."""
    picture = Image.new("RGB", (640, 400), (74, 52, 38))
    draw = ImageDraw.Draw(picture)
    for index in range(6):
        top = 18 + index * 61
        tone = (238, 226, 198) if index % 2 else (233, 220, 190)
        draw.rectangle((18, top, 621, top + 60), fill=tone)
    return picture


def street() -> Image.Image:
    """A street at dusk in the rain: a brick wall that runs away to the left, wet pavement, 960 × 640."""
    wall = np.asarray(bricks((1200, 600), (0.72, 0.56, 0.56)))
    here = np.float32([[0, 0], [1200, 0], [1200, 600], [0, 600]])
    there = np.float32([[420, 120], [960, -60], [960, 510], [420, 400]])
    sky = np.linspace((44, 54, 78), (104, 104, 120), 400)[:, None].repeat(960, axis=1)
    ground = np.linspace((58, 60, 70), (34, 36, 44), 240)[:, None].repeat(960, axis=1)
    scene = np.vstack([sky, ground]).astype(np.uint8)
    warp = cv2.getPerspectiveTransform(here, there)
    placed = cv2.warpPerspective(wall, warp, (960, 640))
    inside = cv2.warpPerspective(np.full(wall.shape[:2], 255, np.uint8), warp, (960, 640)) > 127
    scene[inside] = placed[inside]
    picture = Image.fromarray(scene)
    _far_houses(picture)
    _reflect(picture)
    return _rain(picture)


def _far_houses(picture: Image.Image) -> None:
    draw = ImageDraw.Draw(picture)
    for left, top, right in ((0, 210, 150), (150, 260, 290), (290, 300, 420)):
        draw.rectangle((left, top, right, 400), fill=(48, 50, 62))
        for x in range(left + 20, right - 20, 42):
            for y in range(top + 24, 370, 46):
                draw.rectangle((x, y, x + 16, y + 22), fill=(226, 186, 96) if (x + y) % 3 else (64, 68, 82))


def _reflect(picture: Image.Image) -> None:
    """The wet pavement mirrors what stands above it, faintly."""
    above = (
        picture.crop((0, 180, 960, 400)).transpose(Image.Transpose.FLIP_TOP_BOTTOM).filter(ImageFilter.GaussianBlur(7))
    )
    below = picture.crop((0, 400, 960, 620))
    mask = Image.fromarray(np.linspace(96, 10, 220).astype(np.uint8)[:, None].repeat(960, axis=1))
    ground = Image.composite(above, below, mask)
    keep = Image.new("L", below.size, 0)
    ImageDraw.Draw(keep).polygon([(0, 0), (420, 0), (960, 110), (960, 220), (0, 220)], fill=255)
    picture.paste(ground, (0, 400), keep)


def _rain(picture: Image.Image) -> Image.Image:
    random = np.random.default_rng(5)
    layer = Image.new("L", picture.size, 0)
    draw = ImageDraw.Draw(layer)
    for x, y, near in random.random((240, 3)):
        length = 14 + 22 * near
        left, top = x * 1010, y * 640
        draw.line((left, top, left - 0.25 * length, top + length), fill=round(60 + 60 * near), width=1)
    picture.paste((206, 216, 232), (0, 0), layer)
    return picture


def main() -> None:
    """Write the three pictures beside this file."""
    for name, picture in (("storefront", storefront()), ("panel", panel()), ("street", street())):
        picture.save(HERE / f"{name}.jpg", quality=92)
        print(HERE / f"{name}.jpg", picture.size)


if __name__ == "__main__":
    main()
