"""How fast an evaluation is: the benchmark with the scripted policy, and a policy behind an endpoint of 300 ms a turn.

    python benchmarks/evaluation.py [TASKS]

The benchmark runs with the local judge, two runs at a time; TASKS takes only so many tasks, spread over it. The
endpoint is a real HTTP server in a process of its own; it asks for two flips and ends. Tasks are 64 × 64 pictures, so
that it is the waiting that is measured: one after another, and 16 at a time.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from device import device, write_results
from PIL import Image

from canvasagent import Task, ToolBox
from canvasagent.evaluation.policies import policy_for_task
from canvasagent.evaluation.runner import Evaluation, Setup
from canvasagent.evaluation.tasks import Bench, EvalTask, load_bench
from canvasagent.policies.base import PolicySettings
from canvasagent.protocol.turns import ToolCall, render_turn
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.judges import load_judge

DELAY, AT_ONCE, TASKS, SERIAL = 0.3, 16, 64, 6
ALLOWED_MINUTES = 12


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection: each request is answered after the delay, by how many turns it shows."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            break
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        turns = json.loads(await reader.readexactly(length))["messages"]
        done = sum(message["role"] == "assistant" for message in turns)
        image = "img_1" if done == 0 else f"Flip_{done - 1}"
        text = render_turn("Mirror it.", ToolCall("Flip", {"image": image})) if done < 2 else render_turn("Done.")
        await asyncio.sleep(DELAY)
        body = json.dumps(
            {
                "id": "x",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            }
        ).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()


def serve(pipe: Connection) -> None:
    """The endpoint, until the process is ended."""

    async def work() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=2**26)
        pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        await server.serve_forever()

    asyncio.run(work())


def evaluated(bench: Bench, policy: str, settings: PolicySettings | None, at_once: int, folder: Path) -> Evaluation:
    """Run `policy` on `bench` in `folder`."""
    setup = Setup(
        bench=bench.name, bench_version=bench.version, tasks=len(bench.tasks), profile="lite", judge="local",
        preset="paper", seed=0,
    )  # fmt: skip
    evaluation = Evaluation(folder, setup, bench, ToolBox("lite"), load_judge("local"), concurrency=at_once)
    asyncio.run(evaluation.run({policy: policy_for_task(policy, settings)}))
    return evaluation


def behind_an_endpoint() -> dict[str, float]:
    """Seconds a task, one after another and 16 at a time."""
    picture = Image.new("RGB", (64, 64), "teal")
    tasks = [EvalTask(Task("mirror it twice", [picture], id=f"t{number}"), max_turns=6) for number in range(TASKS)]
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        settings = PolicySettings(base_url=here.recv(), api_key="k")
        seconds = {}
        for name, at_once, count in (("one by one", 1, SERIAL), ("at once", AT_ONCE, TASKS)):
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                evaluated(Bench("waiting", "1", tuple(tasks[:count])), "openai:m", settings, at_once, Path(folder))
                seconds[name] = (time.perf_counter() - began) / count
    finally:
        process.kill()
    return seconds


def with_scripted(limit: int | None) -> dict[str, object]:
    """The benchmark with the scripted policy: minutes, and where the time of its runs goes."""
    bench = load_bench("canvasbench-250")
    if limit is not None:
        bench = Bench(bench.name, bench.version, bench.tasks[:: max(1, len(bench.tasks) // limit)])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        evaluated(bench, "scripted", None, 2, folder)
        minutes = (time.perf_counter() - began) / 60
        spent: Counter[str] = Counter()
        for path in folder.glob("runs/scripted/*/trajectory.json"):
            for turn in Trajectory.load(path).turns:
                spent["policy"] += turn.policy_seconds
                if turn.call is not None:
                    spent[turn.call.tool or turn.call.name] += turn.call.seconds
    whole = sum(spent.values())
    return {
        "tasks": len(bench.tasks),
        "minutes": round(minutes, 2),
        "tasks_a_minute": round(len(bench.tasks) / minutes, 1),
        "allowed_minutes_for_all": ALLOWED_MINUTES,
        "share_of_the_runs_time": {key: round(value / whole, 3) for key, value in spent.most_common()},
        "judging_and_writing_seconds_a_task": round(2 * (60 * minutes - whole / 2) / len(bench.tasks), 2),
    }


def main() -> None:
    """Measure and write the results."""
    waiting = behind_an_endpoint()
    figures = {
        "load_of_the_machine": round(os.getloadavg()[0], 1),
        "scripted": with_scripted(int(sys.argv[1]) if len(sys.argv) > 1 else None),
        "endpoint": {
            "turn_ms": 1000 * DELAY,
            "at_once": AT_ONCE,
            "seconds_a_task_one_by_one": round(waiting["one by one"], 3),
            "seconds_a_task_at_once": round(waiting["at once"], 3),
            "times_faster": round(waiting["one by one"] / waiting["at once"], 1),
        },
    }
    write_results("evaluation", {"device": device(), **figures})


if __name__ == "__main__":
    main()
