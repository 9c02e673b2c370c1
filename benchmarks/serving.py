"""The tool server on this machine, over HTTP, against calling the same tools in process (profile `lite`).

    python benchmarks/serving.py                     # overhead of a call, and throughput at 1, 8, 64 clients
    python benchmarks/serving.py --load 600          # ten minutes at saturation: errors, lost replies, memory

Clients and server share this machine's cores, which no real deployment does; so beside the throughput by the clock
stands the processor time that a call costs the server process against the process that calls the tools itself.
Every call has a picture region, phrase or place of its own, so that no cache answers it.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import urllib3
from device import RESULTS, device, write_results
from http_load import Server, Tally, client_process
from loop import picture

from canvasagent import ToolBox
from canvasagent.canvas import Canvas, Kind, input_key
from canvasagent.endpoints.wire import pack, picture_id
from canvasagent.execution.cache import Cache
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import check_call

SIDE = 512
CLIENTS = (1, 8, 64)
SECONDS = 2.0
ROUNDS = 3
BLOCKS = 6
CALLS: dict[str, Callable[[int], dict[str, Any]]] = {
    "Crop": lambda n: {"bbox": [n % 400, n // 400 % 400, 600 + n % 400, 600 + n // 400 % 400]},
    "Overlayer": lambda n: {"overlay_type": "text", "content": f"SALE {n}", "position": [500, 500]},
    "Grounding": lambda n: {"reference_text": "the red circle", "page": 1 + n},
    "OCR": lambda n: {"page": 1 + n},
}
"""Arguments of the n-th call beside its picture: no two alike."""
ALL = {"Crop": 32, "Overlayer": 24, "Grounding": 4, "OCR": 4}
QUICK = {"Crop": 32, "Overlayer": 32}
"""Clients by tool in the load tests."""
LIMITS = ("--stored-bytes", "200000000")
"""The server's store of pictures is full after half a minute, so that what memory does afterwards can be seen."""
NAME = {"Overlayer": "base_image"}


def canvas() -> Canvas:
    """The picture that all calls work on."""
    held = Canvas()
    held.add_input(picture(7, SIDE))
    return held


def numbers(start: int) -> Iterator[int]:
    """Numbers that no other measurement uses."""
    return iter(range(start * 1_000_000, (start + 1) * 1_000_000))


async def one(box: ToolBox, held: Canvas, tool: str, number: int) -> None:
    """One call through a tool box."""
    raw = {NAME.get(tool, "image"): "img_1", **CALLS[tool](number)}
    checked = check_call(box.tools[tool], raw, canvas_info(held), 1)
    execution = await box.call(checked, {argument: held[name] for argument, name in checked.assets.items()})
    assert execution.fault is None and not execution.cached, execution


async def for_seconds(
    box: ToolBox, held: Canvas, tool: str, clients: int, fresh: Iterator[int], seconds: float
) -> tuple[float, float]:
    """Calls a second of that many concurrent callers, and processor milliseconds a call."""
    done = 0
    clock, cpu = time.perf_counter(), time.process_time()

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < clock + seconds:
            await one(box, held, tool, next(fresh))
            done += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return done / (time.perf_counter() - clock), (time.process_time() - cpu) / done * 1000


def overhead(server: Server) -> dict[str, Any]:
    """Milliseconds of single calls, one after the other, in process and through `remote:URL`, in blocks by turns.

    By the clock (median, fastest tenth, fastest: other work on the machine disturbs the fast ones least), and as
    processor time of both processes together.
    """
    held, told = canvas(), {}
    with ToolBox("lite", cache=Cache(0)) as here, ToolBox(f"remote:{server.url}", cache=Cache(0)) as there:
        for index, (tool, count) in enumerate({"Crop": 60, "Overlayer": 60, "Grounding": 20, "OCR": 6}.items()):
            fresh = numbers(10 + index)
            clock: dict[ToolBox, list[float]] = {here: [], there: []}
            cpu: dict[ToolBox, list[float]] = {here: [], there: []}

            async def block(
                box: ToolBox,
                tool: str = tool,
                count: int = count,
                fresh: Iterator[int] = fresh,
                clock: dict[ToolBox, list[float]] = clock,
                cpu: dict[ToolBox, list[float]] = cpu,
            ) -> None:
                await one(box, held, tool, next(fresh))
                used = time.process_time() + server.cpu()
                for _ in range(count):
                    started = time.perf_counter()
                    await one(box, held, tool, next(fresh))
                    clock[box].append((time.perf_counter() - started) * 1000)
                cpu[box].append((time.process_time() + server.cpu() - used) / count * 1000)

            for _ in range(BLOCKS):
                for box in (here, there):
                    asyncio.run(block(box))
            mine, theirs = (
                {
                    "median": statistics.median(clock[box]),
                    "fastest_tenth": sorted(clock[box])[len(clock[box]) // 10],
                    "fastest": min(clock[box]),
                    "cpu": statistics.mean(cpu[box]),
                }
                for box in (here, there)
            )
            told[tool] = {
                name: {
                    "in_process_ms": round(mine[name], 3),
                    "remote_ms": round(theirs[name], 3),
                    "overhead_ms": round(theirs[name] - mine[name], 3),
                }
                for name in mine
            }
            print(tool, told[tool], flush=True)
    return told


def uploaded(server: Server) -> str:
    """The id of the picture that all calls work on, sent to the server."""
    held = canvas()["img_1"].picture
    name = picture_id(Kind.IMAGE, input_key(held))
    sent = urllib3.request("PUT", f"{server.url}/v1/pictures/{name}", body=pack(held))
    assert sent.status == 201, sent.data
    return name


def body_of(tool: str, image: str, number: int) -> bytes:
    """The n-th call as JSON."""
    return json.dumps({"arguments": {NAME.get(tool, "image"): image, **CALLS[tool](number)}}).encode()


def start_clients(server: Server, tool: str, clients: int, start: int, seconds: float, queue: Any) -> Any:
    """A process of that many clients, which were started."""
    body = functools.partial(body_of, tool, uploaded(server))
    arguments = (server.url, f"/v1/tools/{tool}", body, numbers(start), clients, seconds, queue)
    process = multiprocessing.Process(target=client_process, args=arguments)
    process.start()
    return process


def over_http(server: Server, tool: str, clients: int, start: int, seconds: float) -> dict[str, Any]:
    """Calls a second of that many HTTP clients, and what a call cost server and clients in processor time."""
    queue: Any = multiprocessing.Queue()
    before = server.cpu()
    process = start_clients(server, tool, clients, start, seconds, queue)
    tally: Tally = queue.get()
    process.join()
    done = max(1, tally.done)
    return {
        "calls_per_s": tally.done / tally.seconds,
        "server_cpu": (server.cpu() - before) / done * 1000,
        "clients_cpu": tally.cpu_seconds / done * 1000,
        "errors": tally.errors,
        "lost": tally.lost,
    }


def side_by_side(server: Server, tool: str, clients: int, starts: Iterator[int], seconds: float) -> dict[str, Any]:
    """In process and over HTTP, by turns, the best of `ROUNDS` each."""
    held, inside, outside = canvas(), [], []
    for _ in range(1 if tool == "OCR" else ROUNDS):
        start = next(starts)
        with ToolBox("lite", cache=Cache(0)) as box:
            asyncio.run(one(box, held, tool, start * 1_000_000 + 999_999))
            inside.append(asyncio.run(for_seconds(box, held, tool, clients, numbers(start), seconds)))
        outside.append(over_http(server, tool, clients, start + 1, seconds))
    rate, cpu = max(rate for rate, _ in inside), min(cpu for _, cpu in inside)
    http, server_cpu = (
        max(one["calls_per_s"] for one in outside),
        min(one["server_cpu"] for one in outside),
    )
    ratios = [one["calls_per_s"] / rate for (rate, _), one in zip(inside, outside, strict=True)]
    return {
        "in_process_calls_per_s": round(rate, 1),
        "http_calls_per_s": round(http, 1),
        "throughput_ratio": round(http / rate, 3),
        "throughput_ratio_of_each_round": [round(ratio, 3) for ratio in ratios],
        "in_process_cpu_ms_per_call": round(cpu, 3),
        "server_cpu_ms_per_call": round(server_cpu, 3),
        "clients_cpu_ms_per_call": round(min(one["clients_cpu"] for one in outside), 3),
        "cpu_ratio": round(cpu / server_cpu, 3),
        "in_process_cores_busy": round(max(rate * cpu / 1000 for rate, cpu in inside), 2),
        "server_cores_busy": round(max(one["calls_per_s"] * one["server_cpu"] / 1000 for one in outside), 2),
        "computed_calls_per_s_of_one_core_with_clients_elsewhere": round(1000 / server_cpu, 1),
        "errors": sum(one["errors"] for one in outside),
        "lost": sum(one["lost"] for one in outside),
    }


def one_agent_process(server: Server, tool: str, starts: Iterator[int], seconds: float) -> dict[str, Any]:
    """64 callers in one Python process that uses `remote:URL`: what one process of agents can ask for."""
    held, best = canvas(), (0.0, 0.0)
    with ToolBox(f"remote:{server.url}", cache=Cache(0)) as box:
        start = next(starts)
        asyncio.run(one(box, held, tool, start * 1_000_000 + 999_999))
        for offset in range(1 if tool == "OCR" else 2):
            fresh = numbers(start + offset)
            best = max(best, asyncio.run(for_seconds(box, held, tool, CLIENTS[-1], fresh, seconds)))
    return {"calls_per_s": round(best[0], 1), "its_cpu_ms_per_call": round(best[1], 3)}


def throughput(server: Server, seconds: float) -> dict[str, Any]:
    """For each tool and number of clients, in process and over HTTP."""
    told: dict[str, Any] = {}
    starts = iter(range(100, 10_000, 4))
    for tool in CALLS:
        told[tool] = {}
        for clients in CLIENTS:
            told[tool][str(clients)] = side_by_side(server, tool, clients, starts, seconds)
            print(tool, clients, told[tool][str(clients)], flush=True)
        told[tool]["one_agent_process_of_64"] = one_agent_process(server, tool, starts, seconds)
        print(tool, told[tool]["one_agent_process_of_64"], flush=True)
    return told


def load(server: Server, seconds: float, shares: dict[str, int]) -> dict[str, Any]:
    """64 clients for that long, so many on each tool: what failed, and the server's memory as it went."""
    queue: Any = multiprocessing.Queue()
    running = [
        start_clients(server, tool, clients, 500 + index, seconds, queue)
        for index, (tool, clients) in enumerate(shares.items())
    ]
    memory = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        time.sleep(min(5.0, seconds / 12))
        memory.append(server.seen.memory_info().rss / 2**20)
    tallies: list[Tally] = [queue.get() for _ in running]
    for process in running:
        process.join()
    third = len(memory) // 3
    text = urllib3.request("GET", f"{server.url}/metrics").data.decode()
    counted = sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("canvasagent_calls_total"))
    done = sum(tally.done for tally in tallies)
    return {
        "seconds": seconds,
        "clients": shares,
        "calls": done,
        "calls_per_s": round(done / seconds, 1),
        "errors": sum(tally.errors for tally in tallies),
        "lost_replies": sum(tally.lost for tally in tallies),
        "calls_the_server_counted": int(counted),
        "memory_mb": {
            "first_third_mean": round(statistics.mean(memory[:third]), 1),
            "second_third_mean": round(statistics.mean(memory[third : 2 * third]), 1),
            "last_third_mean": round(statistics.mean(memory[2 * third :]), 1),
            "at_the_end": round(memory[-1], 1),
            "most": round(max(memory), 1),
            "each_minute": [round(value) for value in memory[::12]],
        },
    }


def main() -> None:
    """Measure, print, write `results/serving.json`; a load test joins what is there already."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", type=float, default=0.0, metavar="SECONDS", help="only the load test, for that long")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time of each throughput measurement")
    parser.add_argument("--quick", action="store_true", help="load by the quick tools only: many more calls")
    given = parser.parse_args()
    file = RESULTS / "serving.json"
    figures: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    busy = {"load_average_before": round(os.getloadavg()[0], 2)}
    with Server(*LIMITS) as server:
        if given.load:
            name, shares = ("load_test_quick", QUICK) if given.quick else ("load_test", ALL)
            figures[name] = {"device": device(), **busy, **load(server, given.load, shares)}
        else:
            for tool in QUICK:  # fills the store, so that memory is what it is after the first minutes
                over_http(server, tool, 8, 5, 1.0)
            figures = {"device": device(), "side": SIDE, **busy, "overhead": overhead(server), **figures_of(figures)}
            figures["throughput"] = throughput(server, given.seconds)
            figures["load_average_after"] = round(os.getloadavg()[0], 2)
    write_results("serving", figures)


def figures_of(figures: dict[str, Any]) -> dict[str, Any]:
    """What an earlier load test found."""
    return {name: figures[name] for name in ("load_test", "load_test_quick") if name in figures}


if __name__ == "__main__":
    main()
