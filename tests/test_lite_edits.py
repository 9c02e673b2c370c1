"""The lite ImageEdit: what it understands, what it refuses, and that every edit does what it says."""

from __future__ import annotations

import colorsys
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from skimage import data

from canvasagent.backends.lite import ocr
from canvasagent.backends.lite.edits import all_edits, understands
from canvasagent.backends.lite.edits._amounts import strength_of, strip_amounts
from canvasagent.backends.lite.edits._drawn import not_on_photographs
from canvasagent.backends.lite.edits._lines import span_of
from canvasagent.backends.lite.edits._places import parse_where
from canvasagent.backends.lite.image_edit import Backend, Config
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.fonts import font_for

SIDE = 256


@cache
def _photograph(name: str) -> Image.Image:
    picture = Image.fromarray(getattr(data, name)()).convert("RGB")
    edge = min(picture.size)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    return picture.crop((left, top, left + edge, top + edge)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


@cache
def _drawing() -> Image.Image:
    """A red circle and the words OPEN TODAY on a beige wall with some shading."""
    large = Image.new("RGB", (4 * SIDE, 4 * SIDE), (222, 206, 176))
    draw = ImageDraw.Draw(large)
    draw.ellipse([100, 100, 420, 420], fill=(215, 40, 40))
    draw.text((512, 720), "OPEN", font=font_for("OPEN", 210, True), fill=(28, 40, 110), anchor="mm")
    return large.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _picture_for(prompt: str) -> Image.Image:
    """A picture on which `prompt` has something to work on."""
    words = ("circle", "OPEN", "text", "words", "sign", "background")
    return _drawing() if any(word in prompt for word in words) else _photograph("coffee")


def _array(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB")).astype(np.float64)


def _edit(prompt: str, image: Image.Image | None = None, mask: Image.Image | None = None, seed: int = 1) -> Image.Image:
    return Backend(Config())(image=image or _photograph("coffee"), prompt=prompt, mask=mask, seed=seed)


def _read(picture: Image.Image) -> list[str]:
    return [line.text for line in ocr.Backend(ocr.Config())(image=picture)]


PIXEL_EDITS = {name: edit for name, edit in all_edits().items() if edit.apply is not not_on_photographs}
"""Edits of any picture; the others, of drawn pictures only, are in test_drawn_edits.py."""
EXAMPLES = [(name, prompt) for name, edit in all_edits().items() for prompt in edit.examples]


def _size_after(prompt: str, picture: Image.Image) -> tuple[int, int]:
    """What the edits that a prompt asks for say of the size."""
    size = picture.size
    for step in understands(prompt).steps:
        if (sized := all_edits()[step.edit].size) is not None:
            size = sized(size, step.values)
    return size


# --- every edit -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "prompt"), EXAMPLES)
def test_examples_are_understood_as_their_edit(name: str, prompt: str) -> None:
    plan = understands(prompt)
    assert plan.ok
    assert [step.edit for step in plan.steps] == [name]


@pytest.mark.parametrize(("name", "prompt"), [(name, edit.examples[0]) for name, edit in PIXEL_EDITS.items()])
def test_edits_change_the_picture_and_nothing_else(name: str, prompt: str) -> None:
    before = _picture_for(prompt)
    untouched = before.tobytes()
    after = _edit(prompt, before)
    again = _edit(prompt, before)
    assert before.tobytes() == untouched
    assert after.size == _size_after(prompt, before)
    assert after.tobytes() == again.tobytes()
    assert after.convert("RGBA").tobytes() != before.convert("RGBA").tobytes()


MASKABLE = [name for name, edit in PIXEL_EDITS.items() if edit.where.kind == "whole" and edit.size is None]


@pytest.mark.parametrize("name", MASKABLE)
def test_a_mask_bounds_every_edit_and_alpha_is_kept(name: str) -> None:
    prompt = all_edits()[name].examples[0]
    before = _picture_for(prompt).convert("RGBA")
    alpha = Image.linear_gradient("L").resize(before.size)
    before.putalpha(alpha)
    mask = Image.new("L", before.size)
    ImageDraw.Draw(mask).ellipse([20, 20, 110, 110], fill=255)
    after = _edit(prompt, before, mask)
    inside = np.asarray(mask) > 0
    assert after.mode == "RGBA"
    assert after.getchannel("A").tobytes() == alpha.tobytes()
    changed = (np.asarray(after) != np.asarray(before)).any(axis=2)
    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.02


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (40, 17), (16, 16)])
@pytest.mark.parametrize("name", [n for n, e in PIXEL_EDITS.items() if e.where.kind == "whole" and not e.needs_place])
def test_tiny_pictures_do_not_break_edits(name: str, size: tuple[int, int]) -> None:
    before = _photograph("coffee").resize(size)
    prompt = all_edits()[name].examples[0]
    assert _edit(prompt, before).size == _size_after(prompt, before)


# --- in the right direction -----------------------------------------------------------------------------------------


def _warmth(picture: Image.Image) -> float:
    values = _array(picture)
    return float(values[..., 0].mean() - values[..., 2].mean())


def _chroma(picture: Image.Image) -> float:
    values = _array(picture)
    return float((values.max(axis=2) - values.min(axis=2)).mean())


def _light(picture: Image.Image) -> float:
    return float(_array(picture).mean())


def _spread(picture: Image.Image) -> float:
    return float(_array(picture.convert("L")).std())


def _fine(picture: Image.Image) -> float:
    grey = np.asarray(picture.convert("L")).astype(np.float64)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def _corners(picture: Image.Image) -> float:
    values = _array(picture)
    spots = [values[:20, :20], values[:20, -20:], values[-20:, :20], values[-20:, -20:]]
    return float(np.mean([spot.mean() for spot in spots]))


def _colors(picture: Image.Image) -> float:
    return float(len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)))


DIRECTIONS = [
    ("make it brighter", _light, 1),
    ("make it darker", _light, -1),
    ("more contrast", _spread, 1),
    ("less contrast", _spread, -1),
    ("more vivid colours", _chroma, 1),
    ("less saturation", _chroma, -1),
    ("make it warmer", _warmth, 1),
    ("make it cooler", _warmth, -1),
    ("give it sunset light", _warmth, 1),
    ("make it look like night", _light, -1),
    ("sharpen it", _fine, 1),
    ("enhance the details", _fine, 1),
    ("more local contrast", _fine, 1),
    ("blur it", _fine, -1),
    ("remove the noise", _fine, -1),
    ("add film grain", _fine, 1),
    ("add a vignette", _corners, -1),
    ("add a white vignette", _corners, 1),
    ("posterize it", _colors, -1),
    ("turn it into a cartoon", _chroma, 1),
    ("oil painting style", _fine, -1),
    ("turn it into a watercolour", _fine, -1),
    ("pencil sketch", _chroma, -1),
]


@pytest.mark.parametrize(("prompt", "measure", "sign"), DIRECTIONS)
def test_edits_go_the_way_they_say(prompt: str, measure, sign: int) -> None:
    before = _photograph("chelsea")
    change = measure(_edit(prompt, before)) - measure(before)
    assert change * sign > 0.02 * abs(measure(before))


@pytest.mark.parametrize("edit", ["brighter", "darker", "warmer", "more colourful"])
def test_words_of_degree_order_the_strength(edit: str) -> None:
    before = _array(_photograph("coffee"))
    sizes = [np.abs(_array(_edit(f"make it {amount}{edit}")) - before).mean() for amount in ("slightly ", "", "a lot ")]
    assert sizes[0] * 1.2 < sizes[1] < sizes[2] / 1.2


def test_grey_has_equal_channels_and_sepia_is_brown() -> None:
    grey = _array(_edit("black and white"))
    assert (grey == grey[..., :1]).all()
    sepia = _array(_edit("make it sepia"))
    assert (sepia[..., 0] >= sepia[..., 1]).all()
    assert (sepia[..., 1] >= sepia[..., 2]).all()


def test_inverting_twice_gives_the_picture_back() -> None:
    once = _edit("invert the colours")
    assert _edit("invert the colours", once).tobytes() == _photograph("coffee").tobytes()


def test_clauses_run_in_order() -> None:
    both = _edit("make it black and white and add a blue tint")
    other = _edit("add a blue tint, then make it black and white")
    assert _chroma(both) > 5
    assert _chroma(other) == 0
    assert _edit("invert it and make it warmer").tobytes() == _edit("make it warmer", _edit("invert it")).tobytes()


# --- places ---------------------------------------------------------------------------------------------------------


def _hue(picture: Image.Image, point: tuple[int, int]) -> float:
    red, green, blue = picture.convert("RGB").getpixel(point)
    return colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)[0] * 360


@pytest.mark.parametrize(("color", "hue"), [("blue", 220), ("green", 130), ("yellow", 50), ("purple", 280)])
def test_recolouring_reaches_the_colour_and_nothing_outside(color: str, hue: float) -> None:
    before = _drawing()
    after = _edit(f"make the red circle {color}", before)
    assert abs(_hue(after, (65, 65)) - hue) < 14
    changed = (np.asarray(after) != np.asarray(before)).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert rows.max() < 112 and columns.max() < 112 and rows.min() > 18 and columns.min() > 18


def test_recolouring_a_photograph_keeps_light_and_shade() -> None:
    before = _photograph("coffee")
    mask = Image.new("L", before.size)
    ImageDraw.Draw(mask).ellipse([6, 60, 236, 240], fill=255)
    after = _edit("make it green", before, mask)
    inside = np.asarray(mask) > 0
    light = [np.asarray(picture.convert("L")).astype(float)[inside] for picture in (before, after)]
    assert np.corrcoef(*light)[0, 1] > 0.85
    values = _array(after)[inside]
    assert (values[:, 1] > values[:, 0]).mean() > 0.5


def test_removal_leaves_no_trace_of_the_colour() -> None:
    after = _array(_edit("remove the red circle", _drawing()))
    assert np.abs(after[20:115, 20:115] - np.array([222, 206, 176])).max() < 12


def test_removal_from_texture_continues_the_texture() -> None:
    before = Image.fromarray(data.brick()).resize((SIDE, SIDE)).convert("RGB")
    mask = Image.new("L", before.size)
    ImageDraw.Draw(mask).rectangle([90, 90, 150, 150], fill=255)
    after = _array(_edit("remove it", before, mask))[90:151, 90:151]
    around = _array(before)[40:200, 40:200]
    assert abs(after.mean() - around.mean()) < 12
    assert after.std() > 0.5 * around.std()


def test_prohibitions_are_kept() -> None:
    before = _drawing()
    after = _edit("make it black and white but keep the red circle in colour", before)
    assert after.getpixel((65, 65)) == before.getpixel((65, 65))
    assert len(set(after.getpixel((200, 30)))) == 1
    spared = _edit("blur the image, but don't change the text", before)
    assert _read(spared) == ["OPEN"]


def test_the_background_of_a_portrait_changes_and_the_face_does_not() -> None:
    before = _photograph("astronaut")
    after = _edit("replace the background with green", before)
    assert after.getpixel((113, 60)) == before.getpixel((113, 60))
    red, green, blue = after.getpixel((180, 30))
    assert green > red and green > blue


def test_a_flat_background_becomes_transparent_and_the_subject_stays() -> None:
    alpha = np.asarray(_edit("remove the background", _drawing()).getchannel("A"))
    assert alpha[5, 5] == 0 and alpha[250, 250] == 0
    assert alpha[65, 65] == 255


def test_parts_of_the_picture() -> None:
    before = _photograph("coffee")
    after = np.asarray(_edit("make the left half black and white", before))
    assert (after[:, 128:] == np.asarray(before)[:, 128:]).all()
    assert (after[:, 10, 0] == after[:, 10, 1]).all()


# --- text -----------------------------------------------------------------------------------------------------------


def _sign(text: str, angle: float, ink: tuple[int, int, int], ground: tuple[int, int, int]) -> Image.Image:
    large = Image.new("RGB", (1600, 1000), ground)
    ImageDraw.Draw(large).text((800, 500), text, font=font_for(text, 190, True), fill=ink, anchor="mm")
    return large.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=ground).resize((400, 250))


@pytest.mark.parametrize("angle", [0, 9, -14])
@pytest.mark.parametrize(
    ("ink", "ground"), [((250, 240, 215), (24, 62, 120)), ((180, 20, 30), (240, 236, 225))], ids=["light", "dark"]
)
def test_text_is_rewritten_in_place(angle: float, ink: tuple[int, int, int], ground: tuple[int, int, int]) -> None:
    before = _sign("SALE", angle, ink, ground)
    after = _edit("replace 'SALE' with 'SOLD'", before)
    old, new = (ocr.Backend(ocr.Config())(image=picture)[0] for picture in (before, after))
    assert new.text == "SOLD"
    for mine, its in zip(new.quad, old.quad, strict=True):
        assert abs(mine[0] - its[0]) < 16 and abs(mine[1] - its[1]) < 12
    values = _array(after).reshape(-1, 3)
    assert (np.abs(values - np.array(ink)).max(axis=1) < 12).mean() > 0.015
    # Nothing but ink, ground and the mixtures of their edges.
    line = np.array(ink, float) - np.array(ground)
    share = np.clip(((values - ground) @ line) / (line @ line), 0, 1)
    assert np.percentile(np.abs(values - (ground + share[:, None] * line)).max(axis=1), 99.5) < 14


def test_one_word_of_a_line_is_rewritten_and_the_others_stay() -> None:
    before = _sign("BIG SALE", 0, (20, 20, 30), (235, 235, 230))
    after = _edit("change the word SALE to MESS", before)
    assert " ".join(_read(after)) == "BIG MESS"
    assert (np.asarray(after)[:, :150] == np.asarray(before)[:, :150]).all()


def test_text_is_erased() -> None:
    before = _sign("SALE", 6, (250, 240, 215), (24, 62, 120))
    after = _edit("remove the text", before)
    assert _read(after) == []
    assert np.abs(_array(after) - np.array([24, 62, 120])).max() < 14


def test_text_that_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(ToolRefusal, match=r"'CLOSED' cannot be read.*OPEN"):
        _edit("replace 'CLOSED' with 'SHUT'", _drawing())


def test_span_of_forgives_misread_letters() -> None:
    assert span_of("SALE", "SALE") == (0.0, 1.0)
    assert span_of("SUMMER SALE", "5UMMER SALE") == (0.0, 1.0)
    assert span_of("sale", "BIG SALE") == (0.5, 1.0)
    assert span_of("GIRAFFE", "BIG SALE") is None


# --- refusals -------------------------------------------------------------------------------------------------------

REFUSED = {
    "add a unicorn": "add a unicorn",
    "add a girafe": "did you mean 'giraffe'?",
    "make it warmer and add a halo": "add a halo",
    "make it night, then turn the cat into a sphinx": "'sphinx'",
    "make the man smile": "make the man smile",
    "replace the cat with a dog": "'the cat' is not in the picture",
    "make it warmer, brighter and happier": "happier",
    "rotate it by 90 degrees": "Rotate",
    "write 'HELLO' in the sky": "Overlayer",
    "replace the background with a beach full of people": "beach full of people",
    "make it look like Van Gogh": "Van Gogh",
    "make the circle bigger": "bigger",
    "make it blue with pink dots": "pink dots",
    "flibbertigibbet": "flibbertigibbet",
}


@pytest.mark.parametrize(("prompt", "named"), REFUSED.items())
def test_what_is_not_understood_is_refused_by_name(prompt: str, named: str) -> None:
    with pytest.raises(ToolRefusal) as refusal:
        _edit(prompt, _drawing())
    assert named in str(refusal.value)
    assert "--profile full" in str(refusal.value)


@pytest.mark.parametrize(
    "prompt",
    [
        "make it rain",
        "replace the cat with a dog",
        "make the cat bigger",
        "in outline style",
        "add a dog next to the cup",
    ],
)
def test_edits_of_drawn_pictures_are_refused_on_photographs(prompt: str) -> None:
    with pytest.raises(ToolRefusal, match="drawn") as refusal:
        _edit(prompt)
    assert "--profile full" in str(refusal.value)


def test_what_is_added_to_a_photograph_is_a_sticker_in_its_place() -> None:
    before = _photograph("coffee")
    after = _edit("add a red ball on the left", before)
    changed = (np.asarray(after) != np.asarray(before)).any(axis=2)
    assert 0.02 < changed.mean() < 0.15
    assert changed[:, SIDE // 2 :].mean() < 0.01
    mask = Image.new("L", before.size)
    ImageDraw.Draw(mask).rectangle([150, 30, 240, 120], fill=255)
    inside = (np.asarray(_edit("add a dog", before, mask)) != np.asarray(before)).any(axis=2)
    assert inside[30:121, 150:241].mean() > 0.2
    assert not inside[np.asarray(mask) == 0].any()


@pytest.mark.parametrize("prompt", ["don't make it darker", "please", "do not add a vignette", "thanks!"])
def test_nothing_to_do_is_refused(prompt: str) -> None:
    with pytest.raises(ToolRefusal, match="no change"):
        _edit(prompt)


def test_things_that_are_not_there_are_refused() -> None:
    with pytest.raises(ToolRefusal):
        _edit("make the green triangle blue", _drawing())
    with pytest.raises(ToolRefusal):
        _edit("blur the giraffe")


def test_a_hopeless_background_is_refused() -> None:
    with pytest.raises(ToolRefusal, match="subject cannot be told"):
        _edit("blur the background", _photograph("gravel"))


@pytest.mark.parametrize("prompt", ["put it on a white background", "replace the background with white"])
def test_a_cutout_gets_a_ground_where_it_is_transparent(prompt: str) -> None:
    cutout = _photograph("astronaut").convert("RGBA")
    alpha = Image.new("L", cutout.size, 0)
    ImageDraw.Draw(alpha).ellipse([60, 40, SIDE - 60, SIDE - 40], fill=255)
    cutout.putalpha(alpha)
    after = _edit(prompt, cutout).convert("RGBA")
    assert after.getchannel("A").getextrema() == (255, 255) and after.getpixel((3, 3)) == (255, 255, 255, 255)
    middle = (SIDE // 2, SIDE // 2)
    assert after.getpixel(middle) == cutout.getpixel(middle)


def test_a_mask_that_contradicts_the_prompt_or_is_empty_is_refused() -> None:
    mask = Image.new("L", (SIDE, SIDE), 255)
    with pytest.raises(ToolRefusal, match="mask"):
        _edit("blur everything except the red circle", _drawing(), mask)
    with pytest.raises(ToolRefusal, match="empty"):
        _edit("blur it", _drawing(), Image.new("L", (SIDE, SIDE)))


# --- the parser -----------------------------------------------------------------------------------------------------

PARAPHRASES = {
    "brightness": [
        "brighten up the picture",
        "turn up the brightness a lot",
        "the photo is too dark",
        "can you lighten this image slightly?",
        "make the image less bright",
        "increase the overall brightness of the image by 25%",
        "brighten the face",
    ],
    "contrast": ["bump up the contrast", "it has too much contrast", "the contrast should be higher"],
    "saturation": ["make the colors pop", "less saturation please", "tone down the colours", "enhance the colors"],
    "warmth": ["give it a warmer tone", "add some warmth", "cool down the image", "make the photo look colder"],
    "look": ["make it look like a sunset", "apply a vintage filter", "teal and orange look"],
    "grey": ["b&w", "make this photo monochrome", "change it to black and white", "Convert the image into grayscale."],
    "watercolour": ["paint it in watercolour", "turn this photo into a watercolor painting"],
    "cartoon": ["in the style of a cartoon", "make it look like a comic", "apply a cartoon effect"],
    "pencil_sketch": ["sketch it", "as a pencil drawing", "convert to line art"],
    "denoise": ["reduce noise", "clean up the noise in the picture"],
    "blur": ["blur out the background", "make the background blurry", "blur it a little", "soften the image"],
    "vignette": ["put a subtle dark vignette around the picture", "add a strong vignette"],
    "recolour": [
        "change the red square to yellow",
        "change the color of the star from red to dark blue",
        "turn the red circle into a blue one",
        "make the text red",
    ],
    "remove": ["take the blue square out of the picture", "erase the second star from the left"],
    "transparent": ["cut out the subject", "remove the background"],
    "background": ["put it on a black background", "replace the background by a gradient from blue to white"],
    "erase_text": ["remove all text", "delete the caption", "get rid of the text \"SALE\"", "remove the word SALE"],
    "rewrite_text": [
        'change "open" to "closed"',
        "change the sign that says 'OPEN' to 'SHUT'",
        "the sign should say 'EXIT' instead of 'ENTRY'",
        "change the text to 'HELLO'",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "prompt"), [(name, text) for name, texts in PARAPHRASES.items() for text in texts])
def test_paraphrases(name: str, prompt: str) -> None:
    plan = understands(prompt)
    assert plan.unknown == ()
    assert [step.edit for step in plan.steps] == [name]


@pytest.mark.parametrize(
    ("prompt", "steps"),
    [
        ("make it warmer and add a vignette", [("warmth", "whole"), ("vignette", "whole")]),
        ("brighter, with more contrast", [("brightness", "whole"), ("contrast", "whole")]),
        ("make the circle brighter and warmer", [("brightness", "object"), ("warmth", "object")]),
        ("blur the face and the text", [("blur", "object"), ("blur", "text")]),
        ("sharpen and brighten the background", [("sharpen", "background"), ("brightness", "background")]),
        ("turn it black and white and add a vignette. Thanks!", [("grey", "whole"), ("vignette", "whole")]),
        ("replace 'BUY, NOW AND HERE' with 'SOLD', then blur it", [("rewrite_text", "text"), ("blur", "whole")]),
        ("increase contrast by 20% and saturation by 10%", [("contrast", "whole"), ("saturation", "whole")]),
    ],
)
def test_clauses(prompt: str, steps: list[tuple[str, str]]) -> None:
    plan = understands(prompt)
    assert plan.unknown == ()
    assert [(step.edit, step.where.kind) for step in plan.steps] == steps


def test_every_unknown_clause_is_named() -> None:
    plan = understands("add a halo, make it warmer and paint a moustache on him")
    assert plan.unknown == ("add a halo", "paint a moustache on him")
    assert [step.edit for step in plan.steps] == ["warmth"]


@pytest.mark.parametrize(
    ("words", "kind", "name", "inverse"),
    [
        ("it", "whole", "", False),
        ("the whole picture", "whole", "", False),
        ("the background", "background", "", False),
        ("the left half of the image", "part", "left half", False),
        ("everything except the red circle", "object", "the red circle", True),
        ("all the text", "text", "", False),
        ("the second star from the left", "object", "the second star from the left", False),
    ],
)
def test_places(words: str, kind: str, name: str, inverse: bool) -> None:
    where = parse_where(words)
    assert where is not None
    assert (where.kind, where.name, where.inverse) == (kind, name, inverse)


@pytest.mark.parametrize("words", ["", "the", "it like mad", "the man smile and run", "the face should"])
def test_what_is_no_place(words: str) -> None:
    assert parse_where(words) is None


def test_amounts() -> None:
    assert strip_amounts("slightly brighter by 30 %") == ("brighter", ["slightly", "by 30 %"])
    assert strength_of(["by 30 %"], 0.5) == pytest.approx(0.3)
    assert strength_of(["slightly"], 0.5) == pytest.approx(0.25)
    assert strength_of(["twice as"], 0.5) == pytest.approx(1.0)
    assert strength_of(["by a factor of 1.5"], 0.3) == pytest.approx(0.5)
    assert strength_of([], 0.5) == 0.5


def test_a_mask_makes_it_a_thing() -> None:
    assert understands("make it blue").steps[0].edit == "tint"
    assert understands("make it blue", masked=True).steps[0].edit == "recolour"
    assert not understands("remove it").ok
    assert understands("remove it", masked=True).steps[0].edit == "remove"


_SCRAPS = """make it the brighter and , . 'x' don't blur face replace with by 30 % background to a very red circle keep
as is text add vignette more less then except all of \x02 \x03 \" ’ “ everything"""
_WORDS = st.sampled_from(_SCRAPS.split())


@settings(max_examples=150)
@given(st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=14).map(" ".join)))
def test_the_parser_never_raises(prompt: str) -> None:
    plan = understands(prompt)
    assert all(step.edit in all_edits() for step in plan.steps)
    assert plan.ok == (bool(plan.steps) and not plan.unknown)


def test_long_prompts_are_answered_quickly_and_not_read() -> None:
    assert understands("make it brighter and " * 500).unknown
    assert understands("the " * 400).unknown


@pytest.mark.parametrize("prompt", ["replace the text 'MERRY CHRISTMAS' with 'RENTAL'", "remove the text"])
def test_words_on_a_narrow_banner_leave_no_trace(prompt: str) -> None:
    """The banner is hardly higher than its letters: what is beside it must not be copied into it."""
    stripes = np.indices((320, 512)).sum(axis=0) // 12 % 2
    picture = Image.fromarray(np.where(stripes[..., None], (228, 216, 190), (120, 150, 130)).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((31, 16, 481, 48), fill="#b83330")
    pen.text((256, 32), "MERRY CHRISTMAS", fill="white", font=font_for("MERRY", 24, True), anchor="mm")
    edited = np.asarray(Backend(Config())(image=picture, prompt=prompt, seed=1).convert("RGB"), np.int16)
    left, right = edited[17:48, 34:190].reshape(-1, 3), edited[17:48, 330:478].reshape(-1, 3)
    for beside in (left, right):  # the shorter word stands in the middle
        assert np.abs(beside - (0xB8, 0x33, 0x30)).max() <= 8
    assert (edited[52:] == np.asarray(picture, np.int16)[52:]).all()


def test_a_watermark_is_not_any_text() -> None:
    """What a watermark is cannot be told from other text: without its words nothing is erased."""
    assert [step.where.kind for step in understands("remove the watermark").steps] == ["object"]
    assert [step.edit for step in understands("remove the watermark 'SAMPLE'").steps] == ["erase_text"]
