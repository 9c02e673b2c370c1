"""ImageGeneration without weights: scenes of the drawn world, and grounds, coloured shapes and lettering.

Two grammars read a prompt, each as a whole: `sketch.grammar` (things and places that are drawn) and `prompts.py`
(grounds, shapes, quoted words, made by procedure). `choose` says which of them draws. What neither has is refused by
name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field

from canvasagent.backends.lite.figures import SHAPES, Figures, Placed, arrange, draw
from canvasagent.backends.lite.lettering import Lettering, letter
from canvasagent.backends.lite.prompts import Scene, read_prompt
from canvasagent.backends.lite.scenery import ground_for, ground_names
from canvasagent.english.colors import color_named
from canvasagent.english.lexicon import lexicon
from canvasagent.english.nouns import singular
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Size
from canvasagent.sketch.draw import draw_scene
from canvasagent.sketch.grammar import UnknownWords, parse
from canvasagent.sketch.lexicon import suggestion, tokens
from canvasagent.sketch.scene import Scene as DrawnScene

Pixels = NDArray[Any]


class Config(BaseModel):
    """What is not in the prompt."""

    size: Size = Field(default=(512, 512))
    """Width and height of a picture that is asked for without a size."""


def _shapes(pixels: Pixels, scene: Scene, seed: int) -> Pixels:
    groups = [item for item in scene.items if isinstance(item, Figures)]
    if not groups:
        return pixels
    height, width = pixels.shape[:2]
    # Lettering has the middle of the picture; shapes keep out of its way.
    taken = [Placed("rectangle", (0, 0, 0), (width / 2, height / 2), 0.3 * min(width, height))] * scene.lettered
    return draw(pixels, arrange(groups, (width, height), np.random.default_rng(seed), taken))


def _lettering(pixels: Pixels, scene: Scene, seed: int) -> Pixels:
    for item in scene.items:
        if isinstance(item, Lettering):
            pixels = letter(pixels, item)
    return pixels


PAINTERS: tuple[Callable[[Pixels, Scene, int], Pixels], ...] = (_shapes, _lettering)
"""What draws the items of a scene on its ground, in this order."""


def choose(prompt: str) -> DrawnScene | Scene:
    """How `prompt` is drawn. Raises `ToolRefusal` naming the words that neither grammar has.

    Where both understand it, nouns of drawn things make a drawn scene; grounds, quoted words and things that are
    plain shapes too ("a star") are made by procedure.
    """
    try:
        drawn, why_not = parse(prompt), None
        if _things(prompt):
            return drawn
    except ToolRefusal as refusal:
        drawn, why_not = None, refusal
    try:
        return read_prompt(prompt)
    except ToolRefusal as refusal:
        if drawn is not None:
            return drawn
        raise _refusal(prompt, why_not, refusal) from None


def _refusal(prompt: str, drawn: ToolRefusal | None, plain: ToolRefusal) -> ToolRefusal:
    """Why neither grammar can draw a prompt, in words."""
    if not isinstance(drawn, UnknownWords):
        return plain if drawn is None or not prompt.strip() or _only_shapes(prompt) else drawn
    shapes = [word for word in drawn.words if _is_plain(word)]
    unknown = [word for word in drawn.words if word not in shapes]
    if not unknown and (things := _things(prompt)):
        both = f"{_listed(things)} (drawn things) and {_listed(shapes)} (plain shapes or grounds)"
        return ToolRefusal(
            f"{both} cannot be in one picture here; ask for one of them. `--profile full` can draw both."
        )
    if not unknown:
        return plain
    named = [f"'{word}'" + (f" (did you mean '{near}'?)" if (near := suggestion(word)) else "") for word in unknown]
    return ToolRefusal(
        f"no drawing for {', '.join(named)}; `--profile full` can. The lite profile draws scenes of the drawn world "
        f"('two dogs next to a red car on a beach at night'), grounds ({', '.join(ground_names())}), coloured shapes "
        f"({', '.join(SHAPES)}), and quoted words on a sign, poster, banner or card."
    )


def _things(prompt: str) -> list[str]:
    """The nouns of a prompt that mean drawn things, and are not the very names of shapes ("star")."""
    nouns = [token.text for token in tokens(prompt)[0] if token.sort == "noun"]
    return [noun for noun in nouns if singular(noun) not in SHAPES]


def _only_shapes(prompt: str) -> bool:
    """Whether a prompt names plain shapes and no drawn thing: its faults are told by `prompts.py`."""
    words = re.findall(r"[a-z]+", prompt.lower())
    return any(_is_plain(word) for word in words) and not _things(prompt)


def _is_plain(word: str) -> bool:
    """Whether a word is a shape, a colour, or of a ground that is made by procedure."""
    if any(singular(word) in names for names in lexicon()["shapes"].values()):
        return True
    return word in " ".join(ground_names()).split() or ground_for(word) is not None or color_named(word) is not None


def _listed(words: list[str]) -> str:
    return ", ".join(f"'{word}'" for word in dict.fromkeys(words))


class Backend:
    """Draws what `choose` finds understood; see the module's docstring."""

    tool = "ImageGeneration"
    version = "2"
    stochastic = True
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(self, *, prompt: str, size: Size | None = None, seed: int = 0) -> Image.Image:
        """An RGB picture of `size` (width, height). The same prompt, size and seed give the same pixels.

        Raises `ToolRefusal` naming the part of the prompt that cannot be drawn.
        """
        scene, size, seed = choose(prompt), size or self.config.size, seed & 0x7FFFFFFF
        if isinstance(scene, DrawnScene):
            return draw_scene(scene, size, seed)
        pixels = scene.ground(size, seed)
        for paint in PAINTERS:
            pixels = paint(pixels, scene, seed)
        return Image.fromarray(np.ascontiguousarray(pixels))
