"""The parts of a run's record: assets, calls, turns; each with the function that makes it from the live object."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.canvas import Asset, Kind
from canvasagent.environment import Executed, Step
from canvasagent.faults import FormatFault, Stage
from canvasagent.policies.base import Reply
from canvasagent.storage.names import PlainName

Origin = Literal["input", "tool", "carried"]
ASSET_ID = r"[A-Za-z][A-Za-z0-9]*_[0-9]+"


class Record(BaseModel):
    """Base of all records: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class LineageRecord(Record):
    """The call that an asset came from."""

    tool: str
    arguments: dict[str, Any]
    parents: list[str]
    seed: int
    backend: str


class AssetRecord(Record):
    """An asset without its pixels, which are in `assets/<id>.png` beside the record."""

    id: PlainName = Field(pattern=f"^{ASSET_ID}$")
    origin: Origin
    kind: Kind
    mode: str
    size: tuple[int, int]
    key: str
    pixel_hash: str | None = None
    lineage: LineageRecord | None = None


class FaultRecord(Record):
    """One thing wrong with a call."""

    stage: Stage
    message: str


class CallRecord(Record):
    """A tool call with its outcome. The five scores are those of the paper's q, from 0 to 1."""

    name: str
    """As the policy wrote it."""
    tool: str | None
    """Wire name of the tool; None if there is no such tool."""
    arguments: dict[str, Any]
    assets: dict[str, str] = Field(default_factory=dict)
    """Argument → id of the asset that it means."""
    scores: dict[Literal["name", "schema", "reference", "specification", "execution"], float]
    faults: list[FaultRecord] = Field(default_factory=list)
    key: str | None = None
    seed: int | None = None
    backend: str | None = None
    cached: bool = False
    seconds: float = 0.0
    cost: float | None = None
    """The price of the call, for a hosted tool with a known price."""


class UsageRecord(Record):
    """Tokens, seconds and cost of the policy's reply; None where unknown."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    retries: int = 0


class TurnRecord(Record):
    """One turn: the policy's text, its call and the observation."""

    index: int
    text: str
    reason: str | None
    format_faults: list[FormatFault] = Field(default_factory=list)
    call: CallRecord | None = None
    terminate: bool = False
    final_id: str | None = None
    observation: str | None = None
    asset: str | None = None
    """Id of the asset that the call made."""
    words: str | None = None
    """The result of a tool that makes text, for people."""
    data: Any = None
    """The same as data."""
    imglist: list[str] = Field(default_factory=list)
    """The ids that exist after the turn."""
    usage: UsageRecord = Field(default_factory=UsageRecord)
    policy_seconds: float = 0.0

    @property
    def costs(self) -> list[float]:
        """Costs of the policy's reply and of the tool, as far as known."""
        called = self.call.cost if self.call is not None else None
        return [cost for cost in (self.usage.cost, called) if cost is not None]


class Answer(Record):
    """The text that answers the request, and the turns that it is from."""

    text: str
    turns: list[int]


def asset_record(asset: Asset, origin: Origin) -> AssetRecord:
    """The record of an asset, without pixels. The pixel hash is set when the pixels are written."""
    lineage = None
    if asset.lineage is not None:
        source = asset.lineage
        lineage = LineageRecord(
            tool=source.tool,
            arguments=dict(source.arguments),
            parents=list(source.parents),
            seed=source.seed,
            backend=source.backend,
        )
    return AssetRecord(
        id=asset.id,
        origin=origin,
        kind=asset.kind,
        mode=asset.picture.mode,
        size=asset.size,
        key=asset.key,
        lineage=lineage,
    )


def call_record(executed: Executed) -> CallRecord:
    """The record of a call."""
    checked, execution = executed.checked, executed.execution
    return CallRecord(
        name=executed.call.name,
        tool=executed.tool,
        arguments=dict(executed.call.arguments),
        assets=dict(checked.assets) if checked is not None else {},
        scores={
            "name": 1.0 if executed.tool is not None else 0.0,
            "schema": checked.schema if checked is not None else 0.0,
            "reference": checked.reference if checked is not None else 0.0,
            "specification": checked.specification if checked is not None else 0.0,
            "execution": 1.0 if executed.executed else 0.0,
        },
        faults=[FaultRecord(stage=fault.stage, message=fault.message) for fault in executed.faults],
        key=execution.key if execution is not None else None,
        seed=execution.seed if execution is not None else None,
        backend=execution.backend if execution is not None else None,
        cached=execution.cached if execution is not None else False,
        seconds=execution.seconds if execution is not None else 0.0,
        cost=execution.cost if execution is not None else None,
    )


def turn_record(index: int, step: Step, reply: Reply, policy_seconds: float, imglist: list[str]) -> TurnRecord:
    """The record of a turn."""
    outcome = step.executed.execution.outcome if step.executed and step.executed.execution else None
    usage = reply.usage
    return TurnRecord(
        index=index,
        text=step.turn.text,
        reason=step.turn.reason,
        format_faults=list(step.faults),
        call=call_record(step.executed) if step.executed is not None else None,
        terminate=step.terminated,
        final_id=step.turn.final_id,
        observation=step.message.text if step.message is not None else None,
        asset=step.asset.id if step.asset is not None else None,
        words=outcome.words if outcome is not None else None,
        data=outcome.data if outcome is not None else None,
        imglist=imglist,
        usage=UsageRecord(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost=usage.cost,
            retries=usage.retries,
        ),
        policy_seconds=policy_seconds,
    )
