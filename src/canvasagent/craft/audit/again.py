"""A record's trajectory taken again: from its own record where it has one, else from its messages."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from canvasagent.canvas import Asset, Kind, Lineage, input_key
from canvasagent.craft.audit.looks import StepAgain
from canvasagent.craft.audit.turns import Exchange, exchanges
from canvasagent.craft.imports.sft import instruction_in
from canvasagent.craft.records import SftRecord
from canvasagent.craft.store import Dataset
from canvasagent.errors import StorageError
from canvasagent.faults import Stage
from canvasagent.record.ending import choose_final
from canvasagent.record.model import AssetRecord, CallRecord, FaultRecord, LineageRecord, Origin, TurnRecord
from canvasagent.record.replay import ReplayReport, TurnReplay
from canvasagent.record.trajectory import Trajectory

SCORES = ("name", "schema", "reference", "specification", "execution")


def run_of(record: SftRecord, dataset: Dataset) -> Trajectory:
    """The run with its pictures at hand. Raises `StorageError` where it cannot be put together."""
    try:
        run = _recorded(record, dataset) if record.trajectory is not None else _from_messages(record, dataset)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise StorageError(f"the trajectory of record {record.id} cannot be read: {problem['msg']}.") from error
    if conflict := run.contradiction():
        raise StorageError(f"the trajectory of record {record.id} contradicts itself: {conflict}.")
    return run


def _recorded(record: SftRecord, dataset: Dataset) -> Trajectory:
    run = Trajectory.model_validate(record.trajectory)
    for asset in run.assets:
        if asset.pixel_hash is None:
            raise StorageError(f"asset {asset.id} of record {record.id} has no picture.")
        lineage = Lineage(**asset.lineage.model_dump()) if asset.lineage is not None else None
        run.bring(Asset(asset.id, asset.kind, dataset.picture(asset.pixel_hash), asset.key, lineage))
    return run


def _from_messages(record: SftRecord, dataset: Dataset) -> Trajectory:
    """A run as the messages tell it. What they do not tell (seed, limits, backends) is left at what it usually is."""
    seen = list(exchanges(record, lambda key: dataset.picture(key).size))
    assets, live = list[AssetRecord](), dict[str, Asset]()

    def attach(name: str, key: str, exchange: Exchange | None) -> None:
        picture = dataset.picture(key)
        lineage = None
        if exchange is not None and exchange.turn.call is not None:
            tool = exchange.tool.name if exchange.tool is not None else exchange.turn.call.name
            arguments = dict(exchange.turn.call.arguments)
            lineage = LineageRecord(tool=tool, arguments=arguments, parents=[], seed=0, backend="")
        kind = exchange.kind if exchange is not None else Kind.IMAGE
        fields: dict[str, Any] = {"mode": picture.mode, "size": picture.size, "key": input_key(picture)}
        origin: Origin = "input" if exchange is None else "tool"
        asset = AssetRecord(id=name, origin=origin, kind=kind, pixel_hash=key, lineage=lineage, **fields)
        assets.append(asset)
        live[name] = Asset(name, asset.kind, picture, asset.key)

    for number, key in enumerate(record.images[: record.inputs], 1):
        attach(f"img_{number}", key, None)
    turns = []
    for exchange in seen:
        made = exchange.made if exchange.picture and exchange.made not in live else None
        if made is not None and exchange.picture:
            attach(made, exchange.picture, exchange)
        turns.append(_turn(exchange, made, list(live)))
    system = next((message.content for message in record.messages if message.role == "system"), "")
    run = Trajectory(
        canvasagent="unknown",
        id=record.id,
        created="",
        status="met" if seen and seen[-1].turn.terminate else "truncated",
        instruction=record.instruction or instruction_in(record.messages) or "?",
        inputs=record.inputs,
        policy="recorded",
        profile="unknown",
        seed=seed if isinstance(seed := record.meta.get("seed"), int) else 0,
        limits={"max_turns": len(turns) + 1},
        system_prompt=system,
        request="",
        assets=assets,
        turns=turns,
        final=choose_final(turns, assets),
    )
    for asset in live.values():
        run.bring(asset)
    return run


def _turn(exchange: Exchange, made: str | None, imglist: list[str]) -> TurnRecord:
    turn, call = exchange.turn, None
    if turn.call is not None:
        failed = (exchange.observation or "").lstrip().startswith("Error")
        call = CallRecord(
            name=turn.call.name,
            tool=exchange.tool.name if exchange.tool is not None else None,
            arguments=dict(turn.call.arguments),
            scores={name: 0.0 if failed else 1.0 for name in SCORES},  # type: ignore[misc]
            faults=[FaultRecord(stage=Stage.EXECUTION, message="as told")] if failed else [],
        )
    return TurnRecord(
        index=exchange.number - 1,
        text=turn.text,
        reason=turn.reason,
        format_faults=list(turn.faults),
        call=call,
        terminate=turn.terminate,
        final_id=turn.final_id,
        observation=exchange.observation,
        asset=made,
        imglist=imglist,
    )


def steps_of(report: ReplayReport) -> list[StepAgain]:
    """The steps with a call, each with what differs."""
    return [_step(turn) for turn in report.turns if turn.action not in ("End", "No action")]


def _step(turn: TurnReplay) -> StepAgain:
    return StepAgain(
        tool=turn.action,
        number=turn.number,
        outcome=turn.outcome_was != turn.outcome_now or turn.asset_was != turn.asset_now,
        pixels=turn.pixels is not None,
        observation=turn.observation_was != turn.observation_now,
        inherited=any("differed already" in words for words in turn.drifts),
        mean=turn.pixels.mean if turn.pixels is not None else None,
    )
