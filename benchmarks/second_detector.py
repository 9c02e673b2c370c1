"""How well the second detector, which checks use and no tool does, sees in the labelled photographs.

Usage: python benchmarks/second_detector.py        (after: canvasagent models pull photo-checks)

Labels and rules are those of `benchmarks/photographs.py`. Beside boxes, statements are held against the labels: for
every kind that is labelled in any picture and every picture, "it is there" and, where it is, how many there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from device import device, write_results
from photograph_set import labels, picture
from photographs import average_precision, box_of, judged, kind_of

from canvasagent.backends.lite.photographs.second_detector import LEAST, find_things_again

THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, LEAST, 0.65, 0.7)


def main() -> None:
    """Measure and write `results/second_detector.json`."""
    finds: list[tuple[float, bool]] = []
    pictures: list[tuple[list[str], list[tuple[str, float]]]] = []
    for label in labels():
        image = picture(label)
        named = [(kind_of(item["name"]), box_of(item["box"], image.size)) for item in label["objects"]]
        wanted = [(kind, box) for kind, box in named if kind is not None]
        found = [(item.name, item.box, item.score) for item in find_things_again(np.asarray(image), 0.1)]
        finds += judged(found, wanted)
        pictures.append(([kind for kind, _ in wanted], [(name, score) for name, _, score in found]))
    things = sum(len(kinds) for kinds, _ in pictures)
    result = {
        "pictures": len(pictures),
        "things of the 80 kinds": things,
        "average precision at IoU 0.5": round(average_precision(finds, things), 3),
        "boxes by threshold": {
            str(least): {
                "found": sum(right for score, right in finds if score >= least),
                "false": sum(not right for score, right in finds if score >= least),
            }
            for least in THRESHOLDS
        },
        "statements by threshold": {str(least): statements(pictures, least) for least in THRESHOLDS},
    }
    write_results("second_detector", {"command": "benchmarks/second_detector.py", **device(), **result})


def statements(pictures: list[tuple[list[str], list[tuple[str, float]]]], least: float) -> dict[str, Any]:
    """How often the detector and the labels agree on what is there."""
    kinds = sorted({kind for labelled, _ in pictures for kind in labelled})
    there, missed, absent, imagined, counted = 0, 0, 0, 0, 0
    for labelled, found in pictures:
        for kind in kinds:
            number = sum(name == kind and score >= least for name, score in found)
            if kind in labelled:
                there += 1
                missed += not number
                counted += number == labelled.count(kind)
            else:
                absent += 1
                imagined += number > 0
    return {
        "there": there, "of these seen": there - missed, "of these counted right": counted,
        "absent": absent, "of these seen all the same": imagined,
    }  # fmt: skip


if __name__ == "__main__":
    main()
