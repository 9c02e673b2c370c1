"""The builder of tasks; what it shares with that of trajectories is in `craft.builder`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from canvasagent.backends.profile import load_profile
from canvasagent.craft.builder import BuildJob, OnProgress, Progress, build
from canvasagent.craft.funnel import write_funnel
from canvasagent.craft.rl.filters import stages
from canvasagent.craft.rl.model import ModelFilter
from canvasagent.craft.rl.seeds import cells, marginals
from canvasagent.craft.rl.worker import TaskSettings, TaskWorkerFactory
from canvasagent.craft.sources import load_source
from canvasagent.craft.writers import load_writer
from canvasagent.errors import InputError
from canvasagent.policies import load_policy


def settings_for(n: int, weights: Mapping[str, Sequence[float]] | None = None, **options: object) -> TaskSettings:
    """Settings with the marginals resolved; Table 3's where no weights are given. Raises `InputError`."""
    counts = marginals(weights or {}, n)
    seed = options.get("seed", 0)
    values = {"n": n, "marginals": counts, "cells": cells(counts, seed if isinstance(seed, int) else 0), **options}
    try:
        settings = TaskSettings.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise InputError(f"the settings of the build are wrong: {problems}.") from error
    _usable(settings)
    return settings


def _usable(settings: TaskSettings) -> None:
    """Raise `InputError` for a name that is none, before any worker is started."""
    load_profile(settings.profile)
    load_writer(settings.writer)
    for name in settings.images:
        load_source(name)
    if settings.filter_model is not None:
        ModelFilter(settings.filter_model)
    if settings.solve is not None:
        load_policy(settings.solve)


def build_rl(
    settings: TaskSettings,
    folder: Path,
    *,
    workers: int = 1,
    engine: str = "local",
    on_progress: OnProgress = lambda progress: None,
) -> Progress:
    """Build a dataset of tasks in `folder`, or continue it. Returns the final counts.

    Raises `InputError` for settings that cannot be used or differ from the folder's, `StorageError` for a folder in
    use or a full disk, `BackendFailure` where a worker dies: the same call goes on from the last commit.
    """
    kept = settings.model_dump(mode="json")
    job = BuildJob("rl", kept, settings.n, settings.attempts, TaskWorkerFactory(settings))
    progress = build(job, folder, workers=workers, engine=engine, on_progress=on_progress)
    write_funnel(folder, stages())
    return progress


__all__ = ["OnProgress", "Progress", "TaskSettings", "build_rl", "settings_for"]
