"""The geometric tools at 1024 × 1024 against the bare Pillow call that does the same, interleaved, medians.

    python benchmarks/geometry.py [--rounds 41]

Prints a table and writes `benchmarks/results/geometry.json`. A tool's time is that of `TOOL.run(...)` with the
lite backend, the observation's text included; the bare call's is what a script without this package would do.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from device import device, write_results
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from canvasagent.backends.profile import load_profile, make_backend
from canvasagent.canvas import Kind
from canvasagent.imaging.typesetting import OUTLINE, set_text
from canvasagent.tools import all_tools
from canvasagent.tools.base import Call

SIDE = 1024
RELEASE = {
    "Crop": 0.14,
    "Flip": 0.54,
    "Rotate 90": 3.8,
    "Rotate 45": 65.0,
    "Extract": 0.78,
    "Overlayer object": 3.6,
    "Overlayer text": 2.9,
}
"""The research release's own tool classes on a 2-core CPU, in ms (measured by us; see docs)."""

Work = Callable[[], object]


def pictures() -> tuple[Image.Image, Image.Image, Image.Image]:
    """A photograph, an elliptic mask on it, and a cut-out of half its side."""
    photo = Image.fromarray(data.astronaut()).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    ys, xs = np.mgrid[:SIDE, :SIDE]
    ellipse = ((xs - SIDE / 2) / 400) ** 2 + ((ys - SIDE / 2) / 300) ** 2 < 1
    mask = Image.fromarray(np.where(ellipse, 255, 0).astype(np.uint8))
    cutout = photo.resize((SIDE // 2, SIDE // 2))
    cutout.putalpha(mask.resize(cutout.size))
    return photo, mask, cutout


def tool(name: str, given: Mapping[str, Image.Image], **arguments: Any) -> Work:
    """The tool as the toolbox runs it, on ready pictures."""
    definition = all_tools()[name]
    backend = make_backend(load_profile("lite").backends[name], {})
    kinds = {"mask": Kind.MASK}
    ids = {argument: "img_1" for argument in given}
    call = Call(
        arguments=definition.arguments.model_validate({**ids, **arguments}),
        pictures=given,
        kinds={argument: kinds.get(argument, Kind.IMAGE) for argument in given},
        backend=backend,
    )
    return lambda: definition.run(call)


def pairs() -> dict[str, tuple[Work, Work]]:
    """Each operation: the tool, and the bare call."""
    photo, mask, cutout = pictures()
    one = {"image": photo}
    text = "SALE: everything must go"
    block = set_text(text, (984, 984), round(SIDE * 0.08), 8)

    def extract() -> Image.Image:
        box = mask.getbbox()
        result = photo.crop(box)
        result.putalpha(mask.crop(box))
        return result

    def overlay() -> Image.Image:
        result = photo.copy()
        result.paste(cutout, ((SIDE - cutout.width) // 2, (SIDE - cutout.height) // 2), cutout)
        return result

    def write() -> Image.Image:
        return bare_text(photo, "\n".join(block.lines), block.font)

    return {
        "Crop": (tool("Crop", one, bbox=[100, 100, 900, 800]), lambda: photo.crop((102, 102, 922, 819))),
        "Flip": (tool("Flip", one), lambda: photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        "Rotate 90": (tool("Rotate", one, angle=90), lambda: photo.transpose(Image.Transpose.ROTATE_270)),
        "Rotate 45": (
            tool("Rotate", one, angle=45),
            lambda: photo.rotate(-45, Image.Resampling.BICUBIC, expand=True, fillcolor="white"),
        ),
        "Extract": (tool("Extract", {"image": photo, "mask": mask}), extract),
        "Overlayer object": (
            tool("Overlayer", {"base_image": photo, "content": cutout}, overlay_type="object"),
            overlay,
        ),
        "Overlayer text": (tool("Overlayer", {"base_image": photo}, overlay_type="text", content=text), write),
    }


def bare_text(photo: Image.Image, text: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """Text in the middle as the tool sets it, in white with a black outline."""
    result = photo.copy()
    stroke = round(font.size * OUTLINE)
    ImageDraw.Draw(result).multiline_text(
        (SIDE / 2, SIDE / 2),
        text,
        "white",
        font,
        anchor="mm",
        align="center",
        stroke_width=stroke,
        stroke_fill="black",
    )
    return result


def measure(rounds: int) -> dict[str, tuple[float, float]]:
    """Median milliseconds of the tool and of the bare call, taking turns so that a busy machine hits both alike."""
    figures = {}
    for name, works in pairs().items():
        for work in works:
            work()
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for work, taken in zip(works, times, strict=True):
                started = time.perf_counter()
                work()
                taken.append((time.perf_counter() - started) * 1000)
        figures[name] = (statistics.median(times[0]), statistics.median(times[1]))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=41, help="measurements of each operation")
    figures = measure(parser.parse_args().rounds)
    milliseconds = {
        name: {"tool": round(ours, 3), "bare_call": round(bare, 3), "ratio": round(ours / bare, 2)}
        | {"release": RELEASE[name]}
        for name, (ours, bare) in figures.items()
    }
    write_results(
        "geometry",
        {"device": device(), "picture": f"{SIDE} x {SIDE} RGB photograph", "milliseconds": milliseconds},
    )
    print(f"{'':18}{'tool ms':>10}{'bare ms':>10}{'ratio':>8}{'release ms':>12}")
    for name, (ours, bare) in figures.items():
        print(f"{name:18}{ours:10.3f}{bare:10.3f}{ours / bare:8.2f}{RELEASE[name]:12.2f}")


if __name__ == "__main__":
    main()
