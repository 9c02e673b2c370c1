"""The scripted policy on what people say around their orders: corrections, prohibitions, conditions, questions."""

from __future__ import annotations

from typing import Any

import pytest

from canvasagent.english.nouns import singular
from canvasagent.english.quotations import Quotes
from canvasagent.english.spelling import respelled
from canvasagent.policies._scripted.details import head
from canvasagent.policies._scripted.language import clauses, nameable, resolved, reworded, strip
from canvasagent.policies._scripted.plan import make_plan
from canvasagent.policies._scripted.wishes import amend, condition
from test_policy_scripted import FACE, NO_TEXT, NOTHING, SALE, follow, line

NONE = "No objects matching 'it' were found in the image."


def found(count: int, label: str = "dog") -> str:
    boxes = [f"- '{label}': [{100 * index}, 100, {100 * index + 90}, 300] (confidence: 0.90)" for index in range(count)]
    return "\n".join([f"Found {count} objects:", *boxes]) if count else NONE


# ── corrections ──────────────────────────────────────────────────────────────────────────────────────────

CORRECTIONS = [
    ("rotate it 45 degrees, no wait, 90", [("Rotate", {"image": "img_1", "angle": 90})]),
    ("turn it to the left. No, to the right!", [("Rotate", {"image": "img_1", "angle": 90})]),
    ("flip it - scratch that, rotate it by 90 degrees instead", [("Rotate", {"image": "img_1", "angle": 90})]),
    ("mirror it. Wait. Turn it upside down.", [("Rotate", {"image": "img_1", "angle": 180})]),
    ("Mirror it. Never mind. Rotate it by 45.", [("Rotate", {"image": "img_1", "angle": 45})]),
    ("rotate it by 90, not by 45", [("Rotate", {"image": "img_1", "angle": 90})]),
]


@pytest.mark.parametrize(("words", "calls"), CORRECTIONS)
def test_corrections(words: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    assert follow(words).calls == calls


def test_a_correction_of_a_text_keeps_the_rest() -> None:
    story = follow("write 'SALE' at the top in red, actually make that blue, I mean at the bottom")
    assert story.calls[0][1]["color"] == "blue" and story.calls[0][1]["position"] == [500, 900]
    assert follow("write 'OPEN' at the top, sorry, 'SALE'").calls[0][1]["content"] == "SALE"
    assert follow("mirror the first picture, I mean the second one", inputs=2).calls == [("Flip", {"image": "img_2"})]


@pytest.mark.parametrize(
    ("text", "fragment", "amended"),
    [
        ("rotate it 45", "90", "rotate it 90"),
        ("paint the roof blue", "red", "paint the roof red"),
        ("write ⟪0⟫", "at the top left", "write ⟪0⟫ at the top left"),
        ("make it brighter", "darker", "make it darker"),
        ("mirror it", "what a lovely day", None),
    ],
)
def test_amendments(text: str, fragment: str, amended: str | None) -> None:
    assert amend(text, fragment) == amended


# ── prohibitions ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("make it sepia but don't change the dog", "the dog"),
        ("make it sepia, leave the sky alone", "the sky"),
        ("make it sepia without touching the red car", "the red car"),
        ("make it sepia. The clock must stay as it is.", "The clock"),
        ("make it sepia, keep the trees as they are", "the trees"),
    ],
)
def test_prohibitions_are_passed_on_and_never_carried_out(words: str, kept: str) -> None:
    plan = make_plan(words)
    assert plan.kept == (kept,) and len([*plan.steps]) == 1
    story = follow(words)
    assert story.tools == ["ImageEdit"] and kept.split()[-1] in story.calls[0][1]["edit_prompt"]
    assert not story.end.not_done


def test_what_the_edit_cannot_spare_is_put_back() -> None:
    story = follow(
        "make it sepia but leave the face alone",
        answers={"ImageEdit": ["Error: not understood: 'leave the face alone'.", "Edited image as asked: sepia"]},
    )
    assert story.tools == ["ImageEdit", "Grounding", "ImageEdit", "SAM", "Extract", "Overlayer"]
    assert story.calls[2][1]["edit_prompt"] == "make the picture sepia" and story.end.final_id == "Overlayer_0"


@pytest.mark.parametrize("words", ["don't mirror it", "Don't rotate it and don't crop the dog.", "never flip anything"])
def test_prohibitions_alone_touch_nothing(words: str) -> None:
    assert follow(words).calls == []


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────

CONDITIONS = [
    ("if there is no dog, add one", 1, ["Grounding"]),
    ("if there is no dog, add one", 0, ["Grounding", "ImageEdit"]),
    ("mirror it if there is a dog", 0, ["Grounding"]),
    ("mirror it unless there is a dog", 0, ["Grounding", "Flip"]),
    ("when there are more than two cups, mirror it", 2, ["Grounding"]),
    ("when there are more than two cups, mirror it", 3, ["Grounding", "Flip"]),
    ("if there are at least two cups mirror it, otherwise enlarge it", 1, ["Grounding", "SR"]),
    ("Is there a dog? If so, crop to it; if not, mirror it.", 1, ["Grounding", "Crop"]),
    ("Is there a dog? If so, crop to it; if not, mirror it.", 0, ["Grounding", "Flip"]),
    ("if you see a dog, crop to it and then enlarge it. Then mirror it", 0, ["Grounding", "Flip"]),
]


@pytest.mark.parametrize(("words", "count", "tools"), CONDITIONS)
def test_conditions_on_things(words: str, count: int, tools: list[str]) -> None:
    story = follow(words, answers={"Grounding": [found(count), found(1)]})
    assert story.tools[: len(tools)] == tools and not story.end.not_done
    assert set(story.tools[len(tools) :]) <= {"Grounding"}


OTHER_CONDITIONS = [
    ("Should there be a dog, mirror it. In the other case, enlarge it.", [1], "Flip"),
    ("Say there is a dog: mirror it. In the other case enlarge it.", [0], "SR"),
    ("With the boat in sight, mirror it. Without it, enlarge it.", [1], "Flip"),
    ("With the boat in sight, mirror it. Without it, enlarge it.", [0], "SR"),
    ("Mirror it with the boat in view.", [0], ""),
    (
        "Does it show a dog? If it does, mirror it. Otherwise, if there is a cat, enlarge it. Otherwise, read it.",
        [0, 0],
        "OCR",
    ),
    (
        "If there is a dog and a cat, mirror it; if there is only a dog, enlarge it; if there is no dog, read it.",
        [1, 1],
        "Flip",
    ),
    (
        "If there is a dog and a cat, mirror it; if there is only a dog, enlarge it; if there is no dog, read it.",
        [1, 0, 1],
        "SR",
    ),
    ("If there is a dog and a cat, mirror it; only a dog: enlarge it; no dog: read it.", [0], "OCR"),
    ("If there is a dog: if it is brown, mirror it, otherwise enlarge it. Otherwise, read it.", [1, 0], "SR"),
    ("If there is a dog: if it is brown, mirror it, otherwise enlarge it. Otherwise, read it.", [0], "OCR"),
    ("Mirror it unless there is a dog, otherwise enlarge it.", [1], "SR"),
]


@pytest.mark.parametrize(("words", "counts", "tool"), OTHER_CONDITIONS)
def test_conditions_in_other_words_and_within_conditions(words: str, counts: list[int], tool: str) -> None:
    story = follow(words, answers={"Grounding": [found(count) for count in counts]})
    assert [name for name in story.tools if name != "Grounding"] == [tool] * bool(tool) and not story.end.not_done


def test_one_is_one_of_what_was_asked_for() -> None:
    story = follow("if there is no dog, add one", answers={"Grounding": [NOTHING, found(1)]})
    assert story.calls[1][1]["edit_prompt"] == "add a dog"
    story = follow("if there are more than two cups, remove one", answers={"Grounding": [found(3), found(2)]})
    assert story.calls[1][1]["edit_prompt"] == "remove one cup" and not story.end.not_done


def test_conditions_on_text() -> None:
    words = "unless it says 'SALE', write 'SALE' at the top"
    assert follow(words, answers={"OCR": SALE}).tools == ["OCR"]
    assert follow(words, answers={"OCR": [NO_TEXT, SALE]}).tools == ["OCR", "Overlayer", "OCR"]
    story = follow("if the sign says OPEN, change it to CLOSED", answers={"OCR": [line("OPEN"), line("CLOSED")]})
    assert story.calls[1][1]["edit_prompt"] == 'change the text "OPEN" to CLOSED' and not story.end.not_done
    assert follow("if there is any text, mirror it", answers={"OCR": NO_TEXT}).tools == ["OCR"]


def test_what_was_not_called_for_is_said() -> None:
    story = follow("if there is a dog, crop to it", answers={"Grounding": NONE})
    assert "0 found for 'dog'" in str(story.end.reason) and story.end.final_id is None


@pytest.mark.parametrize(
    ("text", "kind", "said", "least", "most"),
    [
        ("there is a dog", "there", True, 1, 10**6),
        ("there isn't a dog", "there", False, 1, 10**6),
        ("there are no more than three dogs", "there", True, 0, 3),
        ("you see exactly two dogs", "there", True, 2, 2),
        ("the text is upside down", "turned", True, 1, 10**6),
        ("the moon is full", "unknown", True, 1, 10**6),
    ],
)
def test_conditions_taken_apart(text: str, kind: str, said: bool, least: int, most: int) -> None:
    asked = condition(text, Quotes())
    assert (asked.kind, asked.said, asked.least, asked.most) == (kind, said, least, most)


# ── questions ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "count", "answer"),
    [
        ("Is there a dog?", 1, "Yes"),
        ("Do you see a dog?", 0, "No"),
        ("Is the car red?", 1, "Yes"),
        ("How many dogs are there?", 3, "3"),
        ("Where is the dog?", 1, "[0, 100, 90, 300]"),
    ],
)
def test_questions_are_answered_in_words(words: str, count: int, answer: str) -> None:
    story = follow(words, answers={"Grounding": found(count)})
    assert story.tools == ["Grounding"] and answer in str(story.end.reason) and story.end.final_id is None


def test_yes_or_no_on_text() -> None:
    assert "Yes" in str(follow("Does the sign say 'SALE'?").end.reason)
    assert "No" in str(follow("Does the sign say 'OPEN'?").end.reason)


# ── looking at what came of it ───────────────────────────────────────────────────────────────────────────


def test_added_things_are_looked_for_and_tried_again() -> None:
    story = follow("add a dog on the left", answers={"Grounding": [NONE, found(1)]})
    assert story.tools == ["ImageEdit", "Grounding"] * 2 and story.end.final_id == "ImageEdit_1"
    assert (
        story.calls[2][1]["image"] == "img_1" and story.calls[2][1]["edit_prompt"] != story.calls[0][1]["edit_prompt"]
    )
    story = follow("add a dog, then mirror it", answers={"Grounding": NONE})
    assert story.tools == ["ImageEdit", "Grounding"] * 3 + ["Flip"]
    assert story.calls[-1][1]["image"] == "img_1" and "dog" in story.end.not_done[0]


def test_removed_things_are_looked_for() -> None:
    assert not follow("remove the dog", answers={"Grounding": NONE}).end.not_done
    story = follow("remove the second dog from the left", answers={"Grounding": [found(2), found(3)]})
    assert story.tools == ["ImageEdit", "Grounding", "Grounding"] and not story.end.not_done
    story = follow("remove the dog", answers={"Grounding": found(1)})
    assert story.tools.count("ImageEdit") == 3 and story.end.final_id == "img_1" and story.end.not_done


SHOWN = "blue door"


@pytest.mark.parametrize(
    ("words", "count", "look"),
    [
        ("paint the door blue and make sure it is blue", 1, SHOWN),
        ("paint the door blue, then make sure", 1, SHOWN),
        ("paint the door blue and confirm the blue", 1, SHOWN),
        ("paint the door blue, then check blue", 1, SHOWN),
        ("paint the door blue and double-check it's blue", 1, SHOWN),
        ("paint the door blue. Take a good look at it.", 1, SHOWN),
        ("paint the door blue and verify the colour", 1, SHOWN),
        ("remove the tramp and verify he is gone", 0, "tramp"),
        ("erase the skip and prove it is gone", 0, "skip"),
        ("erase the skip and show me you really did it", 0, "skip"),
        ("erase the skip. Check that no skip is left.", 0, "skip"),
        ("erase the skip. Is it really gone? Show me.", 0, "skip"),
    ],
)
def test_what_is_to_be_verified_is_looked_at_and_never_edited(words: str, count: int, look: str) -> None:
    story = follow(words, answers={"Grounding": found(count)})
    assert story.tools == ["ImageEdit", "Grounding"] and not story.end.not_done
    assert story.calls[1][1] == {"image": "ImageEdit_0", "reference_text": look}


def test_verifying_looks_at_what_was_done_last_or_at_each() -> None:
    assert follow("mirror it and make sure").tools == ["Flip", "OCR"]
    assert follow("write 'SALE' at the top and confirm it").tools == ["Overlayer", "OCR"]
    answers = {"Grounding": [NONE, found(1), NONE]}
    assert follow("remove the cat, add a dog and verify each", answers=answers).calls[-1][1]["reference_text"] == "cat"
    story = follow("paint the door blue and make sure it is blue", answers={"Grounding": NONE})
    assert story.tools == ["ImageEdit", "Grounding"] and "0 found for 'blue door'" in story.end.not_done[0]


def test_an_edit_that_does_not_find_its_thing_gets_a_mask() -> None:
    refused = "Error: no 'dog' was found in the picture."
    story = follow(
        "make the dog blue", answers={"ImageEdit": [refused, "Edited image as asked"], "Grounding": found(1)}
    )
    assert story.tools == ["ImageEdit", "Grounding", "SAM", "ImageEdit"]
    assert story.calls[-1][1]["masked_image"] == "SAM_0" and not story.end.not_done


def test_turning_that_makes_it_worse_is_taken_back() -> None:
    seen = [line("OPEN", ", upside down"), NO_TEXT]
    story = follow("turn it the right way up", answers={"OCR": seen})
    assert story.end.final_id == "img_1" and "is kept" in story.end.not_done[0]


def test_lettering_of_a_drawing_is_read() -> None:
    story = follow("draw a shop with a sign saying 'SALE'", inputs=0, answers={"OCR": [NO_TEXT, SALE]})
    assert story.tools == ["ImageGeneration", "OCR"] * 2 and not story.end.not_done


# ── drawn things, and words for them ─────────────────────────────────────────────────────────────────────


def test_it_means_the_thing_that_was_drawn_or_added() -> None:
    story = follow("draw a dog on a beach, then make it smaller", inputs=0)
    assert story.calls[-1][1]["edit_prompt"] == "make the dog smaller"
    story = follow("draw a dog on a beach, then make it brighter", inputs=0)
    assert story.calls[-1][1]["edit_prompt"] == "make the picture brighter"
    story = follow("add a cat and move it to the left", answers={"Grounding": found(1, "cat")})
    assert story.calls[-1][1]["edit_prompt"] == "move the cat to the left"


def test_sizes_and_places_in_any_order() -> None:
    story = follow("cut out the face and put it large on the second picture at the top left", inputs=2)
    assert story.calls[-1][1]["scale"] == 1.5
    assert story.calls[-1][1]["position"] == [150, 150]  # moved in as far as it needs to be seen whole
    story = follow("cut out the face and put it twice as big on the second picture", inputs=2)
    assert story.calls[-1][1]["scale"] == 2.0 and story.calls[-1][1]["base_image"] == "img_2"
    story = follow("write 'SALE' in big red letters in the top right corner")
    assert story.calls[0][1]["font_size"] == 160 and story.calls[0][1]["color"] == "red"


def test_typefaces_are_told() -> None:
    assert "cursive" in follow("write 'SALE' at the top in cursive").end.not_done[0]


@pytest.mark.parametrize(
    "words", ["roatate teh pic 90 degres plz", "can u rotate it by 90", "I'd like it rotated by ninety degrees"]
)
def test_sloppy_writing(words: str) -> None:
    assert follow(words).calls == [("Rotate", {"image": "img_1", "angle": 90})]


def test_words_put_right() -> None:
    assert respelled("teh pictrue in the backgroud") == "the picture in the background"
    assert respelled("the horse at the back") == "the horse at the back"


def test_small_rules() -> None:
    assert head("the second tree from the left") == "tree" and head("a red ball") == "red ball"
    assert [singular(noun) for noun in ("cups", "boxes", "people", "glass")] == ["cup", "box", "person", "glass"]
    assert nameable("a dog") and not nameable("a warm light") and not nameable("")
    assert resolved("add one", "dog", False) == "add a dog" and resolved("blur it", None, True) == "blur the picture"
    assert resolved("remove one", "cup", False) == "remove one cup"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("give me a crop of the tallest chimney", "crop to the tallest chimney"),
        ("what this beach really lacks is a red parasol", "add a red parasol"),
        ("the power line across the sky spoils it for me", "remove the power line across the sky"),
        ("it is supposed to be early evening, but it looks like noon", "make it early evening"),
        ("a print shop told me this file doesn't have enough pixels", "enlarge it"),
        ("bottom third", "crop to the bottom third"),
        ("kettle, transparent background", "cut out kettle"),
        ("the title is ⟪0⟫ and belongs at the top", "write the title ⟪0⟫ at the top"),
        ("my boss thinks the logo in the corner has to go", "remove the logo in the corner"),
        ("honestly, could you be a dear and mirror it? bless you", "mirror it"),
        ("ensure that the face stays untouched", "leave the face as it is"),
        ("upscale the crop", "upscale the crop"),
        ("double-check it is green", "check it is green"),
    ],
)
def test_other_ways_of_saying_things(said: str, meant: str) -> None:
    assert strip(said) == meant


@pytest.mark.parametrize(
    ("words", "phrases"),
    [
        ("find the goat. Where is he?", ["goat"]),
        ("find the goat. Is he brown?", ["goat", "brown goat"]),
        ("look for the goat", ["goat"]),
        ("find two things: the goat and the hen", ["goat", "hen"]),
        ("find one", []),
        ("locate place", []),
    ],
)
def test_pronouns_and_verbs_of_looking_are_not_looked_for(words: str, phrases: list[str]) -> None:
    story = follow(words, answers={"Grounding": found(1, "goat")})
    assert [arguments["reference_text"] for _, arguments in story.calls] == phrases


@pytest.mark.parametrize("words", ["make that crop four times as large", "enlarge the last crop so i can use it"])
def test_a_crop_is_a_picture(words: str) -> None:
    assert follow(words).tools == ["SR"] and follow("mirror the frame").tools == ["Flip"]


@pytest.mark.parametrize("words", ["make it", "give me the one", "blur whether the fog", "remove and verify each"])
def test_what_cannot_be_an_edit_is_told_and_the_rest_goes_on(words: str) -> None:
    story = follow(f"mirror it. {words}. Enlarge it.")
    assert [name for name in story.tools if name not in ("OCR", "Grounding")] == ["Flip", "SR"]


def test_what_is_said_over_sentences() -> None:
    request = "The other photo is the valley where he lives. Put the dog from the first one in the valley, at the left."
    assert "in The other photo" in reworded("whole", request)
    assert [clause.text for clause in clauses("no cat in it? then add a cat.")] == ["if no cat in it", "add a cat"]
    assert [clause.text for clause in clauses("this is far too dark and a bit blurry")] == [
        "make it brighter",
        "sharpen it",
    ]
    assert [clause.text for clause in clauses("Move it to picture 3. Then mirror it.")] == [
        "Move it to picture 3",
        "mirror it",
    ]


def test_a_condition_after_a_question_is_kept() -> None:
    story = follow("Is the umbrella open? If it is, make it yellow.", answers={"Grounding": NOTHING})
    assert story.tools == ["Grounding"] and "not called for" in (story.end.reason or "")
    story = follow("Everything but the chair should go.", answers={"Grounding": FACE})
    assert story.tools == ["Grounding", "SAM", "Extract"]
    assert follow("mirror it. On second thought, don't. Just sharpen it.").tools == ["ImageEdit"]
