"""Phrases about the labelled photographs, by the real networks: colour, place, size, number, relation."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from canvasagent.backends.lite import grounding
from canvasagent.imaging.geometry import PixelBox, overlap
from photo_weights import needs_networks

FOLDER = Path(__file__).parent / "data" / "photographs"
FIND = grounding.Backend(grounding.Config())


@cache
def labels() -> dict[str, dict[str, Any]]:
    """The labels by the picture's name."""
    lines = (FOLDER / "labels.jsonl").read_text("utf-8").splitlines()
    return {Path(entry["file"]).stem: entry for entry in map(json.loads, lines)}


def labelled(name: str) -> list[PixelBox]:
    """The boxes of a picture's things in pixels, from left to right."""
    width, height = labels()[name]["size"]
    grids = sorted(item["box"] for item in labels()[name]["objects"])
    return [(b[0] * width / 1000, b[1] * height / 1000, b[2] * width / 1000, b[3] * height / 1000) for b in grids]


@needs_networks
@pytest.mark.parametrize(
    ("name", "phrase", "meant"),
    [
        ("street_two_cars", "both cars", [0, 1]),
        ("street_two_cars", "the blue car", [0]),
        ("street_two_cars", "the green car", [1]),
        ("street_two_cars", "the red car", []),
        ("street_two_cars", "the car on the right", [1]),
        ("street_two_cars", "the largest automobile", [0]),
        ("four_people", "all people", [0, 1, 2, 3]),
        ("four_people", "the second person from the left", [1]),
        ("four_people", "the last person from the left", [3]),
        ("field_animals", "all animals", [0, 1]),
        ("field_animals", "the elephant", [1]),
        ("field_animals", "the elephant and the cow", [0, 1]),
        ("field_animals", "the animal to the left of the elephant", [0]),
        ("brick_bicycle", "the bicycle next to the fire hydrant", [1]),
        ("brick_bicycle", "the yellow hydrant", [0]),
    ],
)
def test_the_things_that_are_meant_are_found(name: str, phrase: str, meant: list[int]) -> None:
    with Image.open(FOLDER / f"{name}.jpg") as stored:
        found = FIND(image=stored.convert("RGB"), phrase=phrase)
    boxes = labelled(name)
    assert len(found) == len(meant), found
    for number in meant:
        assert max(overlap(item.box, boxes[number]) for item in found) > 0.6, (number, found)
