"""Part of an input appears in the final picture: cut out, pasted, scaled."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from PIL import Image, ImageEnhance
from pydantic import Field

from canvasagent.rewards.checks._examples import blurred, scenes, texture
from canvasagent.rewards.checks._pixels import (
    Array,
    Region,
    final_of,
    input_of,
    ncc,
    needs_picture,
    part,
    resized,
    rgb,
    share,
    within,
)
from canvasagent.rewards.checks._turned import turned_places
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result, not_measured

COARSE, FINE = 160, 448
"""Longest side in pixels at which places are looked for, and at which the best one is judged."""


class ContainsInput(Parameters):
    """What `contains_input` takes."""

    input: int = Field(default=1, ge=1)
    """Number of the input picture."""
    region: Region | None = None
    """The part of it that must appear, on its 0–1000 grid; None: all of it."""
    least: float = Field(default=0.7, ge=0, le=1)
    """Likeness (mean of the correlations of colours and of fine detail, inside the input's alpha) that is enough."""


@needs_picture
def measure(parameters: ContainsInput, result: Result) -> Finding:
    """The part is looked for upright and mirrored, from a tenth of the final picture to its whole size; where it is
    not found so, turned by any angle, by points of interest that agree on a place.

    The best places are judged again at full detail by the correlations of their colours and of their fine detail.
    """
    original = input_of(result, parameters.input).convert("RGBA")
    pixels = part(np.asarray(original), parameters.region)
    if (pixels[..., 3] > 127).mean() < 0.01 or pixels[..., :3].std(axis=(0, 1)).max() < 2:
        return not_measured("that part of the input is empty or of one colour")
    final = rgb(final_of(result))
    best, size = _search(pixels, within(final, COARSE))
    score = max((_judge(pixels, final, *place) for place in best), default=0.0)
    if score < parameters.least:
        for place in turned_places(pixels, final):
            score = max(score, _judge(place.pixels, final, place.left, place.top, place.width, place.height, False))
    where = f" (about {size:.0%} of the picture's height)" if best else ""
    return Finding(share(score), score >= parameters.least, f"its best place is alike by {score:.2f}{where}")


Place = tuple[float, float, float, float, bool]
"""Left, top, width, height as shares of the final picture; whether mirrored."""


def _search(pixels: Array, final: Array) -> tuple[list[Place], float]:
    """The three best places of the coarse search, and the best one's height as a share of the picture's."""
    height, width = final.shape[:2]
    aspect = pixels.shape[1] / pixels.shape[0]
    largest = min(height, width / aspect)
    hits: list[tuple[float, Place]] = []
    for step in range(18):
        tall = largest / 1.14**step
        across, down = round(tall * aspect), round(tall)
        if min(across, down) < 6:
            break
        small = resized(np.ascontiguousarray(pixels), across, down)
        for mirrored in (False, True):
            values = _match(final, np.ascontiguousarray(small[:, ::-1] if mirrored else small))
            y, x = np.unravel_index(int(np.argmax(values)), values.shape)
            place = (float(x) / width, float(y) / height, across / width, down / height, mirrored)
            hits.append((float(values[y, x]), place))
    hits.sort(reverse=True)
    return [place for _, place in hits[:4]], hits[0][1][3] if hits else 0.0


def _match(final: Array, template: Array) -> Array:
    """Normalised correlation at every place, masked where the template is transparent."""
    mask = np.repeat((template[..., 3:] > 127).astype(np.float32), 3, axis=2)
    if mask.all():
        values = cv2.matchTemplate(final, np.ascontiguousarray(template[..., :3]), cv2.TM_CCOEFF_NORMED)
    else:
        values = cv2.matchTemplate(
            final.astype(np.float32), template[..., :3].astype(np.float32), cv2.TM_CCOEFF_NORMED, mask=mask
        )
    return np.nan_to_num(np.where(np.isfinite(values) & (values <= 1.001), values, 0.0))


def _judge(pixels: Array, final: Array, left: float, top: float, wide: float, tall: float, mirrored: bool) -> float:
    """Correlation at full detail, in a window a little larger than the place and at neighbouring sizes."""
    scale = min(1.0, FINE / max(final.shape[:2]))
    height, width = round(final.shape[0] * scale), round(final.shape[1] * scale)
    shown = resized(np.ascontiguousarray(final), max(1, width), max(1, height))
    best = 0.0
    for step in (0.95, 1.0, 1.05):
        across, down = max(2, round(wide * width * step)), max(2, round(tall * height * step))
        x, y = round((left + wide / 2) * width - across / 2), round((top + tall / 2) * height - down / 2)
        room = max(4, round(0.04 * max(width, height)))
        window = shown[max(0, y - room) : y + down + room, max(0, x - room) : x + across + room]
        if window.shape[0] < down or window.shape[1] < across:
            continue
        small = np.ascontiguousarray(resized(np.ascontiguousarray(pixels), across, down)[:, :: -1 if mirrored else 1])
        values = _match(np.ascontiguousarray(window), small)
        y, x = np.unravel_index(int(np.argmax(values)), values.shape)
        fine = _detail_likeness(small, window[y : y + down, x : x + across])
        best = max(best, (float(values[y, x]) + fine) / 2)
    return best


def _detail_likeness(template: Array, shown: Array) -> float:
    """Correlation of what is finer than a sixteenth of the part, where the part is solid."""
    coarse = max(1.0, min(template.shape[:2]) / 16)
    solid = cv2.erode((template[..., 3] > 127).astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) > 0
    if not solid.any():
        return 0.0
    colors = np.where(solid[..., None], template[..., :3], shown).astype(np.float32)
    one, other = (item - cv2.GaussianBlur(item, (0, 0), coarse) for item in (colors, shown.astype(np.float32)))
    one, other = (cv2.GaussianBlur(item, (0, 0), 0.8) for item in (one, other))
    return max(0.0, ncc(one[solid], other[solid]))


def examples(seed: int) -> Iterable[Example]:
    """Inputs pasted small or large, brightened, mirrored; other pictures pasted instead, or smeared beyond telling."""
    pictures = scenes(seed)
    for index, picture in enumerate(pictures):
        base = texture(seed + 50 + index, (240, 200))
        size = (60 + 12 * index, 45 + 9 * index)
        pasted, other = base.copy(), base.copy()
        piece = ImageEnhance.Brightness(picture).enhance((1.0, 1.25)[index % 2])
        piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if index % 3 == 2 else piece
        pasted.paste(piece.resize(size), (20 + 5 * index, 30))
        wrong = pictures[(index + 1) % len(pictures)] if index % 2 else blurred(picture, 24)
        other.paste(wrong.resize(size), (20 + 5 * index, 30))
        yield Example({}, Result(pasted, (picture,)), True, 0.4 + 0.1 * index)
        if index in (0, 2):
            askew = picture.convert("RGBA").resize((150, 112)).rotate(25 + 20 * index, Image.Resampling.BICUBIC, True)
            laid = base.copy()
            laid.paste(askew, (20, 5), askew)
            yield Example({}, Result(laid, (picture,)), True, 0.3)
        yield Example({}, Result(other, (picture,)), False, 0.5)
    yield Example({}, Result(base, (picture,)), False)


CHECK = Check(
    name="contains_input",
    summary="An input picture, or a part of it, appears in the final picture.",
    parameters=ContainsInput,
    measure=measure,
    examples=examples,
    means="Masked normalised cross-correlation of colours over places and sizes, upright and mirrored; turned parts "
    "are first located by points of interest (SIFT).",
)
