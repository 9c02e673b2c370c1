"""The rule part of the reward: format, action and efficiency of a trajectory, put together (equation 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import lru_cache

from canvasagent.faults import FormatFault
from canvasagent.record.model import TurnRecord
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.action import CallScore, Played, action_score, feeding, play, resolve
from canvasagent.rewards.config import Preset
from canvasagent.rewards.efficiency import (
    Costs,
    cost_penalty,
    count_adjacent_repeats,
    count_all_repeats,
    error_penalty,
    length_penalty,
    miss_penalty,
    repeat_penalty,
)
from canvasagent.rewards.format import TurnText, format_score, prose, read_text, turn_format, undiluted, words
from canvasagent.tools import find_tool


@dataclass(slots=True)
class Counts:
    """What was counted."""

    turns: int
    calls: int
    """N: calls made, failed ones included, those that failed through our fault not."""
    executed: int
    failed: int
    infrastructure: int
    """Calls that failed through our fault: excluded from everything above."""
    exact_repeats: int
    """Calls that repeat another one exactly: an adjacent one, or any before, as the preset says."""
    same_tool: int
    """Calls of the tool of the last call that ran, exact repeats not included."""
    useful: int
    """Calls that the result came from, and tools that found something in words."""
    expected: int | None
    """Calls expected; None where nothing is known to be expected."""


@dataclass(slots=True)
class Rules:
    """Equations 2 to 7 of one trajectory."""

    rule: float
    """R_rule. Not clamped: it may be negative."""
    format: float
    action: float
    coverage: float
    """Share of the expected tools that is covered: of their set, or of the calls, as the preset counts."""
    costs: Costs
    turns: tuple[float, ...]
    """Format of each turn."""
    calls: tuple[CallScore, ...]
    counts: Counts
    missing: tuple[str, ...]
    """Expected tools that are not covered."""
    notes: tuple[str, ...]


def rule_score(format_: float, action: float, efficiency: float, preset: Preset) -> float:
    """Equation 2: R_rule = 0.4 format + 0.6 action − λ_eff · efficiency; not clamped, from −0.915 to 1."""
    return preset.rule_format * format_ + preset.rule_action * action - preset.efficiency * efficiency


def rules(trajectory: Trajectory, preset: Preset) -> Rules:
    """Score a trajectory by rules alone. Raises `InputError` where a tool that it used is not installed here."""
    played, state = play(trajectory, preset)
    own = [one for one in played if not one.score.infrastructure]
    texts = [read_text(turn) for turn in trajectory.turns]
    formats = _formats(trajectory, texts, state, preset)
    useful = _useful(own, trajectory.final)
    sequence = _expected(tuple(trajectory.expected_tools or ()))
    expected = None if trajectory.expected_tools is None else len(sequence)
    counts = _count(trajectory, played, own, useful, expected, preset)
    format_, action = _averages(trajectory, formats, [one.score.q for one in own], counts, preset)
    wanted = sequence if preset.coverage == "calls" else tuple(dict.fromkeys(sequence))
    missing = _missing(wanted, played, useful, preset)
    costs = Costs(
        error=error_penalty(counts.failed, preset.penalties),
        repeat=repeat_penalty(counts.exact_repeats, counts.same_tool, preset.penalties),
        length=length_penalty(_lengths(trajectory.turns, texts, preset), preset.penalties),
        cost=cost_penalty(counts.calls, counts.expected, preset.penalties),
        miss=miss_penalty(len(missing), wanted, len(sequence), preset.penalties),
    )
    return Rules(
        rule=rule_score(format_, action, costs.total, preset),
        format=format_,
        action=action,
        coverage=1 - len(missing) / len(wanted) if wanted else float(preset.coverage == "set"),
        costs=costs,
        turns=tuple(formats),
        calls=tuple(one.score for one in played),
        counts=counts,
        missing=missing,
        notes=_notes(trajectory, texts, counts.infrastructure),
    )


def _count(
    trajectory: Trajectory,
    played: Sequence[Played],
    own: Sequence[Played],
    useful: _Useful,
    expected: int | None,
    preset: Preset,
) -> Counts:
    ran = [one.ran for one in own]
    count_repeats = count_adjacent_repeats if preset.repeats == "adjacent" else count_all_repeats
    exact, same_tool = count_repeats([one.identity for one in own], ran)
    executed = sum(ran)
    return Counts(
        turns=len(trajectory.turns),
        calls=len(own),
        executed=executed,
        failed=len(own) - executed,
        infrastructure=len(played) - len(own),
        exact_repeats=exact,
        same_tool=same_tool,
        useful=useful.count,
        expected=expected,
    )


def _averages(
    trajectory: Trajectory, formats: Sequence[float], qs: Sequence[float], counts: Counts, preset: Preset
) -> tuple[float, float]:
    """Format and action, as the preset averages them."""
    if preset.counting == "mean":
        return format_score(formats), action_score(qs)
    weigh = min(counts.useful, counts.expected) if counts.expected else counts.useful
    ended = any(turn.terminate for turn in trajectory.turns)
    return undiluted(formats, weigh + ended), undiluted(qs, weigh)


def _formats(trajectory: Trajectory, texts: Sequence[TurnText], state: Container[str], preset: Preset) -> list[float]:
    """The format of every turn; the environment's own fault, an ending that names no picture, is found again."""
    last = len(texts) - 1
    cut_off = trajectory.status == "truncated"
    formats = []
    for index, (turn, text) in enumerate(zip(trajectory.turns, texts, strict=True)):
        faults = text.faults
        if turn.terminate and turn.final_id is not None and resolve(turn.final_id) not in state:
            faults = (*faults, FormatFault.BAD_FINAL_ID)
        formats.append(turn_format(faults, preset.format_weights, cut_off and index == last))
    return formats


@dataclass(slots=True)
class _Useful:
    count: int
    tools: set[str]


def _useful(own: Sequence[Played], final: str | None) -> _Useful:
    """The calls that the result came from, and the tools that found something in words (each counted once)."""
    fed = feeding(own, final)
    made = [one.score.tool for one in own if one.makes is not None and one.makes in fed]
    said_words = {one.score.tool for one in own if one.ran and one.makes is None}
    return _Useful(len(made) + len(said_words), {*made, *said_words})


def _lengths(turns: Sequence[TurnRecord], texts: Sequence[TurnText], preset: Preset) -> list[int]:
    """Words of each turn, as far as they can exceed what is free: a word has at least one character."""
    free = preset.penalties.length_free
    if preset.long_text == "turn":
        return [words(prose(turn.text)) for turn in turns if len(turn.text) > free]
    return [words(text.reason) for text in texts if text.reason is not None and len(text.reason) > free]


@lru_cache(maxsize=4096)
def _expected(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The expected tools in order, by wire name where there is such a tool."""
    tools = [find_tool(label) for label in labels]
    return tuple(tool.name if tool is not None else label for tool, label in zip(tools, labels, strict=True))


def _missing(wanted: Sequence[str], played: Sequence[Played], useful: _Useful, preset: Preset) -> tuple[str, ...]:
    """Which of the expected tools are not covered. A call of a tool that does not exist covers nothing."""
    if preset.coverage == "calls":
        made = Counter(one.score.tool for one in played if one.score.name)
        asked: Counter[str] = Counter()
        missing = []
        for name in wanted:
            asked[name] += 1
            if asked[name] > made[name]:
                missing.append(name)
        return tuple(missing)
    covered = {one.score.tool for one in played if one.score.name and preset.covers == "called"}
    covered |= {one.score.tool for one in played if one.score.infrastructure}
    covered |= useful.tools
    return tuple(name for name in wanted if name not in covered)


def _notes(trajectory: Trajectory, texts: Sequence[TurnText], infrastructure: int) -> tuple[str, ...]:
    notes = [
        f"turn {index + 1}: the recorded call is not the one in the turn's text; the recorded one is scored."
        for index, text in enumerate(texts)
        if not text.agrees
    ]
    if trajectory.expected_tools is None:
        notes.append("no tools are known to be expected: cost and miss are 0.")
    if infrastructure:
        notes.append(f"{infrastructure} call(s) failed through no fault of the policy and are left out.")
    return tuple(notes)
