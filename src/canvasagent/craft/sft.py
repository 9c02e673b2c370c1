"""The builder of trajectories; what it shares with that of tasks is in `building`."""

from __future__ import annotations

from pathlib import Path

from canvasagent.craft.building import REPEATS, SHARD_ITEMS, Job, Progress, Tell, build
from canvasagent.craft.chains import mix_counts
from canvasagent.craft.funnel import write_funnel
from canvasagent.craft.making import Settings, Start


def settings_for(n: int, mix: str, **options: object) -> Settings:
    """Settings with the mix resolved. Raises `InputError` for a mix that is none."""
    return Settings.model_validate({"n": n, "mix": mix, "counts": mix_counts(mix, n), **options})


def build_sft(
    settings: Settings,
    folder: Path,
    *,
    workers: int = 1,
    engine: str = "local",
    tell: Tell = lambda progress: None,
) -> Progress:
    """Build a dataset of trajectories in `folder`, or go on with it. Returns what came of it.

    Raises `InputError` for settings that cannot be used or differ from the folder's, `StorageError` for a folder in
    use or a full disk, `BackendFailure` where a worker dies: the same call goes on from the last commit.
    """
    kept = settings.model_dump(mode="json")
    job = Job("sft", kept, settings.n, settings.attempts, Start(settings))
    progress = build(job, folder, workers=workers, engine=engine, tell=tell)
    write_funnel(folder)
    return progress


__all__ = ["REPEATS", "SHARD_ITEMS", "Progress", "Tell", "build_sft", "settings_for"]
