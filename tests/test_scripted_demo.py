"""The drawn run of the demonstration: a look at the result really fails once, and the failure is mended."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

from demo import requests

from canvasagent import Agent, Limits, Task, ToolBox
from canvasagent.policies._scripted.language import says


def test_a_look_at_the_drawing_fails_once_and_is_mended() -> None:
    (drawn,) = [request for request in requests() if request.name == "drawn"]
    with ToolBox("lite") as toolbox:
        run = Agent("scripted", toolbox, limits=Limits(max_turns=20)).run(Task(drawn.instruction, drawn.images))
    calls = [(turn.call.tool, turn.words or "") for turn in run.turns if turn.call is not None]
    read = [says(words.splitlines(), "FRESH EGGS") for tool, words in calls if tool == "OCR"]
    assert read == [False, True]
    drawings = [
        turn.call.arguments["prompt"] for turn in run.turns if turn.call and turn.call.tool == "ImageGeneration"
    ]
    assert len(drawings) == 2 and drawings[0] != drawings[1]
    assert run.status == "met" and [tool for tool, _ in calls][:4] == ["ImageGeneration", "OCR"] * 2
