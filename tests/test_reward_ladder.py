"""The ladder: under preset `paper` with judge `local-2`, more of the work earns more than less of it, or a cheat."""

from __future__ import annotations

import asyncio
from statistics import fmean
from typing import Any

import pytest

from canvasagent import Agent, Trajectory
from canvasagent.craft.bench import BenchTask, load_bench
from canvasagent.craft.bench.runs import run_gold
from canvasagent.environment import Limits
from canvasagent.protocol.turns import ToolCall, render_turn
from canvasagent.rewards.hybrid import score
from canvasagent.rewards.judges import load_judge
from canvasagent.testing import check_judge
from helpers import ListPolicy, call
from judged import TOOLBOX, judged

JUDGE = load_judge("local-2")
JUNK: dict[str, dict[str, Any]] = {
    "OCR": {},
    "Grounding": {"reference_text": "sky"},
    "SAM": {"bbox": "[100, 100, 400, 400]"},
    "Extract": {"mask": "SAM_0"},
    "Crop": {"bbox": "[0, 0, 500, 500]"},
    "Rotate": {"angle": 90},
    "Flip": {},
    "SR": {},
    "ImageEdit": {"edit_prompt": "make it brighter"},
}
"""Valid calls on the input that have nothing to do with the request; other tools are written out in `junk`."""
LOOKS = ("OCR", "Grounding")


def tasks(count: int) -> list[BenchTask]:
    """The shortest tasks with one input, at least two changes and a look."""
    fit = [
        task
        for task in load_bench(verify=None).tasks
        if len(task.task().images) == 1
        and sum(tool not in LOOKS for tool in task.expected_tools) >= 2
        and any(tool in LOOKS for tool in task.expected_tools)
    ]
    return sorted(fit, key=lambda task: len(task.expected_tools))[:count]


def junk(tool: str) -> str:
    """A turn that calls `tool` without regard to the request."""
    if tool == "ImageGeneration":
        return render_turn("Next.", ToolCall(tool, {"prompt": "a red car"}))
    if tool == "Overlayer":
        overlay = {"base_image": "img_1", "overlay_type": "text", "content": "x", "position": [900, 60]}
        return render_turn("Next.", ToolCall(tool, overlay))
    return render_turn("Next.", ToolCall(tool, {"image": "img_1", **JUNK[tool]}))


def rungs(task: BenchTask, gold: Trajectory) -> dict[str, list[str]]:
    texts = [turn.text for turn in gold.turns]
    steps = [turn for turn in gold.turns if turn.call is not None]
    kept = [turn for turn in steps if turn.call is not None and turn.call.tool not in LOOKS]
    half = steps[: len(steps) // 2]
    last = next((turn.asset for turn in reversed(half) if turn.asset is not None), "img_1")
    done = "All that was asked for is done."
    return {
        "gold": texts,
        "no looks": [*(turn.text for turn in kept), texts[-1]],
        "half": [*(turn.text for turn in half), render_turn(done, final_id=last)],
        "half, not done": [
            *(turn.text for turn in half),
            render_turn("Half of it is done.\nNot done: the other half.", final_id=last),
        ],
        "input back": [render_turn(done, final_id="img_1")],
        "junk": [
            *(junk(tool) for tool in (*JUNK, "ImageGeneration", "Overlayer") if tool in task.expected_tools),
            render_turn(done, final_id="img_1"),
        ],
        "OCR × 8": [*[call("OCR")] * 8, render_turn(done, final_id="img_1")],
        "only SR": [call("SR"), render_turn(done, final_id="SR_0")],
    }


def ladder(count: int) -> dict[str, float]:
    """Mean R of each rung."""
    totals: dict[str, list[float]] = {}
    for task in tasks(count):
        gold = asyncio.run(run_gold(task, TOOLBOX)).trajectory
        for name, texts in rungs(task, gold).items():
            run = Agent(ListPolicy(texts), TOOLBOX, limits=Limits(max_turns=40)).run(task.task())
            total = score(run, "paper", judged(JUDGE, run)).total
            assert total is not None, (task.id, name)
            totals.setdefault(name, []).append(total)
    return {name: fmean(values) for name, values in totals.items()}


def holds(means: dict[str, float]) -> None:
    assert means["gold"] > means["no looks"] > means["half"], means
    assert means["half, not done"] > means["half"], means
    assert means["half"] > max(means[name] for name in ("input back", "junk", "OCR × 8", "only SR")), means


@pytest.mark.parametrize("count", [6, pytest.param(40, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_more_of_the_work_earns_more(count: int) -> None:
    holds(ladder(count))


def test_the_judge_conforms() -> None:
    check_judge(JUDGE)
