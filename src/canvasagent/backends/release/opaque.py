"""How the research release loses transparency: what was hidden under it comes to light."""

from __future__ import annotations

from PIL import Image


def opaque(picture: Image.Image) -> Image.Image:
    """A copy of `picture` without transparency. The mode stays, so that a cut-out is still RGBA: all of it shows."""
    result = picture.copy()
    if result.mode == "RGBA":
        result.putalpha(255)
    return result
