"""What the loop costs beside policy, tools and picture writing; and whether 32 episodes keep every core busy.

    python benchmarks/loop.py

Measures, at 1024 × 1024: the time that agent, environment, protocol and record add to a turn; a cached call;
writing a picture (reported apart); 32 concurrent episodes against the same ones one by one. The policy plays
back fixed turns, so what is measured is everything else.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from device import device, write_results
from PIL import Image

from canvasagent import Agent, Limits, Task, ToolBox
from canvasagent.execution.cache import Cache
from canvasagent.imaging.pictures import save_picture
from canvasagent.policies.base import Reply
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.turns import ToolCall, render_turn
from canvasagent.record.trajectory import Trajectory

SIDE = 1024
TURNS = 40


class Played:
    """A policy that plays back the calls it was given, then ends."""

    name = "played"

    def __init__(self, calls: Sequence[ToolCall]) -> None:
        self.texts = [render_turn("The next call.", call) for call in calls] + [render_turn("All is done.")]

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The next text."""
        return Reply(self.texts[sum(message.role == "assistant" for message in messages)])


def picture(seed: int, side: int = SIDE) -> Image.Image:
    """A smooth colour picture with some noise."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
    large = np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC), dtype=np.int16)
    noise = random.integers(-8, 8, large.shape)
    return Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8))


def overhead(folder: Path | None) -> float:
    """Milliseconds a turn beside the policy and the tools: whole run less what calls and policy report."""
    calls = [ToolCall("Flip", {"image": "img_1"})]
    calls += [ToolCall("Flip", {"image": f"Flip_{index}"}) for index in range(TURNS - 1)]
    toolbox = ToolBox("lite", cache=Cache(memory_bytes=2**30))
    agent = Agent(Played(calls), toolbox, limits=Limits(max_turns=TURNS + 1))
    task = Task("mirror it again and again", [picture(1)])
    agent.run(task)  # warms the backend; its cached results are not used below (another cache)
    toolbox.cache = Cache(memory_bytes=2**30)
    stamps: list[float] = []
    run = agent.run(task, run_dir=folder, listener=lambda event: stamps.append(time.perf_counter()))
    spent = sum((turn.call.seconds if turn.call else 0.0) + turn.policy_seconds for turn in run.turns)
    return (stamps[-1] - stamps[0] - spent) / len(run.turns) * 1000


def cached_call() -> float:
    """Milliseconds of a call that the cache answers, from the environment's view (median)."""
    calls = [ToolCall("Rotate", {"image": "img_1", "angle": 45})] * TURNS
    agent = Agent(Played(calls), ToolBox("lite"), limits=Limits(max_turns=TURNS + 1))
    run = agent.run(Task("turn it", [picture(2)]))
    times = [turn.call.seconds for turn in run.turns if turn.call and turn.call.cached]
    assert len(times) == TURNS - 1
    return statistics.median(times) * 1000


def writing() -> float:
    """Milliseconds to write one picture as the run folder does (median)."""
    subject = picture(3)
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for index in range(7):
            started = time.perf_counter()
            save_picture(subject, Path(folder) / f"{index}.png", fast=True)
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def episodes(count: int = 32) -> dict[str, float | bool]:
    """`count` different episodes at once and one by one: wall time, share of all cores used, same results."""
    calls = [
        ToolCall("SR", {"image": "img_1"}),
        ToolCall("Crop", {"image": "SR_0", "bbox": [100, 100, 900, 900]}),
        ToolCall("Rotate", {"image": "Crop_0", "angle": 45}),
        ToolCall("SAM", {"image": "img_1", "bbox": [200, 200, 800, 800]}),
        ToolCall("OCR", {"image": "img_1"}),
    ]
    tasks = [Task("work", [picture(100 + index, 256)]) for index in range(count)]

    async def together(agent: Agent) -> list[Trajectory]:
        return list(await asyncio.gather(*(agent.arun(task) for task in tasks)))

    def timed(work: Callable[[Agent], list[Trajectory]]) -> tuple[list[Trajectory], float, float]:
        with ToolBox("lite") as toolbox:
            agent = Agent(Played(calls), toolbox)
            agent.run(Task("warm up", [picture(99, 256)]))
            wall, cpu = time.perf_counter(), time.process_time()
            runs = work(agent)
            return runs, time.perf_counter() - wall, time.process_time() - cpu

    one, one_wall, _ = timed(lambda agent: [agent.run(task) for task in tasks])
    many, many_wall, many_cpu = timed(lambda agent: asyncio.run(together(agent)))
    return {
        "episodes": count,
        "one_by_one_s": round(one_wall, 2),
        "together_s": round(many_wall, 2),
        "cores": os.cpu_count() or 1,
        "cores_busy": round(many_cpu / many_wall / (os.cpu_count() or 1), 3),
        "identical": all(fingerprint(a) == fingerprint(b) for a, b in zip(one, many, strict=True)),
    }


def fingerprint(run: Trajectory) -> list[object]:
    """What two runs must share: every observation and every pixel."""
    pixels = [run.asset(record.id).pixel_hash for record in run.assets]
    return [pixels, [turn.observation for turn in run.turns], run.final]


def main() -> None:
    """Measure, print, write `results/loop.json`."""
    with tempfile.TemporaryDirectory() as folder:
        figures = {
            "turn_overhead_ms": round(overhead(None), 3),
            "turn_overhead_with_record_ms": round(overhead(Path(folder) / "run"), 3),
            "cached_call_ms": round(cached_call(), 4),
            "write_picture_1024_ms": round(writing(), 1),
            "concurrent": episodes(),
        }
    write_results("loop", {"device": device(), "side": SIDE, "turns": TURNS, **figures})


if __name__ == "__main__":
    main()
