"""The environment: from a policy's text to an observation. No text of a policy raises an exception here."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass

from canvasagent.canvas import Asset, Canvas, Lineage
from canvasagent.defaults import Limits as Limits
from canvasagent.errors import CanvasAgentError
from canvasagent.execution.calls import Execution
from canvasagent.execution.toolbox import ToolBox
from canvasagent.faults import FormatFault, Stage, ToolFault
from canvasagent.imaging.pictures import open_picture
from canvasagent.prompts import release_prompt, system_prompt
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.release import NO_ACTION, RELEASE, parse_release
from canvasagent.protocol.turns import ToolCall, Turn, parse, render_error, render_observation, render_request
from canvasagent.task import Task
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import Checked, check_call

RAISED_BY = "--max-pixels, in Python Limits(max_pixels=…)"
"""The option that raises the limit on pixels, for messages."""


@dataclass(frozen=True)
class Executed:
    """An executed call: its text, the result of the checks, the result of the backend."""

    call: ToolCall
    tool: str | None
    """Wire name of the tool; None where there is no such tool."""
    checked: Checked | None
    execution: Execution | None
    faults: tuple[ToolFault, ...]

    @property
    def executed(self) -> bool:
        """Whether the tool ran and gave a result."""
        return self.execution is not None and self.execution.outcome is not None

    @property
    def infrastructure(self) -> bool:
        """Whether the infrastructure failed, which is not the policy's fault."""
        return any(fault.stage is Stage.INFRASTRUCTURE for fault in self.faults)


@dataclass(frozen=True)
class Step:
    """The result of one turn."""

    turn: Turn
    faults: tuple[FormatFault, ...]
    """The turn's format faults, a bad id in `<Terminate>` included."""
    executed: Executed | None
    message: Message | None
    """The observation; None after the last turn."""
    asset: Asset | None
    """The picture that the tool made."""
    terminated: bool
    """The policy ended the episode."""
    truncated: str | None
    """The limit that cut the episode off, in words. Never set together with `terminated`."""


class Environment:
    """One episode at a time: `reset`, then `step` until it is terminated or truncated.

    Many environments may share one toolbox. The canvas is the whole state.
    """

    def __init__(self, toolbox: ToolBox, limits: Limits | None = None) -> None:
        self.toolbox = toolbox
        self.limits = limits or Limits()
        self.canvas = Canvas()
        self.notes: list[str] = []
        self._seed = 0
        self._repeats: Counter[str] = Counter()
        self._turns = 0
        self._cost = 0.0
        self._deadline: float | None = None

    def reset(self, task: Task, seed: int = 0) -> list[Message]:
        """Start an episode: decode the pictures and return the first messages, system and user.

        Raises `InputError` if a picture cannot be used.
        """
        self.canvas, self.notes = Canvas(), []
        self._seed, self._repeats, self._turns, self._cost = seed, Counter(), 0, 0.0
        seconds = self.limits.max_seconds
        self._deadline = None if seconds is None else time.monotonic() + seconds
        shown: list[Asset] = []
        if task.carried is not None:
            self.canvas.inputs = task.carried.inputs
            # Earlier calls count: the same call in the continued run must not repeat the same random draw.
            for asset in task.carried.assets:
                self._count(self._call_of(asset))
                self.canvas.add(asset)
            shown += [asset for asset in task.carried.assets if asset.id == task.carried.result]
        for source in task.images:
            opened = open_picture(source, self.limits.max_pixels, raised_by=RAISED_BY)
            self.notes += opened.notes
            shown.append(self.canvas.add_input(opened.picture))
        text = render_request(
            task.instruction, self.canvas.imglist, task.carried.result if task.carried is not None else None
        )
        make = release_prompt if self._as_release else system_prompt
        prompt = task.system_prompt or make(self.toolbox.tools.values(), self.limits.max_turns)
        return [Message("system", prompt), Message("user", text, tuple(shown))]

    @property
    def _as_release(self) -> bool:
        """Whether turns are read and answered as the research release does."""
        return self.limits.contract == RELEASE

    def restore(self, seconds: float, cost: float) -> None:
        """Count time and cost of the interrupted run towards the limits."""
        self._cost = cost
        if self._deadline is not None:
            self._deadline -= seconds

    @property
    def seconds_left(self) -> float | None:
        """Time left before the episode is cut off; None without a limit."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    async def step(self, text: str, cost: float | None = None) -> Step:
        """Take a turn. `cost`: of the policy's reply, if known. Never raises, whatever the text."""
        turn = parse_release(text) if self._as_release else parse(text)
        faults = turn.faults
        self._turns += 1
        self._cost += cost or 0.0
        if turn.terminate:
            # The episode ends all the same: a policy that has ended is not asked again.
            if turn.final_id is not None and turn.final_id not in self.canvas:
                faults = (*faults, FormatFault.BAD_FINAL_ID)
            return Step(turn, faults, None, None, None, terminated=True, truncated=None)
        executed = await self._execute(turn.call) if turn.call is not None else None
        asset = self._keep(executed) if executed is not None else None
        message = self._observe(executed, asset, () if self._as_release else faults)
        over = NO_ACTION if self._as_release and executed is None else self.limit_reached()
        return Step(turn, faults, executed, message, asset, terminated=False, truncated=over)

    def repeat(self, looked: Executed | None, asset: Asset | None) -> None:
        """Repeat a recorded step without running its tool, for a resumed run."""
        self._turns += 1
        self._count(looked)
        if asset is not None:
            self.canvas.add(asset)

    def _count(self, looked: Executed | None) -> None:
        """Count a recorded call, so that the same call gets another seed."""
        if looked is None or looked.checked is None or looked.faults:
            return
        with contextlib.suppress(CanvasAgentError):  # a backend that is not there has drawn nothing
            self._repeats[self.toolbox.base_key(looked.checked, self._inputs(looked.checked))] += 1

    def _call_of(self, asset: Asset) -> Executed | None:
        """The call that made an asset of a continued run, checked against this profile's tools."""
        made = asset.lineage
        return self.check(ToolCall(made.tool, made.arguments)) if made is not None else None

    def check(self, call: ToolCall) -> Executed:
        """Check a call against the tool's definition, without running it."""
        tool = self.toolbox.find(call.name)
        if tool is None:
            fault = ToolFault(
                Stage.NAME, f"there is no tool '{call.name[:60]}'; there are {', '.join(self.toolbox.tools)}."
            )
            return Executed(call, None, None, None, (fault,))
        checked = check_call(tool, call.arguments, canvas_info(self.canvas), self.canvas.inputs)
        return Executed(call, tool.name, checked, None, checked.faults)

    def _inputs(self, checked: Checked) -> dict[str, Asset]:
        return {argument: self.canvas[name] for argument, name in checked.assets.items()}

    async def _execute(self, call: ToolCall) -> Executed:
        looked = self.check(call)
        if looked.faults or looked.checked is None:
            return looked
        inputs = self._inputs(looked.checked)
        execution = await self.toolbox.call(looked.checked, inputs, run_seed=self._seed, repeat=self._count_call)
        self._cost += execution.cost or 0.0
        faults = (execution.fault,) if execution.fault is not None else ()
        begun = execution if execution.key else None  # without a key the backend was not even imported
        return Executed(call, looked.tool, looked.checked, begun, faults)

    def _count_call(self, base_key: str) -> int:
        """The number of earlier equal calls in the episode; counts this one."""
        repeat = self._repeats[base_key]
        self._repeats[base_key] += 1
        return repeat

    def _keep(self, executed: Executed) -> Asset | None:
        """Add the tool's picture to the canvas."""
        execution, checked = executed.execution, executed.checked
        if execution is None or checked is None or execution.outcome is None or execution.outcome.picture is None:
            return None
        parents = tuple(dict.fromkeys(checked.assets.values()))
        # As the policy wrote them: what it left out stays left out in the record.
        arguments = checked.arguments.model_dump(mode="json", exclude_unset=True)
        lineage = Lineage(checked.tool.name, arguments, parents, execution.seed, execution.backend)
        outcome, name = execution.outcome, self.canvas.next_id(checked.tool.name)
        assert outcome.picture is not None
        return self.canvas.add(Asset(name, outcome.kind, outcome.picture, execution.key, lineage))

    def _observe(self, executed: Executed | None, asset: Asset | None, faults: tuple[FormatFault, ...]) -> Message:
        if executed is None:
            text = ""
        elif executed.faults:
            text = render_error(executed.faults, executed.infrastructure)
        else:
            assert executed.execution is not None and executed.execution.outcome is not None
            text = executed.execution.outcome.text
        body = render_observation(text, self.canvas.imglist, asset.id if asset else None, faults)
        return Message("tool", body, (asset,) if asset else ())

    def limit_reached(self) -> str | None:
        """The reached limit in words; None if another turn is allowed."""
        limits = self.limits
        if self._turns >= limits.max_turns:
            return f"the limit of {limits.max_turns} turns was reached."
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return f"the limit of {limits.max_seconds:g} seconds was reached."
        if limits.max_cost is not None and self._cost >= limits.max_cost:
            return f"the limit of {limits.max_cost:g} on cost was reached."
        return None
