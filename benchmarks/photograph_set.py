"""Read the labelled photographs of `tests/data/photographs/` (its README.md describes them)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PHOTOGRAPHS = Path(__file__).parent.parent / "tests/data/photographs"


def labels() -> list[dict[str, Any]]:
    """One dictionary for each photograph, in the order of their file names."""
    return [json.loads(line) for line in (PHOTOGRAPHS / "labels.jsonl").read_text("utf-8").splitlines()]


def picture(label: dict[str, Any]) -> Image.Image:
    """The photograph of a label, RGB."""
    return Image.open(PHOTOGRAPHS / label["file"]).convert("RGB")


def mask(label: dict[str, Any]) -> NDArray[np.bool_] | None:
    """The main subject of a photograph, (height, width); None where none is labelled."""
    if label["main"] is None:
        return None
    return np.asarray(Image.open(PHOTOGRAPHS / label["main"]["mask"]).convert("L")) > 127
