"""The scripted policy accounts for every word: what no step uses is reported, and no wrong picture is made of it."""

from __future__ import annotations

import re
from datetime import date
from functools import partial
from typing import Any

import pytest

from canvasagent.backends.lite.edits import Edit, all_edits, understands
from canvasagent.policies._scripted.accounting import free_words, without
from canvasagent.policies._scripted.patterns import watched
from canvasagent.policies._scripted.plan import make_plan
from canvasagent.policies.scripted import next_turn
from canvasagent.prompts import system_prompt
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.turns import parse, render_request
from canvasagent.tools import all_tools
from test_policy_scripted import FACE, NO_TEXT, NOTHING, SALE, follow

# ── words that no step uses ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("rotate it so that the horizon is level", "horizon level"),
        ("mirror it twice", "mirror it twice"),
        ("rotate it by 30 degrees without growing the canvas", "without growing canvas"),
        ("mirror it but keep the text readable", "stay as it is"),
        ("write 'SALE' twice", "twice"),
        ("write 'SALE' at the top left, 20 pixels from the edge", "20 pixels"),
        ("read the second word", "second"),
        ("make it square without cropping it", "without cropping"),
        ("write 'SALE' at the bottom, both in big letters", "both"),
        ("write 'SALE' at the top except on the sign", "except"),
    ],
)
def test_a_picture_that_would_be_wrong_is_not_made(words: str, left: str) -> None:
    story = follow(words)
    assert not [name for name in story.tools if name not in ("OCR", "Grounding")], story.calls
    assert left in story.end.not_done[0] and story.end.final_id is None


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("write 'SALE' at the top in cursive", "cursive"),
        ("write 'SALE' at the top with sparkling stars", "sparkling stars"),
        ("caption it 'SALE' like a postcard", "postcard"),
    ],
)
def test_a_decoration_is_left_out_and_reported(words: str, left: str) -> None:
    story = follow(words)
    assert story.tools == ["Overlayer", "OCR"] and story.end.final_id == "Overlayer_0"
    assert left in story.end.not_done[0]


@pytest.mark.parametrize(
    "words",
    [
        "could you please just rotate it by 90 degrees, thank you very much",
        "write 'SALE' in big red letters across the top of the picture",
        "crop it to the top right corner",
        "put the face of the first picture on the second at the top left, twice as large",
        "what does the sign at the door say?",
        "how many faces are there in the picture?",
    ],
)
def test_ordinary_requests_use_all_their_words(words: str) -> None:
    assert not follow(words, inputs=2).end.not_done


def test_only_closed_class_words_and_courtesies_are_free() -> None:
    decisive = {"only", "not", "no", "without", "except", "each", "every", "all", "both", "twice", "half", "but not"}
    assert not decisive & free_words()
    assert without(["the", "red", "box", "red"], ["a red thing"]) == ("box", "red")


def test_what_a_pattern_lets_pass_is_told_from_what_it_spells_out() -> None:
    hit = watched(r"mirror (?:it|the [\w ]+?)(?P<how> \w+)?").fullmatch("mirror the old car vertically")
    assert hit is not None
    passed = {name: value for name, value in hit.groupdict().items() if name.startswith("_") and value}
    assert list(passed.values()) == ["old car"] and hit["how"] == " vertically"


def test_what_must_stay_as_it_is_is_looked_at() -> None:
    assert follow("write 'SALE' in the middle, but don't cover the face").tools[0] == "Grounding"
    covered = "Found 1 objects:\n- 'face': [400, 400, 600, 600] (confidence: 0.97)"
    story = follow("write 'SALE' in the middle, but don't cover the face", answers={"Grounding": covered})
    assert "Overlayer" not in story.tools and "would cover the face" in story.end.not_done[0]
    story = follow("crop to the left half but keep the tree", answers={"Grounding": covered})
    assert "Crop" not in story.tools and "tree" in story.end.not_done[0]
    story = follow(
        "make it sepia but leave the sky alone",
        answers={"ImageEdit": "Error: not understood: 'leave the sky alone'.", "Grounding": NOTHING},
    )
    assert story.tools == ["ImageEdit", "Grounding"] and story.end.final_id is None


def test_an_operation_that_is_forbidden_and_not_asked_for_changes_nothing() -> None:
    assert follow("mirror it without rotating it").calls == [("Flip", {"image": "img_1"})]
    assert not follow("mirror it without rotating it").end.not_done


# ── orders that the policy does not know ─────────────────────────────────────────────────────────────────


def verbs(edit: Edit) -> list[str]:
    """The verbs of an edit, each spelled out once."""
    spelled = [fragment for words in edit.words for verb in words.verbs for fragment in verb.split("|")]
    for found, put in ((r"\(\?:[^()]*\)\?", ""), (r"\w\?", ""), (r"\[(.)[^\]]*\]", r"\1")):
        spelled = [re.sub(found, put, fragment) for fragment in spelled]
    return [fragment for fragment in spelled if re.fullmatch(r"[a-z][a-z -]*(?<! more)", fragment)]


ORDERS = [(name, prompt) for name, edit in all_edits().items() for prompt in edit.examples] + [
    (name, f"{verb} the dog" if edit.needs_place else f"{verb} it")
    for name, edit in all_edits().items()
    for verb in verbs(edit)
    if understands(f"{verb} the dog" if edit.needs_place else f"{verb} it").ok
]


@pytest.mark.parametrize(("name", "order"), ORDERS, ids=[f"{name}: {order}" for name, order in ORDERS])
def test_every_edit_is_reached(name: str, order: str) -> None:
    story = follow(order, answers={"ImageEdit": "Error: stop here."})
    prompts = [arguments["edit_prompt"] for tool, arguments in story.calls if tool == "ImageEdit"]
    assert prompts and understands(prompts[0]).ok, story.calls


@pytest.mark.parametrize("order", ["emboss it", "solarize the photo", "crosshatch the sky", "give it a halftone look"])
def test_an_edit_that_nobody_listed_is_handed_to_the_tool_as_it_stands(order: str) -> None:
    story = follow(order)
    assert story.tools == ["ImageEdit"] and not story.end.not_done
    refused = follow(f"{order}, then mirror it", answers={"ImageEdit": "Error: not understood."})
    assert refused.tools == ["ImageEdit", "Flip"] and refused.end.final_id == "Flip_0" and refused.end.not_done


# ── what is written, and what 'it' is after that ─────────────────────────────────────────────────────────


def first_call(request: str, today: date) -> Any:
    policy = partial(next_turn, today=lambda: today)
    messages = [Message("system", system_prompt(all_tools().values(), 9))]
    return parse(policy([*messages, Message("user", render_request(request, ["img_1"]))])).call


def test_todays_date_is_the_date_of_the_day() -> None:
    for words in ("write today's date in the corner", "write the current date at the bottom"):
        call = first_call(words, date(2031, 3, 9))
        assert call is not None and call.arguments["content"] == "9 March 2031", words
    quoted = first_call("write 'today's date' in the corner", date(2031, 3, 9))
    assert quoted is not None and quoted.arguments["content"] == "today's date"


@pytest.mark.parametrize(
    "words",
    [
        "write its title in red",
        "write the artist's name at the top",
        "write my name at the bottom",
        "read the text and write it in capital letters at the top",
        "write the text of the picture backwards",
    ],
)
def test_a_description_is_never_written_as_it_stands(words: str) -> None:
    story = follow(words)
    assert "Overlayer" not in story.tools
    assert "quotation marks" in story.end.not_done[0] or "not understood" in story.end.not_done[0]


def test_a_name_that_is_told_is_written() -> None:
    story = follow("write my name, Oliver, at the bottom", answers={"OCR": SALE.replace("SALE", "Oliver")})
    assert story.calls[0][1]["content"] == "Oliver" and story.calls[0][1]["position"] == [500, 900]


@pytest.mark.parametrize(
    ("words", "look"),
    [
        ("write 'SALE' in the middle and make it red", {"color": "red", "position": [500, 500]}),
        ("write 'SALE' at the top. Make the text bigger.", {"font_size": 160, "position": [500, 100]}),
        ("write 'SALE' at the top and move it to the bottom", {"position": [500, 900]}),
        ("write 'SALE' at the top in red, then make it semi-transparent", {"color": "red", "opacity": 0.5}),
    ],
)
def test_it_means_the_text_that_was_written(words: str, look: dict[str, Any]) -> None:
    story = follow(words)
    assert story.tools == ["Overlayer", "OCR"] * 2 and not story.end.not_done
    call = story.calls[2][1]
    assert call["base_image"] == "img_1" and call["content"] == "SALE" and look.items() <= call.items()


def test_a_restriction_reaches_the_tool() -> None:
    assert follow("sharpen it a lot but not the edges").calls[0][1]["edit_prompt"].endswith("but not the edges")
    both = follow("make both pictures black and white", inputs=2)
    assert [call[1]["edit_prompt"] for call in both.calls] == ["make the picture black and white"] * 2


def test_what_is_put_on_is_a_thing() -> None:
    assert "Grounding" not in follow("remove the background and put it on white").tools
    assert follow("find the face and tell me its colour").end.not_done


def test_a_drawn_thing_is_not_the_text_that_was_written_after_it() -> None:
    story = follow("draw a dog on a beach. Write 'SALE' at the top and make it yellow", inputs=0)
    assert story.tools == ["ImageGeneration", "Overlayer", "OCR", "Overlayer", "OCR"]
    assert story.calls[3][1]["color"] == "yellow" and story.calls[3][1]["base_image"] == "ImageGeneration_0"
    assert follow("write 'SALE' at the top and make it sepia").tools == ["Overlayer", "OCR", "ImageEdit"]


@pytest.mark.parametrize(
    ("words", "look"),
    [
        ("semi-transparent", {"opacity": 0.5}),
        ("with 30 % opacity", {"opacity": 0.3}),
        ("in a red box", {"background": "red"}),
        ("in white on a black rectangle", {"background": "black", "color": "white"}),
        ("with a blue outline", {"outline": "blue"}),
        (", rotated by 45 degrees", {"rotation": 45}),
    ],
)
def test_modifiers_of_a_text_are_arguments(words: str, look: dict[str, Any]) -> None:
    story = follow(f"write 'SALE' at the top {words}")
    assert story.tools == ["Overlayer", "OCR"] and not story.end.not_done
    written = {name: value for name, value in story.calls[0][1].items() if name in {*look, "color"}}
    assert written == look


def test_a_text_in_each_corner_is_written_four_times() -> None:
    story = follow("write 'SALE' in each corner")
    places = [arguments["position"] for name, arguments in story.calls if name == "Overlayer"]
    assert len({tuple(place) for place in places}) == 4 and not story.end.not_done


def test_the_result_is_what_was_made_last() -> None:
    story = follow("cut the face out of the photo, mirror it and enlarge the result")
    assert story.calls[-1] == ("SR", {"image": "Flip_0"})


def test_what_is_pasted_is_not_cut_by_the_edge() -> None:
    story = follow("put the first picture on the second at the bottom right", inputs=2, answers={"Grounding": FACE})
    (call,) = [arguments for name, arguments in story.calls if name == "Overlayer"]
    half = call["scale"] * 500  # both pictures are equally large
    assert all(half <= at <= 1000 - half + 1 for at in call["position"]) and min(call["position"]) > 500


@pytest.mark.parametrize(
    ("words", "box"),
    [
        ("crop out the bottom third", [0, 0, 1000, 667]),
        ("cut off the left 100 pixels", [500, 0, 1000, 1000]),  # the picture is 200 × 100
        ("crop 10 pixels off the top", [0, 100, 1000, 1000]),
        ("keep only the left 50 pixels", [0, 0, 250, 1000]),
        ("trim 20 px from each side", [100, 200, 900, 800]),
        ("cut off 10% on all sides", [100, 100, 900, 900]),
    ],
)
def test_what_is_cut_off_is_gone_by_its_own_measure(words: str, box: list[int]) -> None:
    story = follow(words)
    assert story.calls == [("Crop", {"image": "img_1", "bbox": box})] and not story.end.not_done


def test_more_than_there_is_cannot_be_cut_off() -> None:
    story = follow("cut off the left 500 pixels")
    assert not story.calls and "200 × 100 pixels" in story.end.not_done[0]


def test_a_mask_on_the_way_is_not_the_result() -> None:
    story = follow("mask the face and make it blue", answers={"ImageEdit": "Error: not understood."})
    assert "SAM" in story.tools and story.end.final_id == "img_1" and story.end.not_done
    assert follow("give me a mask of the face").end.final_id == "SAM_0"


def test_a_word_beside_another_is_answered_by_that_word() -> None:
    read = {"OCR": "OCR Results (1 text regions found):\n'FRESH EGGS TODAY' (confidence: 0.98, box: [1, 2, 3, 4])"}
    for words, word in (("the word after 'EGGS'", "TODAY"), ("the word before 'EGGS'", "FRESH")):
        story = follow(f"what is {words}?", answers=read)
        assert str(story.end.reason).endswith(word) and not story.end.not_done, words
    assert "no word was read after" in follow("what is the word after 'TODAY'?", answers=read).end.not_done[0]


def test_a_number_answers_how_many() -> None:
    assert str(follow("how many faces are there?").end.reason) == "Found 1 for 'faces'"


def test_pictures_side_by_side_are_one_call() -> None:
    (call,) = follow("put the two pictures side by side", inputs=2).calls
    assert call == (
        "ImageEdit",
        {"image": "img_1", "references": ["img_2"], "edit_prompt": "put the two pictures side by side"},
    )


def test_texts_are_removed_only_where_some_are_seen_to_go() -> None:
    story = follow("remove the watermark", answers={"OCR": SALE})
    assert "can still be read" in story.end.not_done[0] and story.end.final_id == "img_1"
    assert follow("remove the watermark", answers={"OCR": NO_TEXT}).end.not_done


def test_plans_name_what_is_left_over() -> None:
    (step,) = make_plan("write 'SALE' at the top in cursive").steps
    assert step["left"] == ("cursive",)
