"""The data of the report for its template, all as text."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from canvasagent.faults import FAULT_TEXT, FormatFault
from canvasagent.record.model import CallRecord, TurnRecord
from canvasagent.record.report.facts import Fact, facts, seconds_words, usage_words
from canvasagent.record.report.graph import Edge, Graph, Node, layout
from canvasagent.record.report.thumbnails import FULL_SIDE, SMALL_SIDE, Thumbnail, side_for, thumbnail
from canvasagent.record.trajectory import Trajectory

STATUS_WORDS = {
    "met": "The policy ended the run and declared nothing as missing. That is its own word, not a measurement.",
    "unmet": "The policy ended the run and declared parts of the request as not done.",
    "truncated": "A limit cut the run off before the policy ended it.",
    "failed": "Something of ours failed (a backend or the policy's endpoint), not the request.",
    "running": "The run has not ended, or was interrupted.",
}

STAGE_WORDS = {
    "name": "unknown tool",
    "schema": "wrong arguments",
    "reference": "unknown picture",
    "specification": "arguments that make no sense",
    "execution": "refused by the tool",
    "infrastructure": "failed on our side",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that went wrong, and where."""

    stage: str
    message: str


@dataclass(frozen=True, slots=True)
class CallView:
    """A call with its arguments as text, and its outcome."""

    name: str
    tool: str | None
    arguments: list[tuple[str, str]]
    """Name and JSON (strings without quotes)."""
    backend: str | None
    cached: bool
    seconds: str
    ok: bool


@dataclass(frozen=True, slots=True)
class TurnView:
    """A turn as the timeline shows it."""

    number: int
    reason: str | None
    text: str
    call: CallView | None
    ending: str | None
    """What ended the run in this turn, in words."""
    observation: str | None
    picture: Thumbnail | None
    faults: list[Fault]
    policy_seconds: str
    usage: str | None

    @property
    def title(self) -> str:
        """A short title of the turn."""
        if self.call is not None:
            return self.call.name
        return "End" if self.ending else "No action"


@dataclass(frozen=True, slots=True)
class GraphView:
    """The asset graph with its thumbnails."""

    drawing: Graph
    nodes: list[tuple[Node, Thumbnail]]
    edges: list[Edge]


@dataclass(frozen=True, slots=True)
class ReportPage:
    """The page."""

    title: str
    instruction: str
    status: str
    status_words: str
    why: str | None
    continues: str | None
    inputs: list[tuple[Thumbnail, str]]
    """The input pictures, each with a note on its origin."""
    final: Thumbnail | None
    answer: str | None
    unmet: list[str]
    turns: list[TurnView]
    summary: str
    graph: GraphView | None
    facts: list[Fact]
    notes: list[str]
    replay: str
    run: str
    software: str


def view(trajectory: Trajectory) -> ReportPage:
    """Everything that the page shows."""
    side = side_for(len(trajectory.assets))
    pictures = {record.id: thumbnail(trajectory, record.id, side) for record in trajectory.assets}
    folder = trajectory.folder.resolve().name if trajectory.folder is not None else trajectory.id
    return ReportPage(
        title=_shortened(trajectory.instruction, 70),
        instruction=trajectory.instruction,
        status=trajectory.status,
        status_words=STATUS_WORDS[trajectory.status],
        why=trajectory.why,
        continues=trajectory.continues,
        inputs=_inputs(trajectory),
        final=thumbnail(trajectory, trajectory.final, FULL_SIDE) if trajectory.final is not None else None,
        answer=trajectory.answer.text if trajectory.answer is not None else None,
        unmet=trajectory.unmet,
        turns=[_turn(trajectory, turn, pictures) for turn in trajectory.turns],
        summary=_summary(trajectory),
        graph=_graph(trajectory),
        facts=facts(trajectory),
        notes=trajectory.notes,
        replay=f"canvasagent replay {shlex.quote(folder)}",
        run=trajectory.id,
        software=f"CanvasAgent {trajectory.canvasagent}",
    )


def _inputs(trajectory: Trajectory) -> list[tuple[Thumbnail, str]]:
    inputs: list[tuple[str, str]] = []
    for record in trajectory.assets:
        if record.origin == "input":
            inputs.append((record.id, "given"))
        elif record.origin == "carried" and record.id == trajectory.continued_result:
            inputs.append((record.id, "result of the earlier run"))
        elif record.origin == "carried" and record.lineage is None:
            inputs.append((record.id, "given in the earlier run"))
    side = FULL_SIDE if len(inputs) <= 4 else side_for(len(trajectory.assets))
    return [(thumbnail(trajectory, name, side), words) for name, words in inputs]


def _picture(trajectory: Trajectory, name: str | None, pictures: dict[str, Thumbnail]) -> Thumbnail | None:
    if name is None:
        return None
    return pictures.get(name) or thumbnail(trajectory, name, SMALL_SIDE)


def _turn(trajectory: Trajectory, turn: TurnRecord, pictures: dict[str, Thumbnail]) -> TurnView:
    faults = [Fault("format", FAULT_TEXT[FormatFault(fault)]) for fault in turn.format_faults]
    if turn.call is not None:
        faults += [Fault(f"{fault.stage}: {STAGE_WORDS[fault.stage]}", fault.message) for fault in turn.call.faults]
    return TurnView(
        number=turn.index + 1,
        reason=turn.reason,
        text=turn.text,
        call=_call(turn.call) if turn.call is not None else None,
        ending=_ending(trajectory, turn),
        observation=turn.observation,
        picture=_picture(trajectory, turn.asset, pictures),
        faults=faults,
        policy_seconds=seconds_words(turn.policy_seconds),
        usage=usage_words([turn]),
    )


def _call(call: CallRecord) -> CallView:
    return CallView(
        name=call.name,
        tool=call.tool if call.tool != call.name else None,
        arguments=[(name, _value(value)) for name, value in call.arguments.items()],
        backend=call.backend or None,
        cached=call.cached,
        seconds=seconds_words(call.seconds),
        ok=not call.faults,
    )


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _ending(trajectory: Trajectory, turn: TurnRecord) -> str | None:
    if not turn.terminate:
        return None
    named = f" and named {turn.final_id} as the result" if turn.final_id is not None else ""
    parts = f"; not done: {'; '.join(trajectory.unmet)}" if trajectory.unmet else ""
    return f"The policy ended the run{named}{parts}."


def _summary(trajectory: Trajectory) -> str:
    def count(number: int, word: str) -> str:
        return f"{number} {word}{'' if number == 1 else 's'}"

    calls = [turn.call for turn in trajectory.turns if turn.call is not None]
    wrong = sum(1 for turn in trajectory.turns if turn.format_faults or (turn.call is not None and turn.call.faults))
    made = sum(1 for record in trajectory.assets if record.origin == "tool")
    words = [
        count(len(trajectory.turns), "turn") + (f" ({wrong} with a fault)" if wrong else ""),
        count(len(calls), "tool call"),
        count(made, "picture") + " made",
        seconds_words(trajectory.seconds),
    ]
    return " · ".join(words)


def _graph(trajectory: Trajectory) -> GraphView | None:
    if not trajectory.assets:
        return None
    drawing = layout(trajectory.assets, trajectory.final)
    side = SMALL_SIDE if len(trajectory.assets) <= 60 else SMALL_SIDE * 3 // 4
    nodes = [(node, thumbnail(trajectory, node.record.id, side)) for node in drawing.nodes]
    return GraphView(drawing, nodes, drawing.edges)


def _shortened(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
