"""Watches a training: keeps its figures as they come, draws them, and stops where going on makes no sense."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from canvasagent.storage.files import append_line
from canvasagent.training.checkpoints import METRICS
from canvasagent.training.page import write_training_page

PAGE_SECONDS = 20.0
"""Seconds from one drawing of the page to the next."""

OnStep = Callable[[int, int, Mapping[str, Any]], None]
"""Called after each logged step with the step, the number of steps, and its figures."""


class Watch(TrainerCallback):  # type: ignore[misc]
    """Writes every logged figure to `metrics.jsonl` and the page; warns of what looks like a collapse."""

    def __init__(self, out: Path, title: str, on_step: OnStep, unscored_steps: int | None = None) -> None:
        """`unscored_steps`: steps in a row without a scored rollout after which the training stops."""
        self.out, self.title, self._on_step = out, title, on_step
        self._most_unscored = unscored_steps
        self._unscored = 0
        self._drawn = 0.0
        self.stopped: str | None = None
        """Why the training was stopped."""
        self.warnings: dict[str, int] = {}
        """What looked wrong, with the first step at which it did."""

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Keep the figures of a step."""
        if not state.is_world_process_zero or logs is None:
            return
        figures = {name: value for name, value in logs.items() if _is_figure(value)}
        append_line(self.out / METRICS, json.dumps({"step": state.global_step, **figures}))
        for text in signs_of_collapse(figures):
            self.warnings.setdefault(text, state.global_step)
        self._on_step(state.global_step, state.max_steps, figures)
        if time.monotonic() - self._drawn > PAGE_SECONDS:
            self.draw()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop where no rollout could be scored for several steps, with a checkpoint to go on from."""
        if self._most_unscored is not None and self._unscored >= self._most_unscored:
            self.stopped = f"no rollout could be scored for {self._unscored} steps"
            control.should_save = control.should_training_stop = True

    def count_unscored(self, none_scored: bool) -> None:
        """Count steps in a row without a scored rollout."""
        self._unscored = self._unscored + 1 if none_scored else 0

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Draw the page once more."""
        if state.is_world_process_zero:
            self.draw()

    def draw(self) -> None:
        """Write the page from the kept figures."""
        write_training_page(self.out, self.title, self.warnings)
        self._drawn = time.monotonic()


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def signs_of_collapse(figures: Mapping[str, float]) -> list[str]:
    """What looks wrong in the figures of a step, in words."""
    limits: tuple[tuple[str, Callable[[float], bool], str], ...] = (
        ("rollout/without_calls", lambda share: share > 0.5, "more than half of the rollouts call no tool"),
        ("rollout/truncated", lambda share: share > 0.5, "more than half of the rollouts are truncated"),
        ("rollout/valid_calls", lambda share: share < 0.2, "fewer than one call in five is valid"),
        ("rollout/unscored", lambda share: share > 0.25, "more than a quarter of the rollouts have no reward"),
        ("rollout/groups_used", lambda share: share == 0, "no group of rollouts differs in reward"),
        ("entropy", lambda value: value < 0.01, "the policy's entropy is below 0.01"),
        ("kl", lambda value: value > 1.0, "the divergence from the first policy is above 1"),
    )
    unused = figures.get("rollout/groups_used") == 0  # then nothing has an entropy or a divergence
    return [
        text
        for name, wrong, text in limits
        if name in figures and wrong(figures[name]) and not (unused and name in ("entropy", "kl"))
    ]
