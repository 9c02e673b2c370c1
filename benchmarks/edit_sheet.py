"""Before and after of every lite edit on photographs that scikit-image bundles, as one contact sheet.

    python benchmarks/edit_sheet.py docs/images/edits.jpg            # one example of every edit
    python benchmarks/edit_sheet.py /tmp/edits --size 512 --all      # every example, some sheets

Prints how long each took. Needs the extra `dev` (scikit-image).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from PIL import Image, ImageDraw
from skimage import data

from canvasagent.backends.lite.edits import all_edits
from canvasagent.backends.lite.image_edit import Backend, Config
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.fonts import font_for

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")
ON_A_DRAWING = {"recolour", "remove", "rewrite_text", "erase_text"}
"""Edits that need a thing to find: shown on a drawn sign over a photograph."""
ON_A_SUBJECT = {"background": "astronaut", "transparent": "astronaut"}


def photograph(name: str, side: int) -> Image.Image:
    """A bundled photograph as a square of `side` pixels."""
    picture = Image.fromarray(getattr(data, name)()).convert("RGB")
    edge = min(picture.size)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    return picture.crop((left, top, left + edge, top + edge)).resize((side, side), Image.Resampling.LANCZOS)


def sign(side: int) -> Image.Image:
    """A brick wall with a red disc and a tilted board that says OPEN."""
    wall = Image.fromarray(data.brick()).resize((side, side)).convert("L")
    picture = Image.merge("RGB", [wall.point([round(v * share) for v in range(256)]) for share in (0.86, 0.82, 0.75)])
    large = picture.resize((4 * side, 4 * side))
    draw = ImageDraw.Draw(large)
    unit = 4 * side / 100
    draw.ellipse([8 * unit, 8 * unit, 36 * unit, 36 * unit], fill=(205, 38, 38))
    board = Image.new("RGBA", (round(62 * unit), round(26 * unit)), (24, 62, 120, 255))
    letters = ImageDraw.Draw(board)
    letters.text(
        (31 * unit, 13 * unit), "OPEN", font=font_for("OPEN", 18 * unit, True), fill=(250, 240, 215), anchor="mm"
    )
    turned = board.rotate(6, expand=True, resample=Image.Resampling.BICUBIC)
    large.paste(turned, (round(20 * unit), round(50 * unit)), turned)
    return large.resize((side, side), Image.Resampling.LANCZOS)


def picture_for(edit: str, index: int, side: int) -> Image.Image:
    """The picture to show `edit` on."""
    if edit in ON_A_DRAWING:
        return sign(side)
    return photograph(ON_A_SUBJECT.get(edit, PHOTOGRAPHS[index % len(PHOTOGRAPHS)]), side)


def tile(before: Image.Image, after: Image.Image, words: str, side: int) -> Image.Image:
    """Both pictures side by side, with the prompt below."""
    result = Image.new("RGB", (2 * side + 6, side + 24), "white")
    result.paste(before, (0, 0))
    checks = Image.new("RGB", after.size, (255, 255, 255))
    draw = ImageDraw.Draw(checks)
    for y in range(0, side, 12):
        for x in range((y // 12 % 2) * 12, side, 24):
            draw.rectangle([x, y, x + 11, y + 11], fill=(205, 205, 205))
    result.paste(Image.composite(after.convert("RGB"), checks, after.convert("RGBA").getchannel("A")), (side + 2, 0))
    ImageDraw.Draw(result).text((2, side + 4), words, font=font_for(words, 13), fill="black")
    return result


def main() -> None:
    """Draw the sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="a picture, or with --all a folder")
    parser.add_argument("--size", type=int, default=256, help="side of the pictures that are edited")
    parser.add_argument("--shown", type=int, default=200, help="side of the pictures on the sheet")
    parser.add_argument("--all", action="store_true", help="all examples of every edit, 12 tiles a sheet")
    parser.add_argument("--only", nargs="*", help="these edits only")
    options = parser.parse_args()
    backend = Backend(Config())
    tiles = []
    for index, (name, edit) in enumerate(all_edits().items()):
        if options.only and name not in options.only:
            continue
        for turn, prompt in enumerate(edit.examples if options.all else edit.examples[:1]):
            circle = "circle" in prompt
            before = sign(options.size) if circle else picture_for(name, index + turn, options.size)
            begin = time.perf_counter()
            try:
                after = backend(image=before, prompt=prompt, seed=0)
            except ToolRefusal as refusal:
                print(f"{name:16} {prompt}: {refusal}")
                continue
            print(f"{name:16} {time.perf_counter() - begin:6.2f} s  {prompt}")
            size = (options.shown, options.shown)
            tiles.append(tile(before.resize(size), after.resize(size), prompt, options.shown))
    columns = 3 if options.all else 4
    count = 12 if options.all else len(tiles)
    for start in range(0, len(tiles), count):
        chosen = tiles[start : start + count]
        wide, high = chosen[0].size
        sheet = Image.new("RGB", (columns * wide, -(-len(chosen) // columns) * high), "white")
        for place, picture in enumerate(chosen):
            sheet.paste(picture, (place % columns * wide, place // columns * high))
        path = options.output / f"{start // count}.jpg" if options.all else options.output
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path, quality=80)


if __name__ == "__main__":
    main()
