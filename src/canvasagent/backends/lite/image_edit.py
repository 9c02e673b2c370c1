"""ImageEdit without weights: classical edits of photographs, asked for in words, one file each in `edits/`.

A prompt is understood as a whole or refused: no clause is left out in silence, no prohibition is carried out. An
edit of a place changes nothing outside of it: places are given by a mask, or found by the lite Grounding, SAM and
OCR. What "the background" is, a small network or GrabCut decides (`edits/_subject.py`), and refuses a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image
from pydantic import BaseModel

from canvasagent.backends.base import rgb_array
from canvasagent.backends.lite.borrowing import borrowed
from canvasagent.backends.lite.edits import (
    ONLY_DRAWN,
    Edit,
    Finder,
    Job,
    Keep,
    Mask,
    NotThere,
    Pixels,
    Plan,
    Request,
    Step,
    all_edits,
    applied,
    as_pixels,
    fill,
    is_drawn_noun,
    nearest,
    not_on_photographs,
    soft,
    understands,
    unknown_nouns,
)
from canvasagent.backends.lite.edits.background import behind_cutout
from canvasagent.backends.lite.joining import arrangement_of, joined, laid_out
from canvasagent.backends.lite.photographs import networks
from canvasagent.backends.lite.phrases import parse as parse_phrase
from canvasagent.backends.lite.scenery import ground_for
from canvasagent.concurrency.cancellation import check_cancelled
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import LARGE_PIXELS, Size
from canvasagent.sketch.repaint import repainted
from canvasagent.tools.image_edit import refuse_references

FULL = "`--profile full` can."
REASONS: tuple[tuple[str, str], ...] = (
    (
        r"(?:(?:resize|re-?scale|scale|shrink|downscale)\b|(?:make|set|change|reduce) (?:it|(?:the|this|my) "
        r"(?:image|picture|photo|size|width|height))\b).*(?:\d|pixels?|small|large|big|wide|high|tall|size)\b.*",
        "a size is given as 'resize it to 800x600', 'make it 640 pixels wide' or 'scale it to 50 %', that of a drawn "
        "thing as 'make the dog bigger'",
    ),
    (
        r"(?:pad|letterbox|extend|expand|make it square|make (?:the|this|my) (?:image|picture|photo) square)\b.*",
        "padding is asked for as 'pad it to a square with black', 'pad it to 16:9' or 'add 50 pixels of white at the "
        "bottom'; the tool Crop cuts",
    ),
    (
        r".*\b(?:border|frame)\b.*",
        "a border goes around the whole picture: 'add a 20 pixel white border', 'put a thin red frame around it'",
    ),
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
    networks = networks.ALL
    large = (LARGE_PIXELS, "1")
    references = 3

    def __init__(self, config: Config, large_pixels: int = LARGE_PIXELS) -> None:
        """Pictures of more than `large_pixels` are worked on in smaller copies where that is quicker."""
        self.config, self.large_pixels = config, large_pixels

    @staticmethod
    def output_pixels(arguments: Any, assets: Mapping[str, Any]) -> int:
        """The pixels of the largest picture on the way to the result; of the input where no size is asked for."""
        size = assets["image"].size
        others = [info.size for slot, info in assets.items() if slot.startswith("references.")]
        try:
            if others:
                arrangement = arrangement_of(arguments.edit_prompt, len(others))
                return _area(laid_out(arrangement, [size, *others]).size) if arrangement else _area(size)
            most = _area(size)
            for step in understands(arguments.edit_prompt, masked="masked_image" in assets).steps:
                if (sized := all_edits()[step.edit].size) is not None:
                    size = sized(size, values_of(step))
                    most = max(most, _area(size))
        except ToolRefusal:
            return _area(assets["image"].size)  # the call itself is refused in the same words
        return most

    def __call__(
        self,
        *,
        image: Image.Image,
        prompt: str,
        mask: Image.Image | None = None,
        seed: int = 0,
        references: Sequence[Image.Image] = (),
    ) -> Image.Image:
        """`image` (RGB or RGBA) changed as `prompt` says; RGBA if parts became transparent.

        It has the same size, unless the prompt asks for another. With a mask (L, not 0 where to work) only what it
        covers changes. Other pictures, in `references`, can be joined to it, and of one the colours taken over. Raises
        `ToolRefusal` naming what is not understood, not there, or out of reach.
        """
        refuse_references(len(references), self.references)
        original = rgb_array(image)
        pixels, clear = original, alpha_of(image)
        if references:
            return with_references(prompt, image, references, _place(mask))
        plan = understands(prompt, masked=mask is not None)
        refuse_unknown(plan)
        given = _place(mask)
        finder = Finder(original, self.large_pixels)
        for step in plan.steps:
            check_cancelled()
            pixels, clear = _carry_out(step, plan.keeps, pixels, clear, finder, given, seed)
            # Later steps look for their places in what the earlier ones made: "make it blue and blur the blue circle".
            if pixels is not finder.pixels:
                finder = Finder(pixels, self.large_pixels)
        return _picture(pixels, clear, image)


def with_references(prompt: str, image: Image.Image, others: Sequence[Image.Image], place: Mask | None) -> Image.Image:
    """What can be done with other pictures: all of them joined, or the colours of one taken over."""
    if (arrangement := arrangement_of(prompt, len(others))) is not None:
        if place is not None:
            raise ToolRefusal("joining pictures makes a new picture, which a mask cannot bound; leave the mask out.")
        return joined(arrangement, [image, *others])
    return _picture(borrowed(prompt, image, others, place), alpha_of(image), image)


def alpha_of(image: Image.Image) -> Pixels:
    """(height, width) alpha of a picture, 255 where it has none."""
    if "A" in image.getbands():
        return np.array(image.getchannel("A"))
    return np.full((image.height, image.width), 255, np.uint8)


def _area(size: Size) -> int:
    return size[0] * size[1]


def _place(mask: Image.Image | None) -> Mask | None:
    if mask is None:
        return None
    given = np.asarray(mask.convert("L")) > 0
    if not given.any():
        raise ToolRefusal("the mask is empty, so nothing would change; make one of the thing to edit with SAM.")
    return given


def refuse_unknown(plan: Plan) -> None:
    """Raise `ToolRefusal` unless all of the prompt is understood and there is something to do."""
    if plan.unknown:
        reasons = []
        for clause in plan.unknown:
            why = next(
                (why for words, why in REASONS if re.fullmatch(words, clause.strip(), re.IGNORECASE | re.DOTALL)), ""
            )
            unknown = unknown_nouns(clause) or "that as it is said"
            reasons.append(f"'{clause}'" + (f" ({why.replace('{unknown}', unknown)})" if why else ""))
        close = ", ".join(f"'{example}'" for example in nearest(" ".join(plan.unknown)))
        raise ToolRefusal(f"not understood: {'; '.join(reasons)}. Nearest wordings that work: {close}. {FULL}")
    if not plan.steps:
        raise ToolRefusal("the prompt asks for no change: say what to do, such as 'make it brighter'.")


def _carry_out(
    step: Step, keeps: Sequence[Keep], pixels: Pixels, clear: Pixels, finder: Finder, given: Mask | None, seed: int
) -> tuple[Pixels, Pixels]:
    """The pixels and the alpha after one step."""
    edit = all_edits()[step.edit]
    if edit.size is not None:
        return _at_another_size(step, edit, keeps, pixels, clear, given)
    if given is not None and step.where.inverse:
        raise ToolRefusal(
            f"'{step.clause}' speaks of {step.where}, but only what the mask covers may change; "
            "leave the mask out, or give a mask of the place that shall change."
        )
    if given is None and step.edit == "background" and (clear < 255).any() and ground_for(step.values["new"]):
        job = Job(step.strength, step.sign, step.values, None, seed & 0x7FFFFFFF)
        return behind_cutout(pixels, clear, job), np.full_like(clear, 255)  # its own ground is what is transparent
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
    changed = applied(edit, pixels, job, finder.large)
    if changed.shape[2] == 4:
        clear = np.minimum(clear, changed[..., 3])
        changed = changed[..., :3]
    return _inside(pixels, changed, place, edit), clear


def _at_another_size(
    step: Step, edit: Edit, keeps: Sequence[Keep], pixels: Pixels, clear: Pixels, given: Mask | None
) -> tuple[Pixels, Pixels]:
    """The pixels and the alpha after a step that changes the size of the whole picture."""
    if given is not None:
        raise ToolRefusal(
            f"'{step.clause}' changes the size of the whole picture, which a mask cannot bound; leave the mask out."
        )
    kept = [keep for keep in keeps if keep.edit in (None, step.edit) and keep.where.kind != "whole"]
    if kept and edit.blends:
        raise ToolRefusal(
            f"'{step.clause}' changes every pixel, so '{kept[0].clause}' cannot be kept to; leave out one of the two."
        )
    changed = edit.apply(np.dstack([pixels, clear]), Job(step.strength, step.sign, values_of(step)))
    return np.ascontiguousarray(changed[..., :3]), np.ascontiguousarray(changed[..., 3])


def values_of(step: Step) -> dict[str, str]:
    """The values of the slots, and the clause itself, which an edit of the size quotes where it refuses."""
    return {**step.values, "clause": step.clause}


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
    """The result with its alpha, where the input had one or something is transparent."""
    result = Image.fromarray(np.ascontiguousarray(pixels))
    if "A" in image.getbands() or clear.min() < 255:
        result.putalpha(Image.fromarray(clear))
    return result
