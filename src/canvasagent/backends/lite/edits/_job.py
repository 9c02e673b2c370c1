"""What an edit is told besides the pixels: what to do, where, and how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from canvasagent.backends.base import TextLine

Pixels = NDArray[np.uint8]
"""(height, width, 3) RGB, or (height, width, 4) from an edit that makes parts transparent."""

Mask = NDArray[np.bool_]
"""(height, width), True where the edit applies."""


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a picture, as words have it.

    `kind` is one of whole, background, subject, part (`name`: "left half"), text (`name`: what it says, or ""),
    masked ("the selected area"), object (`name`: the phrase to find). `inverse`: everything but that place.
    """

    kind: str
    name: str = ""
    inverse: bool = False

    def __str__(self) -> str:
        what = {"whole": "the picture", "text": f"the text '{self.name}'" if self.name else "the text"}.get(
            self.kind, self.name or f"the {self.kind}"
        )
        return f"everything but {what}" if self.inverse else what


WHOLE = Where("whole")
BACKGROUND = Where("background")
TEXT = Where("text")


@dataclass(frozen=True, slots=True)
class Job:
    """What an edit is told besides the pixels."""

    strength: float = 1.0
    sign: int = 1
    values: Mapping[str, str] = field(default_factory=dict)
    """What the slots of the pattern held."""
    mask: Mask | None = None
    """Where to work; None: everywhere."""
    seed: int = 0
    read: Callable[[], Sequence[TextLine]] = tuple
    """Reads the text lines of the picture, for edits of text."""
    faces: Callable[[], Mask | None] = lambda: None
    """Where faces are, for edits that copy from elsewhere: nobody wants to find a second nose."""


def as_pixels(values: NDArray[Any]) -> Pixels:
    """Floats of 0 to 255 as pixels, rounded and clipped."""
    return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
