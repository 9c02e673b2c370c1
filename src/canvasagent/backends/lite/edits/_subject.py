"""The subject of a picture that nobody pointed at: what stands out from a flat ground, or from what the borders show.

On a flat ground everything that the ground's colour does not reach from the border is subject. On a photograph U²-Netp
says what the subject is, where it is on this machine and sees a clear one. Else GrabCut runs from a narrow, a middling
and a wide guess round the middle (or round the faces) and the majority is taken; where no two agree, or the outline
does not part different colours, it is refused rather than guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from canvasagent.backends.lite.edits._spec import Mask, Pixels
from canvasagent.backends.lite.photographs import networks, saliency
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import PixelBox
from canvasagent.imaging.photograph import LIKELY, is_photograph

WORK_SIDE = 208
_AGREEMENT = 0.75
"""Intersection over union of the two most alike guesses below which none is believed."""
_EDGE = 0.93
"""Share of the outline that must part clearly different colours: 0.98 and 0.93 in pictures that come out well,
0.90 and less where GrabCut cut through one and the same thing."""
_CLEARLY = 12.0
_HOPELESS = (
    "the subject cannot be told from the background here. Give a mask (made by SAM on the subject, say); "
    "`--profile full` finds subjects by itself."
)


def subject_mask(pixels: Pixels, find_faces: Callable[[], Sequence[PixelBox]] = tuple) -> Mask:
    """The subject, (height, width). Raises `ToolRefusal` where it is a guess. `find_faces` is called where it helps."""
    height, width = pixels.shape[:2]
    flat = flat_ground(pixels)
    if flat is not None:
        return ~flat
    if networks.has(networks.SALIENCY) and is_photograph(pixels, LIKELY):
        seen = saliency.subject(pixels)
        if seen is not None:
            return np.asarray(seen > 0.5)
    faces = find_faces()
    scale = min(1.0, WORK_SIDE / max(height, width))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = cv2.bilateralFilter(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), 5, 30, 5)
    boxes = [
        tuple(edge * size[index % 2] / (width, height)[index % 2] for index, edge in enumerate(box)) for box in faces
    ]
    guesses = [_grabcut(small, _prior(size, share, boxes)) for share in (0.62, 0.74, 0.86)]
    agreement = max(_likeness(guesses[a], guesses[b]) for a, b in ((0, 1), (1, 2), (0, 2)))
    chosen = np.sum(guesses, axis=0) >= 2
    if not 0.02 < chosen.mean() < 0.85 or agreement < _AGREEMENT or _edge_share(small, chosen) < _EDGE:
        raise ToolRefusal(_HOPELESS)
    large = cv2.resize(chosen.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return _guided(large, pixels, max(3, round(3 / scale))) > 0.5


def _likeness(first: Mask, second: Mask) -> float:
    """Intersection over union."""
    return float((first & second).sum() / max((first | second).sum(), 1))


def _edge_share(pixels: Pixels, mask: Mask) -> float:
    """The share of the mask's outline along which the mean colours on its two sides differ by `_CLEARLY` in Lab."""
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    sides = []
    for where in (mask, ~mask):
        weight = where.astype(np.float32)
        total = np.maximum(cv2.blur(weight, (7, 7)), 1e-4)[..., None]
        sides.append(cv2.blur(lab * weight[..., None], (7, 7)) / total)
    ring = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    ring[:3] = ring[-3:] = False
    ring[:, :3] = ring[:, -3:] = False
    apart = np.sqrt(((sides[0] - sides[1]) ** 2).sum(axis=2))[ring]
    return float((apart > _CLEARLY).mean()) if apart.size else 0.0


def flat_ground(pixels: Pixels) -> Mask | None:
    """The ground of a picture whose border is of nearly one colour, else None."""
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    border = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    tone = np.median(border, axis=0)
    away = np.linalg.norm(border - tone, axis=1)
    if np.percentile(away, 85) > 5:
        return None
    like = (np.linalg.norm(lab - tone, axis=2) < max(6.0, 2.5 * float(np.percentile(away, 85)))).astype(np.uint8)
    _, labels = cv2.connectedComponents(like, connectivity=4)
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    ground = np.isin(labels, rim[rim > 0])
    return np.asarray(ground) if 0.1 < float(ground.mean()) < 0.995 else None


def _prior(size: tuple[int, int], share: float, faces: Sequence[tuple[float, ...]]) -> NDArray[np.uint8]:
    """GrabCut's guess: an ellipse round the middle, or heads and shoulders below the faces."""
    width, height = size
    prior = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    if faces:
        for left, top, right, bottom in faces:
            middle, wide, high = (left + right) / 2, right - left, bottom - top
            body = (
                round(middle - 1.5 * wide * share * 1.2),
                round(bottom),
                round(middle + 1.5 * wide * share * 1.2),
                height,
            )
            cv2.rectangle(prior, body[:2], body[2:], cv2.GC_PR_FGD, -1)
            center, axes = (round(middle), round((top + bottom) / 2)), (round(0.75 * wide), round(0.85 * high))
            cv2.ellipse(prior, center, axes, 0, 0, 360, cv2.GC_PR_FGD, -1)
            chest = (round(middle - 0.45 * wide), round(bottom + 0.7 * high), round(middle + 0.45 * wide))
            cv2.rectangle(prior, chest[:2], (chest[2], round(bottom + 1.8 * high)), cv2.GC_FGD, -1)
            inner = (round(0.35 * wide), round(0.4 * high))
            cv2.ellipse(prior, center, inner, 0, 0, 360, cv2.GC_FGD, -1)
    else:
        center = (width // 2, round(height * 0.54))
        cv2.ellipse(prior, center, (round(width * share / 2), round(height * share / 2)), 0, 0, 360, cv2.GC_PR_FGD, -1)
        cv2.ellipse(prior, center, (round(width * 0.1), round(height * 0.1)), 0, 0, 360, cv2.GC_FGD, -1)
    rim = max(1, round(0.02 * min(size)))
    prior[:rim] = cv2.GC_BGD
    prior[:, :rim] = prior[:, -rim:] = cv2.GC_BGD
    if faces:
        low = prior[round(height * 0.8) :]
        low[low == cv2.GC_BGD] = cv2.GC_PR_BGD
    return prior


def _grabcut(pixels: Pixels, prior: NDArray[np.uint8]) -> Mask:
    cv2.setRNGSeed(1)
    labels = prior.astype(np.uint8).copy()
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    cv2.grabCut(lab, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
    mask = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, numbers, figures, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return np.asarray(mask > 0)
    largest = int(figures[1:, cv2.CC_STAT_AREA].max())
    keep = [number for number in range(1, count) if figures[number, cv2.CC_STAT_AREA] >= 0.25 * largest]
    mask = np.isin(numbers, keep).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED)
    return mask > 0


def _guided(coarse: NDArray[np.float32], pixels: Pixels, radius: int) -> NDArray[np.float32]:
    """A guided filter (He et al., 2010) on the grey picture: the mask's edge follows the picture's."""
    guide = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    window = (2 * radius + 1, 2 * radius + 1)
    mean_g, mean_m = cv2.blur(guide, window), cv2.blur(coarse, window)
    slope = (cv2.blur(guide * coarse, window) - mean_g * mean_m) / (cv2.blur(guide * guide, window) - mean_g**2 + 1e-3)
    offset = mean_m - slope * mean_g
    return np.asarray(cv2.blur(slope, window) * guide + cv2.blur(offset, window))
