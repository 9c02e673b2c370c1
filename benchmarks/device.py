"""Date, device and versions for every result, and where results are written."""

from __future__ import annotations

import datetime
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def device() -> dict[str, Any]:
    """What this machine is and what runs on it, as far as results depend on it."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()}-core {platform.machine()} CPU ({_processor()}), {platform.system()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("canvasagent", "pillow", "numpy", "opencv-python-headless", "onnxruntime")},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def write_results(name: str, figures: dict[str, Any]) -> None:
    """Print the figures and write them to `results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(figures, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", "utf-8")
    print(text)
