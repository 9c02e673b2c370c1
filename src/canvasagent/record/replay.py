"""Replay: execute the recorded turns of a run again and list the differences turn by turn.

The environment gets the recorded texts with the same inputs, seed and limit on turns; the tools run again. Limits on
time and cost are not applied, and an end that came from outside (such a limit, a lost endpoint, an interruption) is
copied from the record: neither can be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from canvasagent.backends.profile import Profile
from canvasagent.concurrency.run_sync import run_sync
from canvasagent.endpoints.settings import Usage
from canvasagent.environment import Environment, Limits, Step
from canvasagent.errors import StorageError
from canvasagent.execution.toolbox import ToolBox
from canvasagent.policies.base import Reply
from canvasagent.record.model import TurnRecord
from canvasagent.record.trajectory import Trajectory
from canvasagent.record.trust import recorded_profile
from canvasagent.version import __version__


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PixelDifference(_Report):
    """The difference of a picture to the recorded one. The figures need equal size and mode."""

    was: str
    """Mode and size, as `RGB 512 × 341`."""
    now: str
    mean: float | None = None
    """Mean absolute difference over all pixels and channels, 0 to 255."""
    max: int | None = None
    """Largest difference."""
    share: float | None = None
    """Share of the pixels that differ at all."""

    @property
    def words(self) -> str:
        """The difference in words."""
        if self.mean is None:
            return f"was {self.was}, now {self.now}"
        return f"mean {self.mean:.2g}, max {self.max}, {self.share or 0:.1%} of the pixels"


class TurnReplay(_Report):
    """A turn as recorded and as replayed."""

    number: int
    """From 1."""
    action: str
    """The tool called, `End`, or `No action`."""
    outcome_was: str
    """`ok`, or the stages of the call's faults; `end` and `no action` where nothing was called."""
    outcome_now: str
    observation_was: str | None
    observation_now: str | None
    asset_was: str | None
    asset_now: str | None
    pixels: PixelDifference | None = None
    """None where the pictures are equal to the pixel, or either is missing."""
    backend_was: str | None = None
    backend_now: str | None = None
    cached: bool = False
    """Whether the result came from the toolbox's cache, so that the backend was not run for it."""
    drifts: list[str] = []
    """What differs, in words."""


class ReplayReport(_Report):
    """The whole comparison."""

    run: str
    version_was: str
    version_now: str = __version__
    status_was: str
    status_now: str
    final_was: str | None
    final_now: str | None
    turns: list[TurnReplay]
    drifts: list[str]
    """What differs, in words; empty if the run came out the same."""
    changed_backends: list[str]
    """Backends that are not those of the recording, whether the results differ or not."""
    notes: list[str]

    @property
    def identical(self) -> bool:
        """Whether outcomes, observations, pixels, result and status are all the same."""
        return not self.drifts


def replay(
    run: Trajectory | str | Path,
    toolbox: ToolBox | Profile | str | Path | None = None,
    *,
    trust_record: bool = False,
) -> ReplayReport:
    """`areplay` for synchronous callers; inside of a running event loop it blocks that loop."""
    return run_sync(areplay(run, toolbox, trust_record=trust_record))


async def areplay(
    run: Trajectory | str | Path,
    toolbox: ToolBox | Profile | str | Path | None = None,
    *,
    trust_record: bool = False,
) -> ReplayReport:
    """Execute a run's turns again, with `toolbox` (a profile or a `ToolBox`; None: the run's profile, nothing cached).

    Raises `StorageError` if the record, or any of its pictures, is missing, damaged or was changed; `InputError`
    if the profile is unknown here, or is the run's and names addresses, code or files, unless `trust_record` (see
    `canvasagent.record.trust`). What the tools do differently is in the report.
    """
    recorded = run if isinstance(run, Trajectory) else await asyncio.to_thread(Trajectory.load, run)
    if toolbox is None:
        toolbox = recorded_profile(recorded, trust=trust_record)
    # Read all pictures first, so that a damaged record is reported before any tool runs.
    for record in recorded.assets:
        await asyncio.to_thread(recorded.asset, record.id)
    if isinstance(toolbox, ToolBox):
        return await _retake(recorded, toolbox)
    with ToolBox(toolbox) as own:
        return await _retake(recorded, own)


async def _retake(recorded: Trajectory, toolbox: ToolBox) -> ReplayReport:
    environment = Environment(toolbox, _limits(recorded))
    task = recorded.task()
    messages = await asyncio.to_thread(environment.reset, task, recorded.seed)
    again = Trajectory.begin(recorded.id, task, environment, messages, policy=recorded.policy, seed=recorded.seed)
    for asset in environment.canvas:
        carried = task.carried is not None and asset in task.carried.assets
        again.attach(asset, "carried" if carried else "input")
    turns: list[TurnReplay] = []
    drifted: set[str] = set()
    step: Step | None = None
    for turn in recorded.turns:
        step = await environment.step(turn.text)
        if step.asset is not None:
            again.attach(step.asset, "tool")
        # The policy is not asked again, so its times and tokens are not repeated.
        now = again.add_turn(step, Reply(turn.text, Usage()), 0.0, environment.canvas.imglist)
        turns.append(await asyncio.to_thread(_compare, recorded, again, turn, now, drifted))
        if step.terminated:
            break
    _conclude(again, recorded, step, last=len(turns) == len(recorded.turns))
    return _report(recorded, again, turns)


def _limits(recorded: Trajectory) -> Limits:
    """The recorded limits, without those on time and cost."""
    try:
        return Limits.model_validate({**recorded.limits, "max_seconds": None, "max_cost": None})
    except ValidationError as error:
        raise StorageError(f"run {recorded.id} has limits that make no sense: {recorded.limits}.") from error


def _conclude(again: Trajectory, recorded: Trajectory, step: Step | None, last: bool) -> None:
    """End the replay by its own last turn, or, if the end came from outside, by the record."""
    if step is not None and step.terminated:
        again.conclude("met", not_done=step.turn.not_done)
    elif step is not None and step.truncated is not None and last:
        again.conclude("truncated", step.truncated)
    else:
        again.conclude(recorded.status, recorded.why, tuple(recorded.unmet))


def _compare(
    recorded: Trajectory, again: Trajectory, was: TurnRecord, now: TurnRecord, drifted: set[str]
) -> TurnReplay:
    """Compare a turn with the recorded one. `drifted` collects the ids whose pixels differ."""
    pixels = _pixels(recorded, again, was.asset, now.asset)
    if pixels is not None or was.asset != now.asset:
        drifted.update(name for name in (was.asset, now.asset) if name is not None)
    result = TurnReplay(
        number=was.index + 1,
        action=_action(was),
        outcome_was=_outcome(was),
        outcome_now=_outcome(now),
        observation_was=was.observation,
        observation_now=now.observation,
        asset_was=was.asset,
        asset_now=now.asset,
        pixels=pixels,
        backend_was=_backend(was),
        backend_now=_backend(now),
        cached=now.call is not None and now.call.cached,
    )
    parents = set(was.call.assets.values()) if was.call is not None else set()
    result.drifts = _drifts(result, sorted(parents & drifted - {was.asset}))
    return result


def _drifts(turn: TurnReplay, drifted_parents: Sequence[str]) -> list[str]:
    """The differences of a turn in words, with the likely cause."""
    drifts: list[str] = []
    if turn.outcome_was != turn.outcome_now:
        drifts.append(f"was {turn.outcome_was}, now {turn.outcome_now}")
    if turn.asset_was != turn.asset_now:
        drifts.append(f"made {turn.asset_was or 'no picture'}, now {turn.asset_now or 'none'}")
    if turn.pixels is not None:
        drifts.append(f"pixels differ, {turn.pixels.words}")
    if turn.observation_was != turn.observation_now:
        drifts.append(f"observation differs: was {_quoted(turn.observation_was)}, now {_quoted(turn.observation_now)}")
    causes = [f"its input {name} differed already" for name in drifted_parents]
    if turn.backend_was != turn.backend_now:
        causes.append(f"backend was {turn.backend_was}, now {turn.backend_now}")
    because = f" ({'; '.join(causes)})" if causes else ""
    return [f"turn {turn.number} {turn.action}: {words}{because}" for words in drifts]


def _report(recorded: Trajectory, again: Trajectory, turns: list[TurnReplay]) -> ReplayReport:
    drifts = [words for turn in turns for words in turn.drifts]
    for what, was, now in (("status", recorded.status, again.status), ("result", recorded.final, again.final)):
        if was != now:
            drifts.append(f"{what}: was {was or 'none'}, now {now or 'none'}")
    if recorded.unmet != again.unmet:
        drifts.append(f"parts not done: were {recorded.unmet}, now {again.unmet}")
    if len(turns) < len(recorded.turns):
        drifts.append(f"turns: were {len(recorded.turns)}, the run now ends with turn {len(turns)}")
    changed = dict.fromkeys(
        f"{turn.backend_was} → {turn.backend_now}"
        for turn in turns
        if turn.backend_was and turn.backend_now and turn.backend_was != turn.backend_now
    )
    cached = sum(turn.cached for turn in turns)
    notes = [f"{cached} of {len(turns)} turns were answered from the cache; no backend ran for them."] if cached else []
    if recorded.profile != again.profile:
        notes.append(f"recorded with profile {recorded.profile}, replayed with {again.profile}.")
    if recorded.system_prompt != again.system_prompt:
        notes.append("the system prompt is another today; a policy would read other words than it did then.")
    return ReplayReport(
        run=recorded.id,
        version_was=recorded.canvasagent,
        status_was=recorded.status,
        status_now=again.status,
        final_was=recorded.final,
        final_now=again.final,
        turns=turns,
        drifts=drifts,
        changed_backends=list(changed),
        notes=notes,
    )


def _pixels(recorded: Trajectory, again: Trajectory, was: str | None, now: str | None) -> PixelDifference | None:
    if was is None or now is None:
        return None
    old, new = recorded.asset(was), again.asset(now)
    return None if old.pixel_hash == new.pixel_hash else difference(old.picture, new.picture)


def difference(was: Image.Image, now: Image.Image) -> PixelDifference:
    """The difference of two pictures."""
    names = [f"{picture.mode} {picture.width} × {picture.height}" for picture in (was, now)]
    if names[0] != names[1]:
        return PixelDifference(was=names[0], now=names[1])
    # Signed, since differences of unsigned bytes would wrap around.
    apart = np.abs(np.asarray(was, dtype=np.int16) - np.asarray(now, dtype=np.int16))
    changed = apart.max(axis=2) if apart.ndim == 3 else apart
    return PixelDifference(
        was=names[0],
        now=names[1],
        mean=float(apart.mean()),
        max=int(apart.max()),
        share=float((changed > 0).mean()),
    )


def _action(turn: TurnRecord) -> str:
    if turn.call is not None:
        return turn.call.tool or turn.call.name
    return "End" if turn.terminate else "No action"


def _outcome(turn: TurnRecord) -> str:
    if turn.call is None:
        return "end" if turn.terminate else "no action"
    stages = dict.fromkeys(f"fault ({fault.stage.value})" for fault in turn.call.faults)
    return ", ".join(stages) or "ok"


def _backend(turn: TurnRecord) -> str | None:
    return (turn.call.backend or None) if turn.call is not None else None


def _quoted(text: str | None) -> str:
    if text is None:
        return "none"
    return f"'{text}'" if len(text) <= 300 else f"'{text[:300]}…'"
