"""The builder of trajectories; what it shares with that of tasks is in `builder`."""

from __future__ import annotations

from pathlib import Path

from canvasagent.craft.builder import REPEATS, SHARD_ITEMS, BuildJob, OnProgress, Progress, build
from canvasagent.craft.chains import mix_counts
from canvasagent.craft.funnel import write_funnel
from canvasagent.craft.worker import TrajectorySettings, TrajectoryWorkerFactory


def settings_for(n: int, mix: str, **options: object) -> TrajectorySettings:
    """Settings with the mix resolved. Raises `InputError` for a mix that is none."""
    return TrajectorySettings.model_validate({"n": n, "mix": mix, "counts": mix_counts(mix, n), **options})


def build_sft(
    settings: TrajectorySettings,
    folder: Path,
    *,
    workers: int = 1,
    engine: str = "local",
    on_progress: OnProgress = lambda progress: None,
) -> Progress:
    """Build a dataset of trajectories in `folder`, or continue it. Returns the final counts.

    Raises `InputError` for settings that cannot be used or differ from the folder's, `StorageError` for a folder in
    use or a full disk, `BackendFailure` where a worker dies: the same call goes on from the last commit.
    """
    kept = settings.model_dump(mode="json")
    job = BuildJob("sft", kept, settings.n, settings.attempts, TrajectoryWorkerFactory(settings))
    progress = build(job, folder, workers=workers, engine=engine, on_progress=on_progress)
    write_funnel(folder)
    return progress


__all__ = ["REPEATS", "SHARD_ITEMS", "OnProgress", "Progress", "build_sft", "settings_for"]
