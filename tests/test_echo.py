"""What a call says is repeated to the policy in part only, however long it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from canvasagent.environment import Environment
from canvasagent.errors import InputError
from canvasagent.execution.toolbox import ToolBox
from canvasagent.faults import MAX_MESSAGE, Stage, ToolFault
from canvasagent.protocol.turns import ToolCall, render_error
from canvasagent.rewards.checks import read_check
from canvasagent.task import Task
from canvasagent.tools import all_tools
from helpers import call, photo

LONG = "x" * 5000
VALUES: tuple[Any, ...] = (
    LONG,
    "word " * 3000,
    [LONG],
    {LONG: LONG},
    [[LONG] * 4],
    10**3000,
    [-(10**300)] * 4,
    [1] * 3000,
)
MOST = 1500
"""Characters of an observation on a call that says one such thing."""


@pytest.fixture(scope="module")
def environment() -> Iterator[Environment]:
    with ToolBox("lite") as toolbox:
        made = Environment(toolbox)
        made.reset(Task("flip it", [photo("coffee", 64)]))
        yield made


@pytest.mark.parametrize("name", [*all_tools(), LONG])
def test_faults_repeat_a_part_alone(environment: Environment, name: str) -> None:
    tool = all_tools().get(name)
    calls = [{LONG: 1}, {f"argument{number}": 1 for number in range(3000)}]
    for field in tool.arguments.model_fields if tool is not None else ():
        calls += [{**tool.example, field: value} for value in VALUES] if tool is not None else []
    for arguments in calls:
        executed = environment.check(ToolCall(name, arguments))
        text = render_error(executed.faults)
        assert len(text) < MOST and len(executed.faults) < 12
        json.dumps([fault.message for fault in executed.faults])


def test_a_long_name_leaves_what_would_be_right(environment: Environment) -> None:
    (fault,) = environment.check(ToolCall("Flip", {"image": "img_1", LONG: 1})).faults
    assert "Flip takes image" in fault.message and len(fault.message) < 200
    (fault,) = environment.check(ToolCall(LONG, {})).faults
    assert "there are ImageGeneration" in fault.message and len(fault.message) < 300


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("ImageEdit", {"image": "img_1", "edit_prompt": "make it warmer " + "very " * 700}),
        ("ImageEdit", {"image": "img_1", "edit_prompt": "y" * 3900}),
        ("Grounding", {"image": "img_1", "reference_text": "red circle " * 300}),
        ("Grounding", {"image": "img_1", "reference_text": "y" * 3900}),
        ("ImageGeneration", {"generation_prompt": "a red car " * 350}),
        ("ImageGeneration", {"generation_prompt": "y" * 3900}),
    ],
)
def test_observations_repeat_a_part_alone(environment: Environment, tool: str, arguments: dict[str, Any]) -> None:
    step = asyncio.run(environment.step(call(tool, **arguments)))
    assert step.message is not None and len(step.message.text) < MOST


def test_a_message_of_a_backend_is_cut() -> None:
    assert len(ToolFault(Stage.EXECUTION, LONG).message) == MAX_MESSAGE
    assert ToolFault(Stage.EXECUTION, "short").message == "short"


@pytest.mark.parametrize("check", [{LONG: 1}, {"check": LONG}, {"check": "text_readable", LONG: LONG}])
def test_a_wrong_check_is_repeated_in_part(check: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        read_check(check)
    assert len(str(refused.value)) < MOST
