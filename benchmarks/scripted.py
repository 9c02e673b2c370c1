"""Scripted episodes a minute by length, planning time a turn, and where the time goes.

    python benchmarks/scripted.py

Each request is carried out on several different photographs at once, nothing cached between them, at 512 × 512.
Episodes a minute are told by the clock, which suffers where the machine is busy (`load_before`), and by the processor
time that an episode took (two cores have 120 s a minute), which does not. Planning is measured in processor time on
the requests of `tests/data/instructions*.jsonl`, each planned anew as at the first turn of an episode.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from device import device, write_results
from PIL import Image
from skimage import data

from canvasagent import Agent, Task, ToolBox
from canvasagent.execution.cache import Cache
from canvasagent.policies._scripted import plan
from canvasagent.record.trajectory import Trajectory

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from instruction_world import load

REQUESTS = {
    "1 step": "Turn it 90 degrees clockwise.",
    "2 steps": "Mirror it and make it warmer.",
    "4 steps": 'Crop it to the left half, then make it black and white, mirror it and write "HELLO" at the bottom.',
    "extract": "Cut out the face, mirror it, and put it back at the top left.",
    "8 steps": (
        "Rotate it by 90 degrees, mirror it, crop it to the middle, make it brighter, add a vignette, turn it upside "
        'down, write "GRAND OPENING" at the top and check that it can be read.'
    ),
    "draw": "Draw two cats on a table with a red ball under it, then write 'HOME' at the top.",
}
EPISODES = 12
CORES = 2
SETS = ("instructions", "instructions_held_out", "instructions_heldout2", "instructions_heldout3")
PLANNED = (plan.make_plan, plan.step_of)
"""What remembers its answers."""


def photographs(count: int) -> list[Image.Image]:
    """Different pictures of one scene: the astronaut with a little noise of their own."""
    base = np.asarray(Image.fromarray(data.astronaut()), dtype=np.int16)
    random = np.random.default_rng(1)
    return [
        Image.fromarray(np.clip(base + random.integers(-2, 3, base.shape), 0, 255).astype(np.uint8))
        for _ in range(count)
    ]


async def together(agent: Agent, request: str, pictures: list[Image.Image]) -> list[Trajectory]:
    """The same request on every picture at once."""
    tasks = [Task(request, () if request.startswith("Draw") else (picture,)) for picture in pictures]
    return list(await asyncio.gather(*(agent.arun(task, seed=seed) for seed, task in enumerate(tasks))))


def measure(request: str) -> dict[str, object]:
    """Figures of one request."""
    pictures = photographs(EPISODES)
    with ToolBox("lite", cache=Cache(memory_bytes=2**20)) as toolbox:
        agent = Agent("scripted", toolbox)
        agent.run(Task(request, () if request.startswith("Draw") else (pictures[0],)))
        started, used = time.perf_counter(), time.process_time()
        runs = asyncio.run(together(agent, request, pictures))
        wall, used = time.perf_counter() - started, time.process_time() - used
    spent: Counter[str] = Counter()
    for run in runs:
        for turn in run.turns:
            if turn.call is not None:
                spent[turn.call.tool or turn.call.name] += turn.call.seconds
    total = sum(spent.values()) or 1.0
    return {
        "request": request,
        "turns": len(runs[0].turns),
        "met": sum(run.status == "met" for run in runs),
        "of": len(runs),
        "episodes_a_minute": round(60 * len(runs) / wall),
        "episodes_a_minute_by_processor_time": round(60 * CORES * len(runs) / used),
        "planning_ms_a_turn": round(statistics.median(t.policy_seconds for r in runs for t in r.turns) * 1000, 3),
        "tool_time_share": {name: round(seconds / total, 3) for name, seconds in spent.most_common()},
    }


def planning() -> dict[str, object]:
    """Milliseconds of processor time for the whole plan of a request, nothing remembered but the compiled patterns."""
    asked = [line["request"] for name in SETS for line in load(name)]
    spent = []
    for keep in (False, True):
        for request in asked:
            for function in PLANNED:
                function.cache_clear()
            started = time.thread_time()
            list(plan.make_plan(request).steps)
            spent += [1000 * (time.thread_time() - started)] if keep else []
    spent.sort()
    return {
        "requests": len(spent),
        "median_ms": round(statistics.median(spent), 3),
        "ms_of_95_percent": round(spent[int(0.95 * len(spent))], 3),
        "slowest_ms": round(spent[-1], 3),
    }


def main() -> None:
    """Measure, print, write `results/scripted.json`."""
    told = {"device": device(), "load_before": round(os.getloadavg()[0], 1), "planning": planning()}
    figures = {name: measure(request) for name, request in REQUESTS.items()}
    write_results("scripted", told | {"episodes_each": EPISODES, "by_length": figures})


if __name__ == "__main__":
    main()
