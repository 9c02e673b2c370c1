"""How well and how fast the small networks see in photographs: things, faces, masks.

Usage: python benchmarks/photographs.py        (after: canvasagent models pull photo)

Labels are in `photographs_labels.json`: few pictures, those that come with scikit-image, each also mirrored, halved,
darker, brighter, and as JPEG of quality 60. A thing counts as found if its kind is right and its box has an IoU of at
least 0.5 with a labelled one that nothing surer has taken. Masks are compared with the outlines of the 24 coins by
watershed, as scikit-image's documentation makes them, beside GrabCut's. Times are the processor's, and by the clock.
"""

from __future__ import annotations

import io
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from device import device, write_results
from PIL import Image, ImageEnhance
from skimage import data, filters, measure, segmentation

from canvasagent.backends.lite.cutting import grabcut
from canvasagent.backends.lite.photographs import detector, landmarks, networks, saliency
from canvasagent.imaging.geometry import PixelBox, overlap

Array = np.ndarray[Any, Any]
LABELS = json.loads((Path(__file__).parent / "photographs_labels.json").read_text("utf-8"))["pictures"]
SAME = 0.5


def picture(name: str) -> Image.Image:
    """A picture of scikit-image; of its stereo pair the left one."""
    if name == "motorcycle_left":
        return Image.open(Path(data.__file__).parent / "motorcycle_left.png").convert("RGB")
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def forms(image: Image.Image) -> Iterator[tuple[str, Image.Image, Callable[[PixelBox], PixelBox]]]:
    """The picture and what is made of it, with how a box of the one becomes a box of the other."""
    same: Callable[[PixelBox], PixelBox] = lambda box: box  # noqa: E731
    width = image.width
    stored = io.BytesIO()
    image.save(stored, "JPEG", quality=60)
    yield "as it is", image, same
    yield (
        "mirrored",
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda b: (width - b[2], b[1], width - b[0], b[3]),
    )
    yield (
        "halved",
        image.resize((image.width // 2, image.height // 2)),
        lambda b: (b[0] / 2, b[1] / 2, b[2] / 2, b[3] / 2),
    )
    yield "darker", ImageEnhance.Brightness(image).enhance(0.6), same
    yield "brighter", ImageEnhance.Brightness(image).enhance(1.3), same
    yield "JPEG 60", Image.open(stored).convert("RGB"), same


def average_precision(finds: list[tuple[float, bool]], labelled: int) -> float:
    """Area under precision over recall, precision made falling; `finds` are (score, right) of all pictures."""
    ranked = sorted(finds, key=lambda find: -find[0])
    right = np.cumsum([find[1] for find in ranked])
    if not len(right):
        return 0.0
    precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
    steps = np.diff(np.concatenate([[0], right / labelled]))
    return float((steps * precision).sum())


def judged(found: list[tuple[str, PixelBox, float]], labelled: list[tuple[str, PixelBox]]) -> list[tuple[float, bool]]:
    """Each find, the surest first: its score, and whether it is one of the labelled things that is not taken yet."""
    left, result = list(labelled), []
    for kind, box, score in sorted(found, key=lambda item: -item[2]):
        match = next((item for item in left if item[0] == kind and overlap(item[1], box) >= SAME), None)
        if match is not None:
            left.remove(match)
        result.append((score, match is not None))
    return result


def accuracy() -> dict[str, Any]:
    """Things and faces over all pictures, as they are and in all forms."""
    things: dict[str, list[tuple[float, bool]]] = {"as it is": [], "all forms": []}
    faces: dict[str, list[tuple[float, bool]]] = {"as it is": [], "all forms": []}
    count = {"things": 0, "faces": 0}
    for name, labels in LABELS.items():
        count["things"] += len(labels["things"])
        count["faces"] += len(labels["faces"])
        for form, image, moved in forms(picture(name)):
            pixels = np.asarray(image)
            found = [(item.name, item.box, item.score) for item in detector.find_things(pixels, 0.1)]
            wanted = [(kind, moved(tuple(box))) for kind, box in labels["things"]]
            seen = [("face", item.box, item.score) for item in landmarks.sure_faces(pixels)]
            known = [("face", moved(tuple(box))) for box in labels["faces"]]
            for group in ["all forms"] + ([form] if form == "as it is" else []):
                things[group] += judged(found, wanted)
                faces[group] += judged(seen, known)
    times = {"as it is": 1, "all forms": 6}
    return {
        group: {
            "things labelled": count["things"] * times[group],
            "average precision at IoU 0.5": round(average_precision(things[group], count["things"] * times[group]), 3),
            "found at the threshold": sum(right for score, right in things[group] if score >= detector.LEAST),
            "false at the threshold": sum(not right for score, right in things[group] if score >= detector.LEAST),
            "faces labelled": count["faces"] * times[group],
            "faces found": sum(right for _, right in faces[group]),
            "faces false": sum(not right for _, right in faces[group]),
        }
        for group in times
    } | {"threshold": detector.LEAST, "pictures": len(LABELS)}


def coins() -> list[tuple[PixelBox, Array]]:
    """Boxes and masks of the coins of scikit-image by watershed, holes filled."""
    pixels = data.coins()
    markers = np.zeros_like(pixels, dtype=int)
    markers[pixels < 30], markers[pixels > 150] = 1, 2
    found = measure.label(segmentation.watershed(filters.sobel(pixels), markers) == 2)
    result = []
    for region in measure.regionprops(found):
        if region.area > 500:
            top, left, bottom, right = region.bbox
            mask = np.zeros(pixels.shape, bool)
            mask[top:bottom, left:right] = region.image_filled
            result.append(((left, top, right, bottom), mask))
    return result


def masks() -> dict[str, Any]:
    """Mean and least IoU of the coins' masks by both ways, and which textures are taken for a subject."""
    pixels = np.asarray(picture("coins"))
    scores: dict[str, list[float]] = {"U2-Netp": [], "GrabCut": []}
    for box, truth in coins():
        by_network = saliency.thing_in(pixels, box)
        whole = (int(box[0]), int(box[1]), int(box[2]), int(box[3]))
        for name, mask in (("U2-Netp", by_network), ("GrabCut", grabcut(pixels, whole))):
            scores[name].append(0.0 if mask is None else float((mask & truth).sum() / (mask | truth).sum()))
    textures = ("brick", "gravel", "grass", "moon")
    return {
        "24 coins, IoU": {
            name: {"mean": round(np.mean(s), 4), "least": round(min(s), 4)} for name, s in scores.items()
        },
        "textures with a subject": [
            name for name in textures if saliency.subject(np.asarray(picture(name))) is not None
        ],
    }


def timed(work: Callable[[int], object], rounds: int = 7) -> dict[str, float]:
    """Medians in ms; `work` gets the number of the round, so that nothing is remembered from the one before."""
    clock, processor = [], []
    for number in range(rounds):
        started = time.perf_counter(), time.process_time()
        work(number)
        clock.append(time.perf_counter() - started[0])
        processor.append(time.process_time() - started[1])
    return {"clock": round(1e3 * statistics.median(clock)), "processor": round(1e3 * statistics.median(processor))}


def speed(side: int) -> dict[str, Any]:
    """Times on a square photograph."""
    pixels = np.asarray(picture("astronaut").resize((side, side), Image.Resampling.BICUBIC))

    def shifted(number: int) -> Array:
        return np.roll(pixels, number + 1, axis=1)

    box = tuple(side / 512 * edge for edge in (13, 12, 372, 510))
    return {
        "find things": timed(lambda number: detector.find_things(shifted(number))),
        "main subject": timed(lambda number: saliency.subject(shifted(number))),
        "mask of a box": timed(lambda number: saliency.thing_in(shifted(number), box)),
        "points of a face": timed(lambda number: landmarks._look(shifted(number), box)),
        "faces": timed(lambda number: landmarks.sure_faces(shifted(number)), 3),
        "of it to prepare the picture": timed(shifted),
    }


FIRST = """
import time, numpy
from canvasagent.backends.lite.photographs import {module}
import onnxruntime, cv2
pixels = numpy.random.default_rng(1).integers(0, 255, (512, 512, 3), dtype=numpy.uint8)
seconds = []
for number in (0, 1):
    started = time.process_time()
    {module}.{call}(numpy.roll(pixels, number, axis=1))
    seconds.append(time.process_time() - started)
print(seconds[0] - seconds[1])
"""


def first_use() -> dict[str, int]:
    """What the first call takes more than the second, in ms of processor time, each in a process of its own."""
    calls = {"detector": "find_things", "saliency": "subject"}
    result = {}
    for module, call in calls.items():
        script = FIRST.format(module=module, call=call)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        result[f"{module}.{call}"] = round(1e3 * float(done.stdout))
    return result


def main() -> None:
    """Measure everything and write it down."""
    if not networks.has(*networks.ALL):
        sys.exit("the networks are not here: canvasagent models pull photo")
    figures = {
        "command": "python benchmarks/photographs.py",
        **device(),
        "threads": cv2.getNumThreads(),
        "accuracy": accuracy(),
        "masks": masks(),
        "first use, ms more": first_use(),
        "512 x 512, ms": speed(512),
        "3464 x 3464 (12 megapixels), ms": speed(3464),
        "peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    write_results("photographs", figures)


if __name__ == "__main__":
    main()
