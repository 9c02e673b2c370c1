"""How long the lite tools take on large pictures: all eleven, and every example of every edit, one process each.

    python benchmarks/large_pictures.py                           # 24 megapixels, all cases
    python benchmarks/large_pictures.py --only oil_painting       # cases whose name has this in it
    python benchmarks/large_pictures.py --megapixels 8 --only OCR

Prints processor seconds (all threads), wall seconds and peak resident memory of each case, the slowest last. Without
`--only` it writes `benchmarks/results/large_pictures.json`. A case is one call through a `ToolBox`, after the same
call on a small picture (so that loading libraries and indices is left aside).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from device import device, write_results
from edit_sheet import sign
from PIL import Image, ImageDraw
from skimage import data

from canvasagent.backends.lite.edits import all_edits
from canvasagent.backends.lite.edits._drawn import not_on_photographs
from canvasagent.backends.lite.scenery import GROUNDS
from canvasagent.canvas import Asset, Canvas, Kind, input_key
from canvasagent.execution.toolbox import ToolBox
from canvasagent.imaging.pictures import open_picture
from canvasagent.sketch.draw import draw
from canvasagent.tools import all_tools
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import check_call

SMALL = 512
"""Longer side of the pictures of the call before the measured one."""
SCENE = "a dog, a cat, a red car, a tree and a house in a park"
NIGHT = f"{SCENE} at night"
KINDS = {"mask": Kind.MASK, "cutout": Kind.CUTOUT}


@dataclass(frozen=True)
class Case:
    """A call: its name, tool and arguments, in which assets are named after the pictures of `prepare`."""

    name: str
    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)


def enlarged(picture: Image.Image, megapixels: float) -> Image.Image:
    """A photograph enlarged to so many megapixels in its own proportions, with the noise of a camera's sensor."""
    scale = (megapixels * 1e6 / (picture.width * picture.height)) ** 0.5
    large = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    pixels, rng = np.array(large), np.random.default_rng(0)
    for row in pixels:
        noise = rng.normal(0, 3, row.shape).astype(np.float32)
        row[:] = np.clip(np.rint(row + noise), 0, 255)
    return Image.fromarray(pixels)


def prepare(folder: Path, megapixels: float) -> None:
    """Write every picture that a case names to `folder`, large and (`small_…`) small."""
    photo = enlarged(Image.fromarray(data.coffee()), megapixels)
    ellipse = Image.new("L", photo.size)
    ImageDraw.Draw(ellipse).ellipse([photo.width * 0.2, photo.height * 0.2, photo.width * 0.7, photo.height * 0.8], 255)
    cutout = photo.copy()
    cutout.putalpha(ellipse)
    side = round((megapixels * 1e6) ** 0.5)
    pictures = {
        "photo": photo,
        "subject": enlarged(Image.fromarray(data.astronaut()), megapixels),
        "sign": sign(SMALL).resize((side, side), Image.Resampling.LANCZOS),
        "scene": draw(SCENE, photo.size, 1),
        "night": draw(NIGHT, photo.size, 1),
        "sixteenth": photo.resize((photo.width // 4, photo.height // 4)),
        "mask": ellipse,
        "cutout": cutout.crop(ellipse.getbbox()),
    }
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.tiff")
        picture.thumbnail((SMALL, SMALL))
        picture = picture.point([0] * 128 + [255] * 128) if name == "mask" else picture
        picture.save(folder / f"small_{name}.tiff")


def cases() -> Iterator[Case]:
    """Every case."""
    size = [4096, 4096]
    for prompt in (SCENE, "a poster that says 'SALE'", "three red circles on a blue background", *ground_prompts()):
        yield Case(f"ImageGeneration: {prompt}", "ImageGeneration", {"prompt": prompt, "size": size})
    for name, phrase in (
        ("subject", "the face"),
        ("sign", "the text"),
        ("sign", "the red circle"),
        ("photo", "all triangles"),
        ("scene", "the dog"),
        ("scene", "everything"),
    ):
        yield Case(f"Grounding {name}: {phrase}", "Grounding", {"image": name, "reference_text": phrase})
    for name in ("photo", "subject", "sign", "scene"):
        for box in ([50, 50, 950, 950], [300, 300, 700, 700]):
            yield Case(f"SAM {name}: {box}", "SAM", {"image": name, "bbox": box})
        yield Case(f"OCR {name}", "OCR", {"image": name})
    yield Case("Extract", "Extract", {"image": "photo", "mask": "mask"})
    text = {
        "base_image": "photo",
        "overlay_type": "text",
        "content": "SALE: everything must go",
        "position": [500, 500],
    }
    quad = [[100, 100], [900, 200], [800, 900], [150, 800]]
    yield Case("Overlayer text", "Overlayer", text)
    yield Case("Overlayer text in a quad", "Overlayer", {**text, "quad": quad})
    placed = {"base_image": "photo", "overlay_type": "object", "content": "cutout"}
    yield Case("Overlayer object", "Overlayer", {**placed, "position": [500, 500]})
    yield Case("Overlayer object in a quad", "Overlayer", {**placed, "quad": quad})
    yield Case("Crop", "Crop", {"image": "photo", "bbox": [20, 20, 980, 980]})
    yield Case("Flip", "Flip", {"image": "photo"})
    for angle in (45, 90, 180):
        yield Case(f"Rotate {angle}", "Rotate", {"image": "photo", "angle": angle})
    yield Case("SR", "SR", {"image": "photo"})
    yield Case("SR of a sixteenth", "SR", {"image": "sixteenth"})
    yield from edit_cases()


def ground_prompts() -> list[str]:
    """A prompt for each ground that is made by procedure."""
    return [f"{name} background" for name, _ in GROUNDS.values()]


def edit_cases() -> Iterator[Case]:
    """Every example of every edit, on a photograph and on a drawing where it works on both; masks and references."""
    for name, edit in all_edits().items():
        for prompt in edit.examples:
            for picture in pictures_for(name, prompt):
                yield Case(f"{name} {picture}: {prompt}", "ImageEdit", {"image": picture, "edit_prompt": prompt})
    prompts = ("denoise and sharpen it", "make the background black and white", "blur the background", "add a bird")
    for prompt in prompts:
        yield Case(f"further subject: {prompt}", "ImageEdit", {"image": "subject", "edit_prompt": prompt})
    for prompt in ("make it blue", "blur it", "remove it", "make it an oil painting", "pixelate it", "denoise it"):
        arguments = {"image": "photo", "edit_prompt": prompt, "masked_image": "mask"}
        yield Case(f"masked photo: {prompt}", "ImageEdit", arguments)
    borrow = {"image": "photo", "edit_prompt": "give it the colours of the second picture", "references": ["subject"]}
    yield Case("references", "ImageEdit", borrow)


def pictures_for(name: str, prompt: str) -> list[str]:
    """The pictures that an example of the edit `name` is shown on."""
    edit = all_edits()[name]
    drawn = ["night" if name == "daytime" else "scene"] if edit.revise is not None and "circle" not in prompt else []
    if edit.apply is not_on_photographs:
        return drawn
    if "circle" in prompt or edit.places == ("text",):
        return ["sign"]
    return [*drawn, "subject" if edit.where.kind == "background" else "photo"]


def canvas_of(case: Case, folder: Path, prefix: str) -> Canvas:
    """The pictures that a case names."""
    canvas = Canvas()
    for one in all_tools()[case.tool].named(case.arguments):
        name = str(one.value)
        if name not in canvas:
            picture = open_picture(folder / f"{prefix}{name}.tiff").picture
            picture = picture.convert("L") if name == "mask" else picture
            canvas.add(Asset(name, KINDS.get(name, Kind.IMAGE), picture, input_key(picture)))
    return canvas


def measure(case: Case, folder: Path) -> dict[str, Any]:
    """The figures of one case, in this very process."""
    with ToolBox("lite", call_seconds=3600, workers=1) as toolbox:
        tool = all_tools()[case.tool]

        def ready(prefix: str) -> tuple[Any, dict[str, Asset]]:
            canvas, arguments = canvas_of(case, folder, prefix), dict(case.arguments)
            if prefix and "size" in arguments:
                arguments["size"] = [SMALL, SMALL]
            checked = check_call(tool, arguments, canvas_info(canvas), 0)
            if checked.faults:
                raise SystemExit(f"{case.name}: {[fault.message for fault in checked.faults]}")
            return checked, {slot: canvas[name] for slot, name in checked.assets.items()}

        asyncio.run(toolbox.call(*ready("small_")))
        checked, assets = ready("")
        started, used = time.perf_counter(), time.process_time()
        execution = asyncio.run(toolbox.call(checked, assets))
        wall, processor = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"processor_s": round(processor, 2), "wall_s": round(wall, 2), "peak_mb": round(peak)}
    return {**figures, "ended": str(execution.fault.message)[:160] if execution.fault else "done"}


def run_all(chosen: list[Case], megapixels: float) -> dict[str, dict[str, Any]]:
    """The figures of every chosen case, each from a process of its own."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--folder", folder, "--megapixels", str(megapixels)]
        subprocess.run([*command, "--prepare"], check=True)
        for case in chosen:
            done = subprocess.run([*command, "--case", case.name], check=True, stdout=subprocess.PIPE)
            figures[case.name] = json.loads(done.stdout.splitlines()[-1])
            print(f"{line(figures[case.name])}  {case.name}", flush=True)
    return figures


def line(figures: dict[str, Any]) -> str:
    """The figures of a case in columns."""
    refused = "" if figures["ended"] == "done" else "  (refused)"
    return f"{figures['processor_s']:8.2f}{figures['wall_s']:8.2f}{figures['peak_mb']:7}{refused}"


def main() -> None:
    """Measure the chosen cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=24.0, help="size of the pictures")
    parser.add_argument("--only", metavar="NAME", help="only cases whose name has this in it")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and end")
    for name in ("--folder", "--case"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        return prepare(Path(options.folder), options.megapixels)
    every = list(cases())
    if options.case:
        chosen = next(case for case in every if case.name == options.case)
        return print(json.dumps(measure(chosen, Path(options.folder))))
    chosen_cases = [case for case in every if not options.only or options.only in case.name]
    if options.list:
        return print("\n".join(case.name for case in chosen_cases))
    print(f"{'cpu s':>8}{'wall s':>8}{'MB':>7}")
    load = round(os.getloadavg()[0], 2)
    figures = run_all(chosen_cases, options.megapixels)
    worst = sorted(figures.items(), key=lambda item: item[1]["processor_s"])
    print("\n".join(["", *(f"{line(one)}  {name}" for name, one in worst[-10:])]))
    if not options.only:
        about = {"device": device(), "command": " ".join(["python", *sys.argv]), "load_before": load}
        write_results("large_pictures", {**about, "megapixels": options.megapixels, "cases": figures})
    return None


if __name__ == "__main__":
    main()
