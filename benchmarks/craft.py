"""What building trajectories costs: by chain, by stage, by number of workers, on Ray; and what 140K and 10M would take.

    python benchmarks/craft.py [chains] [scaling] [ray] [memory] [--n 300] [--build 400] [--ray 2000]

`chains` works on `--n` records of the paper's mix in this process and counts its CPU seconds, which depend little on
what else runs. `scaling` builds `--build` records with one worker and with two, `ray` with two on Ray beside two local
ones; wall time counts there, so the machine should be quiet: its load before each part is in the results. Parts that
are not asked for keep the figures that they have.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
from device import RESULTS, device, write_results

from canvasagent.craft import sft
from canvasagent.craft.builder import build
from canvasagent.craft.sft import settings_for
from canvasagent.craft.worker import Sources, Worker, WorkItem
from canvasagent.execution.toolbox import ToolBox

WARM = 12
"""Records made before any is counted: patterns are compiled and models loaded once a process."""
CORES = 2
PARTS = ("chains", "scaling", "ray", "memory")
FLIPS = (1000, 3000, 9000)
"""Records of the builds whose memory is compared."""
SCALES = {"140K": 142_798, "10M": 10_000_000}
STAGES: dict[str, tuple[Any, str]] = {
    "plans and pictures chosen": (sft, "bind"),
    "pictures drawn": (Sources, "open"),
    "tools": (ToolBox, "_execute"),
    "checks and rules": (sft, "judge"),
    "records": (sft, "sft_record"),
    "pictures encoded": (sft, "pictures_of"),
}


@contextmanager
def stopwatches(spent: Counter[str]) -> Iterator[None]:
    """Count the CPU seconds of each stage for as long as the context lasts."""
    before = {name: getattr(owner, attribute) for name, (owner, attribute) in STAGES.items()}
    for name, (owner, attribute) in STAGES.items():
        setattr(owner, attribute, _timed(before[name], name, spent))
    try:
        yield
    finally:
        for name, (owner, attribute) in STAGES.items():
            setattr(owner, attribute, before[name])


def _timed(work: Callable[..., Any], name: str, spent: Counter[str]) -> Callable[..., Any]:
    @functools.wraps(work)
    def timed(*arguments: Any, **named: Any) -> Any:
        started = time.process_time()
        try:
            return work(*arguments, **named)
        finally:
            spent[name] += time.process_time() - started  # type: ignore[assignment]

    return timed


def chains(n: int) -> dict[str, Any]:
    """CPU seconds of `n` records in this process, by chain and by stage."""
    settings = settings_for(SCALES["140K"], "paper")
    worker, seconds, spent = Worker(settings), defaultdict[str, list[float]](list), Counter[str]()
    busy = os.getloadavg()[0]
    for slot in range(WARM):
        worker(WorkItem(settings.n - 1 - slot))
    tries = 0
    with stopwatches(spent):
        for slot in range(n):
            started = time.process_time()
            built = worker(WorkItem(slot))
            last = built.attempts[-1].record
            tries += len(built.attempts)
            name = "not made" if last is None else "multi-tool hard" if _hard(last.chain) else last.chain
            seconds[name].append(time.process_time() - started)
    worker.close()
    total = sum(map(sum, seconds.values()))
    spent["words, agent and the rest"] = total - sum(spent.values())  # type: ignore[assignment]
    return {
        "device": device(), "load_before": round(busy, 1), "records": n, "tries": tries,
        "cpu_seconds_a_record": round(total / n, 3), "a_minute_on_2_cores_by_cpu": round(60 * CORES * n / total),
        "by_chain": {
            name: {
                "records": len(each), "cpu_seconds": round(statistics.fmean(each), 3),
                "a_minute_on_2_cores": round(60 * CORES / statistics.fmean(each)),
            }
            for name, each in sorted(seconds.items(), key=lambda item: -len(item[1]))
        },
        "share_by_stage": {name: round(each / total, 3) for name, each in spent.most_common()},
    }  # fmt: skip


def _hard(chain: str) -> bool:
    return chain.count("+") >= 2 and chain != "Grounding+SAM+Extract"


def built(n: int, workers: int, engine: str, folder: Path) -> dict[str, Any]:
    """One build of the paper's mix: wall and CPU seconds, bytes."""
    before, busy, started = _cpu(), os.getloadavg()[0], time.perf_counter()
    progress = build(settings_for(n, "paper"), folder, workers=workers, engine=engine)
    wall, cpu = time.perf_counter() - started, _cpu() - before
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    return {
        "records": progress.made, "workers": workers, "engine": engine, "load_before": round(busy, 1),
        "seconds": round(wall, 1), "cpu_seconds": round(cpu, 1), "a_minute": round(60 * progress.made / wall),
        "a_minute_by_cpu": round(60 * progress.made * workers / cpu), "bytes_a_record": round(size / progress.made),
    }  # fmt: skip


def _cpu() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def scaling(n: int) -> dict[str, Any]:
    """One worker and two, on the same slots."""
    with tempfile.TemporaryDirectory() as room:
        one, two = (built(n, workers, "local", Path(room) / str(workers)) for workers in (1, 2))
    return {"device": device(), "one": one, "two": two, "speed_up": round(one["seconds"] / two["seconds"], 2)}


def ray(n: int) -> dict[str, Any]:
    """Two workers on Ray beside two local ones. What Ray's workers use is no child's time here: wall time counts."""
    with tempfile.TemporaryDirectory() as room:
        local, there = (built(n, 2, engine, Path(room) / engine) for engine in ("local", "ray"))
    for figure in ("cpu_seconds", "a_minute_by_cpu"):
        del there[figure]
    added = round(there["seconds"] / local["seconds"] - 1, 3)
    return {"device": device(), "local": local, "ray": there, "added_by_ray": added}


def memory() -> dict[str, Any]:
    """Peak memory of the largest process of a build, by the number of its records."""
    peaks: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as room:
        mix = Path(room) / "flips.toml"
        mix.write_text("[mix]\nFlip = 1\n", "utf-8")
        for n in FLIPS:
            command = [sys.executable, "-m", "canvasagent", "craft", "sft", "--n", str(n), "--mix", str(mix)]
            build = subprocess.Popen([*command, "--workers", "2", "--out", str(Path(room) / str(n))])
            _, status, used = os.wait4(build.pid, 0)
            if status:
                raise SystemExit(f"the build of {n} ended with {status}")
            peaks[str(n)] = round(used.ru_maxrss / 1024)
    return {"device": device(), "chain": "Flip", "workers": 2, "peak_mb_of_largest_process_by_n": peaks}


def plan(figures: dict[str, Any]) -> dict[str, Any]:
    """What whole datasets take, on paper: hours on 2 cores, cores for a day, bytes."""
    each = figures["chains"]["cpu_seconds_a_record"]
    size = figures.get("scaling", {}).get("two", {}).get("bytes_a_record")
    return {
        name: {
            "records": n,
            "core_hours": round(n * each / 3600),
            "hours_on_2_cores": round(n * each / 3600 / CORES, 1),
            "cores_for_one_day": max(1, -(-round(n * each) // 86_400)),
            "gigabytes": round(n * size / 1e9, 1) if size else None,
        }
        for name, n in SCALES.items()
    }


def main() -> None:
    """Measure and write `results/craft.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--n", type=int, default=300, help="records of `chains`")
    parser.add_argument("--build", type=int, default=400, help="records of each build of `scaling`")
    parser.add_argument("--ray", type=int, default=2000, help="records of each build of `ray`")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    kept = RESULTS / "craft.json"
    figures: dict[str, Any] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    work = {
        "chains": lambda: chains(given.n),
        "scaling": lambda: scaling(given.build),
        "ray": lambda: ray(given.ray),
        "memory": memory,
    }
    for part in given.parts:
        figures[part] = work[part]()
        if "chains" in figures:
            figures["plan"] = plan(figures)
        write_results("craft", figures)


if __name__ == "__main__":
    main()
