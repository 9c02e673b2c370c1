"""How many agents a processor, a card, a box of 8 cards and 100 cards carry, computed from measured figures.

    python benchmarks/capacity.py                  # what a call costs (lite, in process, 512 x 512), and the table
    python benchmarks/capacity.py --ray            # Ray Serve beside plain HTTP, too (needs the extra `ray`)
    python benchmarks/capacity.py --table          # the table again from the figures that are there

An agent thinks for T seconds, then makes one call and waits for it, over and over. With the share f of each tool in
its calls and the time c that one call takes of a processor or a card,

    agents = U * (T + sum f*c) / sum f*c           U: the share of the time that is planned to be in use

What a call costs a processor is its processor time here, so that a busy machine does not change it much. What it costs
a card is in `results/full_gpu.json` (`full_gpu.py`, run on a card): the best time a call of the batches that were
measured. Where that is not there, nothing is: a missing figure is told as missing and not made up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil
import urllib3
from device import RESULTS, device, write_results
from serving import canvas, numbers, one

from canvasagent import ToolBox
from canvasagent.canvas import Canvas, Kind
from canvasagent.evaluation.tasks import load_bench
from canvasagent.execution.cache import Cache
from canvasagent.testing.samples import cutout, mask, picture
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import check_call

SIDE = 512
ROUNDS = 5
SECONDS = 5.0
USE = 0.7
THINKING = (2.0, 10.0)
"""Seconds that a policy takes for a turn: assumed, to be replaced by one's own."""
CARDS = {"1 GPU": 1, "8-GPU box": 8, "100 GPUs": 100}
CORES = {"1 core": 1, "64-core machine": 64}
ON_CARDS = ("ImageGeneration", "ImageEdit", "Grounding", "SAM", "SR")
"""Tools whose work in the profile `full` is a card's."""
BESIDE = ("Crop", "Grounding")


def mixes() -> dict[str, dict[str, float]]:
    """Shares of the tools in an agent's calls: as CanvasBench-250 expects them, and two of our own making."""
    counted = Counter(tool for item in load_bench("canvasbench-250").tasks for tool in item.task.expected_tools or ())
    total = counted.total()
    return {
        "CanvasBench-250": {tool: count / total for tool, count in counted.most_common()},
        "find, cut, edit": {"Grounding": 0.25, "SAM": 0.25, "Extract": 0.25, "ImageEdit": 0.25},
        "lay out": {"Crop": 0.25, "Rotate": 0.25, "Flip": 0.25, "Overlayer": 0.25},
    }


def held() -> Canvas:
    """A picture, a mask `img_2` and a cut-out `img_3`."""
    drawn = Canvas()
    drawn.add_input(picture((SIDE, SIDE)))
    drawn.add_input(mask((SIDE, SIDE)), Kind.MASK)
    drawn.add_input(cutout((SIDE, SIDE)), Kind.CUTOUT)
    return drawn


def costs() -> dict[str, dict[str, float]]:
    """Processor seconds of a call of each tool, the example of its definition: the least and the median of rounds."""
    drawn, found = held(), {}
    with ToolBox("lite", cache=Cache(0)) as box:
        for name, tool in box.tools.items():
            swap = {"SAM_0": "img_2", "Extract_0": "img_3"}
            raw = {key: swap.get(str(value), value) for key, value in tool.example.items()}
            checked = check_call(tool, raw, canvas_info(drawn), 1)
            assert not checked.faults, (name, checked.faults)
            assets = {argument: drawn[asset] for argument, asset in checked.assets.items()}
            took = []
            for _ in range(ROUNDS + 1):  # the first loads what the tool needs
                started = time.process_time()
                done = asyncio.run(box.call(checked, assets))
                took.append(time.process_time() - started)
                assert done.fault is None and not done.cached, (name, done.fault)
            found[name] = {"least_s": round(min(took[1:]), 5), "median_s": round(statistics.median(took[1:]), 5)}
            print(name, found[name], flush=True)
    return found


def beside(*options: str) -> dict[str, Any]:
    """Calls over HTTP to a server with these options: milliseconds one after the other, and calls a second of 8."""
    command = [sys.executable, "-m", "canvasagent", "serve", "tools", "--port", "0", "-q", *options]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        try:
            return _calls(process)
        finally:
            process.terminate()
            process.wait()


def _calls(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    match = re.search(rb"http://\S+", process.stdout.readline())
    assert match is not None, "the server did not start"
    url = match[0].decode()
    while urllib3.request("GET", f"{url}/readyz", retries=5).status != 200:
        time.sleep(0.2)
    drawn, rows, fresh = canvas(), {}, numbers(1)
    with ToolBox(f"remote:{url}", cache=Cache(0)) as box:
        for tool in BESIDE:
            took = []
            for _ in range(25):
                started = time.perf_counter()
                asyncio.run(one(box, drawn, tool, next(fresh)))
                took.append(1000 * (time.perf_counter() - started))
            took = sorted(took[5:])
            before = _used(process.pid)
            eight = asyncio.run(_together(box, drawn, tool, fresh)) / SECONDS
            front = (_used(process.pid) - before) / (eight * SECONDS)
            rows[tool] = {
                "fastest_ms": round(took[0], 2),
                "median_ms": round(statistics.median(took), 2),
                "8_clients_calls_per_s": round(eight, 1),
                "server_process_cpu_ms_a_call": round(1000 * front, 2),
            }
            print(tool, rows[tool], flush=True)
    return rows


async def _together(box: ToolBox, drawn: Canvas, tool: str, fresh: Iterator[int]) -> int:
    """Calls that 8 callers make in `SECONDS`."""
    until, done = time.perf_counter() + SECONDS, 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await one(box, drawn, tool, next(fresh))
            done += 1

    await asyncio.gather(*(client() for _ in range(8)))
    return done


def _used(process: int) -> float:
    """Processor seconds of that process so far; replicas on Ray are other processes."""
    used = psutil.Process(process).cpu_times()
    return float(used.user + used.system)


def on_card() -> dict[str, float]:
    """Seconds of a card that one call takes, where that was measured."""
    file = RESULTS / "full_gpu.json"
    if not file.is_file():
        return {}
    found = {}
    for row in json.loads(file.read_text("utf-8"))["rows"]:
        batches = {int(key.split("_")[0]): told["s"] for key, told in row.items() if key.endswith("_at_once")}
        found[row["tool"]] = min([row["ours_s"], *(took / count for count, took in batches.items())])
    return found


def agents(seconds: float, thinking: float, units: int) -> int:
    """How many agents `units` processors or cards carry, of each of which a call takes that long."""
    return int(USE * units * (thinking + seconds) / seconds)


def table(figures: dict[str, Any], cards: dict[str, float]) -> list[dict[str, Any]]:
    """A row for each mix of tools and time of thinking. `front`: agents that one front on Ray carries, if measured."""
    rows, lite = [], figures["lite"]
    through = figures.get("ray_beside_http", {}).get("http_and_ray", {})
    front = max((told["server_process_cpu_ms_a_call"] for told in through.values()), default=0) / 1000
    for name, mix in mixes().items():
        mean = sum(share * lite[tool]["median_s"] for tool, share in mix.items())
        needed = {tool: share for tool, share in mix.items() if tool in ON_CARDS}
        missing = sorted(set(needed) - set(cards))
        card = None if missing or not needed else sum(share * cards[tool] for tool, share in needed.items())
        for thinking in THINKING:
            row: dict[str, Any] = {"mix": name, "thinking_s": thinking, "lite_core_s_a_call": round(mean, 4)}
            row["lite"] = {units: agents(mean, thinking, count) for units, count in CORES.items()}
            row["front"] = agents(front, thinking, 1) if front else None
            row["full_card_s_a_call"] = card
            row["full"] = {units: agents(card, thinking, count) if card else None for units, count in CARDS.items()}
            row["full_missing"] = missing
            row["full_needs_no_card"] = not needed
            rows.append(row)
    return rows


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """The table of docs/scale.md."""
    heads = ["mix of tools", "thinking", "lite: s a call", *CORES, "one front", "full: card s a call", *CARDS]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        empty = "no card needed" if row["full_needs_no_card"] else "not measured"
        card = f"{row['full_card_s_a_call']:.3f}" if row["full_card_s_a_call"] else empty
        full = [f"{value:,}" if value else "–" for value in row["full"].values()]
        lite = [f"{value:,}" for value in row["lite"].values()]
        front = f"{row['front']:,}" if row["front"] else "not measured"
        cells = [row["mix"], f"{row['thinking_s']:g} s", f"{row['lite_core_s_a_call']:.3f}", *lite, front, card, *full]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure, compute, write `results/capacity.json`, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    file = RESULTS / "capacity.json"
    figures: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    if not given.table:
        figures |= {"device": device(), "side": SIDE, "load_average_before": round(os.getloadavg()[0], 2)}
        figures["lite"] = costs()
    if given.ray:
        figures["ray_beside_http"] = {
            "date": device()["date"],
            "load_average_before": round(os.getloadavg()[0], 2),
            "http": beside(),
            "http_and_ray": beside("--engine", "ray"),
        }
    figures["planned_use"] = USE
    figures["mixes"] = mixes()
    figures["table"] = table(figures, on_card())
    write_results("capacity", figures)
    print(as_markdown(figures["table"]))


if __name__ == "__main__":
    main()
