"""`canvasagent score`: the reward of runs, with reasons."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canvasagent.cli.common import (
    CODES,
    USAGE,
    Ending,
    json_option,
    load_run,
    out,
    print_error,
    run_argument,
    runs_dir_option,
    verbose_option,
)
from canvasagent.cli.completion import judges, presets
from canvasagent.cli.help_pages import page_text
from canvasagent.cli.judging import chosen_judge, judge_options, judge_settings
from canvasagent.cli.options import with_options
from canvasagent.cli.run_list import RUNS_DIR

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from canvasagent.record.trajectory import Trajectory
    from canvasagent.rewards.hybrid import Score
    from canvasagent.rewards.judges.base import Aspect, Judge, Verdict


@dataclass(frozen=True)
class Scored:
    """A run with its score and verdicts."""

    run: Trajectory
    score: Score
    verdicts: dict[Aspect, Verdict]


def score(
    runs: Annotated[list[str], run_argument(several=True)],
    preset: Annotated[
        str,
        typer.Option(
            help="paper, release, hardened; for training no-outcome and no-process, also with release- before them.",
            metavar="NAME",
            autocompletion=presets,
        ),
    ] = "paper",
    judge: Annotated[
        str,
        typer.Option(
            help="local (rules, no network), endpoint:MODEL, or none: rule parts only.",
            metavar="NAME",
            autocompletion=judges,
        ),
    ] = "local",
    runs_dir: Annotated[Path, runs_dir_option()] = RUNS_DIR,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
    **options: Any,
) -> Ending:
    """Score runs.

    Exit code 0: every run has its total; 3: some are unscored; 2: some cannot be read.
    """
    from canvasagent.concurrency.run_sync import run_sync
    from canvasagent.errors import InputError
    from canvasagent.rewards.config import find_preset

    chosen = find_preset(preset)
    judging = chosen_judge(judge, judge_settings(options))
    loaded: list[Trajectory] = []
    errors: dict[str, str] = {}
    for name in runs:
        try:
            loaded.append(load_run(name, runs_dir))
        except InputError as error:
            errors[name] = str(error)
    scored = run_sync(_score_all(loaded, chosen.name, judging, errors))
    if not json:
        _print(out(), scored)
        for text in errors.values():
            print_error(text)
    payload = {
        "status": "failed" if errors else "unmet" if any(one.score.total is None for one in scored) else "met",
        "preset": chosen.name,
        "judge": judge,
        "scores": [_payload(one) for one in scored],
        "errors": errors,
    }
    code = USAGE if errors else CODES[str(payload["status"])]
    return Ending(code, payload)


async def _score_all(
    runs: Sequence[Trajectory], preset: str, judge: Judge | None, errors: dict[str, str]
) -> list[Scored]:
    scores = await asyncio.gather(*(_score_one(run, preset, judge, errors) for run in runs))
    return [one for one in scores if one is not None]


async def _score_one(run: Trajectory, preset: str, judge: Judge | None, errors: dict[str, str]) -> Scored | None:
    from canvasagent.errors import CanvasAgentError
    from canvasagent.rewards.hybrid import judge_and_score

    try:
        return Scored(run, *await judge_and_score(run, preset, judge))
    except CanvasAgentError as error:
        errors[run.id] = str(error)
        return None


def _payload(one: Scored) -> dict[str, Any]:
    verdicts = {aspect: verdict.model_dump(mode="json") for aspect, verdict in one.verdicts.items()}
    return {
        "run_dir": str(one.run.folder) if one.run.folder else None,
        **one.score.model_dump(mode="json"),
        "verdicts": verdicts,
    }


def _print(console: Console, scored: Sequence[Scored]) -> None:
    from rich.text import Text

    from canvasagent.cli.terminal import harmless
    from canvasagent.cli.words import short

    for one in scored:
        total = one.score.total
        head = Text(f"{one.run.id}  ", "bold")
        head.append(f"R = {total:.3f}" if total is not None else "unscored", "green" if total is not None else "yellow")
        head.append(f"  preset {one.score.preset} · {short(one.run.instruction, 80)}", "dim")
        console.print(head)
        console.print(_table(one.score), soft_wrap=False)
        for line in _faults(one.run):
            console.print(Text(f"! {harmless(line)}", "yellow"))
        for line in one.score.unscored:
            console.print(Text(f"Unscored: {harmless(line)}", "yellow"))
        for line in (*one.score.notes, *_judges(one.score)):
            console.print(Text(harmless(line), "dim"))
        console.print()


def _table(score: Score) -> Table:
    """Parts and penalties of the score, each with its reason."""
    from rich.table import Table

    from canvasagent.rewards.config import PRESETS

    weights, parts, costs, counts = PRESETS[score.preset].weights, score.parts, score.penalties, score.counts
    table = Table("part", "score", "from", title_justify="left")
    for name in ("align", "aesthetics", "trajectory"):
        table.add_row(name, _number(getattr(parts, name)), f"weight {getattr(weights, name):.3g}, judged")
    table.add_row("rule", _number(parts.rule), f"weight {weights.rule:.3g}: 0.4 format + 0.6 action − penalties")
    table.add_row("  format", _number(parts.format), f"{counts.turns} turns")
    calls = f"{counts.calls} calls, {counts.failed} failed"
    calls += f", {counts.infrastructure} lost through no fault of the policy" if counts.infrastructure else ""
    table.add_row("  action", _number(parts.action), calls)
    table.add_row("  − error", _number(costs.error), f"{counts.failed} failed")
    repeats = f"{counts.exact_repeats} exact, {counts.same_tool} of the same tool"
    table.add_row("  − repeat", _number(costs.repeat), repeats)
    table.add_row("  − length", _number(costs.length), "long reasons")
    expected = "not known" if counts.expected is None else str(counts.expected)
    table.add_row("  − cost", _number(costs.cost), f"{counts.calls} calls, expected {expected}")
    table.add_row("  − miss", _number(costs.miss), f"missing: {', '.join(score.missing) or 'none'}")
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _faults(run: Trajectory) -> list[str]:
    """The recorded faults of the run's turns and calls."""
    from canvasagent.faults import FAULT_TEXT

    messages = []
    for turn in run.turns:
        messages += [f"turn {turn.index + 1}: {FAULT_TEXT[fault]}." for fault in turn.format_faults]
        messages += [f"turn {turn.index + 1}: {fault.message}" for fault in (turn.call.faults if turn.call else [])]
    return messages


def _judges(score: Score) -> list[str]:
    by = dict.fromkeys(score.judges.values())
    return [f"Judged by {', '.join(by)}."] if by else ["No judge was asked."]


def register(app: typer.Typer, summary: str) -> None:
    """Add the command."""
    app.command("score", help=page_text(summary, score))(with_options(score, judge_options()))
