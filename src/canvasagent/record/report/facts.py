"""The table of facts of a run, each with a short explanation."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from canvasagent.record.model import TurnRecord
from canvasagent.record.provenance import PAINTING_TOOLS, SOURCE_WORDS, is_generative, source_type
from canvasagent.record.trajectory import Trajectory
from canvasagent.version import __version__

POLICY_WORDS = {
    "scripted": "the embedded rule-based policy, no model",
    "pocket": "the package's own small model",
    "openai": "a model behind an OpenAI-compatible endpoint",
    "transformers": "a model that ran locally",
    "replay": "texts of a recorded run, repeated; no model",
    "list": "texts given beforehand; no model",
}
PROFILE_WORDS = {
    "lite": "for any CPU: classical algorithms and a drawn world in place of generative models",
    "full": "trained models for generation, editing, detection and segmentation",
    "hosted": "generation and editing by a model behind an images endpoint, all else as in lite",
    "release": "as the research release works, its faults included",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the table."""

    name: str
    value: str
    note: str | None = None
    code: bool = False
    """Whether the value is something to copy: an identifier, a setting."""


def facts(trajectory: Trajectory) -> list[Fact]:
    """The table, top to bottom."""
    rows = [
        Fact("Run", trajectory.id, code=True),
        Fact("Begun", trajectory.created),
        Fact("Policy", trajectory.policy, POLICY_WORDS.get(trajectory.policy.partition(":")[0]), code=True),
    ]
    rows += [
        Fact(f"Policy: {name}", json.dumps(value, ensure_ascii=False), code=True)
        for name, value in trajectory.policy_settings.items()
    ]
    rows.append(Fact("Profile", trajectory.profile, PROFILE_WORDS.get(trajectory.profile), code=True))
    rows += _backends(trajectory)
    rows += [
        Fact("Seed", str(trajectory.seed), code=True),
        Fact("Limits", _limits(trajectory)),
        Fact("Time", _time(trajectory)),
        Fact("Tokens and cost", usage_words(trajectory.turns) or "not known", _retries(trajectory)),
    ]
    if trajectory.expected_tools is not None:
        rows.append(Fact("Expected tools", ", ".join(trajectory.expected_tools) or "none"))
    if trajectory.difficulty:
        rows.append(Fact("Difficulty", ", ".join(f"{key} {value}" for key, value in trajectory.difficulty.items())))
    if trajectory.continues is not None:
        rows.append(Fact("Goes on from", trajectory.continues, "its pictures were carried over", code=True))
    rows += _source(trajectory)
    rows.append(
        Fact(
            "Versions",
            f"run by canvasagent {trajectory.canvasagent}, record format {trajectory.format_version}",
            f"report by canvasagent {__version__} on Python {platform.python_version()}",
        )
    )
    return rows


def _backends(trajectory: Trajectory) -> list[Fact]:
    """A line for each backend that was used, including those of continued runs."""
    used: dict[tuple[str, str], None] = {}
    for record in trajectory.assets:
        if record.lineage is not None:
            used[(record.lineage.tool, record.lineage.backend)] = None
    for turn in trajectory.turns:
        if turn.call is not None and turn.call.tool is not None and turn.call.backend:
            used[(turn.call.tool, turn.call.backend)] = None
    return [Fact(f"Backend of {tool}", backend, _painter(tool, backend), code=True) for tool, backend in used]


def _painter(tool: str, backend: str) -> str | None:
    if tool not in PAINTING_TOOLS:
        return None
    return "generative model" if is_generative(tool, backend) else "an algorithm, no generative model"


def _source(trajectory: Trajectory) -> list[Fact]:
    """The digital source type that the saved result is marked with."""
    if trajectory.final is None or all(record.id != trajectory.final for record in trajectory.assets):
        return []
    source = source_type(trajectory, trajectory.final)
    if source is None:
        return [Fact("Digital source type", "none claimed", "the result is an input picture, unchanged")]
    return [Fact("Digital source type", source.value, SOURCE_WORDS[source] + " (IPTC NewsCodes)", code=True)]


def _limits(trajectory: Trajectory) -> str:
    limits = trajectory.limits
    words = [f"{limits['max_turns']} turns"] if limits.get("max_turns") is not None else []
    words.append(f"{limits['max_seconds']} s" if limits.get("max_seconds") is not None else "no limit on time")
    words.append(f"cost {limits['max_cost']}" if limits.get("max_cost") is not None else "none on cost")
    return ", ".join(words)


def _time(trajectory: Trajectory) -> str:
    thought = sum(turn.policy_seconds for turn in trajectory.turns)
    worked = sum(turn.call.seconds for turn in trajectory.turns if turn.call is not None)
    cached = sum(1 for turn in trajectory.turns if turn.call is not None and turn.call.cached)
    words = f"{seconds_words(trajectory.seconds)}: policy {seconds_words(thought)}, tools {seconds_words(worked)}"
    return words + (f"; {cached} result{'' if cached == 1 else 's'} from the cache" if cached else "")


def _retries(trajectory: Trajectory) -> str | None:
    retries = sum(turn.usage.retries for turn in trajectory.turns)
    return f"{retries} request{'' if retries == 1 else 's'} made again" if retries else None


def seconds_words(seconds: float) -> str:
    """A duration with a sensible number of digits."""
    if seconds >= 90:
        return f"{int(seconds // 60)} min {seconds % 60:.0f} s"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def usage_words(turns: Sequence[TurnRecord]) -> str | None:
    """Tokens and cost of some turns, as far as they are known; None where nothing is."""
    read = [turn.usage.input_tokens for turn in turns if turn.usage.input_tokens is not None]
    written = [turn.usage.output_tokens for turn in turns if turn.usage.output_tokens is not None]
    costs = [cost for turn in turns for cost in turn.costs]
    words = [f"{sum(read):,} tokens read"] if read else []
    words += [f"{sum(written):,} written"] if written else []
    words += [f"cost {sum(costs):.4g}"] if costs else []
    return ", ".join(words) or None
