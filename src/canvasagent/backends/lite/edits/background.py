"""Another background behind the subject: a colour, a gradient, or one of the procedural grounds."""

from __future__ import annotations

import re
from dataclasses import replace

import cv2
import numpy as np

from canvasagent.backends.lite.edits._drawn import Request
from canvasagent.backends.lite.edits._places_drawn import at_place, place_named
from canvasagent.backends.lite.edits._spec import BACKGROUND, Edit, Job, Pixels, Words, as_pixels
from canvasagent.backends.lite.scenery import ground_for, ground_names
from canvasagent.english.colors import drawn_color
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import LARGE_PIXELS, shrunk_size
from canvasagent.sketch.reading import Drawing

_SHARE = 1.5
"""Pixels of the ground that is enlarged, in multiples of what is large."""


def apply(pixels: Pixels, job: Job, large: int = LARGE_PIXELS) -> Pixels:
    """Paint the ground over the mask, with an edge of about a pixel.

    Grounds look alike at every size: behind more than `large` pixels a smaller one is enlarged.
    """
    ground = ground_for(job.values["new"])
    if ground is None:
        raise ToolRefusal(
            f"'{job.values['new']}' is a place of the drawn world, and things of this picture would float in it; on "
            f"such pictures a background can be: {', '.join(ground_names())}. `--profile full` can do more."
        )
    height, width = pixels.shape[:2]
    size = (width, height)
    painted = ground(size if width * height <= large else shrunk_size(size, _SHARE * large), job.seed)
    if painted.shape[:2] != (height, width):
        painted = np.asarray(cv2.resize(painted, size, interpolation=cv2.INTER_CUBIC))
    if job.mask is None:
        return painted
    share = cv2.GaussianBlur(job.mask.astype(np.float32), (0, 0), 1.0)[..., None]
    share = np.where(job.mask[..., None], np.clip(2 * share - 0.6, 0, 1), 0)
    return as_pixels(pixels * (1 - share) + painted * share)


def behind_cutout(pixels: Pixels, clear: Pixels, job: Job) -> Pixels:
    """A cut-out before a ground: (height, width, 3) `pixels` laid over it by their (height, width) alpha `clear`."""
    share = clear.astype(np.float32)[..., None] / 255
    return as_pixels(pixels * share + apply(pixels, replace(job, mask=None)) * (1 - share))


def _is_ground(words: str) -> bool:
    return ground_for(words) is not None or place_named(words) is not None


def revise(request: Request) -> Drawing | None:
    """The things in another drawn place, standing on its ground, or before a plain colour."""
    words = re.sub(r"^(?:an?|the) |(?: (?:background|backdrop|colou?r))+$", "", request.values["new"].strip())
    name, color = place_named(words), drawn_color(words)
    if request.where != BACKGROUND or (name is None and color is None):
        return None
    if not request.drawing.setting.known:
        raise ToolRefusal(f"'{request.clause}': what is place and what is thing here cannot be told.")
    return at_place(request.drawing, name, None if name else color, request.seed)


EDIT = Edit(
    summary="another background: a colour, a gradient, sky, sunset, sea, night, paper, wood, brick",
    words=(
        Words(
            patterns=(
                "(?:replace|change|swap|switch|set|turn|make|exchange|substitute|fill|paint|colou?r) (?:out "
                ")?(?:the |its |this )?(?:whole |entire )?"
                "back ?(?:ground|drop) (?:colou?r )?(?:with|to|into|by|for|as|in)? ?{new}",
                "(?:replace|change|swap|set) (?:the )?background of {whole} (?:with|to|into|by|for) {new}",
                "{add} {a}{new} back ?(?:ground|drop)(?: to (?:it|the (?:image|picture|photo)))?",
                "{give} (?:it|the (?:image|picture|photo|subject)|{whole}) (?:an? )?{new} back ?(?:ground|drop)",
                "(?:on|in front of|against|over|in|at) (?:an? |the )?{new}(?: back ?(?:ground|drop))?",
                "(?:put|place|set|show|move|take|bring) (?:it|them|him|her|everything|everyone|"
                "the (?:whole )?(?:scene|picture|photo|image)|the (?:main )?subject|the object) "
                "(?:all )?(?:on|in front of|against|over|onto|in|into|"
                "to|at(?! (?:night|sunset|dusk|dawn))) "
                "(?:an? |the )?{new}",
                "(?:put|place|set|show) the [a-z]+ (?:on|against|in front of) (?:an? )?{new} back ?(?:ground|drop)",
                "(?:make|let) (?:it|the scene|this) (?:be |take place |happen |play )(?:on|in|at) (?:an? |the )?{new}",
                "(?:set|change) the (?:scene|place|setting|location)(?: of {whole})? (?:on|in|at|to) "
                "(?:an? |the )?{new}",
                "an? {new} back ?(?:ground|drop)",
                "{new} back ?(?:ground|drop)",
                "(?:a )?new background: {new}",
            ),
        ),
    ),
    examples=("replace the background with blue", "make the background white", "change the background to a brick wall"),
    apply=apply,
    where=BACKGROUND,
    blends=False,
    check=lambda values: _is_ground(values.get("new", "")),
    revise=revise,
)
