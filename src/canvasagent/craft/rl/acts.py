"""What a part of a request may ask for: blocks of one to four calls, each a function that adds its steps to a draft."""

from __future__ import annotations

from dataclasses import dataclass

from canvasagent.craft.rl import things, whole
from canvasagent.craft.rl.things import Run


@dataclass(frozen=True)
class Block:
    """A part of a request."""

    name: str
    tools: tuple[str, ...]
    """As tables print them, in order: `Edit`, `Grounding`."""
    weight: float
    run: Run

    @property
    def calls(self) -> int:
        """How many calls it takes."""
        return len(self.tools)


EARLY: tuple[Block, ...] = (
    Block("recolor", ("Edit",), 3, things.edited("recolor", False)),
    Block("recolor, look", ("Edit", "Grounding"), 2.5, things.edited("recolor", True)),
    Block("remove", ("Edit",), 2, things.edited("remove", False)),
    Block("remove, look", ("Edit", "Grounding"), 2, things.edited("remove", True)),
    Block("replace", ("Edit",), 1.5, things.edited("replace", False)),
    Block("replace, look", ("Edit", "Grounding"), 2, things.edited("replace", True)),
    Block("resize", ("Edit",), 0.8, things.edited("resize", False)),
    Block("move", ("Edit",), 0.4, things.edited("move", False)),
    Block("add", ("Edit",), 2.5, things.added(False)),
    Block("add, look", ("Edit", "Grounding"), 2.5, things.added(True)),
    Block("still there", ("Grounding",), 0.6, things.still_there),
    Block("rewrite", ("Edit",), 1.5, things.rewritten(False)),
    Block("rewrite, read", ("Edit", "OCR"), 3, things.rewritten(True)),
    Block("erase", ("Edit",), 0.5, things.erase),
    Block("write", ("Overlay",), 1.5, things.written(False)),
    Block("write, read", ("Overlay", "OCR"), 2.5, things.written(True)),
    Block("read", ("OCR",), 0.5, things.read),
)
"""What is asked for while the picture still lies and looks as it did."""
LATE: tuple[Block, ...] = (
    Block("adjust", ("Edit",), 3, whole.overall("adjust", "adjustment", "adjustment")),
    Block("style", ("Edit",), 0.6, whole.overall("style", "style", "style")),
    Block("light", ("Edit",), 0.3, whole.overall("light", "light", "light")),
    Block("weather", ("Edit",), 0.3, whole.overall("weather", "weather", "weather")),
    Block("background", ("Edit",), 0.3, whole.overall("background", "setting", "setting")),
)
"""After which colours, and beyond the first of them things, are not what they were."""
LAST: tuple[Block, ...] = (
    Block("inset 2", ("Overlay",), 1, whole.inset(2)),
    Block("inset 3", ("Overlay",), 1, whole.inset(3)),
    Block("crop to a thing", ("Grounding", "Crop"), 3, whole.crop_thing()),
    Block("find, mirror, crop", ("Grounding", "Flip", "Crop"), 1, whole.crop_thing(whole.once("Flip", "flip"))),
    Block("crop to a part", ("Crop",), 1, whole.crop_region),
    Block("cut out", ("Grounding", "SAM", "Extract"), 3, whole.cut_out),
    Block("enlarge", ("SR",), 2, whole.once("SR", "enhance")),
    Block("mirror", ("Flip",), 2, whole.once("Flip", "flip")),
    Block("turn", ("Rotate",), 2, whole.rotate),
)
"""Which change how the picture lies, or what of it is left; in the order in which they come."""
ASIDE: tuple[str, ...] = (
    "recolor", "remove", "replace", "resize", "add", "write", "adjust", "style", "light", "weather", "mirror",
)  # fmt: skip
"""Acts that a branch that is not executed may ask for."""
BY_NAME = {block.name: block for block in (*EARLY, *LATE, *LAST)}
