"""Contact sheets of every sprite, to be looked at: would a stranger name each?

python benchmarks/sprite_sheet.py [--out sheet.png] [--only animal] [--unnamed] [--color red]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

from canvasagent.imaging.fonts import font_for
from canvasagent.sketch.sprite import Sprite, all_sprites

CELL = 180


def sheet(sprites: list[Sprite], columns: int, named: bool, color: str | None) -> Image.Image:
    """The sprites in a grid, each as large as fits its cell."""
    rows = -(-len(sprites) // columns)
    page = Image.new("RGB", (columns * CELL, rows * (CELL + 24)), (225, 232, 236))
    draw = ImageDraw.Draw(page)
    for index, sprite in enumerate(sprites):
        left, top = index % columns * CELL, index // columns * (CELL + 24)
        fit = min(CELL - 20, (CELL - 20) / sprite.aspect)
        picture = sprite.picture(round(fit), color)
        at = (left + (CELL - picture.width) // 2, top + CELL - 10 - picture.height)
        page.paste(picture, at, picture)
        if named:
            label = f"{sprite.info.name} {sprite.info.height:g} m"
            draw.text(
                (left + CELL // 2, top + CELL + 8), label, fill=(30, 30, 30), font=font_for(label, 14), anchor="mm"
            )
    return page


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("sheet.png"))
    parser.add_argument("--only", help="one category, or comma-separated names")
    parser.add_argument("--columns", type=int, default=7)
    parser.add_argument("--color")
    parser.add_argument("--unnamed", action="store_true")
    arguments = parser.parse_args()
    wanted = set(arguments.only.split(",")) if arguments.only else None
    sprites = [
        sprite
        for sprite in all_sprites().values()
        if wanted is None or sprite.info.category in wanted or sprite.info.name in wanted
    ]
    sprites.sort(key=lambda sprite: (sprite.info.category, sprite.info.name))
    sheet(sprites, arguments.columns, not arguments.unnamed, arguments.color).save(arguments.out)
    print(f"{len(sprites)} sprites: {arguments.out}")


if __name__ == "__main__":
    main()
