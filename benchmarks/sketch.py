"""What drawing a scene, recognising it, reading it and editing it take, on one core.

    python benchmarks/sketch.py

Scenes are timed warm (every sprite was drawn before, as in a process that draws many), each with another seed; edits
with their reading of the picture, which is most of them, and once more on a picture that was just read.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
from device import device, write_results
from PIL import Image

from canvasagent.backends.lite.image_edit import Backend, Config
from canvasagent.sketch import reading
from canvasagent.sketch.draw import draw
from canvasagent.sketch.reading import read_drawing
from canvasagent.sketch.recognise import recognise

SCENES = (
    "two dogs, a red car and a tree on a street",
    "a cat on a table next to a man in a kitchen",
    "three sheep and a house on a field at night in the rain",
    "a lion and an elephant in the desert, paper cut-out",
)
TARGETS = {512: 25.0, 1024: 60.0}
EDITS = (
    "add a red ball on the left",
    "remove the dog",
    "replace the cat with a rabbit",
    "make the car blue",
    "make the dog bigger",
    "move the dog to the right",
    "flip the dog",
    "put it on a beach",
    "make it night",
    "make it rain",
    "in outline style",
)
EDITED = "a dog, a cat, a red car and a tree in a park"


def median_ms(work: Callable[[int], Any], rounds: int) -> float:
    """The median time of `work(number)` in milliseconds; the first call is not counted."""
    work(0)
    times = []
    for number in range(1, rounds + 1):
        begin = time.perf_counter()
        work(number)
        times.append(1000 * (time.perf_counter() - begin))
    return round(statistics.median(times), 2)


def scenes(side: int) -> dict[str, float]:
    """Milliseconds for each of the scenes at a size; all palettes were drawn before."""
    found: dict[str, float] = {}
    for prompt in SCENES:
        for seed in range(6):
            draw(prompt, (side, side), seed)
        found[prompt] = median_ms(lambda number, prompt=prompt: draw(prompt, (side, side), number), 12)
    return found


def edits(side: int) -> dict[str, dict[str, float]]:
    """Milliseconds for each edit: of a picture never seen, and of one that was just read."""
    backend, found = Backend(Config()), {}
    picture = draw(EDITED, (side, side), 4)
    for prompt in EDITS:
        backend(image=picture, prompt=prompt, seed=1)

        def anew(number: int, prompt: str = prompt) -> Image.Image:
            reading.forget()
            return backend(image=picture, prompt=prompt, seed=number)

        found[prompt] = {
            "new_picture": median_ms(anew, 3),
            "known_picture": median_ms(lambda number, prompt=prompt: backend(image=picture, prompt=prompt, seed=1), 3),
        }
    return found


def main() -> None:
    """Measure and write `results/sketch.json`."""
    cv2.setNumThreads(1)
    picture = draw(EDITED, (512, 512), 4)
    cold = time.perf_counter()
    recognise(picture)
    first = round(time.perf_counter() - cold, 2)

    def read(number: int) -> Any:
        reading.forget()
        return read_drawing(picture)

    def anew(number: int) -> Any:
        reading.forget()
        return recognise(picture)

    write_results(
        "sketch",
        {
            "device": device(),
            "scene_ms": {str(side): scenes(side) for side in TARGETS},
            "target_ms": {str(side): target for side, target in TARGETS.items()},
            "first_recognition_s": first,
            "recognise_512_ms": median_ms(anew, 5),
            "read_512_ms": median_ms(read, 5),
            "edit_512_ms": edits(512),
        },
    )


if __name__ == "__main__":
    main()
