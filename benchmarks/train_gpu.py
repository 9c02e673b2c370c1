"""What training costs on a GPU: SFT tokens a second and a GRPO step, for a model of Qwen3-VL-8B's shape.

    python benchmarks/train_gpu.py            # one GPU with 80 GB or more, under 8 minutes
    python benchmarks/train_gpu.py --tiny     # the same path on a CPU, to see that it runs

The weights are random, so losses and rewards mean nothing; LoRA adapters of rank 16 are trained. Nothing is fetched:
the model is drawn on the device, written to a temporary folder (18 GB) and loaded from there as any checkpoint is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from device import device, write_results

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from canvasagent.language_models.scratch import Shape, write_model
from canvasagent.prompts import system_prompt
from canvasagent.tools import all_tools
from canvasagent.training.grpo import train_grpo
from canvasagent.training.grpo_config import GrpoSettings
from canvasagent.training.page import read_metrics
from canvasagent.training.sft import train_sft
from canvasagent.training.sft_config import SftSettings
from craft_data import build
from short_tasks import write_tasks

QWEN3_VL_8B = Shape(
    width=4096, layers=36, heads=32, key_value_heads=8, feed_forward=12_288, embeddings=151_936, tie_weights=False,
    vision_width=1152, vision_layers=27, vision_heads=16, vocabulary=4096, context=65_536, picture_pixels=262_144,
)  # fmt: skip
"""The language part of Qwen3-VL-8B as its config says; the tower has its width and depth, with one deepstack layer."""
TINY = Shape(width=32, layers=2, vision_width=32, vocabulary=600, context=16_384)


def middle(out: Path, name: str) -> float:
    """Median of a figure over the steps after the first, which also warms up."""
    values = [line[name] for line in read_metrics(out) if name in line and "loss" in line]
    return median(values[1:] or values)


def sft(model: Path, root: Path, place: str, steps: int) -> dict[str, Any]:
    """Tokens a second of SFT with the whole system prompt."""
    settings = SftSettings(
        epochs=steps, batch_size=4, micro_batch=2, max_steps=steps, lora_rank=16, learning_rate=1e-5, device=place,
        recompute=place != "cpu", save_steps=100_000,
    )  # fmt: skip
    out, times = root / "sft", [time.perf_counter()]
    train_sft(
        str(model), build(root / "trajectories"), out, settings,
        on_step=lambda step, steps, figures: times.append(time.perf_counter()),
    )  # fmt: skip
    tokens = [line["num_tokens"] for line in read_metrics(out) if "num_tokens" in line and "loss" in line]
    each = [later - earlier for earlier, later in pairwise(tokens)]
    seconds = [later - earlier for earlier, later in pairwise(times[1:])][: len(each)]
    return {"steps": len(tokens), "tokens_a_second": median(a / b for a, b in zip(each, seconds, strict=True))}


def grpo(model: Path, root: Path, place: str, steps: int) -> dict[str, float]:
    """Seconds of a GRPO step of 8 rollouts, by part."""
    settings = GrpoSettings(
        preset="no-process", group=8, tasks_per_step=1, micro_batch=1, max_steps=steps, epochs=steps, max_turns=3,
        max_turn_tokens=64, max_completion_tokens=2048, lora_rank=16, device=place, recompute=place != "cpu",
        keep_rollouts=0, save_steps=100_000,
    )  # fmt: skip
    out = root / "grpo"
    train_grpo(str(model), write_tasks(root / "tasks"), out, settings)
    return {name: middle(out, name) for name in ("step_time", "time/rollouts", "time/policy", "time/reward")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="A tiny model on the CPU; no results are kept.")
    parser.add_argument("--steps", type=int, default=4)
    arguments = parser.parse_args()
    if not arguments.tiny and not torch.cuda.is_available():
        sys.exit("there is no GPU here; --tiny tries the same path on the CPU.")
    place, shape = ("cpu", TINY) if arguments.tiny else ("cuda:0", QWEN3_VL_8B)
    with tempfile.TemporaryDirectory() as folder:
        root, started = Path(folder), time.perf_counter()
        texts = [system_prompt(all_tools().values(), 12)]
        model = write_model(
            root / "model", texts, shape, device=place, dtype="float32" if arguments.tiny else "bfloat16"
        )
        figures = {
            "command": "python benchmarks/train_gpu.py",
            "device": device(),
            "gpu": None if arguments.tiny else torch.cuda.get_device_name(0),
            "model": "random weights (a stand-in)" + (", tiny" if arguments.tiny else ", shape of Qwen3-VL-8B"),
            "write_seconds": time.perf_counter() - started,
            "sft": sft(model, root, place, arguments.steps),
            "grpo": grpo(model, root, place, arguments.steps),
            "seconds": time.perf_counter() - started,
            "memory_gb": None if arguments.tiny else torch.cuda.max_memory_allocated() / 1e9,
        }
    if arguments.tiny:
        print(figures)
    else:
        write_results("train_gpu", figures)


if __name__ == "__main__":
    main()
