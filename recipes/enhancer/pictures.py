"""Pictures to train the enlargement network with: photographs of a folder, rendered text, figures and drawings."""

from __future__ import annotations

import hashlib
import math
import random
import string
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from canvasagent.craft.drawings.scenes import Wish, compose, sketch_scene
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.render import render
from canvasagent.sketch.scene import Scene

SIDE = 192
"""Side of a crop in pixels."""
PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
WORDS = (
    *("the", "of", "and", "to", "in", "is", "that", "for", "it", "was", "on", "are", "as", "with", "his", "they", "be"),
    *("at", "this", "have", "from", "or", "had", "by", "hot", "word", "but", "what", "some", "we", "can", "out"),
    *("other", "were", "all", "there", "when", "up", "use", "your", "how", "said", "an", "each", "she", "SALE", "OPEN"),
    *("Total", "EXIT", "Menu", "2026", "50%", "Invoice", "No.", "Street", "WARNING", "Coffee", "Price", "$9.99"),
    *("Chapter", "Figure", "Summer", "Welcome"),
)


def is_held_out(sprite: str) -> bool:
    """Whether a sprite is kept for evaluation (a fifth are, chosen by a hash of the name)."""
    return hashlib.sha256(sprite.encode()).digest()[0] % 5 == 0


def photographs(folder: Path, rng: random.Random) -> Iterator[Image.Image]:
    """Photographs in random order and at random scales, for ever; cut-outs on a random colour.

    Large pictures are shrunk to 500 to 1800 pixels, so that blur and compression of the file vanish.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURES)
    if not files:
        raise SystemExit(f"There is no picture in {folder}.")
    while True:
        rng.shuffle(files)
        for file in files:
            with Image.open(file) as opened:
                picture = opened.convert("RGBA" if "A" in opened.getbands() or opened.mode == "P" else "RGB")
            if picture.mode == "RGBA":
                ground = Image.new("RGBA", picture.size, (*random_colour(rng), 255))
                picture = Image.alpha_composite(ground, picture).convert("RGB")
            longest = min(max(picture.size) * rng.uniform(0.4, 0.9), rng.uniform(500, 1800))
            factor = max(longest / max(picture.size), (SIDE + 1) / min(picture.size))
            if factor < 1:
                size = (math.ceil(picture.width * factor), math.ceil(picture.height * factor))
                picture = picture.resize(size, Image.Resampling.LANCZOS)
            yield picture


def random_colour(rng: random.Random) -> tuple[int, int, int]:
    """Any colour; black, white and greys more often than others."""
    if rng.random() < 0.35:
        grey = rng.choice((0, 0, 255, 255, rng.randrange(256)))
        return grey, grey, grey
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)


def _line(rng: random.Random) -> str:
    if rng.random() < 0.2:
        return "".join(rng.choices(string.ascii_letters + string.digits + string.punctuation, k=rng.randint(4, 24)))
    line = " ".join(rng.choices(WORDS, k=rng.randint(2, 9)))
    return rng.choice((line, line, line.upper(), line.title()))


def texts(fonts: Path, grounds: Iterator[Image.Image], rng: random.Random) -> Iterator[Image.Image]:
    """Pages of text in random fonts, sizes (12 to 110 pixels) and colours, on plain grounds or photographs."""
    files = sorted(file for file in fonts.rglob("*") if file.suffix.lower() in (".ttf", ".otf"))
    files = [file for file in files if "dejavu" not in file.name.lower()]
    if not files:
        raise SystemExit(f"There is no font in {fonts}.")
    side = 3 * SIDE
    while True:
        page = Image.new("RGB", (side, side), random_colour(rng))
        if rng.random() < 0.15:
            ground = next(grounds)
            if min(ground.size) >= side:
                page = ground.crop((0, 0, side, side))
        draw = ImageDraw.Draw(page)
        _shapes(draw, side, rng, rng.choice((0, 0, 0, 3)))
        top = rng.randint(-10, 20)
        while top < side:
            size = round(12 * (110 / 12) ** rng.random())
            font = ImageFont.truetype(str(rng.choice(files)), size)
            draw.text((rng.randint(-40, 40), top), _line(rng), random_colour(rng), font=font)
            top += round(size * rng.uniform(1.0, 1.5))
        yield page.rotate(rng.uniform(-30, 30), Image.Resampling.BICUBIC) if rng.random() < 0.15 else page


def _shapes(draw: ImageDraw.ImageDraw, side: int, rng: random.Random, count: int) -> None:
    for _ in range(count):
        points = [(rng.uniform(0, side), rng.uniform(0, side)) for _ in range(rng.randint(2, 4))]
        if len(points) == 2 or rng.random() < 0.4:
            draw.line(points, random_colour(rng), rng.randint(1, 14))
        else:
            draw.polygon(points, random_colour(rng))


def figures(rng: random.Random) -> Iterator[Image.Image]:
    """Lines, polygons and ellipses at four times the size, shrunk: smooth edges of every angle and width."""
    side = 2 * SIDE
    while True:
        page = Image.new("RGB", (4 * side, 4 * side), random_colour(rng))
        draw = ImageDraw.Draw(page)
        for _ in range(rng.randint(4, 30)):
            x, y = rng.uniform(-300, 4 * side), rng.uniform(-300, 4 * side)
            w, h = rng.uniform(20, 1000), rng.uniform(20, 1000)
            width = round(3 * 30 ** rng.random())
            kind = rng.randrange(4)
            if kind == 0:
                draw.line((x, y, x + w, y + h * rng.choice((-1, 1))), random_colour(rng), width)
            elif kind == 1:
                draw.ellipse((x, y, x + w, y + h), None, random_colour(rng), width)
            elif kind == 2:
                draw.ellipse((x, y, x + w, y + h), random_colour(rng))
            else:
                draw.polygon([(x, y), (x + w, y + rng.uniform(0, h)), (x, y + h)], random_colour(rng))
        yield page.resize((side, side), Image.Resampling.BOX)


def with_held_out(scene: Scene) -> bool:
    """Whether a scene has a sprite that is kept for evaluation."""
    return any(is_held_out(group.sprite) for group in scene.groups)


def drawings(rng: random.Random, held_out: bool = False) -> Iterator[Image.Image]:
    """Scenes of the drawn world, 640 to 1024 pixels wide, for ever: without held-out sprites, or each with one."""
    while True:
        width = rng.choice((640, 768, 1024))
        size = (width, rng.choice((width, width * 3 // 4)))
        wish = Wish(things=rng.randint(2, 5), texts=rng.choice((0, 0, 1)), size=size, steady=False)
        scene, colours = sketch_scene(wish, rng)
        if with_held_out(scene) != held_out:
            continue
        seed = rng.randrange(10**6)
        found = compose(scene, colours, size, seed)
        if found is not None:
            place = all_backgrounds()[scene.background] if scene.background else None
            yield render(scene, list(found.placements), place, size, seed)
