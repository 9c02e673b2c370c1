"""Named looks: colour transfer (Reinhard et al., 2001) to the statistics that a look is known for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from canvasagent.backends.lite.edits._drawn import Request
from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.reading import Drawing


@dataclass(frozen=True, slots=True)
class _Look:
    """Statistics in Lab: mean lightness (share of the picture's own), spread of lightness and of chroma (factors),
    and the mean (a, b) of the dark and of the light parts."""

    lightness: float
    contrast: float
    chroma: float
    darks: tuple[float, float]
    lights: tuple[float, float]


LOOKS: dict[str, tuple[_Look, tuple[str, ...]]] = {
    "sunset": (
        _Look(0.9, 1.08, 0.9, (6, -2), (17, 40)),
        ("(?:sun ?set|golden[- ]hour|sun ?rise|golden light|evening sun|late afternoon|evening|dawn|dusk)",),
    ),
    "moonlight": (
        _Look(0.5, 0.72, 0.45, (2, -20), (-3, -14)),
        ("(?:moon ?(?:light|lit)|night(?:[- ]?time)?|midnight)",),
    ),
    "cinematic": (
        _Look(0.9, 1.18, 0.85, (-8, -13), (9, 21)),
        ("(?:cinematic|teal[- ]and[- ]orange|orange[- ]and[- ]teal|movie|film[- ]like|blockbuster|hollywood)",),
    ),
    "vintage": (
        _Look(1.06, 0.74, 0.55, (3, 0), (5, 21)),
        ("(?:vintage|retro|nostalgic|faded film|old film|polaroid|1970s|70s|analog(?:ue)?)",),
    ),
    "autumn": (_Look(0.97, 1.05, 0.9, (5, 8), (14, 30)), ("(?:autumn(?:al)?|fall[- ]colou?rs?)",)),
    "dreamy": (_Look(1.16, 0.78, 0.85, (8, -8), (10, 4)), ("(?:dreamy|ethereal|pastel|soft pink)",)),
}
"""The looks by name, with the words that ask for each."""


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Bring the mean and spread of the picture's Lab colours to the look's, by `strength`."""
    look = next(LOOKS[name][0] for name in LOOKS if f"look_{name}" in job.values)
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    inside = lab[job.mask] if job.mask is not None and job.mask.any() else lab.reshape(-1, 3)
    mean = inside.mean(axis=0)
    result = np.empty_like(lab)
    light = np.clip(mean[0] * look.lightness + (lab[..., 0] - mean[0]) * look.contrast * min(look.lightness, 1), 0, 100)
    result[..., 0] = light
    level = np.clip(light / 100, 0, 1)[..., None]
    level = level * level * (3 - 2 * level)
    goal = (1 - level) * np.array(look.darks, np.float32) + level * np.array(look.lights, np.float32)
    # The ends stay neutral: black and white have no room for colour.
    room = np.clip(np.minimum(light / 18, (103 - light) / 14), 0, 1)[..., None]
    # Vivid things keep their own colour: only part of the picture's mean cast is taken out.
    result[..., 1:] = ((lab[..., 1:] - 0.6 * mean[1:]) * look.chroma + goal) * room
    share = min(job.strength, 1.3)
    return as_pixels(np.clip(cv2.cvtColor(lab + (result - lab) * share, cv2.COLOR_LAB2RGB), 0, 1) * 255)


DRAWN = {"sunset": "dusk", "moonlight": "night"}
"""Looks that the drawn world has as lights."""


def revise(request: Request) -> Drawing | None:
    """Dusk and night as drawn pictures have them; the other looks are made of the pixels there too."""
    light: Any = next((DRAWN[name] for name in DRAWN if f"look_{name}" in request.values), None)
    if light is None or request.where.kind != "whole" or request.mask is not None:
        return None
    if light == request.drawing.setting.light:
        raise ToolRefusal(f"'{request.clause}': it is {light} in the picture already.")
    return replace(request.drawing, setting=replace(request.drawing.setting, light=light))


def _words(name: str) -> Words:
    said = tuple(f"(?P<look_{name}>{words})" for words in LOOKS[name][1])
    return Words(
        adjectives=said,
        things=tuple(
            f"{word}[- ](?:light|lighting|look|colou?rs|filter|tones?|glow|mood|vibe|grade|atmosphere)" for word in said
        ),
        styles=tuple(f"{word}(?: (?:photo|scene|film|movie|still))?" for word in said),
        patterns=tuple(
            f"(?:make|let) {{where}} (?:look )?(?:like )?(?:as if |like )?(?:it (?:was|were|is) )?(?:taken |"
            f"shot )?(?:at|in|during) (?:the )?{word}"
            "(?: light)?"
            for word in said
        )
        + tuple(f"colou?r[- ]?grade {{where}}(?: like| to look like| as| for)? (?:an? )?{word}" for word in said)
        + tuple(f"(?:at|in|during|by) (?:the )?{word}" for word in said if name in DRAWN),
    )


EDIT = Edit(
    summary="looks: sunset, moonlight, cinematic, vintage, autumn, dreamy",
    words=tuple(_words(name) for name in LOOKS),
    examples=(
        "sunset light",
        "give it a cinematic look",
        "make it look vintage",
        "make it look like it was taken at night",
    ),
    apply=apply,
    revise=revise,
)
