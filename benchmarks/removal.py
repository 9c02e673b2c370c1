"""Compare ways to fill a hole in a photograph where what was there is known, and lay the results out for looking.

    python benchmarks/removal.py --out FOLDER

The 50 holes are fixed in `removal_holes.jsonl` (position and size in pixels of the photograph at a longer side of 480).
Each has the outline of a labelled subject of `tests/data/photographs/` or of an ellipse, was placed by chance where no
labelled thing is (so that the ground is what must be made up), and takes 2 to 8 % of the picture.
The figures are PSNR inside the hole (higher is better), SSIM over the hole's box, and processor time. FSR and SHIFTMAP
come with OpenCV's contributed modules (`opencv-contrib-python-headless`, which the project does not depend on);
without them they are left out. A person judges the contact sheets, which show the neighbourhood of each hole: a filling
may be convincing and yet differ from what was there. `removal_verdicts.json` has one letter for each hole: G (not
noticed), F (seen at a second look), B (seen at once).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from typing import Any

import cv2
import numpy as np
from device import device, write_results
from numpy.typing import NDArray
from photograph_set import labels, mask, picture
from PIL import Image, ImageDraw
from skimage.metrics import structural_similarity

from canvasagent.backends.lite.edits._fill import fill
from canvasagent.imaging.fonts import font_for

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Method = Callable[[Pixels, Mask], Pixels]
HOLES = Path(__file__).parent / "removal_holes.jsonl"
VERDICTS = Path(__file__).parent / "removal_verdicts.json"
SIDE = 480
SHOWN, ROWS = 260, 6


def methods() -> dict[str, Method]:
    """The ways to fill that are at hand, by name: each takes (height, width, 3) RGB and a hole."""

    def classical(flag: int) -> Method:
        return lambda pixels, hole: np.asarray(cv2.inpaint(pixels, hole.astype(np.uint8), 4, flag), np.uint8)

    found: dict[str, Method] = {
        "telea": classical(cv2.INPAINT_TELEA),
        "navier_stokes": classical(cv2.INPAINT_NS),
        "patches": lambda pixels, hole: fill(pixels, hole, seed=0),
    }
    if hasattr(cv2, "xphoto"):
        found["fsr_fast"] = lambda pixels, hole: contributed(pixels, hole, "INPAINT_FSR_FAST")
        found["shiftmap"] = lambda pixels, hole: contributed(pixels, hole, "INPAINT_SHIFTMAP")
    return found


def contributed(pixels: Pixels, hole: Mask, name: str) -> Pixels:
    """Fill by an algorithm of `cv2.xphoto` in the neighbourhood of the hole, in Lab for SHIFTMAP as it asks."""
    window = neighbourhood(hole)
    part, inside = pixels[window], hole[window]
    known = np.where(inside, 0, 255).astype(np.uint8)
    lab = name == "INPAINT_SHIFTMAP"
    source = cv2.cvtColor(part, cv2.COLOR_RGB2LAB) if lab else part
    source = np.where(inside[..., None], 0, source).astype(np.uint8)
    result = np.zeros_like(source)
    xphoto: Any = cv2.xphoto  # type: ignore[attr-defined]
    xphoto.inpaint(source, known, result, getattr(xphoto, name))
    if lab:
        result = np.asarray(cv2.cvtColor(result, cv2.COLOR_LAB2RGB), np.uint8)
    filled = pixels.copy()
    filled[window][inside] = result[inside]
    return filled


def neighbourhood(hole: Mask) -> tuple[slice, slice]:
    """The box around the hole with a margin of 0.9 of its size, as the project's own filling takes it."""
    rows, columns = np.nonzero(hole)
    margin = max(24, int(0.9 * max(np.ptp(rows), np.ptp(columns))))
    return (
        slice(max(0, int(rows.min()) - margin), int(rows.max()) + margin),
        slice(max(0, int(columns.min()) - margin), int(columns.max()) + margin),
    )


def shrunk(label: dict[str, Any]) -> Pixels:
    """The photograph with its longer side at most `SIDE` pixels."""
    image = picture(label)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.array(image)


def outline(label: dict[str, Any] | None) -> Mask:
    """The shape of a hole: a labelled subject cut to its box, or an ellipse."""
    subject = None if label is None else mask(label)
    if subject is None:
        ellipse = np.zeros((100, 140), np.uint8)
        cv2.ellipse(ellipse, (70, 50), (70, 50), 0, 0, 360, 1, -1)
        subject = ellipse > 0
    rows, columns = np.nonzero(subject)
    return np.asarray(subject[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])


def holes() -> list[tuple[str, Pixels, Mask]]:
    """The photographs, shrunk, with a hole each."""
    every = {Path(label["file"]).stem: label for label in labels()}
    found = []
    for line in HOLES.read_text("utf-8").splitlines():
        hole = json.loads(line)
        pixels = shrunk(every[hole["picture"]])
        shape = outline(every.get(hole["outline"])).astype(np.uint8)
        inside = np.zeros(pixels.shape[:2], bool)
        rows = slice(hole["top"], hole["top"] + hole["height"])
        columns = slice(hole["left"], hole["left"] + hole["width"])
        inside[rows, columns] = cv2.resize(shape, (hole["width"], hole["height"]), interpolation=cv2.INTER_NEAREST) > 0
        found.append((hole["picture"], pixels, inside))
    return found


def measured(pixels: Pixels, hole: Mask, method: Method) -> tuple[Pixels, dict[str, float]]:
    """What a method makes of a hole whose pixels it does not see, and how near it is to what was there."""
    blanked = pixels.copy()
    blanked[hole] = 127
    started = time.process_time()
    filled = method(blanked, hole)
    seconds = time.process_time() - started
    error = float(np.mean((filled[hole].astype(float) - pixels[hole]) ** 2))
    rows, columns = np.nonzero(hole)
    box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    likeness = structural_similarity(pixels[box], filled[box], channel_axis=2, win_size=7)
    return filled, {"psnr": 10 * np.log10(255**2 / max(error, 1e-6)), "ssim": float(likeness), "seconds": seconds}


def main() -> None:
    """Measure, write sheets of `ROWS` holes each and `results/removal.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    at_hand, cases = methods(), holes()
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in at_hand}
    best: dict[str, int] = dict.fromkeys(at_hand, 0)
    rows = []
    for index, (name, pixels, hole) in enumerate(cases):
        cut = pixels.copy()
        cut[hole] = (255, 0, 255)
        shown = [pixels, cut]
        for method, run in at_hand.items():
            filled, figure = measured(pixels, hole, run)
            figures[method].append(figure)
            shown.append(filled)
        best[max(at_hand, key=lambda each: figures[each][-1]["psnr"])] += 1
        near = neighbourhood(hole)
        rows.append(sheet_row(f"{index:02d} {name}", [each[near] for each in shown], ["original", "hole", *at_hand]))
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        sheet = Image.new("RGB", (part[0].width, sum(row.height for row in part)), "white")
        for at, row in enumerate(part):
            sheet.paste(row, (0, sum(each.height for each in part[:at])))
        sheet.save(options.out / f"removal_{start // ROWS}.png")
    letters = json.loads(VERDICTS.read_text("utf-8"))
    judged = {
        name: {word: verdicts.count(word[0].upper()) for word in ("good", "fair", "bad")}
        for name, verdicts in letters.items()
        if name in at_hand
    }
    write_results(
        "removal",
        {
            "command": "benchmarks/removal.py",
            **device(),
            "cv2": cv2.__version__,
            "holes": len(cases),
            "longer_side": SIDE,
            "methods": {name: summary(found, best[name]) for name, found in figures.items()},
            "judged_by_looking_one_judge": judged,
        },
    )


def summary(found: list[dict[str, float]], best: int) -> dict[str, float]:
    """Means and the slowest of a method's figures."""
    return {
        "psnr_mean": round(mean(each["psnr"] for each in found), 2),
        "psnr_median": round(median(each["psnr"] for each in found), 2),
        "ssim_mean": round(mean(each["ssim"] for each in found), 4),
        "best_psnr_of": best,
        "processor_seconds_mean": round(mean(each["seconds"] for each in found), 3),
        "processor_seconds_most": round(max(each["seconds"] for each in found), 3),
    }


def sheet_row(title: str, shown: list[Pixels], names: list[str]) -> Image.Image:
    """Pictures beside each other, each under its name."""
    row = Image.new("RGB", (len(shown) * (SHOWN + 4), SHOWN + 16), "white")
    pen = ImageDraw.Draw(row)
    for index, (pixels, name) in enumerate(zip(shown, names, strict=True)):
        scale = SHOWN / max(pixels.shape[:2])
        size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
        small = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
        text = f"{title} {name}" if not index else name
        pen.text((index * (SHOWN + 4), 1), text, "black", font_for(text, 11))
        row.paste(small, (index * (SHOWN + 4), 15))
    return row


if __name__ == "__main__":
    main()
