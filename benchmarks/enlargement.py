"""How near 4× enlargements come to the original: Lanczos, back-projection and the network, by PSNR and SSIM.

    python benchmarks/enlargement.py [--sheet FILE.png] [--photographs DIR]

Originals: photographs of scikit-image and those of DIR (`tests/data/photographs` where there is one), 20 pages of text
in the DejaVu fonts and 20 drawings. The network was trained with none of these pictures and fonts, and each drawing has
a sprite that it was not trained with. Each is shrunk to a quarter by three filters and enlarged again. PSNR is of
all RGB values, SSIM the mean over channels, both of the whole picture in whole levels. Also the time that 256 × 256
pixels take. Writes `benchmarks/results/enlargement.json`; `--sheet` draws details side by side, to be looked at.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from device import device, write_results
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from canvasagent.backends.lite.sr import SCALE, Backend, Config

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "recipes/enhancer"))
from pictures import drawings, random_colour  # noqa: E402

Array = np.ndarray[Any, Any]
Enlarge = Callable[[Image.Image], Image.Image]
FILTERS = {"box": Image.Resampling.BOX, "bicubic": Image.Resampling.BICUBIC, "Lanczos": Image.Resampling.LANCZOS}
SAMPLES = [
    "astronaut",
    "brick",
    "camera",
    "cell",
    "chelsea",
    "clock",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "moon",
    "page",
    "retina",
    "rocket",
    "text",
]
"""Photographs that come with scikit-image without a download; `page` and `text` show print and handwriting."""
LEFT_OUT = {
    *("brushes", "clock", "dandelion", "fig", "mountain", "nuthatch", "sunset", "window_dogs", "wine"),
    *("astronaut", "cameraman", "cat_face", "coffee", "coins", "motorcycle", "rocket"),
}
"""Pictures of `tests/data/photographs` that the network was trained with (out of lomiri-wallpapers), and those that
scikit-image has too."""
LONGEST = 1024
"""Longer side that an original is shrunk to if it is longer."""
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
LINES = (
    "The quick brown fox jumps over the lazy dog.",
    "Grand opening sale: 50% off everything",
    "Terms apply. See page 17.",
    "ROAD CLOSED AHEAD",
    "Crème brûlée 4,90 €",
    "Wi-Fi password: q7#Rt-0O1l",
    "Departures 08:45 Gate B12",
)


def photographs(folder: Path) -> Iterator[tuple[str, Image.Image]]:
    """Those of scikit-image, then those of `folder` but for `LEFT_OUT`."""
    for name in SAMPLES:
        yield name, Image.fromarray(getattr(data, name)())
    yield "motorcycle", Image.fromarray(data.stereo_motorcycle()[0])
    for file in sorted(folder.glob("*")):
        if file.suffix in (".jpg", ".png", ".webp") and file.stem not in LEFT_OUT:
            yield file.name, Image.open(file)


def pages(rng: random.Random) -> Iterator[tuple[str, Image.Image]]:
    """Pages of text of 14 to 90 pixels, one or several sizes and colours a page."""
    fonts = Path(sys.modules["canvasagent"].__file__ or "").parent / "imaging/fonts_data"
    for number in range(20):
        page = Image.new("RGB", (640, 480), random_colour(rng) if number % 2 else (255, 255, 255))
        draw, top = ImageDraw.Draw(page), 12.0
        while top < 470:
            size = round(14 * (90 / 14) ** rng.random())
            ink = random_colour(rng) if number % 2 else (0, 0, 0)
            draw.text((16, top), rng.choice(LINES), ink, ImageFont.truetype(fonts / rng.choice(FONTS), size))
            top += 1.35 * size
        yield f"page {number}", page


def originals(folder: Path) -> dict[str, list[tuple[str, Image.Image]]]:
    """RGB pictures by kind, at most LONGEST long, their sides multiples of four."""
    drawn = islice(drawings(random.Random(2026), held_out=True), 20)
    kinds = {
        "photographs": photographs(folder),
        "text": pages(random.Random(7)),
        "drawings": ((f"drawing {number}", picture) for number, picture in enumerate(drawn)),
    }
    return {kind: [(name, _fitted(picture)) for name, picture in found] for kind, found in kinds.items()}


def _fitted(picture: Image.Image) -> Image.Image:
    picture = picture.convert("RGB")
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return picture.crop((0, 0, picture.width // SCALE * SCALE, picture.height // SCALE * SCALE))


def methods() -> dict[str, Enlarge]:
    """What is compared."""
    classical, network = Backend(Config(network=False)), Backend(Config())
    return {
        "Lanczos": lambda small: small.resize((small.width * SCALE, small.height * SCALE), Image.Resampling.LANCZOS),
        "back-projection": lambda small: classical(image=small),
        "network": lambda small: network(image=small),
    }


def scores(pictures: list[tuple[str, Image.Image]], shrunk_by: Image.Resampling) -> dict[str, Any]:
    """Mean PSNR (dB) and SSIM of each method, and on how many pictures the network is better than both others."""
    table: dict[str, list[tuple[float, float]]] = {name: [] for name in methods()}
    for _, picture in pictures:
        small = picture.resize((picture.width // SCALE, picture.height // SCALE), shrunk_by)
        original = np.asarray(picture)
        for name, enlarge in methods().items():
            result = np.asarray(enlarge(small))
            table[name].append(
                (
                    float(peak_signal_noise_ratio(original, result)),
                    float(structural_similarity(original, result, channel_axis=2)),
                )
            )
    figures: dict[str, Any] = {
        name: {
            "psnr_db": round(statistics.mean(row[0] for row in rows), 2),
            "ssim": round(statistics.mean(row[1] for row in rows), 4),
        }
        for name, rows in table.items()
    }
    for index, measure in enumerate(("psnr", "ssim")):
        margins = [
            network[index] - max(lanczos[index], classical[index])
            for network, lanczos, classical in zip(
                *(table[name] for name in ("network", *list(table)[:2])), strict=True
            )
        ]
        figures[f"network_best_by_{measure}"] = f"{sum(margin > 0 for margin in margins)} of {len(margins)}"
        worst = int(np.argmin(margins))
        figures[f"least_gain_{measure}"] = [round(margins[worst], 4), pictures[worst][0]]
    return figures


def times() -> dict[str, Any]:
    """Median seconds of 256 × 256 pixels, and of the first call with loading."""
    small = Image.fromarray(data.astronaut()).resize((256, 256))
    figures = {}
    for name, enlarge in methods().items():
        rounds = []
        for _ in range(6):
            wall, processor = time.perf_counter(), time.process_time()
            enlarge(small)
            rounds.append((time.perf_counter() - wall, time.process_time() - processor))
        figures[name] = {
            "first_wall_s": round(rounds[0][0], 3),
            "wall_s": round(statistics.median(row[0] for row in rounds[1:]), 3),
            "processor_s": round(statistics.median(row[1] for row in rounds[1:]), 3),
        }
    return figures


def sheet(kinds: dict[str, list[tuple[str, Image.Image]]], shrunk_by: Image.Resampling, side: int = 160) -> Image.Image:
    """Details of six pictures a kind, a row each: every method, then the original, twice as large."""
    rows = []
    for pictures in kinds.values():
        for _, picture in pictures[:: max(1, len(pictures) // 6)][:6]:
            small = picture.resize((picture.width // SCALE, picture.height // SCALE), shrunk_by)
            left, top = (max(0, (edge - side) // 2) for edge in picture.size)
            items = [enlarge(small) for enlarge in methods().values()] + [picture]
            rows.append(
                [item.crop((left, top, left + side, top + side)).resize((2 * side, 2 * side)) for item in items]
            )
    result = Image.new("RGB", (2 * side * len(rows[0]), 2 * side * len(rows)))
    for y, row in enumerate(rows):
        for x, item in enumerate(row):
            result.paste(item, (x * 2 * side, y * 2 * side))
    return result


def main() -> None:
    """Measure, and draw the sheet if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--photographs", type=Path, default=ROOT / "tests/data/photographs")
    options = parser.parse_args()
    kinds = originals(options.photographs)
    if options.sheet:
        sheet(kinds, Image.Resampling.BICUBIC).save(options.sheet)
    figures = {
        kind: {
            "pictures": len(pictures),
            **{f"shrunk by {name}": scores(pictures, how) for name, how in FILTERS.items()},
        }
        for kind, pictures in kinds.items()
    }
    write_results(
        "enlargement",
        {
            "device": device(),
            "command": "python benchmarks/enlargement.py"
            + (" --photographs DIR" if "--photographs" in sys.argv else ""),
            "photographs": [name for name, _ in kinds["photographs"]],
            "kinds": figures,
            "times_256": times(),
        },
    )


if __name__ == "__main__":
    main()
