"""What the lite ImageEdit can take over from another picture: its colours, by their mean and spread.

The method is Reinhard and others' (Color Transfer between Images, 2001), in CIE Lab.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from canvasagent.backends.base import rgb_array
from canvasagent.backends.lite.edits import Mask, Pixels, as_pixels, soft
from canvasagent.errors import ToolRefusal
from canvasagent.tools.image_edit import WITHOUT_REFERENCES

_COLOURS = r"(?:the |its |their )?(?:overall )?(?:colou?rs?|colou?r (?:palette|scheme|tones?|grading)|palette|tones)"
_OTHER = (
    r"(?:the )?(?:second|2nd|other|reference) (?:picture|image|photo|photograph|painting|drawing|one)|the reference"
)
_IT = r"(?:it|this|this one|(?:this|the|the first|my) (?:picture|image|photo|photograph))"
_ASKED = re.compile(
    rf"\s*(?:please )?(?:"
    rf"(?:give|lend) {_IT} {_COLOURS} (?:of|from|in) (?:{_OTHER})"
    rf"|(?:match|copy|use|adopt|apply|borrow|take(?: over)?|transfer) {_COLOURS} (?:of|from|in) (?:{_OTHER})"
    rf"(?: (?:to|for|on|onto) {_IT})?"
    rf"|match {_COLOURS} (?:of {_IT} )?(?:to|with) (?:those of )?(?:{_OTHER})"
    rf"|make {_COLOURS} (?:of {_IT} )?(?:match|like|as in|the same as)(?: those (?:of|in))? (?:{_OTHER})"
    rf")(?:,? please)?\s*[.!]?\s*",
    re.IGNORECASE,
)
GAINS = ((0.5, 0.0, 0.0), 2.0)
"""How much the spread of a channel (lightness, then two of colour) may shrink or grow: lightness keeps what the picture
shows, a grey picture makes grey, and more growth would show as noise or as bands."""


def borrowed(prompt: str, image: Image.Image, others: Sequence[Image.Image], place: Mask | None) -> Pixels:
    """The colours of `image` moved to those of the one other picture; nothing changes outside of a `place` given.

    What is transparent does not count. Raises `ToolRefusal` unless that is all that the prompt asks for.
    """
    if _ASKED.fullmatch(prompt) is None:
        raise ToolRefusal(
            "with other pictures (references) the lite profile can do two things only: join them ('put them side by "
            "side', 'one above the other', 'make a collage'), or 'give it the colours of the second picture'; nothing "
            f"was changed. {WITHOUT_REFERENCES} `--profile full` can do more with them."
        )
    if len(others) > 1:
        raise ToolRefusal(f"the colours can be those of one other picture, not of {len(others)}; give one reference.")
    other, before = others[0], rgb_array(image)
    lab = _lab(before)
    seen = _seen(image) if place is None else place
    given = _lab(rgb_array(other))[_seen(other)]
    if not given.size:
        raise ToolRefusal("the other picture is transparent throughout, so it has no colours to take over.")
    here = lab[seen] if seen.any() else lab.reshape(-1, 3)
    spread = np.clip((given.std(axis=0) + 1) / (here.std(axis=0) + 1), *GAINS)
    moved = (lab - here.mean(axis=0)) * spread + given.mean(axis=0)
    after = 255 * cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_LAB2RGB).clip(0, 1)
    if place is None:
        return as_pixels(after)
    mixed = as_pixels(before + soft(place)[..., None] * (after - before))
    return np.where(place[..., None], mixed, before)


def _lab(pixels: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _seen(picture: Image.Image) -> Mask:
    """Where a picture is not transparent."""
    if "A" not in picture.getbands():
        return np.ones((picture.height, picture.width), bool)
    return np.asarray(picture.getchannel("A")) > 0
