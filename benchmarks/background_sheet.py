"""Contact sheets of every background: each palette at 16:10, square and portrait, with its zones if asked for.

python benchmarks/background_sheet.py [--out backgrounds.png] [--only beach,street] [--zones]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

from canvasagent.imaging.fonts import font_for
from canvasagent.imaging.geometry import Size
from canvasagent.sketch.background import Background, all_backgrounds

HEIGHT = 200
SIZES: tuple[Size, ...] = ((320, HEIGHT), (HEIGHT, HEIGHT), (125, HEIGHT))
GAP = 8
LABEL = 24


def row(background: Background, zones: bool) -> Image.Image:
    """One background in every palette and shape."""
    palettes = len(background.info.palettes)
    width = palettes * sum(size[0] + GAP for size in SIZES)
    strip = Image.new("RGB", (width, HEIGHT + LABEL), (250, 250, 250))
    draw = ImageDraw.Draw(strip)
    label = f"{background.info.name}: {', '.join(background.info.zones)}"
    draw.text((4, LABEL // 2), label, fill=(30, 30, 30), font=font_for(label, 14), anchor="lm")
    left = 0
    for palette in range(palettes):
        for size in SIZES:
            strip.paste(background.picture(size, palette), (left, LABEL))
            if zones:
                _mark(draw, background, size, left)
            left += size[0] + GAP
    return strip


def _mark(draw: ImageDraw.ImageDraw, background: Background, size: Size, left: int) -> None:
    """The zones as brackets at the left edge."""
    for index, place in enumerate(background.info.zones):
        band = background.zone(place, size)
        if band is None:
            continue
        x = left + 6 + index * 14
        top, bottom = (LABEL + round(y * size[1]) for y in band)
        draw.rectangle((x, top, x + 3, bottom), fill=(220, 30, 120))
        draw.text((x + 6, top), place[0], fill=(220, 30, 120), font=font_for(place, 12), anchor="lm")


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("backgrounds.png"))
    parser.add_argument("--only", help="comma-separated names")
    parser.add_argument("--zones", action="store_true", help="mark where things may stand")
    arguments = parser.parse_args()
    wanted = set(arguments.only.split(",")) if arguments.only else None
    strips = [
        row(background, arguments.zones)
        for name, background in all_backgrounds().items()
        if wanted is None or name in wanted
    ]
    page = Image.new("RGB", (max(s.width for s in strips), sum(s.height + GAP for s in strips)), (250, 250, 250))
    top = 0
    for strip in strips:
        page.paste(strip, (0, top))
        top += strip.height + GAP
    page.save(arguments.out)
    print(f"{len(strips)} backgrounds: {arguments.out}")


if __name__ == "__main__":
    main()
