"""Training data of the enlargement network: crops of photographs, of rendered text and of drawings.

    python recipes/enhancer/data.py --photographs DIR --fonts DIR --out crops.npy

Writes uint8 crops (count, 192, 192, 3). Photographs are all pictures below DIR; README.md lists those that were used.
Text and drawings are rendered without limit (pictures.py). Kept for evaluation, so never in a crop: the DejaVu fonts,
and a fifth of the sprites of the drawn world.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pictures import SIDE, drawings, figures, photographs, texts
from PIL import Image

Array = np.ndarray[Any, Any]
LEAST_DETAIL = 4.0
"""Standard deviation of a crop's Laplacian below which it has nothing to learn from."""


def crops(pictures: Iterator[Image.Image], rng: random.Random) -> Iterator[Array]:
    """Crops that have some detail; 1 to 14 a picture, by its area."""
    for picture in pictures:
        pixels = np.asarray(picture.convert("RGB"))
        if min(pixels.shape[:2]) < SIDE:
            continue
        for _ in range(min(max(pixels.shape[0] * pixels.shape[1] // (2 * SIDE**2), 1), 14)):
            for _ in range(4):
                top, left = rng.randint(0, pixels.shape[0] - SIDE), rng.randint(0, pixels.shape[1] - SIDE)
                crop = pixels[top : top + SIDE, left : left + SIDE]
                grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
                if cv2.Laplacian(grey, cv2.CV_32F).std() > LEAST_DETAIL:
                    yield crop
                    break


def main(arguments: Sequence[str] | None = None) -> None:
    """Render and cut out as many crops as asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=8000, help="crops in all")
    parser.add_argument("--seed", type=int, default=15)
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    cv2.setNumThreads(1)
    photos = photographs(options.photographs, rng)
    kinds: list[tuple[str, float, Callable[[], Iterator[Array]]]] = [
        ("photographs", 0.52, lambda: crops(photos, rng)),
        ("text", 0.2, lambda: crops(texts(options.fonts, photos, rng), rng)),
        ("figures", 0.08, lambda: crops(figures(rng), rng)),
        ("drawings", 0.2, lambda: crops(drawings(rng), rng)),
    ]
    result = np.lib.format.open_memmap(options.out, "w+", np.uint8, (options.count, SIDE, SIDE, 3))
    at = 0
    for index, (name, share, make) in enumerate(kinds):
        count = options.count - at if index == len(kinds) - 1 else round(share * options.count)
        for crop in islice(make(), count):
            result[at] = crop
            at += 1
        print(f"{name}: {count}", flush=True)
    result.flush()


if __name__ == "__main__":
    main()
