"""Both stages of training on two cores: data, a model from scratch, SFT, evaluation, GRPO with real tools.

    python recipes/tiny/tutorial.py --out tiny

Each step is a command of `canvasagent`, printed before it runs; an interrupted tutorial goes on where it stopped. The
model has 1.4 million weights and learns the format, not to edit pictures: its figures are those of a stand-in.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path

from canvasagent.cli import main as canvasagent
from canvasagent.craft.store import Dataset
from canvasagent.language_models.scratch import Shape, write_model

HERE = Path(__file__).parent


def run(*words: str | Path) -> None:
    """Run a command of `canvasagent`; ends the tutorial where it fails."""
    arguments = [str(word) for word in words]
    print(f"\n$ canvasagent {shlex.join(arguments)}", flush=True)
    started = time.monotonic()
    code = canvasagent(arguments)
    print(f"  {time.monotonic() - started:.0f} s", flush=True)
    if code not in (0, 3):
        sys.exit(code)


def from_scratch(out: Path, data: Path) -> Path:
    """A tiny Qwen3-VL model with random weights, whose tokenizer knows the texts of the data."""
    if not (out / "config.json").is_file():
        with Dataset.open(data) as dataset:
            texts = [message.content for record in dataset.sft("train") for message in record.messages[1:]]
        write_model(out, texts, Shape(width=128, layers=4, vision_width=64, vocabulary=1500, context=4096))
        print(f"\nA model from scratch: {out}", flush=True)
    return out


def well_formed(results: Path) -> dict[str, float]:
    """The share of turns without a format fault by policy, from an evaluation's runs."""
    turns: dict[str, list[bool]] = {}
    for file in sorted(results.glob("runs/*/*/trajectory.json")):
        kept = turns.setdefault(file.parent.parent.name, [])
        kept += [not turn["format_faults"] for turn in json.loads(file.read_text("utf-8"))["turns"]]
    return {policy: sum(each) / len(each) for policy, each in turns.items() if each}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--trajectories", type=int, default=300, metavar="N")
    parser.add_argument("--tasks", type=int, default=24, metavar="N")
    parser.add_argument("--max-steps", type=int, nargs=2, default=(0, 20), metavar=("SFT", "GRPO"),
                        help="Steps of the two stages; 0: those of the recipe.")  # fmt: skip
    parser.add_argument("--sample", type=int, default=8, metavar="N", help="Tasks of CanvasBench to evaluate on.")
    arguments = parser.parse_args()
    out, (sft_steps, grpo_steps) = arguments.out, arguments.max_steps
    out.mkdir(parents=True, exist_ok=True)
    run("craft", "sft", "--n", str(arguments.trajectories), "--mix", "uniform", "--out", out / "trajectories")
    easy = ("-R", "1,0,0", "-L", "1,0,0", "-D", "1,0,0")
    run("craft", "rl", "--n", str(arguments.tasks), *easy, "--out", out / "tasks")
    model = from_scratch(out / "base", out / "trajectories")
    most = ("--max-steps", str(sft_steps)) if sft_steps else ()
    run("train", "sft", "--model", model, "--data", out / "trajectories", "--out", out / "sft",
        "--config", HERE / "sft.toml", "--system-prompt", HERE / "system.txt", *most)  # fmt: skip
    trained = out / "sft/model"
    policies = ("--policy", f"transformers:{model}", "--policy", f"transformers:{trained}")
    sample = ("--sample", str(arguments.sample))
    run("eval", "--bench", "canvasbench-250", *policies, *sample, "--no-constrain", "--device", "cpu",
        "--max-tokens", "160", "--judge", "local-2", "--out", out / "evaluation")  # fmt: skip
    for policy, share in well_formed(out / "evaluation").items():
        print(f"  {policy}: {share:.0%} of the turns are well formed")
    run("train", "grpo", "--model", trained, "--tasks", out / "tasks", "--out", out / "grpo",
        "--config", HERE / "grpo.toml", "--max-steps", str(grpo_steps))  # fmt: skip
    print(f"\nReports: {out / 'sft/training.html'}, {out / 'grpo/training.html'}")


if __name__ == "__main__":
    main()
