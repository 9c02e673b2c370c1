"""How the classical methods and the small networks do on the labelled photographs of `tests/data/photographs/`.

    python benchmarks/photographs_baseline.py        (with the networks after: canvasagent models pull photo)

Masks: SAM gets the labelled box of each main subject, without the networks (GrabCut) and with them; IoU with the
labelled mask, also apart for composed pictures, whose masks are exact. Faces: the Haar cascades alone, and made sure
of by landmarks; a face counts as found where the boxes have an IoU of 0.3. Things: average precision of the detector
over COCO's kinds at an IoU of 0.5; what it finds in the background where nothing is labelled counts as false, so this
is a lower bound.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from device import device, write_results
from photograph_set import labels, mask, picture
from photographs import average_precision, judged

from canvasagent.backends.lite import sam
from canvasagent.backends.lite.faces import find_faces
from canvasagent.backends.lite.photographs import detector, landmarks, networks
from canvasagent.imaging.geometry import PixelBox, box_to_pixels, overlap
from canvasagent.weights.sets import FOLDER_VARIABLE

Boxes = Callable[[Any], list[PixelBox]]
SAME_FACE = 0.3


@contextmanager
def no_networks() -> Iterator[None]:
    """As on a machine on which no network was pulled."""
    before = os.environ.get(FOLDER_VARIABLE)
    with tempfile.TemporaryDirectory() as empty:
        os.environ[FOLDER_VARIABLE] = empty
        try:
            yield
        finally:
            os.environ.pop(FOLDER_VARIABLE)
            if before is not None:
                os.environ[FOLDER_VARIABLE] = before


def masks() -> dict[str, Any]:
    """IoU of SAM's mask for each labelled box, by picture, and its summary."""
    tool = sam.Backend(sam.Config())
    scores: dict[str, float] = {}
    seconds, exact = [], []
    for label in labels():
        truth = mask(label)
        if truth is None:
            continue
        image = picture(label)
        started = time.process_time()
        found = np.asarray(tool(image=image, box=box_to_pixels(label["main"]["box"], image.size))) > 127
        seconds.append(time.process_time() - started)
        name = Path(label["file"]).stem
        scores[name] = round(float((found & truth).sum() / (found | truth).sum()), 3)
        if label["composed"]:
            exact.append(scores[name])
    every = list(scores.values())
    return {
        "subjects": len(every),
        "iou_mean": round(mean(every), 3),
        "iou_median": round(median(every), 3),
        "at_least_0.9": sum(score >= 0.9 for score in every),
        "under_0.7": sum(score < 0.7 for score in every),
        "iou_mean_of_composed": round(mean(exact), 3),
        "processor_seconds_mean": round(mean(seconds), 2),
        "iou": scores,
    }


def faces(find: Boxes) -> dict[str, int]:
    """How many labelled faces are found, and how many finds are no labelled face."""
    labelled = right = false = 0
    for label in labels():
        if label["faces"] is None:
            continue
        image = picture(label)
        left = [box_to_pixels(face["box"], image.size) for face in label["faces"]]
        labelled += len(left)
        for box in find(np.asarray(image)):
            match = next((face for face in left if overlap(face, box) >= SAME_FACE), None)
            if match is None:
                false += 1
            else:
                left.remove(match)
                right += 1
    return {"labelled": labelled, "found": right, "false": false}


def things() -> dict[str, Any]:
    """The detector's figures over the kinds that it knows."""
    known = set(detector.kinds().values())
    finds: list[tuple[float, bool]] = []
    by_kind: dict[str, list[int]] = {}
    wanted = 0
    for label in labels():
        image = picture(label)
        labelled: list[tuple[str, PixelBox]] = [
            (each["name"], box_to_pixels(each["box"], image.size)) for each in label["objects"] if each["name"] in known
        ]
        wanted += len(labelled)
        found = [(item.name, item.box, item.score) for item in detector.find_things(np.asarray(image), 0.1)]
        finds += judged(found, labelled)
        sure = [item for item in found if item[2] >= detector.LEAST]
        for kind in {name for name, _ in labelled}:
            count = by_kind.setdefault(kind, [0, 0])
            count[0] += sum(name == kind for name, _ in labelled)
            count[1] += sum(right for _, right in judged([item for item in sure if item[0] == kind], labelled))
    return {
        "labelled": wanted,
        "average_precision": round(average_precision(finds, wanted), 3),
        "threshold": detector.LEAST,
        "found_at_threshold": sum(right for score, right in finds if score >= detector.LEAST),
        "false_at_threshold": sum(not right for score, right in finds if score >= detector.LEAST),
        "labelled_and_found_by_kind": dict(sorted(by_kind.items())),
    }


def main() -> None:
    """Measure everything that can run here and write `results/photographs_baseline.json`."""
    with no_networks():
        by_colour = masks()
    figures: dict[str, Any] = {
        "command": "benchmarks/photographs_baseline.py",
        **device(),
        "pictures": len(labels()),
        "masks_by_grabcut": by_colour,
        "faces_by_haar": faces(lambda pixels: [box for box, _ in find_faces(pixels)]),
    }
    if networks.has(*networks.ALL):
        figures["masks_with_networks"] = masks()
        figures["faces_by_landmarks"] = faces(lambda pixels: [face.box for face in landmarks.sure_faces(pixels)])
        figures["things_by_detector"] = things()
    write_results("photographs_baseline", figures)


if __name__ == "__main__":
    main()
