"""The words of the edit language: what an edit is, what asks for it, and where it applies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from canvasagent.backends.base import TextLine
from canvasagent.imaging.geometry import Size

if TYPE_CHECKING:
    from canvasagent.backends.lite.edits._drawn import Request
    from canvasagent.sketch.reading import Drawing

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
class Words:
    """What asks for an edit, as regular-expression fragments by part of speech (see `_frames.FRAMES`)."""

    sign: int = 1
    adjectives: tuple[str, ...] = ()
    """How it shall be: "brighter"."""
    nouns: tuple[str, ...] = ()
    """What it shall have more of: "contrast"."""
    verbs: tuple[str, ...] = ()
    """What shall be done to it: "blur"."""
    things: tuple[str, ...] = ()
    """What is added: "vignette"."""
    styles: tuple[str, ...] = ()
    """What it turns into: "watercolou?r"."""
    patterns: tuple[str, ...] = ()
    """Whole clauses, with slots such as {where}, {color}, {old} and {new}."""


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


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: its vocabulary and its work. A file of this folder has one as `EDIT`."""

    summary: str
    words: tuple[Words, ...]
    examples: tuple[str, ...]
    """Prompts that must be understood as this edit and change a picture."""
    apply: Callable[[Pixels, Job], Pixels]
    strength: float = 1.0
    """What a prompt without "slightly" or "by 30 %" means; such words scale or replace it."""
    where: Where = WHOLE
    """Where a prompt that does not say means."""
    needs_place: bool = False
    """True: makes no sense on the whole picture."""
    places: tuple[str, ...] = ()
    """The kinds of place that it works on; none given: all."""
    ink: bool = False
    """True: on a text it works on the strokes only, not on the box around them."""
    blends: bool = True
    """True: the caller lays the result over the picture through a soft mask; False: the edit keeps outside as it is."""
    grow: float = 0.0
    """How far a place that was found reaches out for this edit, as a share of the picture's shorter side."""
    check: Callable[[Mapping[str, str]], bool] = lambda values: True
    """Whether the values of the slots make sense."""
    revise: Callable[[Request], Drawing | None] | None = None
    """How it is done on a drawn picture, in terms of its things. It may give None for what `apply` does there too."""
    size: Callable[[Size, Mapping[str, str]], Size] | None = None
    """Of an edit that changes the size of the whole picture: the size that it makes of one, given what the slots held.

    Its `apply` gets (height, width, 4) RGBA pixels and gives such of that size; it never has a mask. `blends` says
    whether it computes the picture's own pixels anew. Raises `ToolRefusal` for a size that cannot be.
    """
    own_place: bool = False
    """True: it finds its place itself, and on a picture that is not drawn works without one."""


@dataclass(frozen=True, slots=True)
class Step:
    """An edit as asked for by one clause."""

    edit: str
    sign: int
    strength: float
    where: Where
    values: Mapping[str, str]
    clause: str


@dataclass(frozen=True, slots=True)
class Keep:
    """A place that must stay as it was: for one edit, or (None) for all."""

    where: Where
    edit: str | None
    clause: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A prompt, understood: what to do in order, what to leave alone, and the clauses that are not understood."""

    steps: tuple[Step, ...] = ()
    keeps: tuple[Keep, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is something to do and nothing that was not understood."""
        return bool(self.steps) and not self.unknown


def as_pixels(values: NDArray[Any]) -> Pixels:
    """Floats of 0 to 255 as pixels, rounded and clipped."""
    return np.asarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
