"""Peak memory of the demonstration, and the time that `canvasagent --help` takes.

python benchmarks/memory.py
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from device import device, write_results

DEMO = Path(__file__).parent.parent / "examples" / "demo.py"


def demo_peak() -> float:
    """Peak resident memory of the demonstration and its children, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(DEMO), "--out", folder], check=True, stdout=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def help_seconds() -> float:
    """Wall time of `canvasagent --help` (median of 7)."""
    times = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "canvasagent", "--help"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Measure, print, write `results/memory.json`."""
    figures = {"help_s": round(help_seconds(), 3), "demo_peak_mb": round(demo_peak())}
    write_results("memory", {"device": device(), **figures})


if __name__ == "__main__":
    main()
