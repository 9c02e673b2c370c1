"""Places in words to masks in pixels, by the lite backends that find, cut out and read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import cv2
import numpy as np
from PIL import Image

from canvasagent.backends.base import Detection, TextLine
from canvasagent.backends.lite.edits._lettering import strokes_in_picture, upright
from canvasagent.backends.lite.edits._lines import lines_that_say, quad_mask
from canvasagent.backends.lite.edits._spec import Edit, Job, Mask, Pixels, Where
from canvasagent.backends.lite.edits._subject import subject_mask
from canvasagent.backends.lite.edits._things import find, is_drawn_noun
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import LARGE_PIXELS, PixelBox
from canvasagent.sketch.reading import Drawing, read_drawing, visible

_ROUND = frozenset({"face", "eye", "mouth", "nose"})
"""Labels of what has no edge that colours would tell: it is masked by an ellipse."""
_FACE_SIDE = 384
"""The shorter side below which a picture is enlarged to look for faces."""


class Finder:
    """Finds places in one picture; the backends are made when first needed, and results are remembered."""

    def __init__(self, pixels: Pixels, large: int = LARGE_PIXELS) -> None:
        """A picture of more than `large` pixels is read in a smaller copy where that is quicker."""
        self.pixels, self.large = pixels, large
        self.picture = Image.fromarray(pixels)

    @cached_property
    def lines(self) -> Sequence[TextLine]:
        """The text lines of the picture."""
        from canvasagent.backends.lite import ocr

        return tuple(ocr.Backend(ocr.Config())(image=self.picture))

    @cached_property
    def subject(self) -> Mask:
        """The subject of the picture. Raises `ToolRefusal` where there is no telling."""
        return subject_mask(self.pixels, self._faces)

    @cached_property
    def drawing(self) -> Drawing | None:
        """The picture as a drawing of the drawn world, if it is one."""
        return read_drawing(self.picture, self.large)

    def heads(self) -> Mask | None:
        """Faces with what is next to them; None if there are none."""
        boxes = self._faces()
        mask = np.zeros(self.pixels.shape[:2], np.uint8)
        for left, top, right, bottom in boxes:
            center = (round((left + right) / 2), round((top + bottom) / 2 - 0.1 * (bottom - top)))
            axes = (round(0.6 * (right - left)), round(0.75 * (bottom - top)))
            cv2.ellipse(mask, center, axes, 0, 0, 360, 1, -1)
        return mask > 0 if boxes else None

    def _faces(self) -> list[PixelBox]:
        """Boxes of faces, looked for in a copy that is large enough to show them."""
        from canvasagent.backends.lite import grounding

        width, height = self.picture.size
        factor = max(1.0, _FACE_SIDE / min(width, height))
        large = self.picture.resize((round(width * factor), round(height * factor))) if factor > 1 else self.picture
        try:
            found = grounding.Backend(grounding.Config())(image=large, phrase="the face")
        except ToolRefusal:
            return []
        boxes = [tuple(edge / factor for edge in detection.box) for detection in found]
        return [(left, top, right, bottom) for left, top, right, bottom in boxes]

    def _ground(self, phrase: str) -> list[Detection]:
        from canvasagent.backends.lite import grounding

        return list(grounding.Backend(grounding.Config())(image=self.picture, phrase=phrase))

    def mask(self, where: Where, edit: Edit) -> Mask | None:
        """The mask of `where` for `edit`; None is the whole picture. Raises `ToolRefusal` if it is not there."""
        if where.kind == "whole":
            return None
        found = getattr(self, f"_{where.kind}")(where, edit)
        if where.kind == "object" and edit.grow:
            reach = max(1, round(edit.grow * min(self.pixels.shape[:2])))
            found = cv2.dilate(found.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
        return np.asarray(~found if where.inverse else found)

    def _background(self, where: Where, edit: Edit) -> Mask:
        drawing = self.drawing
        if drawing is not None and drawing.items:
            return ~_shown(drawing, range(len(drawing.items)))
        return np.asarray(~self.subject)

    def _subject(self, where: Where, edit: Edit) -> Mask:
        return self.subject

    def _masked(self, where: Where, edit: Edit) -> Mask:
        raise ToolRefusal("the prompt speaks of a selected area, but no mask was given.")

    def _part(self, where: Where, edit: Edit) -> Mask:
        side, share = where.name.split()
        mask = np.zeros(self.pixels.shape[:2], bool)
        axis = 1 if side in {"left", "right"} else 0
        full: int = mask.shape[axis]
        count = max(1, round(full * {"half": 0.5, "third": 1 / 3, "quarter": 0.25}[share]))
        span = slice(0, count) if side in {"left", "top"} else slice(full - count, full)
        mask[(slice(None), span) if axis else span] = True
        return mask

    def _text(self, where: Where, edit: Edit) -> Mask:
        job = Job(read=lambda: self.lines)
        mask = np.zeros(self.pixels.shape[:2], bool)
        for line in lines_that_say(job, where.name):
            if edit.ink:
                mask |= strokes_in_picture(self.pixels, upright(self.pixels, line), line, reach=0.0)
            else:
                mask |= quad_mask(line, mask.shape, 0.12)
        return mask

    def _object(self, where: Where, edit: Edit) -> Mask:
        from canvasagent.backends.lite import sam

        if is_drawn_noun(where.name) and self.drawing is not None:
            named = find(self.drawing, where.name)
            if named is not None and named.indices:
                return _shown(self.drawing, named.indices)
        found = self._ground(where.name)
        if not found:
            raise ToolRefusal(f"no '{where.name}' was found in the picture; give a mask of it (Grounding, then SAM).")
        mask = np.zeros(self.pixels.shape[:2], bool)
        cut = sam.Backend(sam.Config())
        for detection in found:
            if detection.label in _ROUND:
                mask |= _face_shape(detection, mask.shape)
            else:
                mask |= np.asarray(cut(image=self.picture, box=detection.box)) > 0
        if not mask.any():
            raise ToolRefusal(f"'{where.name}' was found but cannot be told from what is round it; give a mask (SAM).")
        return mask


def _shown(drawing: Drawing, indices: Sequence[int]) -> Mask:
    """Where any of the things can be seen."""
    mask = np.zeros(drawing.pixels.shape[:2], bool)
    for index in indices:
        mask |= visible(drawing, index)
    return mask


def _face_shape(face: Detection, shape: tuple[int, ...]) -> Mask:
    """An ellipse over a face's box: faces have no edge that colours would tell."""
    left, top, right, bottom = face.box
    mask = np.zeros(shape, np.uint8)
    center = (round((left + right) / 2), round((top + bottom) / 2))
    axes = (max(1, round((right - left) * 0.52)), max(1, round((bottom - top) * 0.6)))
    cv2.ellipse(mask, center, axes, 0, 0, 360, 1, -1)
    return mask > 0


def soft(mask: Mask) -> Pixels:
    """Weights of 0 to 1 that fall off inside of `mask` over about a hundredth of the picture, and are 0 outside."""
    # The picture's own border is no edge of the mask.
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    ramp = float(np.clip(0.008 * min(mask.shape), 1.0, max(1.0, 0.25 * float(inside.max()))))
    return np.where(mask, np.clip(inside / ramp, 0, 1), 0).astype(np.float32)
