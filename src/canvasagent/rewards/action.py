"""Action: whether each call was right (equations 3 to 6), by the tool definitions' own checks.

Everything is computed again from the record: the asset state is replayed, and each call is held against it. So a
record that was edited by hand is scored by what it says, and a live trajectory like one from a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from canvasagent.canvas import BASE_ALIASES, Kind
from canvasagent.errors import InputError
from canvasagent.faults import Stage
from canvasagent.record.model import CallRecord, TurnRecord
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.config import ActionWeights, Preset
from canvasagent.tools import Tool, all_tools
from canvasagent.tools.base import AssetInfo
from canvasagent.tools.check import Checked, check_call
from canvasagent.tools.slots import in_slots

_NOT_RUN = frozenset({Stage.EXECUTION, Stage.INFRASTRUCTURE})


@dataclass(slots=True)  # not frozen: that would take three times as long to make
class CallScore:
    """One call's q and its parts (equations 4 and 5), each 0 to 1."""

    turn: int
    tool: str
    """Wire name, or the unknown name as written."""
    q: float
    name: float
    schema: float
    reference: float
    specification: float
    execution: float
    infrastructure: bool = False
    """It failed through our fault: it is not in N and costs nothing."""


@dataclass(slots=True)
class Played:
    """A call as replayed: its score and what the other rules need to know of it."""

    score: CallScore
    identity: tuple[Any, ...]
    """Equal for calls that ask for the same of the same pictures, however they are written."""
    parents: tuple[str, ...]
    makes: str | None
    """Id of the asset that it made, if it ran and made one."""

    @property
    def ran(self) -> bool:
        """Whether the tool ran and gave a result."""
        return self.score.execution > 0


def action_score(scores: Sequence[float]) -> float:
    """Equation 3: the mean of q over the calls (N of them); 0 to 1, and 0 without any call."""
    return sum(scores) / len(scores) if scores else 0.0


def call_score(
    weights: ActionWeights, name: float, schema: float, reference: float, specification: float, execution: float
) -> float:
    """Equation 4: q = 0.25 name + 0.25 schema + 0.20 reference + 0.20 specification + 0.10 execution; 0 to 1."""
    return (  # the small ones first: so five ones are 1 to the last bit
        weights.execution * execution
        + weights.specification * specification
        + weights.reference * reference
        + weights.schema_ * schema
        + weights.name * name
    )


def next_state(state: dict[str, AssetInfo], made: AssetInfo | None) -> None:
    """Equation 6: the asset state grows by what an executed image-making call made, and by nothing else."""
    if made is not None:
        state[made.id] = made


def play(trajectory: Trajectory, preset: Preset) -> tuple[list[Played], dict[str, AssetInfo]]:
    """Every call of the record in order, held against the asset state of its turn, and the state at the end.

    Raises `InputError` where the run's profile has a tool that is not installed here.
    """
    known = {record.id: AssetInfo(record.id, record.kind, record.size) for record in trajectory.assets}
    state = {record.id: known[record.id] for record in trajectory.assets if record.origin != "tool"}
    tools = _tools_of(trajectory)
    played = []
    for turn in trajectory.turns:
        if turn.call is not None:
            one = _play(turn, turn.call, tools, state, trajectory.inputs, preset)
            next_state(state, known.get(one.makes) if one.makes is not None else None)
            played.append(one)
    return played, state


def _play(
    turn: TurnRecord,
    call: CallRecord,
    tools: Mapping[str, Tool],
    state: Mapping[str, AssetInfo],
    inputs: int,
    preset: Preset,
) -> Played:
    tool = tools.get(call.name)
    if tool is None:
        _refuse_missing(call)
        return Played(CallScore(turn.index, call.name, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), _written(call), (), None)
    checked = check_call(tool, call.arguments, state, inputs)
    schema, reference, specification = checked.schema, checked.reference, checked.specification
    if preset.overlays == "cutouts" and _puts_on_opaque(checked, state):
        specification = 0.0
    clean = not checked.faults
    ran = clean and not call.faults and _ran(tool, turn, call)
    execution = 1.0 if ran else 0.0
    q = call_score(preset.action_weights, 1.0, schema, reference, specification, execution)
    ours = clean and not ran and any(fault.stage is Stage.INFRASTRUCTURE for fault in call.faults)
    score = CallScore(turn.index, tool.name, q, 1.0, schema, reference, specification, execution, ours)
    return Played(score, _identity(checked, call), tuple(checked.assets.values()), turn.asset if ran else None)


def _puts_on_opaque(checked: Checked, state: Mapping[str, AssetInfo]) -> bool:
    """Whether the call puts a picture without transparency onto another, which the release counts as invalid."""
    content = checked.assets.get("content") if checked.tool.name == "Overlayer" else None
    return content is not None and state[content].kind is not Kind.CUTOUT


def _ran(tool: Tool, turn: TurnRecord, call: CallRecord) -> bool:
    """Whether the record says that a call which passed its checks gave a result, and holds it."""
    if call.scores.get("execution", 0.0) < 1:
        return False
    return turn.asset is not None or tool.makes == "text"


def _identity(checked: Checked, call: CallRecord) -> tuple[Any, ...]:
    if checked.arguments is None:
        return _written(call, checked.tool.name)
    identity = (checked.tool.name, *in_slots(checked.arguments.__dict__, checked.assets).values())
    try:
        hash(identity)
    except TypeError:
        return _written(call, checked.tool.name)
    return identity


def _written(call: CallRecord, name: str | None = None) -> tuple[Any, ...]:
    return (name or call.name, json.dumps(call.arguments, sort_keys=True, default=str))


def _tools_of(trajectory: Trajectory) -> Mapping[str, Tool]:
    backends = trajectory.profile_settings.get("backends")
    return _named(tuple(backends) if isinstance(backends, dict) else None)


@lru_cache(maxsize=64)
def _named(names: tuple[str, ...] | None) -> dict[str, Tool]:
    """The tools of a profile by wire name and alias; of a record without its profile: all there are."""
    tools = [_quick(tool) for name, tool in all_tools().items() if names is None or name in names]
    return {alias: tool for tool in tools for alias in tool.names}


def _quick(tool: Tool) -> Tool:
    """The same tool; which arguments name pictures is looked up once where it does not depend on the call."""
    if tool.asset_arguments is not None:
        return tool
    named = tool.references({})
    return replace(tool, asset_arguments=lambda raw: named)


def _refuse_missing(call: CallRecord) -> None:
    if call.tool is not None and call.scores.get("execution") and call.tool not in all_tools():
        raise InputError(
            f"the run used the tool {call.tool}, which is not installed here; install it to score the run."
        )


def feeding(played: Iterable[Played], final: str | None) -> set[str]:
    """The ids of the assets that the result came from, itself included."""
    parents = {one.makes: one.parents for one in played if one.makes is not None}
    names: set[str] = set()
    waiting = [final] if final is not None else []
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting.extend(parents.get(name, ()))
    return names


def resolve(name: str) -> str:
    """The id that a name means: `base` and `base_image` are `img_1`."""
    name = name.strip()
    return "img_1" if name in BASE_ALIASES else name
