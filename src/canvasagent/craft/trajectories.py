"""From a run to a record: messages in the wire format, pictures by hash, the whole trajectory."""

from __future__ import annotations

from typing import Any

from canvasagent.craft.pictures import Split
from canvasagent.craft.placeholders import content, escaped
from canvasagent.craft.plan import Plan
from canvasagent.craft.quality import Case
from canvasagent.craft.records import ChatMessage, SftRecord
from canvasagent.craft.sources.duplicates import fingerprint
from canvasagent.imaging.pictures import encode
from canvasagent.record.trajectory import Trajectory

NO_TIME = "1970-01-01T00:00:00+00:00"
"""The creation time in all records, which must not depend on the time of the build."""


def sft_record(case: Case, slot: int, split: Split, meta: dict[str, Any]) -> SftRecord:
    """The record of a run, without times and durations."""
    run, plan, moves = case.trajectory, case.plan, case.progress.moves
    hashes = {asset.id: run.asset(asset.id).pixel_hash for asset in run.assets}
    inputs = [f"img_{number}" for number in range(1, run.inputs + 1)]
    marks = {
        "mishap": next((move.injected for move in moves if move.injected is not None), None),
        "mishap_turns": [index for index, move in enumerate(moves) if move.injected is not None],
        "extra_turns": [index for index, move in enumerate(moves) if move.extra],
        "fingerprints": [f"{fingerprint(run.picture(name)):016x}" for name in inputs],
        "profile": run.profile,
        "pictures": [{"source": picture.source, "key": picture.key} for picture in plan.pictures],
    }
    return SftRecord(
        id=f"{slot:06d}",
        split=split,
        chain=plan.chain,
        instruction=run.instruction,
        messages=messages_of(run),
        images=[*(hashes[name] for name in inputs), *(hashes[turn.asset] for turn in run.turns if turn.asset)],
        inputs=run.inputs,
        final=hashes[run.final] if run.final is not None else None,
        answer=run.answer.text if run.answer is not None and asks_for_words(plan) else None,
        tools=run.tool_calls,
        difficulty=run.difficulty,
        checks=run.checks,
        trajectory=timeless(run, f"{slot:06d}") | ({} if asks_for_words(plan) else {"answer": None}),
        plan=plan.model_dump(mode="json", exclude_defaults=True),
        meta={**meta, **marks},
    )


def asks_for_words(plan: Plan) -> bool:
    """Whether a plan answers in words; in other plans findings are no answer."""
    return any(step.purpose == "answer" for step in plan.path())


def messages_of(run: Trajectory) -> list[ChatMessage]:
    """The conversation in the wire form; `<image>` stands where a picture is, and nowhere else."""
    messages = [
        ChatMessage(role="system", content=escaped(run.system_prompt)),
        ChatMessage(role="user", content=content(run.request, run.inputs)),
    ]
    for turn in run.turns:
        messages.append(ChatMessage(role="assistant", content=escaped(turn.text)))
        if turn.observation is not None:
            messages.append(ChatMessage(role="tool", content=content(turn.observation, int(turn.asset is not None))))
    return messages


def pictures_of(run: Trajectory) -> dict[str, bytes]:
    """Every picture of a run as PNG, by the hash of its pixels."""
    assets = [run.asset(record.id) for record in run.assets]
    return {asset.pixel_hash: encode(asset.picture, "PNG", fast=True) for asset in assets}


def timeless(run: Trajectory, name: str) -> dict[str, Any]:
    """The run's record without what differs between executions: times, durations and cache hits."""
    data = run.model_dump(mode="json")
    data |= {"id": name, "task_id": name, "created": NO_TIME, "seconds": 0.0}
    for asset in data["assets"]:
        asset["pixel_hash"] = run.asset(asset["id"]).pixel_hash
    for turn in data["turns"]:
        turn["policy_seconds"] = 0.0
        if turn["call"] is not None:
            turn["call"] |= {"seconds": 0.0, "cached": False}
    return data
