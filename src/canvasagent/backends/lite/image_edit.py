"""ImageEdit without weights: classical edits of photographs, asked for in words, one file each in `edits/`.

A prompt is understood as a whole or refused: no clause is left out in silence, no prohibition is carried out. An
edit of a place changes nothing outside of it: places are given by a mask, or found by the lite Grounding, SAM and
OCR. What "the background" is, GrabCut decides, and refuses where it would be a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image
from pydantic import BaseModel

from canvasagent.backends.base import rgb_array
from canvasagent.backends.lite.borrowing import borrowed
from canvasagent.backends.lite.edits import all_edits, summaries, understands
from canvasagent.backends.lite.edits._drawn import ONLY_DRAWN, Request, not_on_photographs
from canvasagent.backends.lite.edits._fill import fill
from canvasagent.backends.lite.edits._locate import Finder, soft
from canvasagent.backends.lite.edits._spec import Edit, Job, Keep, Mask, Pixels, Plan, Step, as_pixels
from canvasagent.backends.lite.edits._things import NotThere, is_drawn_noun, unknown_nouns
from canvasagent.backends.lite.phrases import parse as parse_phrase
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.repaint import repainted
from canvasagent.tools.image_edit import refuse_references

FULL = "`--profile full` can."
REASONS: tuple[tuple[str, str], ...] = (
    (r"(?:rotate|turn .*degrees|straighten)\b.*", "that is the tool Rotate's work"),
    (r"(?:flip|mirror)\b.*", "that is the tool Flip's work"),
    (r"(?:crop|trim|cut)\b.*", "that is the tool Crop's work"),
    (r"(?:upscale|enlarge|super[- ]?resol|increase (?:the )?resolution)\b.*", "that is the tool SR's work"),
    (r"(?:write|add (?:the |a )?(?:text|words?|caption|title))\b.*", "new text is the tool Overlayer's work"),
    (
        r"(?:add|insert|put|place|draw|include|give)\b.*",
        "only things of the drawn world can be added without a model, and it has nothing for {unknown}",
    ),
    (r"(?:replace|swap|substitute|change|turn|make|transform|convert)\b.*", "no edit here knows {unknown}"),
    (
        r"(?:move|shift|resize|scale|enlarge|shrink)\b.*",
        "say which drawn thing, and where to: 'move the dog to the left'",
    ),
)
"""Why a clause that is not understood is out of reach: the first pattern that fits tells."""


class Config(BaseModel):
    """Nothing to set: the edits' own words say how strong they are."""


class Backend:
    """Edits pictures by `edits/`; see the module's docstring."""

    tool = "ImageEdit"
    version = "3"
    stochastic = True
    may_hang = False
    references = 1

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(
        self,
        *,
        image: Image.Image,
        prompt: str,
        mask: Image.Image | None = None,
        seed: int = 0,
        references: Sequence[Image.Image] = (),
    ) -> Image.Image:
        """`image` (RGB or RGBA) changed as `prompt` says, of the same size; RGBA if parts became transparent.

        With a mask (L, not 0 where to work) only what it covers changes. Of one other picture, in `references`, the
        colours can be taken over. Raises `ToolRefusal` naming what is not understood, not there, or out of reach.
        """
        refuse_references(len(references), self.references)
        original = rgb_array(image)
        pixels, clear = original, np.full(original.shape[:2], 255, np.uint8)
        if references:
            return _picture(borrowed(prompt, image, references[0], _place(mask)), clear, image)
        plan = understands(prompt, masked=mask is not None)
        refuse_unknown(plan)
        given = _place(mask)
        finder = Finder(original)
        for step in plan.steps:
            pixels, clear = _carry_out(step, plan.keeps, pixels, clear, finder, given, seed)
            # Later steps look for their places in what the earlier ones made: "make it blue and blur the blue circle".
            if pixels is not finder.pixels:
                finder = Finder(pixels)
        return _picture(pixels, clear, image)


def _place(mask: Image.Image | None) -> Mask | None:
    if mask is None:
        return None
    given = np.asarray(mask.convert("L")) > 0
    if not given.any():
        raise ToolRefusal("the mask is empty, so nothing would change; make one of the thing to edit with SAM.")
    return given


def refuse_unknown(plan: Plan) -> None:
    """Raise `ToolRefusal` unless all of the prompt is understood and there is something to do."""
    can = f"The lite profile can do: {', '.join(summaries())}."
    if plan.unknown:
        reasons = []
        for clause in plan.unknown:
            why = next(
                (why for words, why in REASONS if re.fullmatch(words, clause.strip(), re.IGNORECASE | re.DOTALL)), ""
            )
            unknown = unknown_nouns(clause) or "that as it is said"
            reasons.append(f"'{clause}'" + (f" ({why.replace('{unknown}', unknown)})" if why else ""))
        raise ToolRefusal(f"not understood: {'; '.join(reasons)}. Nothing was changed. {can} {FULL}")
    if not plan.steps:
        raise ToolRefusal(f"the prompt asks for no change. {can}")


def _carry_out(
    step: Step, keeps: Sequence[Keep], pixels: Pixels, clear: Pixels, finder: Finder, given: Mask | None, seed: int
) -> tuple[Pixels, Pixels]:
    """The pixels and the alpha after one step."""
    edit = all_edits()[step.edit]
    if given is not None and step.where.inverse:
        raise ToolRefusal(
            f"'{step.clause}' speaks of {step.where}, but only what the mask covers may change; "
            "leave the mask out, or give a mask of the place that shall change."
        )
    anew = _drawn_anew(step, edit, finder, given, seed)
    own_place = anew is not None or (step.where.kind == "text" and edit.places == ("text",))
    place = given if given is not None else None if own_place else finder.mask(step.where, edit)
    for keep in keeps:
        if keep.edit in (None, step.edit) and keep.where.kind != "whole":
            kept = finder.mask(keep.where, edit)
            if kept is not None:
                place = ~kept if place is None else place & ~kept
    if place is not None and not place.any():
        raise ToolRefusal(f"'{step.clause}': nothing is left to change there.")
    if anew is not None:
        return anew if place is None else np.where(place[..., None], anew, pixels), clear
    values = dict(step.values)
    if step.where.kind == "text" and step.where.name:
        values.setdefault("old", step.where.name)
    job = Job(step.strength, step.sign, values, place, seed & 0x7FFFFFFF, lambda: finder.lines, finder.heads)
    cv2.setRNGSeed(job.seed)
    changed = edit.apply(pixels, job)
    if changed.shape[2] == 4:
        clear = np.minimum(clear, changed[..., 3])
        changed = changed[..., :3]
    return _inside(pixels, changed, place, edit), clear


def _drawn_anew(step: Step, edit: Edit, finder: Finder, given: Mask | None, seed: int) -> Pixels | None:
    """The pixels after a step that revises a drawing of the drawn world; None where it works on pixels alone."""
    if edit.revise is None:
        return None
    drawing = finder.drawing if _may_be_drawn(step, edit, given) else None
    if drawing is not None:
        seed &= 0x7FFFFFFF
        try:
            revised = edit.revise(
                Request(drawing, step.where, step.values, step.strength, step.sign, step.clause, seed, given)
            )
        except NotThere:
            # "Ball" and "star" are plain shapes too, and those are found in the pixels.
            only_here = edit.apply is not_on_photographs or step.where.kind != "object"
            if only_here or parse_phrase(step.where.name).unknown:
                raise
            return None
        if revised is not None:
            return repainted(drawing, revised, lambda pixels, hole: fill(pixels, hole, seed), seed)
    if edit.apply is not_on_photographs:
        raise ToolRefusal(f"'{step.clause}' {ONLY_DRAWN}")
    return None


def _may_be_drawn(step: Step, edit: Edit, given: Mask | None) -> bool:
    """Whether the step can be one of drawn things at all, so that the picture is worth reading."""
    if edit.needs_place and step.where.kind == "object":
        return is_drawn_noun(step.where.name)
    return not edit.needs_place or given is not None or step.where.kind == "subject"


def _inside(before: Pixels, after: Pixels, place: Mask | None, edit: Edit) -> Pixels:
    """`after` inside the place, softly if the edit wants it so, and exactly `before` outside."""
    if place is None:
        return after
    if not edit.blends:
        return np.where(place[..., None], after, before)
    weight = soft(place)[..., None]
    return np.where(place[..., None], as_pixels(before + weight * (after.astype(np.float32) - before)), before)


def _picture(pixels: Pixels, clear: Pixels, image: Image.Image) -> Image.Image:
    """The result with the input's transparency, and what was made transparent."""
    result = Image.fromarray(np.ascontiguousarray(pixels))
    if "A" in image.getbands():
        clear = np.minimum(clear, np.asarray(image.getchannel("A")))
    if "A" in image.getbands() or clear.min() < 255:
        result.putalpha(Image.fromarray(clear))
    return result
