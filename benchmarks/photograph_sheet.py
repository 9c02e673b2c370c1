"""Draw the labels of `tests/data/photographs/` on their pictures, so that a person can check them by looking.

    python benchmarks/photograph_sheet.py --out FOLDER [--only NAME …]

Boxes are cyan, faces yellow with dots for the eyes, words magenta; what lies outside the main subject's mask is dark.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from photograph_set import PHOTOGRAPHS, labels, mask, picture
from PIL import Image, ImageDraw

from canvasagent.imaging.fonts import font_for
from canvasagent.imaging.geometry import box_to_pixels, point_to_pixels

SIDE, TITLE, COLUMNS, ROWS = 400, 18, 4, 4


def drawn(label: dict[str, Any]) -> Image.Image:
    """The picture of a label at most `SIDE` pixels wide and high, with the label drawn on it."""
    image = picture(label)
    subject = mask(label)
    if subject is not None:
        outside = Image.blend(image, Image.new("RGB", image.size, "black"), 0.65)
        image = Image.composite(image, outside, Image.fromarray(subject))
    scale = SIDE / max(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(image)
    marks = [(each["box"], each["name"], "cyan") for each in label["objects"]]
    marks += [(each["box"], "", "yellow") for each in label["faces"] or ()]
    marks += [(each["box"], each["text"], "magenta") for each in label["words"]]
    for box, text, color in marks:
        left, top, right, bottom = box_to_pixels(box, image.size)
        pen.rectangle((left, top, right - 1, bottom - 1), outline=color)
        if text:
            pen.text((left + 2, top + 1), text, color, font_for(text, 11), stroke_width=1, stroke_fill="black")
    for face in label["faces"] or ():
        for eye in face["eyes"] or ():
            x, y = point_to_pixels(eye, image.size)
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill="yellow", outline="black")
    return image


def main() -> None:
    """Write the sheets, `ROWS` × `COLUMNS` pictures each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[], help="file names without .jpg")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = [each for each in labels() if not options.only or Path(each["file"]).stem in options.only]
    for start in range(0, len(chosen), ROWS * COLUMNS):
        sheet = Image.new("RGB", (COLUMNS * (SIDE + 6), ROWS * (SIDE + TITLE)), "white")
        pen = ImageDraw.Draw(sheet)
        for index, label in enumerate(chosen[start : start + ROWS * COLUMNS]):
            x, y = index % COLUMNS * (SIDE + 6), index // COLUMNS * (SIDE + TITLE)
            title = f"{label['file']}: {label['scene']}"
            pen.text((x, y), title, "black", font_for(title, 12))
            sheet.paste(drawn(label), (x, y + TITLE))
        sheet.save(options.out / f"photographs_{start // (ROWS * COLUMNS):02d}.png")
    print(f"{len(chosen)} of the pictures in {PHOTOGRAPHS}")


if __name__ == "__main__":
    main()
