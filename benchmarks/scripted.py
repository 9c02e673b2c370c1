"""Scripted episodes a minute by length, planning time a turn, and where the time goes.

    python benchmarks/scripted.py

Each request is carried out on 24 different photographs at once, nothing cached between them; pictures are 512 × 512.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter

import numpy as np
from device import device, write_results
from PIL import Image
from skimage import data

from canvasagent import Agent, Task, ToolBox
from canvasagent.cache import Cache
from canvasagent.trajectory import Trajectory

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
EPISODES = 24


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
        started = time.perf_counter()
        runs = asyncio.run(together(agent, request, pictures))
        wall = time.perf_counter() - started
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
        "planning_ms_a_turn": round(statistics.median(t.policy_seconds for r in runs for t in r.turns) * 1000, 3),
        "tool_time_share": {name: round(seconds / total, 3) for name, seconds in spent.most_common()},
    }


def main() -> None:
    """Measure, print, write `results/scripted.json`."""
    figures = {name: measure(request) for name, request in REQUESTS.items()}
    write_results("scripted", {"device": device(), "episodes_each": EPISODES, "by_length": figures})


if __name__ == "__main__":
    main()
