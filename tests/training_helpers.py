"""What the tests of training share: tiny models, small datasets, judges that know nothing but the text.

Importing this skips a test module where the extra `train` is not installed.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

WHERE = "the extra train is not installed here; make test-train installs it"
torch = pytest.importorskip("torch", reason=WHERE)
pytest.importorskip("trl", reason=WHERE)
torch.set_num_threads(1)  # the models are far too small to share

from canvasagent.training.grpo_config import GrpoSettings  # noqa: E402
from craft_data import build_tasks  # noqa: E402
from tiny_chat_models import tiny_chat  # noqa: E402

QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")

VOWELS = '''
from canvasagent.rewards.judges.base import ASPECTS, Verdict


class Judge:
    """Scores by the share of e's in the turns: a random policy's rollouts differ by it."""

    name = "vowels"

    async def judge(self, trajectory):
        text = "".join(turn.text for turn in trajectory.turns)
        share = text.count("e") / max(1, len(text))
        return {aspect: Verdict(aspect=aspect, score=min(1.0, 10 * share), judge=self.name, model="1")
                for aspect in ASPECTS}


def create(argument, settings):
    return Judge()
'''


@cache
def root() -> Path:
    """A folder that lasts as long as the process."""
    return Path(tempfile.mkdtemp(prefix="canvasagent-training-"))


@cache
def tasks() -> Path:
    """A dataset of small tasks: three with one picture or two in its split `train`."""
    return build_tasks(root() / "tasks")


def judge_file(source: str = VOWELS, name: str = "vowels.py") -> str:
    """A judge as a file of the user."""
    file = root() / name
    file.write_text(source, "utf-8")
    return str(file)


@cache
def short_prompt() -> Path:
    """A short system prompt, for short sequences."""
    file = root() / "system.txt"
    file.write_text("You call tools.", "utf-8")
    return file


def settings(**more: Any) -> GrpoSettings:
    """Settings for a training of seconds."""
    values: dict[str, Any] = {
        "preset": "no-process",
        "judge": judge_file(),
        "group": 4,
        "tasks_per_step": 1,
        "micro_batch": 4,
        "max_steps": 2,
        "max_turns": 2,
        "max_turn_tokens": 12,
        "max_completion_tokens": 400,
        "learning_rate": 1e-3,
        "view_pixels": 1024,
        "device": "cpu",
        "recompute": False,
        "system_prompt": short_prompt(),
        "keep_rollouts": 0,
    }
    return GrpoSettings(**{**values, **more})


def model(kind: str) -> str:
    """The folder of a tiny checkpoint, `text` or `vision`."""
    return str(tiny_chat(kind))
