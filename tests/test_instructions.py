"""The instruction set: its data, the world that it is played in, and how far the scripted policy gets."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image, ImageDraw

from canvasagent import Task, ToolBox
from canvasagent.environment import Environment
from canvasagent.imaging.fonts import font_for
from canvasagent.policies.scripted import next_turn
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.turns import ToolCall
from canvasagent.tools import all_tools
from instruction_scene import Picture, edited, find, picture_of, readable, rotated
from instruction_world import DATA, LOOKING, Line, World, gold, load, miss, score

THRESHOLDS = {
    "instructions": 92,
    "instructions_held_out": 95,
    "instructions_heldout2": 93,
    "instructions_heldout3": 73,
}
"""Per cent of each set that the scripted policy meets, at least. Raise them with the planner. The held-out sets were
scored once before anybody who works on the planner read them; the first two
are tuned on since; patterns were selected by the count of the third."""

LINES = load()
FIELDS = {"id", "kind", "request", "inputs", "world", "expect"}
EXPECTED = {"calls", "unmet", "answer", "says", "final"}
HELD_OUT = DATA / "instructions_held_out.jsonl"


def all_lines() -> list[Line]:
    """The lines of the main set and the first held-out one."""
    return LINES + load("instructions_held_out")


# ── the data ─────────────────────────────────────────────────────────────────────────────────────────────


def test_there_are_enough_and_no_two_alike() -> None:
    assert len(LINES) >= 235
    lines = all_lines()
    assert len({line["id"] for line in lines}) == len(lines)
    plain = {re.sub(r"\W+", " ", line["request"]).strip().lower() or line["request"] for line in lines}
    assert len(plain) == len(lines)
    used = {step["tool"] for line in LINES for step in line["expect"]["calls"]}
    assert used == set(all_tools())
    assert max(len(line["expect"]["calls"]) for line in lines) >= 8


def test_lines_are_well_formed() -> None:
    for line in all_lines():
        assert set(line) == FIELDS and line["id"].startswith(line["kind"]), line["id"]
        expect = line["expect"]
        assert expect.keys() <= EXPECTED and expect["answer"] == ("says" in expect), line["id"]
        assert expect["unmet"] in (True, False, None) and (expect["calls"] or expect["unmet"]), line["id"]
        assert len(line["world"]) in (0, line["inputs"]), line["id"]
        assert all(world.keys() <= {"things", "text", "turned", "size"} for world in line["world"]), line["id"]
        for step in expect["calls"]:
            known = all_tools()[step["tool"]].arguments.model_fields
            assert step["args"].keys() <= set(known), line["id"]
            missing = set(all_tools()[step["tool"]].required) - step["args"].keys()
            assert missing <= {"bbox", "mask"}, line["id"]


def test_who_knows_the_answers_meets_every_line() -> None:
    """Every expected call is valid in the world: a player who makes them, and nothing else, scores 100 %."""
    lines = all_lines()
    assert [result for result in score(gold(lines), lines) if not result.met] == []


def test_what_was_set_aside_is_what_was_promised() -> None:
    promised, first = (row.split("  ") for row in (DATA / "instructions_held_out.sha256").read_text().splitlines())
    content = HELD_OUT.read_bytes()
    assert hashlib.sha256(content).hexdigest() == promised[0]
    count = int(first[1].split()[2])
    part = b"".join(content.splitlines(keepends=True)[:count])
    assert hashlib.sha256(part).hexdigest() == first[0]


@pytest.mark.parametrize("name", ["instructions_heldout2", "instructions_heldout3", "instructions_heldout4"])
def test_later_sets_are_what_was_promised(name: str) -> None:
    promised = (DATA / f"{name}.sha256").read_text().split()[0]
    assert hashlib.sha256((DATA / f"{name}.jsonl").read_bytes()).hexdigest() == promised
    lines = load(name)
    assert [result for result in score(gold(lines), lines) if not result.met] == []


# ── the world against the real tools ─────────────────────────────────────────────────────────────────────

SEQUENCE: list[tuple[str, dict[str, Any]]] = [
    ("Rotate", {"image": "img_1", "angle": 90}),
    ("Flip", {"image": "img_1"}),
    ("Crop", {"image": "img_1", "bbox": [100, 200, 900, 800]}),
    ("SR", {"image": "Crop_0"}),
    ("Overlayer", {"base_image": "img_1", "overlay_type": "text", "content": "HI", "position": [500, 100]}),
    ("ImageEdit", {"image": "img_1", "edit_prompt": "make it warmer"}),
    ("Grounding", {"image": "img_1", "reference_text": "the red circle"}),
    ("Grounding", {"image": "img_1", "reference_text": "the blue circle"}),
    ("OCR", {"image": "img_1"}),
    ("Rotate", {"image": "img_1", "angle": 180}),
    ("OCR", {"image": "Rotate_1"}),
    ("OCR", {"image": "Rotate_0"}),
    ("SAM", {"image": "img_1", "bbox": [100, 300, 900, 700]}),
    ("Extract", {"image": "img_1", "mask": "SAM_0"}),
    ("Overlayer", {"base_image": "Flip_0", "overlay_type": "object", "content": "Extract_0"}),
    ("Rotate", {"image": "img_9", "angle": 90}),
]


def without_numbers(text: str) -> str:
    """An observation with every measure left out; ids and angles of text stay."""
    kept = re.sub(r"\[\d[\d, ]*\]|\(\d+, \d+\)|\d+\.\d+%?", "#", text)
    return re.sub(r"The mask covers .*", "The mask covers #", kept)


def test_the_world_speaks_as_the_real_tools_do() -> None:
    picture = Image.new("RGB", (480, 200), "white")
    ImageDraw.Draw(picture).text((240, 100), "OPEN", font=font_for("OPEN", 90), fill="black", anchor="mm")
    ImageDraw.Draw(picture).ellipse((20, 80, 80, 140), fill="blue")
    world = World({"inputs": 1, "world": [{"things": {"blue circle": 1}, "text": ["OPEN"], "size": [480, 200]}]})

    async def real() -> list[str]:
        environment = Environment(ToolBox("lite"))
        environment.reset(Task("look", [picture]))
        texts = []
        for name, arguments in SEQUENCE:
            body = json.dumps({"name": name, "arguments": arguments})
            step = await environment.step(f"<reason>Next.</reason>\n<tool_call>{body}</tool_call>")
            assert step.message is not None
            texts.append(step.message.text)
        return texts

    for (name, arguments), text in zip(SEQUENCE, asyncio.run(real()), strict=True):
        assert without_numbers(world.call(ToolCall(name, arguments)).text) == without_numbers(text), name


def test_the_world_remembers_what_was_done() -> None:
    picture = picture_of({"things": {"dog": 1, "tree": 3}, "text": ["OPEN"], "turned": 90})
    assert [len(find(picture, phrase)) for phrase in ("the dog", "trees", "cat")] == [1, 3, 0]
    assert len(find(picture, "the second tree from the left")) == 1
    assert [item.turned for item in readable(rotated(picture, -90))] == [0]
    assert not find(edited(picture, "remove the dog"), "dog")
    swapped = edited(picture, "replace the dog with two cats")
    assert [len(find(swapped, phrase)) for phrase in ("dog", "cats", "tree")] == [0, 2, 3]
    pumpkins = Picture(told="a stall with five orange pumpkins")
    for prompt, count in (
        ("remove one pumpkin", 4),
        ("add a second pumpkin on the left", 6),
        ("remove the pumpkins", 0),
    ):
        assert len(find(edited(pumpkins, prompt), "pumpkins")) == count
    assert len(find(edited(picture, "add another tree"), "tree")) == 4
    assert [item.name for item in readable(edited(picture, "replace 'OPEN' with 'SHUT'"))] == ["SHUT"]
    assert len(find(Picture(told="three cats on a sofa"), "cats")) == 3


# ── the rule of scoring ──────────────────────────────────────────────────────────────────────────────────


def says(*turns: str) -> Any:
    """A policy that says these turns, one after the other."""

    def policy(messages: Sequence[Message]) -> str:
        return turns[min(sum(message.role == "assistant" for message in messages), len(turns) - 1)]

    return policy


def turn(name: str, **arguments: Any) -> str:
    return f"<reason>Next.</reason>\n<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


END = "<reason>Done.</reason>\n<Terminate>"


def test_what_scores_and_what_does_not() -> None:
    calls = [
        {"tool": "ImageEdit", "args": {"image": "img_1", "edit_prompt": ["car", "red|crimson"]}},
        {"tool": "ImageEdit", "args": {"image": "ImageEdit_0", "edit_prompt": ["wall"]}},
        {"tool": "Rotate", "args": {"image": "ImageEdit_1", "angle": 270}},
    ]
    expect = {"calls": calls, "unmet": False, "answer": False}
    line = {"id": "x", "kind": "x", "request": "x", "inputs": 1, "world": [], "expect": expect}
    red = turn("ImageEdit", image="img_1", edit_prompt="make the car crimson")
    wall = turn("ImageEdit", image="ImageEdit_0", edit_prompt="clean the wall")
    both = turn("ImageEdit", image="img_1", edit_prompt="make the car red and clean the wall")
    look = turn("OCR", image="img_1")
    assert not miss(says(red, look, wall, turn("Rotate", image="ImageEdit_1", angle=-90), END), line)
    assert not miss(says(both, turn("Rotate", image="ImageEdit_0", angle=270), look, END), line)
    assert "never calls" in miss(says(red, wall, END), line)
    assert "expected Rotate" in miss(says(both, turn("Rotate", image="img_1", angle=270), END), line)
    assert "expected nothing more" in miss(
        says(both, turn("Rotate", image="ImageEdit_0", angle=270), turn("Flip", image="img_1"), END), line
    )
    unmet = "<reason>Not done: the rest.</reason>\n<Terminate>"
    assert "not done" in miss(says(both, turn("Rotate", image="ImageEdit_0", angle=270), unmet), line)
    assert "Error" in miss(says(turn("Flip", image="img_7"), END), line)
    assert set(LOOKING) == {"OCR", "Grounding"}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_the_scripted_policy_meets_enough_of_it(name: str) -> None:
    results = score(next_turn, load(name))
    missed = [f"{result.id}: {result.reason}" for result in results if not result.met]
    assert 100 * (len(results) - len(missed)) >= THRESHOLDS[name] * len(results), "\n".join(missed)
