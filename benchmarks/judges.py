"""How fast judges are: 250 samples with a 100 ms judge behind an endpoint, 32 samples at a time; and the local judge.

    python benchmarks/judges.py

The endpoint is a real HTTP server in a process of its own that answers every request after 100 ms; each sample takes
three requests. Samples are runs of two calls with photographs of 512 × 512, each with pixels of its own. It is timed
several times, since others may use the machine: the best counts, all are told. The same is done one sample after
another for some of them (what a judge without concurrency costs), and with every reply in the cache.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from device import device, write_results
from PIL import Image
from skimage import data

from canvasagent import Agent, Task, ToolBox, Trajectory
from canvasagent.policies.base import Reply
from canvasagent.protocol.turns import ToolCall, render_turn
from canvasagent.rewards.judges import Judge, JudgeSettings, load_judge

SAMPLES, AT_ONCE, DELAY, SIDE = 250, 32, 0.1, 512
SERIAL = 10
"""Samples that are judged one after another."""
TARGET = 4.0
ROUNDS = 3
"""How often it is timed before the round whose processor time is counted."""
CALLS = (ToolCall("Flip", {"image": "img_1"}), ToolCall("Crop", {"image": "Flip_0", "bbox": [100, 100, 900, 900]}))

REPLY = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": '{"score": 0.8}'}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
}
BODY = json.dumps(REPLY).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Played:
    """A policy that plays back the calls, then ends."""

    name = "played"

    async def act(self, messages: Sequence[object], on_text: object = None) -> Reply:
        """The next text; which one, the length of the conversation tells."""
        done = (len(messages) - 2) // 2
        return Reply(render_turn("The next call.", CALLS[done]) if done < len(CALLS) else render_turn("All is done."))


def picture(seed: int) -> Image.Image:
    """A photograph, shifted and mirrored so that every sample has pixels of its own."""
    values = np.asarray(Image.fromarray(data.astronaut()).resize((SIDE, SIDE)))
    return Image.fromarray(np.ascontiguousarray(np.roll(values, 2 * seed, axis=1)[:, :: 1 - 2 * (seed % 2)]))


class Server(asyncio.Protocol):
    """One connection: reads requests without looking into them and answers each after the delay. As cheap as can be,
    since a judge's endpoint is another machine, and this one's time is for the client."""

    answered = busy = busiest = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport
        self.received, self.missing = bytearray(), 0

    def data_received(self, data: bytes) -> None:
        """A piece of a request; the client sends the next only after the answer."""
        if not self.missing:
            self.received += data
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return
            length = re.search(rb"content-length: *(\d+)", bytes(self.received[:end]), re.IGNORECASE)
            assert length is not None
            self.missing = int(length[1]) - (len(self.received) - end - 4)
            self.received.clear()
        else:
            self.missing -= len(data)
        if self.missing <= 0:
            Server.busy += 1
            Server.busiest = max(Server.busiest, Server.busy)
            asyncio.get_running_loop().call_later(DELAY, self.answer)

    def answer(self) -> None:
        """The reply."""
        Server.busy -= 1
        Server.answered += 1
        self.transport.write(ANSWER)  # type: ignore[attr-defined]


def serve(pipe: Connection) -> None:
    """The endpoint, until the pipe says to stop."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Server, "127.0.0.1", 0, backlog=128)
        pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        await loop.run_in_executor(None, pipe.recv)

    asyncio.run(work())
    pipe.send((Server.answered, Server.busiest))


@contextmanager
def endpoint() -> Iterator[tuple[str, Connection]]:
    """Its URL, in a process of its own."""
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv(), here
    finally:
        process.join(5)


def timed(judge: Judge, runs: Sequence[Trajectory], at_once: int) -> float:
    """Seconds to judge all runs, `at_once` at a time. Every part must have a score but a local alignment."""

    async def work() -> None:
        slots = asyncio.Semaphore(at_once)

        async def one(run: Trajectory) -> None:
            async with slots:
                verdicts = await judge.judge(run)
            missing = [verdict.error for verdict in verdicts.values() if verdict.score is None]
            assert not missing or judge.name == "local", missing

        await asyncio.gather(*(one(run) for run in runs))

    began = time.perf_counter()
    asyncio.run(work())
    return time.perf_counter() - began


def main() -> None:
    """Measure and write the results."""
    toolbox = ToolBox("lite")
    task = {"instruction": "flip it and crop it", "expected_tools": ("Flip", "Crop")}
    runs = [Agent(Played(), toolbox).run(Task(images=[picture(seed)], **task)) for seed in range(SAMPLES)]
    with tempfile.TemporaryDirectory() as folder, endpoint() as (url, pipe):
        settings = JudgeSettings(base_url=url, concurrency=AT_ONCE)
        kept = settings.model_copy(update={"cache": Path(folder)})
        timed(load_judge("endpoint:bench", settings), runs[:1], 1)  # imports and first connections
        serial = timed(load_judge("endpoint:bench", settings), runs[:SERIAL], 1) / SERIAL
        times = [timed(load_judge("endpoint:bench", settings), runs, AT_ONCE) for _ in range(ROUNDS)]
        used = time.process_time()
        times.append(timed(load_judge("endpoint:bench", settings), runs, AT_ONCE))
        used = time.process_time() - used
        timed(load_judge("endpoint:bench", kept), runs, AT_ONCE)
        cached = timed(load_judge("endpoint:bench", kept), runs, AT_ONCE)
        pipe.send("stop")
        _, busiest = pipe.recv()
    local = timed(load_judge("local"), runs, AT_ONCE)
    figures = {
        "samples": SAMPLES,
        "samples_at_once": AT_ONCE,
        "judge_ms": 1000 * DELAY,
        "requests_per_sample": 3,
        "seconds": round(min(times), 2),
        "seconds_of_each_round": [round(one, 2) for one in times],
        "processor_seconds_of_the_client": round(used, 2),
        "target_seconds": TARGET,
        "load_of_the_machine": round(os.getloadavg()[0], 1),
        "requests_at_once_seen_by_the_server": busiest,
        "one_by_one_seconds_per_sample": round(serial, 3),
        "seconds_from_the_cache": round(cached, 2),
        "local_seconds": round(local, 2),
    }
    write_results("judges", {"device": device(), **figures})
    if min(times) >= TARGET:
        sys.exit(f"{min(times):.1f} s, and {TARGET:.0f} s were allowed")


if __name__ == "__main__":
    main()
