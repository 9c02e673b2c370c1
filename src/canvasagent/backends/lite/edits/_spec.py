"""The words of the edit language: what an edit is, what asks for it, and where it applies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from canvasagent.backends.lite.edits._drawn import Request
from canvasagent.backends.lite.edits._job import BACKGROUND, TEXT, WHOLE, Job, Mask, Pixels, Where, as_pixels
from canvasagent.imaging.geometry import Size
from canvasagent.sketch.reading import Drawing

__all__ = [
    "BACKGROUND",
    "TEXT",
    "WHOLE",
    "Edit",
    "Job",
    "Keep",
    "Mask",
    "Pixels",
    "Plan",
    "Step",
    "Where",
    "Words",
    "as_pixels",
]


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
class Working:
    """At what size an edit works on a large picture; on others it works on the picture itself (see `_working`)."""

    share: float | None
    """Pixels of the copy that it works on, in multiples of `LARGE_PIXELS`; None: the picture itself, always."""
    keeps_detail: bool = False
    """True: what it changes in the copy is enlarged and added to the picture; False: its result is enlarged."""


FULL_SIZE = Working(None)
"""For edits that take a few seconds at any size, or whose result must be exact to the pixel."""
REDUCED = Working(1.5)
"""For looks that are made of strokes and washes, which scale with the picture."""


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
    working: Working = FULL_SIZE
    """At what size it works on large pictures."""
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
