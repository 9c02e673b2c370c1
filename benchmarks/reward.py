"""What the rules of the reward cost: equations 2 to 7 of an 8-turn trajectory, and whether they are linear in turns.

    python benchmarks/reward.py

A trajectory is really run on the lite profile; then the rules are timed on it alone, without judges, as `score` uses
them: every text is held against the contract and every call against its tool's definition anew. Two figures each:
the best of several rounds, which is what the code costs, and the median, which is what a busy machine makes of it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from device import device, write_results
from PIL import Image

from canvasagent import Agent, Limits, Task, ToolBox, score
from canvasagent.policies.replay import ReplayPolicy
from canvasagent.protocol.turns import ToolCall, render_turn
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.config import PRESETS
from canvasagent.rewards.rule import rules

TARGET_US = 146.0
"""What the research release's reward takes for a trajectory without judges, on a machine of this kind."""
LENGTHS = (8, 16, 32, 64)
ROUNDS = 300
SLICE_US = 1500
"""Time of one round, short enough that some rounds are not interrupted on a busy machine."""


def trajectory(turns: int) -> Trajectory:
    """A run of so many turns: the same six tools again and again, each on what was made before, then the end."""
    picture = Image.new("RGB", (96, 64), "white")
    picture.paste("red", (20, 16, 60, 48))
    calls: list[ToolCall] = []
    last = "img_1"
    for index in range(turns - 1):
        round_, step = divmod(index, 7)
        call, last = _step(step, round_, last)
        calls.append(call)
    texts = [render_turn("The picture shows what was asked for; the next step follows.", call) for call in calls]
    texts.append(render_turn("All that was asked for is done.", final_id=last))
    task = Task("work on it", [picture], expected_tools=("Crop", "Rotate", "Flip", "Overlayer", "SAM", "Extract"))
    with ToolBox("lite") as toolbox:
        return Agent(ReplayPolicy("bench", texts), toolbox, limits=Limits(max_turns=turns)).run(task)


def _step(step: int, round_: int, last: str) -> tuple[ToolCall, str]:
    """The call of a step, and the picture that the next one works on."""
    arguments: dict[str, object] = {"image": last}
    if step == 0:
        return ToolCall("Crop", arguments | {"bbox": [0, 0, 1000 - round_, 1000]}), f"Crop_{round_}"
    if step == 1:
        return ToolCall("Rotate", arguments | {"angle": 180}), f"Rotate_{round_}"
    if step == 2:
        return ToolCall("Flip", arguments), f"Flip_{round_}"
    if step == 3:
        text = {"base_image": last, "overlay_type": "text", "content": f"No. {round_}", "position": [500, 500]}
        return ToolCall("Overlayer", text), f"Overlayer_{round_}"
    if step == 4:
        return ToolCall("SAM", {"image": "img_1", "bbox": [200 - round_, 240, 630, 760]}), last
    if step == 5:
        return ToolCall("Extract", {"image": "img_1", "mask": f"SAM_{round_}"}), last
    return ToolCall("ImageEdit", arguments | {"edit_prompt": "make it brighter"}), f"ImageEdit_{round_}"


def microseconds(work: Callable[[], object]) -> dict[str, float]:
    """Time of one call of `work`: the best and the median of the rounds."""
    work()
    started = time.perf_counter()
    work()
    calls = max(1, int(SLICE_US / ((time.perf_counter() - started) * 1e6)))
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - started) / calls * 1e6)
    return {"best_us": round(min(times), 1), "median_us": round(statistics.median(times), 1)}


def main() -> None:
    """Measure, print, write `results/reward.json`."""
    runs = {turns: trajectory(turns) for turns in LENGTHS}
    paper = PRESETS["paper"]
    by_turns = {turns: microseconds(lambda run=run: rules(run, paper)) for turns, run in runs.items()}
    each = {turns: figures["best_us"] / turns for turns, figures in by_turns.items()}
    eight = runs[8]
    figures = {
        "target_us": TARGET_US,
        "rules_8_turns": by_turns[8],
        "score_8_turns": {name: microseconds(lambda name=name: score(eight, name)) for name in PRESETS},
        "rules_by_turns": by_turns,
        "best_us_a_turn": {turns: round(value, 2) for turns, value in each.items()},
        "longest_over_shortest_a_turn": round(each[64] / each[8], 3),
        "all_calls_ran": {turns: rules(run, paper).counts.failed == 0 for turns, run in runs.items()},
    }
    write_results("reward", {"device": device(), **figures})


if __name__ == "__main__":
    main()
