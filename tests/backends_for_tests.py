"""Backends that tests choose by dotted path: real parts that echo, sleep, die, draw lots, or break the contract."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from pydantic import BaseModel

from canvasagent.backends.base import TextLine
from canvasagent.concurrency.cancellation import check_cancelled
from canvasagent.errors import ToolRefusal


class Config(BaseModel):
    """What the backends of this file can be told; each takes what concerns it."""

    seconds: float = 0.0
    """How long a call takes."""
    log: str = ""
    """A file that gets a line for each call."""
    flag: str = ""
    """A file that a call looks for: there or not decides what it does."""


def _note(config: Config | None) -> None:
    if config is not None and config.log:
        with Path(config.log).open("a") as stream:
            stream.write(f"{os.getpid()}\n")


class Echo:
    """Flip that gives its input back, after the seconds it is told."""

    tool = "Flip"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(self, *, image: Image.Image) -> Image.Image:
        _note(self.config)
        time.sleep(self.config.seconds)
        return image.copy()


class Stepping(Echo):
    """Flip that computes in steps until its flag file is there, and checks between them whether it was cancelled."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        _note(self.config)
        while not Path(self.config.flag).exists():
            check_cancelled()
            time.sleep(0.002)
        return image.copy()


class Large(Echo):
    """Flip that works another way on pictures of more than 200 pixels, as it says."""

    large = (200, "7")


class Enormous(Echo):
    """Flip that says above how many pixels it works another way, and not which version of that way it is."""

    large = 200


class Refusing(Echo):
    """Flip that refuses."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        _note(self.config)
        raise ToolRefusal("this cannot be mirrored; another profile can.")


class Crashing(Echo):
    """Flip with a bug, once: the flag file tells that it crashed before."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        _note(self.config)
        if not self.config.flag or not Path(self.config.flag).exists():
            if self.config.flag:
                Path(self.config.flag).touch()
            raise RuntimeError("a bug in the backend")
        return image.copy()


class Brief(Crashing):
    """Flip that crashes in no time, as it says."""

    @staticmethod
    def brief(arguments: Any, pixels: int) -> bool:
        return True


class Quitting(Echo):
    """Flip that calls sys.exit."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        raise SystemExit(3)


class Hanging(Echo):
    """Flip that hangs where its picture is dark, in a process of its own."""

    may_hang = True

    def __call__(self, *, image: Image.Image) -> Image.Image:
        sys.stdout.write("a backend that prints must not disturb its answers\n")
        if image.getpixel((0, 0)) == (0, 0, 0):
            time.sleep(3600)
        return image.copy()


class Stalling(Echo):
    """Flip that goes on where its picture is dark until the flag file is there, in a thread that cannot be ended."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        _note(self.config)
        while image.getpixel((0, 0))[2] == 0 and not Path(self.config.flag).exists():  # type: ignore[index]
            time.sleep(0.01)
        return image.copy()


class StallingBatch(Stalling):
    """The same, as one that waits for a batch."""

    waits = 4


class Dying(Echo):
    """Flip whose process dies where its picture is dark."""

    may_hang = True

    def __call__(self, *, image: Image.Image) -> Image.Image:
        if image.getpixel((0, 0)) == (0, 0, 0):
            os._exit(7)
        return image.copy()


class Random:
    """ImageGeneration that draws noise from its seed."""

    tool = "ImageGeneration"
    version = "1"
    stochastic = True
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(self, *, prompt: str, size: tuple[int, int] | None, seed: int) -> Image.Image:
        _note(self.config)
        width, height = size or (16, 12)
        return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


class Mixing:
    """ImageEdit that mixes a picture with its references, each weighing less than the one before; two at most."""

    tool = "ImageEdit"
    version = "1"
    stochastic = False
    may_hang = False
    references = 2

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(
        self,
        *,
        image: Image.Image,
        prompt: str,
        mask: Image.Image | None,
        seed: int,
        references: Sequence[Image.Image] = (),
    ) -> Image.Image:
        _note(self.config)
        mixed = image.copy()
        for number, other in enumerate(references, 2):
            mixed = Image.blend(mixed, other.convert(image.mode).resize(image.size), 1 / number)
        return mixed


class Own:
    """ImageEdit that knows nothing of references, as somebody's own may: mirrors."""

    tool = "ImageEdit"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(self, *, image: Image.Image, prompt: str, mask: Image.Image | None, seed: int) -> Image.Image:
        return ImageOps.mirror(image)


class Styled:
    """Overlayer that promises a style that there is not."""

    tool = "Overlayer"
    version = "1"
    stochastic = False
    may_hang = False
    styles = ("opacity", "glow")

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(self, *, base: Image.Image, **inputs: object) -> Image.Image:
        return base.copy()


class Plain:
    """Overlayer that knows nothing of styles, as somebody's own may: puts a black square on."""

    tool = "Overlayer"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(
        self,
        *,
        base: Image.Image,
        content: str | Image.Image,
        center: tuple[float, float],
        scale: float | None,
        color: str | None,
        font_size: float | None,
        quad: object,
    ) -> Image.Image:
        result = base.copy()
        result.paste((0, 0, 0), (0, 0, 9, 9))
        return result


class Numbers:
    """OCR whose confidence is a numpy number and whose text holds a lone surrogate."""

    tool = "OCR"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(self, *, image: Image.Image) -> list[TextLine]:
        corners = ((0.0, 0.0), (5.0, 0.0), (5.0, 5.0), (0.0, 5.0))
        return [TextLine("a \ud800 b", np.float32(0.5), corners)]


# Backends that break the contract, each in one way, for the conformance checker to find.


class Undetermined(Echo):
    """Never twice the same."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        noise = np.random.default_rng().integers(0, 256, (image.height, image.width, 3), dtype=np.uint8)
        return Image.fromarray(noise) if image.mode == "RGB" else image.copy()


class Racing(Echo):
    """Another result while a second call is under way."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._inside = 0

    def __call__(self, *, image: Image.Image) -> Image.Image:
        self._inside += 1
        time.sleep(0.05)
        mine = self._inside
        self._inside = 0
        return image.point(lambda value: (value + 8 * mine) % 256) if image.mode == "RGB" else image.copy()


class Impure(Echo):
    """Draws on its input."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        image.putpixel((0, 0), 0 if image.mode == "L" else (1, 2, 3) if image.mode == "RGB" else (1, 2, 3, 4))
        return image.copy()


class Grey(Echo):
    """Gives a grey picture."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        return image.convert("L")


class Opaque(Echo):
    """Drops transparency where a cut-out is not asked for."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        see_through = image.mode == "RGBA" and image.getextrema()[3][0] > 0  # type: ignore[index]
        return image.convert("RGB") if see_through else image.copy()


class Fragile(Echo):
    """Crashes on a single pixel."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        return image.resize((image.width, image.height)) if image.width > 1 else image.crop((0, 0, 1 // 0, 1))


class Growing(Echo):
    """Gives more pixels than was told."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        return image.resize((image.width * 2, image.height * 2), Image.Resampling.NEAREST)


class Seeded(Random):
    """Uses the seed and does not say so."""

    stochastic = False


class Doubling(Own):
    """Gives a picture of another size, and foretells none."""

    def __call__(self, *, image: Image.Image, prompt: str, mask: Image.Image | None, seed: int) -> Image.Image:
        return image.resize((2 * image.width, 2 * image.height))


class Promising(Own):
    """Says that it uses references, and cannot be given any."""

    references = 3


class Boasting(Mixing):
    """Does not say how many references it takes."""

    references = True


class Undocumented(Echo):
    tool = "Flip"


Undocumented.__doc__ = None


class Nameless(Echo):
    """Serves no tool that there is."""

    tool = "Mirror"


class Versionless(Echo):
    """Has a number for a version."""

    version: Any = 2
