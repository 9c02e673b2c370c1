"""What a GRPO step costs beside the policy: overlap of tools, cache hits within a group, shares of a step.

    python benchmarks/grpo_step.py

1. Tools of 0.5 s: seconds of a turn's tools for 1 and for 8 rollouts; one after the other it would be 8 times as much.
2. A policy of some 10 million random weights, held to short turns, on eight short tasks (tests/short_tasks.py): seconds
   of a step in policy, tools and environment, reward, update.
3. After SFT on noisy trajectories of these tasks: the share of calls that an equal one of the same group has answered.

The policy is a stand-in: its turns are short and mostly invalid, so its shares are those of a small model on a CPU.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from device import device, write_results

from canvasagent import Task, ToolBox
from canvasagent.backends.lite import crop
from canvasagent.craft.store import Dataset
from canvasagent.environment import Limits
from canvasagent.language_models.scratch import Shape, write_model
from canvasagent.record.trajectory import Trajectory
from canvasagent.training.grpo import train_grpo
from canvasagent.training.grpo_config import GrpoSettings
from canvasagent.training.page import read_metrics
from canvasagent.training.rollouts import Episode, Rollouts, WrittenTurn
from canvasagent.training.sft import train_sft
from canvasagent.training.sft_config import SftSettings
from canvasagent.training.trainer import ToolGRPOTrainer
from helpers import call, end, photo
from short_tasks import write_tasks, write_trajectories

SECONDS, TURNS = 0.5, 4


def overlap(rollouts: int) -> float:
    """Seconds of one turn's tools, the mean over the turns of `rollouts` rollouts at once."""
    run = crop.Backend.__call__

    def slow(self: Any, **options: Any) -> Any:
        time.sleep(SECONDS)
        return run(self, **options)

    crop.Backend.__call__ = slow  # type: ignore[method-assign]
    task = Task("crop it", (photo(size=128),))
    try:
        with ToolBox("lite", workers=8) as box, Rollouts(box, Limits(), "benchmark") as batch:
            batch.begin([Episode(task, 0)] * rollouts)
            seconds, counts = [], [0] * rollouts
            while waiting := batch.waiting():
                turns = {}
                for one in waiting:
                    number, counts[one.index] = counts[one.index], counts[one.index] + 1
                    box_ = [0, 0, 900 - 10 * one.index, 900 - 50 * number]
                    text = call("Crop", image="img_1", bbox=box_) if number < TURNS else end()
                    turns[one.index] = WrittenTurn(text, 1)
                began = time.perf_counter()
                batch.answer(turns)
                batch.waiting()
                seconds.append(time.perf_counter() - began)
            batch.ended()
    finally:
        crop.Backend.__call__ = run  # type: ignore[method-assign]
    return fmean(seconds[:TURNS])


def settings(prompt: Path, steps: int, **more: Any) -> GrpoSettings:
    return GrpoSettings(
        **{
            "group": 8,
            "tasks_per_step": 8,
            "micro_batch": 8,
            "max_steps": steps,
            "epochs": steps,
            "max_turns": 3,
            "max_turn_tokens": 60,
            "max_completion_tokens": 400,
            "device": "cpu",
            "recompute": False,
            "view_pixels": 1024,
            "keep_rollouts": 0,
            "system_prompt": prompt,
            **more,
        }
    )


def shares(out: Path) -> dict[str, float]:
    """Median seconds of a step's parts."""
    lines = [line for line in read_metrics(out) if "time/rollouts" in line][1:]  # the first one also imports
    step = median(line["step_time"] for line in lines)
    policy = median(line["time/policy"] for line in lines)
    rollouts = median(line["time/rollouts"] for line in lines)
    reward = median(line["time/reward"] for line in lines)
    return {
        "step": step,
        "policy": policy,
        "tools_and_environment": rollouts - policy,
        "reward": reward,
        "log_probabilities_and_update": step - rollouts - reward,
        "share_of_tools_environment_and_reward": (rollouts - policy + reward) / step,
    }


def equal_calls(runs: list[list[Any]], group: int) -> float:
    """The share of calls that an equal call of the same group has answered."""
    calls = answered = 0
    for batch in runs:
        for start in range(0, len(batch), group):
            mine = [run for run in batch[start : start + group] if isinstance(run, Trajectory)]
            keys = [turn.call.key for run in mine for turn in run.turns if turn.call and turn.call.key]
            calls, answered = calls + len(keys), answered + len(keys) - len(set(keys))
    return answered / calls if calls else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    one, eight = overlap(1), overlap(8)
    print(f"a turn's tools of {SECONDS} s: {one:.2f} s for 1 rollout, {eight:.2f} s for 8 ({eight / one:.2f} times)")
    seen: list[list[Any]] = []
    reward = ToolGRPOTrainer.hybrid_reward

    def kept(trainer: ToolGRPOTrainer, rollout: Any, log_metric: Any, **more: Any) -> Any:
        seen.append(list(rollout))
        return reward(trainer, rollout=rollout, log_metric=log_metric, **more)

    ToolGRPOTrainer.hybrid_reward = kept  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        prompt = root / "system.txt"
        prompt.write_text("You edit pictures by calls.")
        tasks, trajectories = write_tasks(root / "rl"), write_trajectories(root / "sft-data")
        with Dataset.open(trajectories) as dataset:
            texts = [message.content for record in dataset.sft() for message in record.messages[1:]]
        large = Shape(vision=False, width=384, layers=6, vocabulary=450, context=1024)
        write_model(root / "large", texts, large)
        weights = sum(value.numel() for value in _weights(root / "large"))
        train_grpo(str(root / "large"), tasks, root / "grpo-large", settings(prompt, arguments.steps))
        small = Shape(vision=False, width=96, layers=2, vocabulary=450, context=1024)
        write_model(root / "small", texts, small)
        sft = SftSettings(
            epochs=30, batch_size=16, micro_batch=16, learning_rate=4e-3, recompute=False, system_prompt=prompt,
            device="cpu", save_steps=100_000,
        )  # fmt: skip
        trained = train_sft(str(root / "small"), trajectories, root / "sft", sft)
        seen.clear()
        train_grpo(
            str(trained.model), tasks, root / "grpo-small", settings(prompt, arguments.steps, system_prompt=None)
        )
        result = {
            "command": "python benchmarks/grpo_step.py",
            **device(),
            "tools": {"seconds_of_a_tool": SECONDS, "turn_of_1_rollout": one, "turn_of_8_rollouts": eight,
                      "ratio": eight / one},
            "stand_in_policy_of_random_weights": {"weights": weights, "seconds": shares(root / "grpo-large")},
            "equal_calls_within_a_group": {
                "what": "policy of some 200,000 weights after SFT, eight short tasks, 8 rollouts each",
                "share": equal_calls(seen, 8),
            },
        }  # fmt: skip
    write_results("grpo_step", result)


def _weights(folder: Path) -> list[Any]:
    from canvasagent.language_models.load import load_model

    return list(load_model(folder, "cpu").model.parameters())


if __name__ == "__main__":
    main()
