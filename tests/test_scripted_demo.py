"""The drawn run of the demonstration: a look at what was written really fails once, and that is mended."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

from demo import requests

from canvasagent import Agent, Limits, Task, ToolBox
from canvasagent.protocol.observation_parser import says


def test_a_look_at_the_drawing_fails_once_and_is_mended() -> None:
    (drawn,) = [request for request in requests() if request.name == "drawn"]
    with ToolBox("lite") as toolbox:
        run = Agent("scripted", toolbox, limits=Limits(max_turns=20)).run(Task(drawn.instruction, drawn.images))
    calls = [turn.call for turn in run.turns if turn.call is not None]
    words = [turn.words or "" for turn in run.turns if turn.call is not None]
    written = [number for number, call in enumerate(calls) if call.tool == "Overlayer"]
    assert [calls[number + 1].tool for number in written] == ["OCR", "OCR"]
    assert [says(words[number + 1].splitlines(), "Anna, 2026") for number in written] == [False, True]
    first, second = (calls[number].arguments for number in written)
    assert first["base_image"] == second["base_image"] and first["font_size"] < second["font_size"]
    assert run.status == "met" and run.final == "Overlayer_1"
