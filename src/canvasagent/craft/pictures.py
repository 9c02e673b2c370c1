"""Pictures for building data: contents, the needs of plans, sources."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from canvasagent.errors import CanvasAgentError

Box = tuple[int, int, int, int]
"""xmin, ymin, xmax, ymax on the 0–1000 grid."""

Split = Literal["train", "validation", "test"]
"""Pictures of one split are in no other."""


class NoPicture(CanvasAgentError):
    """A source has no picture that fits a need; the message says which and what would help."""


class Part(BaseModel):
    """Base of the data classes here: immutable, and unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Thing(Part):
    """Something that a picture shows."""

    name: str
    """Singular noun, without article: `dog`."""
    phrase: str
    """Words, without article, that pick out this one of all in the picture: `red cup`, `second tree from the left`."""
    box: Box
    color: str | None = None
    """Name of its colour, where it has one that a person would name."""
    count: int = 1
    """How many of that name the picture shows."""


class Text(Part):
    """A line of text that a picture shows."""

    words: str
    box: Box


class Contents(Part):
    """The known contents of a picture as it is (a turned picture has boxes in the turned one)."""

    things: tuple[Thing, ...] = ()
    texts: tuple[Text, ...] = ()
    setting: str | None = None
    """The place: `beach`, `street`."""
    drawn: bool = False
    """It is of the drawn world, so that the object edits of lite work on it."""
    turned: int = 0
    """By how many degrees clockwise it was turned from upright."""
    mirrored: bool = False
    small: bool = False
    """So small that 4× enlargement makes sense (longer side at most 320 pixels)."""
    blurred: bool = False
    known_by: Literal["construction", "tools"] = "construction"
    """`tools`: found by running Grounding and OCR, hence only as good as these."""


class Picture(Part):
    """A picture of a source. Its pixels come from `Source.open`."""

    source: str
    """Name and argument of its source: `sketch`, `dir:photos`."""
    key: str
    """The source's key of it."""
    size: tuple[int, int]
    contents: Contents
    origin: dict[str, Any] = Field(default_factory=dict)
    """Its origin for data sheets: file, licence, seed, prompt."""


class Need(Part):
    """What a plan needs of one of its pictures. None: no requirement."""

    things: int = 0
    """At least so many things, each with a phrase of its own that Grounding is expected to find."""
    texts: int = 0
    """At least so many lines of text."""
    drawn: bool | None = None
    turned: bool | None = None
    mirrored: bool | None = None
    small: bool | None = None
    blurred: bool | None = None
    steady: bool = False
    """Phrases must hold however the picture is turned or mirrored: none with left and right in it."""


class Source(Protocol):
    """Where pictures come from: one file in `sources/`, which defines `create(argument: str | None) -> Source`.

    Picks are pure: the same need, split and key give the same picture on any machine and in any process, so that
    the number of workers does not matter. A source can be pickled.
    """

    name: str
    """As the command line names it: `sketch`, `dir:photos`."""

    def pick(self, need: Need, split: Split, key: str) -> Picture:
        """A picture that fits `need`, chosen by `key`. Raises `NoPicture`."""
        ...

    def open(self, picture: Picture) -> Image.Image:
        """Its pixels (RGB, or RGBA where it has transparency). Raises `InputError` where they are gone."""
        ...
