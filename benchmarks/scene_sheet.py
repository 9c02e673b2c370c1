"""Random scenes of the drawn world as one contact sheet, to look at.

    python benchmarks/scene_sheet.py /tmp/scenes.png --count 60 --seed 1000

The prompts are made of every sprite, place, relation, light, weather and look; those that contradict themselves are
printed with their refusal and left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from canvasagent.errors import ToolRefusal
from canvasagent.imaging.fonts import font_for
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.draw import draw
from canvasagent.sketch.sprite import Sprite, all_sprites

RELATIONS = ("next to", "left of", "right of", "in front of", "behind", "on", "under", "above")
COUNTS = ("a", "a", "a", "two", "three")
SIZES = ("", "", "", "small", "big")
COLORS = ("", "", "", "red", "blue", "green", "yellow", "purple")
LIGHTS = ("", "", "", "at night", "at sunset")
WEATHERS = ("", "", "", "", "in the rain", "in the fog")
LOOKS = ("", "", "", "", "outline style", "paper cut-out")
SHAPES = ((512, 512), (640, 480), (480, 640))


def fitting(place: str | None) -> list[Sprite]:
    """The sprites that may stand somewhere in a place."""
    background = all_backgrounds()[place] if place is not None else None
    everything = list(all_sprites().values())
    if background is None:
        return everything
    return [sprite for sprite in everything if set(sprite.info.stands) & set(background.info.zones)] or everything


def random_prompt(random: np.random.Generator) -> str:
    """A prompt of two to four nouns in a place."""
    place = str(random.choice(list(all_backgrounds()))) if random.random() < 0.9 else None
    sprites = fitting(place)
    words: list[str] = []
    for number in range(int(random.integers(1, 4))):
        info = sprites[int(random.integers(len(sprites)))].info
        count = str(random.choice(COUNTS))
        noun = info.name if count == "a" else info.plural
        parts = [count, str(random.choice(SIZES)), str(random.choice(COLORS)), noun]
        joined = " ".join(part for part in parts if part)
        link = str(random.choice(RELATIONS)) if number == 1 and random.random() < 0.6 else "and"
        words += [link, joined] if number else [joined]
    background = all_backgrounds()[place] if place is not None else None
    words += [f"in a {place}"] if place is not None else []
    words.append(str(random.choice(LIGHTS)))
    if background is None or not background.info.indoor:
        words.append(str(random.choice(WEATHERS)))
    words.append(str(random.choice(LOOKS)))
    return " ".join(word for word in words if word)


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1000, help="of the first scene")
    parser.add_argument("--side", type=int, default=300)
    parser.add_argument("--columns", type=int, default=6)
    options = parser.parse_args()
    tiles: list[Image.Image] = []
    seed = options.seed
    while len(tiles) < options.count:
        random = np.random.default_rng(seed)
        prompt = random_prompt(random)
        try:
            picture = draw(prompt, SHAPES[seed % len(SHAPES)], seed)
        except ToolRefusal as refusal:
            print(f"{seed} {prompt}: {refusal}")
            seed += 1
            continue
        picture.thumbnail((options.side, options.side))
        tile = Image.new("RGB", (options.side + 4, options.side + 18), "white")
        tile.paste(picture, (0, 16))
        text = f"{seed} {prompt}"
        ImageDraw.Draw(tile).text((2, 1), text, font=font_for(text, 10), fill="black")
        tiles.append(tile)
        seed += 1
    wide, high = tiles[0].size
    rows = -(-len(tiles) // options.columns)
    sheet = Image.new("RGB", (options.columns * wide, rows * high), "white")
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % options.columns * wide, place // options.columns * high))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(options.output)


if __name__ == "__main__":
    main()
