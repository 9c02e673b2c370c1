"""How well and how fast the small networks see in photographs: things, faces, masks.

Usage: python benchmarks/photographs.py        (after: canvasagent models pull photo)

Labels are those of `tests/data/photographs` (README.md there), made by looking. Of the labelled things those count
whose name means one of the 80 kinds. A thing counts as found if its kind is right and its box has an IoU of 0.5 or more
with a labelled one that nothing surer has taken. Masks of the main subject are compared as found by themselves, and as
made from the labelled box by SAM with the networks and without them (GrabCut). Times are the processor's, and by the
clock.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from device import device, write_results
from photograph_set import labels, mask, picture
from PIL import Image

from canvasagent.backends.lite import sam
from canvasagent.backends.lite.photographs import detector, landmarks, networks, saliency
from canvasagent.backends.lite.photographs.finding import thing_nouns
from canvasagent.imaging.geometry import PixelBox, overlap
from canvasagent.weights.sets import FOLDER_VARIABLE

Array = np.ndarray[Any, Any]
SAME = 0.5
THRESHOLDS = (0.3, 0.4, 0.45, detector.LEAST, 0.6, 0.7, 0.8)


def box_of(grid: list[int], size: tuple[int, int]) -> PixelBox:
    """A box on the 0 to 1000 grid in pixels."""
    left, top, right, bottom = grid
    return left * size[0] / 1000, top * size[1] / 1000, right * size[0] / 1000, bottom * size[1] / 1000


def kind_of(name: str) -> str | None:
    """The one of the 80 kinds that a label's name means; None for none, or for several."""
    kinds, _ = thing_nouns().get(name, (frozenset[str](), False))
    return next(iter(kinds)) if len(kinds) == 1 else None


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
    """Things and faces over all pictures."""
    finds: list[tuple[float, bool]] = []
    faces: list[tuple[float, bool]] = []
    strangers: Counter[str] = Counter()
    count = {"things": 0, "faces": 0}
    for label in labels():
        image = picture(label)
        pixels = np.asarray(image)
        named = [(kind_of(item["name"]), box_of(item["box"], image.size)) for item in label["objects"]]
        wanted = [(kind, box) for kind, box in named if kind is not None]
        known = [("face", box_of(item["box"], image.size)) for item in label["faces"] or ()]
        found = [(item.name, item.box, item.score) for item in detector.find_things(pixels, 0.1)]
        judgements = judged(found, wanted)
        finds += judgements
        ranked = sorted(found, key=lambda item: -item[2])
        sure = [item[0] for item, (score, right) in zip(ranked, judgements, strict=True)
                if score >= detector.LEAST and not right]  # fmt: skip
        strangers.update(f"{kind} ({label['file']})" for kind in sure)
        if label["faces"] is not None:  # else they are too small or too dark to label
            faces += judged([("face", item.box, item.score) for item in landmarks.sure_faces(pixels)], known)
        count["things"] += len(wanted)
        count["faces"] += len(known)
    return {
        "pictures": len(labels()),
        "things of the 80 kinds": count["things"],
        "average precision at IoU 0.5": round(average_precision(finds, count["things"]), 3),
        "by threshold": {
            str(least): {
                "found": sum(right for score, right in finds if score >= least),
                "false": sum(not right for score, right in finds if score >= least),
            }
            for least in THRESHOLDS
        },
        "threshold": detector.LEAST,
        "false at the threshold": sorted(strangers),
        "faces": count["faces"],
        "faces found": sum(right for _, right in faces),
        "faces false": sum(not right for _, right in faces),
    }


def masks() -> dict[str, Any]:
    """IoU of the main subjects' masks: found by themselves, and made from their boxes with and without networks."""
    segment = sam.Backend(sam.Config())
    scores: dict[str, list[float]] = {"by itself": [], "from its box": [], "from its box, without networks": []}
    unclear = 0
    for label in labels():
        truth = mask(label)
        if truth is None:
            continue
        image = picture(label)
        box = box_of(label["main"]["box"], image.size)
        likely = saliency.subject(np.asarray(image))
        unclear += likely is None
        if likely is not None:
            scores["by itself"].append(iou(likely > 0.5, truth))
        scores["from its box"].append(iou(np.asarray(segment(image=image, box=box)) > 0, truth))
        with without_networks():
            by_colours = np.asarray(segment(image=image, box=box)) > 0
        scores["from its box, without networks"].append(iou(by_colours, truth))
    figures = {
        name: {
            "mean": round(float(np.mean(found)), 3),
            "median": round(statistics.median(found), 3),
            "below 0.7": sum(value < 0.7 for value in found),
            "pictures": len(found),
        }
        for name, found in scores.items()
    }
    return {"IoU": figures, "no clear subject": unclear}


def iou(one: Array, other: Array) -> float:
    """Intersection over union of two boolean masks."""
    return float((one & other).sum() / max((one | other).sum(), 1))


@contextmanager
def without_networks() -> Iterator[None]:
    """As if the networks were not on this machine."""
    before = os.environ.get(FOLDER_VARIABLE)
    os.environ[FOLDER_VARIABLE] = os.devnull
    try:
        yield
    finally:
        os.environ.pop(FOLDER_VARIABLE)
        if before is not None:
            os.environ[FOLDER_VARIABLE] = before


def timed(work: Callable[[int], object], rounds: int = 7) -> dict[str, float]:
    """Medians in ms; `work` gets the number of the round, so that nothing is remembered from the one before."""
    clock, processor = [], []
    for number in range(rounds):
        started = time.perf_counter(), time.process_time()
        work(number)
        clock.append(time.perf_counter() - started[0])
        processor.append(time.process_time() - started[1])
    return {"clock": round(1e3 * statistics.median(clock)), "processor": round(1e3 * statistics.median(processor))}


def _astronaut() -> Image.Image:
    return next(picture(label) for label in labels() if label["file"] == "astronaut.jpg")


def speed(side: int) -> dict[str, Any]:
    """Times on a square photograph."""
    pixels = np.asarray(_astronaut().resize((side, side), Image.Resampling.BICUBIC))

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
