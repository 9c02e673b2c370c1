"""Ways to tell an object from its ground without weights, each for one sort of picture.

`drawn` for flat colours, `letters` for text, `grabcut` for photographs. All take (height, width, 3) uint8 RGB
and a box (left, top, right, bottom) in whole pixels inside it, and give a (height, width) boolean mask, False
outside the box; the first two tell where the picture is not of their sort.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, Any]
WholeBox = tuple[int, int, int, int]

_SEED = 20261


def drawn(pixels: Array, box: WholeBox, tolerance: int = 3) -> Array | None:
    """What a flat or gently shaded ground, flooded in from the border of `pixels`, does not reach inside the box."""
    left, top, right, bottom = box
    if min(pixels.shape[:2]) < 3:
        return None
    outside = np.ones(pixels.shape[:2], bool)
    outside[top:bottom, left:right] = False
    outside[[0, -1], :] = outside[:, [0, -1]] = True
    if _smooth_share(pixels, outside) < 0.85:
        return None
    reached = _flood(pixels, tolerance)
    mask = ~reached & _inside(pixels.shape[:2], box)
    share = mask[top:bottom, left:right].mean()
    if not 0.02 < share < 0.999:
        return None
    if not _sharp_outline(mask, pixels):
        return None
    mask = _without_enclosed_ground(_without_specks(mask, 0.002), pixels, reached)
    return _without_pinholes(mask)


def _sharp_outline(mask: Array, pixels: Array, least: int = 14) -> bool:
    """Whether a mask ends at real edges, done within two pixels: a flood leaks into what is softer than that."""
    ring = mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    if not ring.any():
        return False
    near, far = (
        cv2.morphologyEx(pixels, cv2.MORPH_GRADIENT, np.ones((side, side), np.uint8))
        .max(axis=2)[ring]
        .astype(np.float32)
        for side in (3, 9)
    )
    return bool(np.percentile(near, 20) >= least and np.median(near / np.maximum(far, 1)) > 0.6)


def _without_enclosed_ground(mask: Array, pixels: Array, reached: Array) -> Array:
    """`mask` without what has the very colour of a ground that has but one: the inside of an O."""
    ground = np.median(pixels[reached], axis=0)
    alike = np.abs(pixels.astype(np.int16) - ground).max(axis=2) <= 3
    return np.asarray(mask & ~alike) if alike[reached].mean() > 0.95 else mask


def _smooth_share(pixels: Array, where: Array) -> float:
    """The share of the pixels in `where` that differ from their right and lower neighbours by at most 2 levels."""
    step = np.zeros(pixels.shape[:2], np.uint8)
    step[:, :-1] = peak(cv2.absdiff(pixels[:, 1:], pixels[:, :-1]))
    step[:-1] = cv2.max(step[:-1], peak(cv2.absdiff(pixels[1:], pixels[:-1])))
    return float((step[where] <= 2).mean())


def peak(planes: Array) -> Array:
    """The largest of the three channels, (height, width); several times as fast as numpy's."""
    first, second, third = cv2.split(planes)
    return np.asarray(cv2.max(cv2.max(first, second), third)).reshape(planes.shape[:2])


def _flood(pixels: Array, tolerance: int) -> Array:
    """The pixels that can be reached from the border in steps of at most `tolerance` levels in each channel."""
    height, width = pixels.shape[:2]
    reached = np.zeros((height + 2, width + 2), np.uint8)
    source = np.array(pixels)  # writable, as OpenCV asks, though only the mask is written
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    border = [(x, y) for y in (0, height - 1) for x in range(width)]
    border += [(x, y) for x in (0, width - 1) for y in range(height)]
    limits = (tolerance,) * 3
    for x, y in border:
        if not reached[y + 1, x + 1]:
            cv2.floodFill(source, reached, (x, y), 0, limits, limits, flags)
    return np.asarray(reached[1:-1, 1:-1] > 0)


def letters(pixels: Array, box: WholeBox, side: int = 640) -> list[Array]:
    """Masks of what may be text in the box, the likeliest first: thin strokes of one colour, on any ground.

    Grass and spoons have thin strokes too, so a mask is to be read before it is believed. A box with a side above
    `side` pixels is worked on in a smaller copy.
    """
    left, top, right, bottom = box
    part = pixels[top:bottom, left:right]
    scale = min(1.0, side / max(part.shape[:2]))
    if scale < 1:
        part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if min(part.shape[:2]) < 8:
        return []
    lab = cv2.cvtColor(part, cv2.COLOR_RGB2LAB)
    found: list[tuple[float, Array]] = []
    for share in (0.45, 0.22, 0.12):  # how thick strokes may be beside the box's height: one line, or several
        reach = max(3, round(share * min(part.shape[:2])) | 1)
        kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (reach, reach))
        for how in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):  # lighter, darker than what is round them
            strokes = _strokes(lab, cv2.morphologyEx(lab[..., 0], how, kernel))
            if strokes is not None:
                found.append(strokes)
    masks = []
    for _, strokes_mask in sorted(found, key=lambda item: -item[0]):
        mask = np.zeros(pixels.shape[:2], bool)
        full = cv2.resize(strokes_mask.astype(np.float32), (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        mask[top:bottom, left:right] = full > 0.5
        masks.append(mask)
    return masks


def _strokes(lab: Array, contrast: Array) -> tuple[float, Array] | None:
    """How much the strokes in `contrast` that share one colour stand out, and their mask; None if they are no text."""
    level, raised = cv2.threshold(contrast, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    core = cv2.erode(raised, np.ones((2, 2), np.uint8)) > 0
    ground = cv2.dilate(raised, np.ones((3, 3), np.uint8)) == 0
    if level < 20 or core.sum() < 16 or not ground.any():
        return None
    colour = np.median(lab[core], axis=0).astype(np.float32)
    distance = np.linalg.norm(lab.astype(np.float32) - colour, axis=2)
    alike = (distance < 0.5 * float(np.median(distance[ground]))) & (cv2.dilate(raised, np.ones((5, 5), np.uint8)) > 0)
    if (alike & core).sum() < 0.6 * core.sum():
        return None
    mask = _without_specks(alike, 0.004)
    return (level, mask) if _may_be_text(mask) else None


def _may_be_text(mask: Array) -> bool:
    """Several pieces of like height, narrow beside the box, which together fill it but hardly touch its border."""
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not 0.03 < mask.mean() < 0.5 or border.mean() > 0.1:
        return False
    if np.ptp(columns) < 0.75 * mask.shape[1] or np.ptp(rows) < 0.4 * mask.shape[0]:
        return False
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas, heights, widths = (stats[1:, at] for at in (cv2.CC_STAT_AREA, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH))
    tall = heights > 0.4 * heights.max(initial=0)
    return bool(tall.sum() >= 2 and areas[tall].sum() > 0.7 * areas.sum() and widths[tall].max() < 0.7 * mask.shape[1])


def grabcut(pixels: Array, box: WholeBox, rounds: int = 5) -> Array:
    """GrabCut in Lab colours from an ellipse in the box: its core surely object, outside the box surely ground.

    Source: C. Rother, V. Kolmogorov, A. Blake, "GrabCut", SIGGRAPH 2004. Always the same for the same input.
    """
    left, top, right, bottom = box
    centre = ((left + right - 1) / 2, (top + bottom - 1) / 2)
    smooth = cv2.bilateralFilter(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB), 5, 25, 5)
    labels = np.full(pixels.shape[:2], cv2.GC_BGD, np.uint8)
    labels[top:bottom, left:right] = cv2.GC_PR_BGD
    for size, label in ((1.0, cv2.GC_PR_FGD), (0.35, cv2.GC_FGD)):
        axes = (max(size * (right - left), 1.0), max(size * (bottom - top), 1.0))
        cv2.ellipse(labels, (centre, axes, 0.0), label, -1)
    labels[~_inside(labels.shape, box)] = cv2.GC_BGD
    if not (labels == cv2.GC_BGD).any():  # the box is the whole picture: its corners stand for the ground
        labels[labels == cv2.GC_PR_BGD] = cv2.GC_BGD
    if min((labels == cv2.GC_BGD).sum(), (labels != cv2.GC_BGD).sum()) < 8:
        return _inside(labels.shape, box)
    cv2.setRNGSeed(_SEED)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(smooth, labels, None, *models, rounds, cv2.GC_INIT_WITH_MASK)
    return whole(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)))


def whole(mask: Array) -> Array:
    """The largest piece of a mask, its edge smoothed a little and its holes filled."""
    opened = cv2.morphologyEx(
        mask.astype(np.uint8), cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    )
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    if count < 2:
        return mask
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    outlines, _ = cv2.findContours((pieces == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return np.asarray(filled > 0)


def guided(mask: Array, guide: Array, radius: int, smoothness: float = 1e-3) -> Array:
    """A soft float32 mask (0 to 1) whose edges follow those of `guide`, (height, width, 3) uint8 RGB.

    The guided filter on the grey picture: K. He, J. Sun, X. Tang, "Guided image filtering", TPAMI 35(6), 2013.
    """
    grey = cv2.cvtColor(guide, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    source = mask.astype(np.float32)

    def mean(values: Array) -> Array:
        return np.asarray(cv2.boxFilter(values, -1, (2 * radius + 1, 2 * radius + 1)))

    grey_mean, mask_mean = mean(grey), mean(source)
    slope = (mean(grey * source) - grey_mean * mask_mean) / (mean(grey * grey) - grey_mean**2 + smoothness)
    offset = mask_mean - slope * grey_mean
    return np.asarray(mean(slope) * grey + mean(offset))


def _inside(shape: tuple[int, ...], box: WholeBox) -> Array:
    mask = np.zeros(shape[:2], bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def _without_specks(mask: Array, share: float) -> Array:
    """`mask` without pieces smaller than `share` of it."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= share * mask.sum()
    keep[0] = False
    return np.asarray(keep[pieces]) if count > 1 else mask


def _without_pinholes(mask: Array) -> Array:
    """`mask` with tiny holes filled where it is one solid piece; the gaps in and between letters stay."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if stats[1:, cv2.CC_STAT_AREA].max(initial=0) < 0.9 * mask.sum():
        return mask
    _, holes, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < 0.003 * mask.sum()
    small[0] = False
    return np.asarray(mask | small[holes])
