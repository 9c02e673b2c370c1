"""Does GRPO learn? A small policy on eight short tasks, by reward, and by the same rewards shuffled within each group.

    python benchmarks/grpo_learns.py [--seeds 3] [--updates 240]

The policy (a Llama of some 200,000 weights from scratch, a stand-in) is trained by SFT on right trajectories and then
on noisy ones, in which a quarter of the calls is right (tests/short_tasks.py). GRPO then has the reward of equation 1
with the judge local-2. Solved is the share of sampled rollouts that pass all checks: at the first batch, and the mean
of the last five. Where rewards are shuffled, nothing can be learned from them.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from device import device, write_results

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from canvasagent.craft.store import Dataset
from canvasagent.language_models.scratch import Shape, write_model
from canvasagent.training.grpo import train_grpo
from canvasagent.training.grpo_config import GrpoSettings
from canvasagent.training.page import read_metrics
from canvasagent.training.sft import train_sft
from canvasagent.training.sft_config import SftSettings
from canvasagent.training.trainer import ToolGRPOTrainer
from short_tasks import write_tasks, write_trajectories

GROUP, ITERATIONS = 8, 4


def policy(root: Path) -> Path:
    """The policy after SFT."""
    prompt = root / "system.txt"
    prompt.write_text("You edit pictures by calls.")
    noisy, right = write_trajectories(root / "noisy"), write_trajectories(root / "right", 0)
    with Dataset.open(noisy) as dataset:
        texts = [message.content for record in dataset.sft() for message in record.messages[1:]]
    base = write_model(root / "base", texts, Shape(vision=False, width=96, vocabulary=450, context=1024, layers=2))
    shared: dict[str, Any] = {
        "batch_size": 16, "micro_batch": 16, "recompute": False, "system_prompt": prompt, "device": "cpu",
        "save_steps": 100_000,
    }  # fmt: skip
    first = train_sft(str(base), right, root / "sft-right", SftSettings(epochs=50, learning_rate=4e-3, **shared))
    second = SftSettings(epochs=25, learning_rate=2e-3, **shared)
    return train_sft(str(first.model), noisy, root / "sft-noisy", second).model


def solved(model: Path, tasks: Path, out: Path, updates: int, seed: int, rate: float) -> list[float]:
    """The share of solved rollouts at each batch of a training."""
    settings = GrpoSettings(
        group=GROUP, tasks_per_step=8, micro_batch=64, iterations=ITERATIONS, max_steps=updates, epochs=updates,
        learning_rate=rate, kl=0.0, scale_rewards="none", max_turns=2, max_turn_tokens=60, max_completion_tokens=400,
        device="cpu", recompute=False, keep_rollouts=0, save_steps=100_000, seed=seed,
    )  # fmt: skip
    train_grpo(str(model), tasks, out, settings)
    return [line["rollout/solved"] for line in read_metrics(out) if "rollout/solved" in line]


def shuffled(trainer: ToolGRPOTrainer, **options: Any) -> list[float | None]:
    """The rewards of each group in another order."""
    rewards, chance = REWARD(trainer, **options), random.Random(trainer.state.global_step)
    groups = [rewards[start : start + GROUP] for start in range(0, len(rewards), GROUP)]
    for group in groups:
        chance.shuffle(group)
    return [reward for group in groups for reward in group]


REWARD = ToolGRPOTrainer.hybrid_reward


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=240)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    started, runs = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        model, tasks = policy(root), write_tasks(root / "tasks")
        for seed in range(arguments.seeds):
            for rewards in ("true", "shuffled"):
                if rewards == "shuffled":
                    ToolGRPOTrainer.hybrid_reward = shuffled
                shares = solved(
                    model, tasks, root / f"{rewards}-{seed}", arguments.updates, seed, arguments.learning_rate
                )
                ToolGRPOTrainer.hybrid_reward = REWARD
                run = {"seed": seed, "rewards": rewards, "first": shares[0], "last": fmean(shares[-5:])}
                runs.append({**run, "solved": [round(share, 3) for share in shares]})
                print(run, flush=True)
    write_results(
        "grpo_learns",
        {
            "command": " ".join(["python", "benchmarks/grpo_learns.py", *sys.argv[1:]]),
            **device(),
            "policy": "a stand-in: a Llama of some 200,000 weights from scratch",
            "goal": "from under 0.3 to over 0.8 for three seeds, and not with shuffled rewards",
            "runs": runs,
            "seconds": round(time.perf_counter() - started),
        },
    )


if __name__ == "__main__":
    main()
