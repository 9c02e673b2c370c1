"""The end of a run, from its record: result, answer, and whether the infrastructure stopped it."""

from __future__ import annotations

from collections.abc import Sequence

from canvasagent.canvas import BASE_ALIASES, Kind
from canvasagent.faults import Stage
from canvasagent.record.model import Answer, AssetRecord, TurnRecord
from canvasagent.task import Question


def stopped_by_infrastructure(turns: Sequence[TurnRecord]) -> bool:
    """Whether the last call failed because of a backend and not because of the policy."""
    calls = [turn.call for turn in turns if turn.call is not None]
    return bool(calls) and any(fault.stage is Stage.INFRASTRUCTURE for fault in calls[-1].faults)


def choose_final(turns: Sequence[TurnRecord], assets: Sequence[AssetRecord]) -> str | None:
    """The id of the result: the asset that the policy names, else the last image or cut-out that a tool made,
    else the last mask, else none.
    """
    last = turns[-1] if turns else None
    if last is not None and last.terminate and last.final_id is not None:
        name = "img_1" if last.final_id in BASE_ALIASES else last.final_id
        if any(record.id == name for record in assets):
            return name
    made = [record for record in assets if record.origin == "tool"]
    shown = [record for record in made if record.kind is not Kind.MASK] or made
    return shown[-1].id if shown else None


def choose_answer(turns: Sequence[TurnRecord], question: Question | None) -> Answer | None:
    """The findings of Grounding and OCR that answer the request.

    If the request asks for words: the findings of that kind, on the input pictures if the question comes first, else on
    the last picture made. If no picture was made: all of them.
    """
    answers = [turn for turn in turns if turn.words is not None]
    made = [turn.index for turn in turns if turn.asset is not None]
    if not answers or (made and question is None):
        return None
    if question is not None:
        tool = "OCR" if question.reading else "Grounding"
        answers = [turn for turn in answers if turn.call is not None and turn.call.tool == tool] or answers
    before = [turn for turn in answers if turn.index < min(made, default=len(turns))]
    after = [turn for turn in answers if turn.index > max(made, default=-1)]
    chosen = (before if question is not None and question.first else after) or answers[-1:]
    words = list(dict.fromkeys(turn.words or "" for turn in chosen))
    return Answer(text="\n".join(words), turns=[turn.index for turn in chosen])
