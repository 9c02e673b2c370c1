"""What a backend is: one callable class in one file, doing the pixel work of one tool.

A file `backends/<profile>/<tool>.py` (or any importable module) defines

    class Config(BaseModel): ...      # optional: its settings, a docstring under each field
    class Backend:                    # takes its Config, is called with keywords, works on pixels only
        tool = "OCR"                  # the wire name of the tool that it serves
        version = "1"                 # changes whenever the same input may give another output
        stochastic = False            # True: the result depends on `seed`, which is then passed in
        may_hang = False              # True: runs in a process of its own, which can be ended
        generative = True             # optional: whether a trained generator makes its pixels (for provenance)
        waits = 64                    # optional: calls that may wait at once, for another machine or a batch
        large = (4_194_304, "1")      # optional: pictures of more pixels are worked on another way, of that version,
                                      # which goes with `version` and only concerns calls on such pictures
        networks = ("u2netp.onnx",)   # optional: files of sets (`weights/sets.toml`) that it uses where they are here:
                                      # which of them are is part of what tells its results from others
        references = 3                # optional, of ImageEdit: further pictures that an edit may use (else none)
        truncates = True              # optional, of Crop: fractions of a pixel are cut off instead of rounded
        styles = ("opacity",)         # optional, of Overlayer: which of opacity, rotation, background and outline it
                                      # takes: passed only where a call gives them, refused where not named here
        @staticmethod
        def output_pixels(arguments, assets) -> int: ...   # optional, of ImageEdit: how many pixels its result will
                                                           # have; the size may be another only where this is there
        @staticmethod
        def brief(arguments, pixels: int) -> bool: ...     # optional: whether such a call, which reads and makes
                                                           # `pixels` in all, takes about a millisecond: the tool
                                                           # server makes it on the spot, not in a thread
        @staticmethod
        def weights(config: Config) -> Hashable: ...       # optional: tools with equal ones share what they load
        @classmethod
        def lacks(cls, config: Config) -> list[str]: ...   # optional: what is missing here, and how to get it
        def __init__(self, config: Config) -> None: ...
        def __call__(self, **inputs) -> ...: ...

A backend that computes for more than a second calls `canvasagent.concurrency.cancellation.check_cancelled` between its
steps: in a thread a call can be ended in no other way.

A backend that pays for its calls reports the cost to `canvasagent.endpoints.cost_meter.spend`; one that works better
on several at once lets `canvasagent.concurrency.batching.MicroBatcher` gather them, and `waits` says how many.
A backend that has `carry_out(key, checked, assets, seed) -> Outcome` executes whole calls in place of the pixel work
alone; `remote.py` does so, because another machine executes them.

Pictures come in as RGB, RGBA or (masks) L with 0 and 255, are never changed in place, and go out likewise.
All coordinates are pixels. What a backend cannot do it refuses with `ToolRefusal`, in words that say what can.
The keywords and results by tool:

| tool | call | result |
|---|---|---|
| ImageGeneration | prompt: str, size: Size \\| None, seed: int | picture |
| ImageEdit | image, prompt: str, mask: L picture or None, seed: int, references | picture, same size unless asked |
| Grounding | image, phrase: str | list[Detection], best first |
| SAM | image, box: PixelBox | mask, size of the image |
| Extract | image, mask | RGBA cut-out, tight to the mask |
| Overlayer | base, content: str or picture, center, scale, color, font_size (px), quad: 4 Points, styles | picture |
| Crop | image, box: whole pixels | picture |
| OCR | image | list[TextLine], in reading order |
| Rotate | image, angle: int, clockwise | picture |
| Flip | image | picture |
| SR | image | picture, 4 × as wide and as high |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from canvasagent.imaging.geometry import PixelBox, Point, bounds

if TYPE_CHECKING:
    import numpy as np


class Backend(Protocol):
    """See the module's docstring."""

    tool: str
    version: str
    stochastic: bool
    may_hang: bool

    def __call__(self, **inputs: Any) -> Any:
        """Do the work. Raises `ToolRefusal` for what is out of reach."""
        ...


@dataclass(frozen=True, slots=True)
class Detection:
    """Something found: what it was called, its box in pixels, a confidence from 0 to 1."""

    label: str
    box: PixelBox
    score: float


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text that was read: its four corners in pixels, clockwise from the text's own top left."""

    text: str
    score: float
    quad: tuple[Point, Point, Point, Point]

    @property
    def box(self) -> PixelBox:
        """The upright box around the corners."""
        return bounds(self.quad)


def rgb_array(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The colours of a picture as an (height, width, 3) array of its own; alpha is left aside."""
    import numpy as np  # here, so that a shell's completion does not wait for it

    return np.array(picture.convert("RGB"))
