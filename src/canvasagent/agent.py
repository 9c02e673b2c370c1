"""The agent: a policy and an environment take turns until the policy ends the run or a limit is reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from canvasagent import defaults
from canvasagent.backends.missing_requirements import require_complete
from canvasagent.backends.profile import Profile
from canvasagent.canvas import Asset
from canvasagent.concurrency.run_sync import run_sync
from canvasagent.environment import Environment, Limits
from canvasagent.errors import InputError, OutOfContext, PolicyFailure
from canvasagent.execution.toolbox import ToolBox
from canvasagent.policies import load_policy
from canvasagent.policies.base import Policy, PolicySettings, blindness, settings_for, settings_record
from canvasagent.policies.described import DescribedPolicy
from canvasagent.protocol.conversation import Message
from canvasagent.record.events import Event, Listener
from canvasagent.record.run_folder import RunFolder, new_run_id
from canvasagent.record.trajectory import Trajectory, replayed_call
from canvasagent.storage.names import path_below
from canvasagent.task import Task

Picture = str | Path | bytes | Image.Image


class Agent:
    """Runs requests. One agent serves any number of concurrent runs.

    `policy` is a name (`scripted`, `openai:MODEL`, `replay:RUN`) or an object; `profile` a profile or a
    `ToolBox` to share; `runs_dir` the folder in which each run gets a folder of its own (None: not kept).
    Raises `InputError` for a profile whose weights or keys are not here, saying for each tool how to get them.
    """

    def __init__(
        self,
        policy: str | Policy = defaults.POLICY,
        profile: str | Path | Profile | ToolBox = defaults.PROFILE,
        *,
        limits: Limits | None = None,
        settings: PolicySettings | None = None,
        runs_dir: str | Path | None = None,
    ) -> None:
        self.limits = limits or Limits()
        settings = settings_for(self.limits.contract, settings)
        self.policy: Policy = load_policy(policy, settings) if isinstance(policy, str) else policy
        pixels = self.limits.max_pixels
        self.toolbox = profile if isinstance(profile, ToolBox) else ToolBox(profile, max_pixels=pixels)
        if isinstance(self.policy, DescribedPolicy):
            self.policy = self.policy.reading_with(self.toolbox)
        require_complete(self.toolbox.profile)
        self.runs_dir = Path(runs_dir) if runs_dir is not None else None

    def run(self, task: str | Task, images: Sequence[Picture] = (), **options: Any) -> Trajectory:
        """`arun` for synchronous callers; inside of a running event loop it blocks that loop."""
        return run_sync(self.arun(task, images, **options))

    def resume(self, run: str | Path, listener: Listener | None = None) -> Trajectory:
        """`aresume` for synchronous callers."""
        return run_sync(self.aresume(run, listener))

    async def arun(
        self,
        task: str | Task,
        images: Sequence[Picture] = (),
        *,
        seed: int = 0,
        run_dir: str | Path | None = None,
        listener: Listener | None = None,
    ) -> Trajectory:
        """Run a request. Returns the record, which is also written after each turn if the run has a folder.

        Raises `InputError` for a picture or folder that cannot be used and `StorageError` for one that cannot
        be written. Errors of policies, tools and endpoints are in the record.
        """
        task = Task(task, tuple(images)) if isinstance(task, str) else task
        environment = Environment(self.toolbox, self.limits)
        messages = await asyncio.to_thread(environment.reset, task, seed)
        run_id = Path(run_dir).resolve().name if run_dir is not None else new_run_id()
        record = Trajectory.begin(
            run_id,
            task,
            environment,
            messages,
            policy=self.policy.name,
            policy_settings=settings_record(self.policy),
            seed=seed,
        )
        record.notes += blindness(self.policy, messages)
        folder = self._folder(record, run_dir)
        try:
            for asset in environment.canvas:
                carried = task.carried is not None and asset in task.carried.assets
                saved = record.attach(asset, "carried" if carried else "input")
                if folder is not None:
                    folder.put(asset, saved)
            return await self._episode(environment, messages, record, folder, listener)
        finally:
            if folder is not None:
                await asyncio.to_thread(folder.close)

    async def aresume(self, run: str | Path, listener: Listener | None = None) -> Trajectory:
        """Resume a run that was killed, failed or reached a limit, after its last recorded turn."""
        path = Path(run).parent if Path(run).is_file() else Path(run)
        folder = RunFolder(path, resume=True)
        try:
            record = await asyncio.to_thread(Trajectory.load, path)
            if record.status in ("met", "unmet"):
                raise InputError(f"run {record.id} is finished ({record.status}); continue it with a new request.")
            environment = Environment(self.toolbox, self.limits)
            messages = await asyncio.to_thread(_retake, record, environment)
            settings = settings_record(self.policy)
            record.go_on(environment, messages, policy=self.policy.name, policy_settings=settings)
            return await self._episode(environment, messages, record, folder, listener)
        finally:
            await asyncio.to_thread(folder.close)

    async def _episode(
        self,
        environment: Environment,
        messages: list[Message],
        record: Trajectory,
        folder: RunFolder | None,
        listener: Listener | None,
    ) -> Trajectory:
        tell = listener or (lambda event: None)
        started, before = time.monotonic(), record.seconds
        tell(Event("started", record))
        if (reached := environment.limit_reached()) is not None:
            record.conclude("truncated", reached)
        if folder is not None:
            folder.save(record)
        while record.status == "running":
            asset = None
            try:
                asset = await self._turn(environment, messages, record, tell)
            except OutOfContext as error:
                record.conclude("truncated", str(error))
            except PolicyFailure as error:
                record.conclude("failed", str(error))
            except TimeoutError:
                record.conclude("truncated", f"the limit of {environment.limits.max_seconds:g} seconds was reached.")
            record.seconds = before + time.monotonic() - started
            if folder is not None:
                if asset is not None:
                    folder.put(asset, record.assets[-1])
                folder.save(record)
        if folder is not None:
            folder.report(record)
        tell(Event("finished", record))
        return record

    async def _turn(
        self, environment: Environment, messages: list[Message], record: Trajectory, tell: Listener
    ) -> Asset | None:
        """One turn: get the policy's reply, execute it, record both."""
        started = time.monotonic()
        clock = asyncio.timeout(environment.seconds_left)
        try:
            async with clock:
                reply = await self.policy.act(messages, lambda piece: tell(Event("text", record, text=piece)))
                thought = time.monotonic() - started
                tell(Event("replied", record, text=reply.text))
                step = await environment.step(reply.text, reply.usage.cost)
        except TimeoutError as error:
            if clock.expired():
                raise
            raise PolicyFailure(f"the policy timed out: {error}") from error
        messages.append(Message("assistant", step.turn.text))
        if step.message is not None:
            messages.append(step.message)
        if step.asset is not None:
            record.attach(step.asset, "tool")
        turn = record.add_turn(step, reply, thought, environment.canvas.imglist)
        if step.terminated:
            record.conclude("met", not_done=step.turn.not_done)
        elif step.truncated is not None:
            record.conclude("truncated", step.truncated)
        tell(Event("observed", record, turn, step.asset))
        return step.asset

    def _folder(self, record: Trajectory, run_dir: str | Path | None) -> RunFolder | None:
        if run_dir is None and self.runs_dir is None:
            return None
        path = Path(run_dir) if run_dir is not None else path_below(Path(self.runs_dir or "."), record.id)
        folder = RunFolder(path)
        record._folder = path
        return folder


def _retake(record: Trajectory, environment: Environment) -> list[Message]:
    """Copy recorded turns into environment and conversation, without running any tool."""
    messages = environment.reset(record.task(), record.seed)
    for turn in record.turns:
        asset = record.asset(turn.asset) if turn.asset is not None else None
        call = replayed_call(turn)
        environment.repeat(environment.check(call) if call is not None else None, asset)
        messages.append(Message("assistant", turn.text))
        if turn.observation is not None:
            messages.append(Message("tool", turn.observation, (asset,) if asset is not None else ()))
    environment.restore(record.seconds, record.cost or 0.0)
    return messages
