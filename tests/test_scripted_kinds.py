"""Kinds of requests that the scripted policy once carried out wrongly, or refused without need."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from canvasagent import Agent, Task
from canvasagent.backends.lite.drawn_things import ground_drawn
from canvasagent.english.spelling import respelled
from canvasagent.errors import ToolRefusal
from canvasagent.policies._scripted.lettering import described
from canvasagent.policies._scripted.plan import make_plan
from canvasagent.sketch.draw import draw

FIELD = "a cow, two sheep and a red barn in the field"
CARS = "a blue car and a green car in the street"


def ran(words: str, *scenes: str) -> Any:
    return Agent("scripted", "lite").run(Task(words, tuple(draw(scene, (384, 384), seed=1) for scene in scenes)))


def test_it_is_what_was_pasted_last() -> None:
    once = ran("put the dog from the second picture on the first one", "a field", "a dog in the park")
    more = ran(
        "put the dog from the second picture on the first one and make it bigger", "a field", "a dog in the park"
    )
    assert more.final_picture.size == once.final_picture.size and "SR" not in more.tool_calls
    scales = [
        turn.call.arguments.get("scale") or 1 for turn in more.turns if turn.call and turn.call.tool == "Overlayer"
    ]
    assert len(scales) == 2 and scales[1] > scales[0]


def test_a_count_keeps_to_the_place() -> None:
    looked = [
        turn.call.arguments["reference_text"] for turn in ran("How many sheep are left of the cow?", FIELD).turns[:1]
    ]
    assert looked == ["sheep left of the cow"]


def test_the_green_one_is_one_of_what_was_spoken_of() -> None:
    run = ran("make the blue car red and remove the green one", CARS)
    assert run.turns[1].call.arguments["edit_prompt"] == "remove the green car" and not run.unmet


def test_the_picture_that_is_asked_for_is_the_result() -> None:
    run = ran(
        "flip the second picture, make the first one brighter, give me the second one", "a house in the park", CARS
    )
    assert run.summary()["final_asset"] == "Flip_0" and not run.unmet
    run = ran("segment the cow and give me the cut-out", FIELD)
    assert run.tool_calls == ["Grounding", "SAM", "Extract"] and not run.unmet


def test_a_masked_text_is_blurred_as_a_text() -> None:
    run = ran("mask the text and blur it", "a billboard that says 'BIG SALE' in the city")
    assert "masked_image" not in run.turns[-2].call.arguments and not run.unmet


@pytest.mark.parametrize(
    ("words", "box"),
    [
        ("trim 10% off the top and 10% off the bottom", [0, 100, 1000, 900]),
        ("cut a 100 by 200 piece out of the centre", [370, 240, 630, 760]),
        ("crop it to a 2:1 widescreen format", [0, 250, 1000, 750]),
    ],
)
def test_crops(words: str, box: list[int]) -> None:
    assert ran(words, "a house in the park").turns[0].call.arguments["bbox"] == box


def test_initials_and_years_are_written_as_they_are() -> None:
    assert respelled("J.R. pls") == "J.R. please"
    assert described("the current year", date(2027, 5, 1)) == "2027"
    (step,) = make_plan("sign it with my initials, J.R., bottom left").steps
    assert described(step["content"], date(2027, 5, 1)) == "J.R." and step["style"]["position"] == [150, 880]


def test_a_number_that_is_written_is_counted_first() -> None:
    operations = [step["operation"] for step in make_plan("caption it with the number of cats that you can see").steps]
    assert operations == ["find", "text"]


def test_the_same_text_at_two_places_is_written_twice() -> None:
    steps = list(make_plan("write 'HI' twice, once at the top and once at the bottom").steps)
    assert [step["style"]["position"][1] for step in steps] == [100, 900]


def test_what_is_taken_out_of_the_only_picture_is_removed() -> None:
    assert [step["text"] for step in make_plan("take the blue car out of this photo").steps] == ["remove the blue car"]


def test_in_the_background_is_not_passed_over() -> None:
    with pytest.raises(ToolRefusal, match="background"):
        ground_drawn(draw(FIELD, (384, 384), seed=1), "the sheep in the background")


@pytest.mark.parametrize(
    ("words", "clause"),
    [
        (
            "Keep only the umbrella in color, everything else black and white.",
            "make everything but the umbrella black and white",
        ),
        ("Everything black and white except the red car.", "make everything but the red car black and white"),
        ("Isolate the bird from its background as a PNG.", "Isolate the bird"),
        ("make everything grey", "make everything grey"),
    ],
)
def test_one_thing_in_color_and_cut_outs_without_background(words: str, clause: str) -> None:
    assert [step["text"] for step in make_plan(words).steps] == [clause]
