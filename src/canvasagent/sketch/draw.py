"""From a prompt to a picture of the drawn world."""

from __future__ import annotations

from PIL import Image

from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Size
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.grammar import parse
from canvasagent.sketch.layout import lay_out
from canvasagent.sketch.render import render
from canvasagent.sketch.scene import Scene
from canvasagent.sketch.sprite import all_sprites


def draw(prompt: str, size: Size, seed: int) -> Image.Image:
    """The picture (RGB) that a prompt describes. The same prompt, size and seed give the same bytes.

    Raises `ToolRefusal` naming what the drawn world does not have or what cannot hold.
    """
    return draw_scene(parse(prompt), size, seed)


def draw_scene(scene: Scene, size: Size, seed: int) -> Image.Image:
    """The picture (RGB) of a scene. Raises `ToolRefusal` where its relations contradict each other."""
    background = all_backgrounds()[scene.background] if scene.background is not None else None
    if background is not None and background.info.indoor and scene.weather is not None:
        raise ToolRefusal(
            f"there is no {scene.weather} in a {scene.background}; choose a place outdoors, or leave it out."
        )
    placements = lay_out(scene, all_sprites(), background, size, seed)
    return render(scene, placements, background, size, seed)
