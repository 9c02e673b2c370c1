"""A run as text for a terminal. Text of policies and pictures is made harmless first."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from canvasagent.cli.terminal import harmless

if TYPE_CHECKING:
    from rich.console import Console

    from canvasagent.record.model import AssetRecord, TurnRecord
    from canvasagent.record.trajectory import Trajectory

MAX_ARGUMENT = 120
"""Characters of an argument that are shown."""
MAX_FINDINGS = 6
"""Lines of a finding that are shown as steps go by; all of them are in the record."""

COLUMNS = 28
"""Characters that a picture is wide at most."""
NARROW = 90
"""Below this many characters a picture stands under its turn, not beside it."""
WIDEST = 116
"""Characters that a turn with its picture is wide at most."""

STATUS_STYLE = {"met": "bold green", "unmet": "bold yellow", "truncated": "bold yellow", "failed": "bold red"}
STATUS_WORDS = {
    "met": "Done",
    "unmet": "Stopped short",
    "truncated": "Cut off",
    "failed": "Failed",
    "running": "Not finished",
}


def short(text: str, limit: int) -> str:
    """`text` in one line of at most `limit` characters."""
    line = " ".join(harmless(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def command_words(*parts: object) -> str:
    """A command, quoted for a shell."""
    words = ["canvasagent", *map(str, parts)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def call_words(name: str, arguments: Mapping[str, Any]) -> str:
    """A call as a person reads it: `Crop img_1, bbox [120, 80, 640, 900]`."""
    parts = []
    for argument, value in arguments.items():
        words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        words = short(words, MAX_ARGUMENT)
        parts.append(words if argument in ("image", "base_image") else f"{argument} {words}")
    return f"{short(name, 60)} {', '.join(parts)}".rstrip()


def asset_words(record: AssetRecord) -> str:
    """`Crop_0: image, 512 × 512`."""
    return f"{record.id}: {record.kind.value}, {record.size[0]} × {record.size[1]}"


def outcome_words(turn: TurnRecord, record: Trajectory, findings: int | None = MAX_FINDINGS) -> Text:
    """The outcome of a turn: picture, findings, faults."""
    text = Text()
    faults = [fault.message for fault in turn.call.faults] if turn.call is not None else []
    if turn.format_faults:
        from canvasagent.faults import FAULT_TEXT

        faults = [f"{FAULT_TEXT[fault]}." for fault in turn.format_faults] + faults
    for fault in faults:
        text.append(f"! {harmless(fault)}\n", "yellow")
    if turn.asset is not None:
        text.append(f"→ {asset_words(record.record_of(turn.asset))}\n", "green")
    if turn.words is not None:
        lines = harmless(turn.words).splitlines()
        shown = lines if findings is None else lines[:findings]
        for line in shown:
            text.append(f"→ {line}\n", "green")
        if len(lines) > len(shown):
            text.append(f"  … and {len(lines) - len(shown)} more\n", "dim")
    text.rstrip()
    return text


def turn_words(turn: TurnRecord, record: Trajectory, findings: int | None = MAX_FINDINGS) -> Text:
    """A turn: reason, call, outcome, seconds."""
    text = Text(harmless(turn.reason or "").strip() or "(no reason given)")
    if turn.call is not None:
        text.append(f"\n{call_words(turn.call.tool or turn.call.name, turn.call.arguments)}", "cyan")
    outcome = outcome_words(turn, record, findings)
    if outcome.plain:
        text.append("\n").append_text(outcome)
    return text.append(f"\n{_figures(turn)}", "dim")


def print_turn(
    console: Console,
    turn: TurnRecord,
    record: Trajectory,
    findings: int | None = MAX_FINDINGS,
    picture: Text | None = None,
) -> None:
    """Print a turn with its number: as columns on a terminal (with `picture` beside it), else as indented lines."""
    words = turn_words(turn, record, findings)
    number = f"{turn.index + 1:>2}  "
    if not console.is_terminal:
        for index, line in enumerate(words.split("\n")):
            console.print(Text("    " if index else number).append_text(line))
        return
    beside = picture is not None and console.width >= NARROW
    room = min(console.width, WIDEST) - len(number) - (COLUMNS + 3 if beside else 0)
    table = Table.grid()
    table.add_column(width=len(number), style="bold cyan", no_wrap=True)
    table.add_column(width=max(room, 10), overflow="fold")
    table.add_column(width=COLUMNS if beside else 0)
    table.add_row(number, words, picture if beside else "")
    if picture is not None and not beside:
        table.add_row("", picture, "")
    console.print(Padding(table, (0, 0, 1, 0)), soft_wrap=False)


def _figures(turn: TurnRecord) -> str:
    parts = [f"{turn.policy_seconds + (turn.call.seconds if turn.call else 0.0):.1f} s"]
    if turn.call is not None and turn.call.cached:
        parts.append("from the cache")
    usage = turn.usage
    if usage.input_tokens is not None or usage.output_tokens is not None:
        parts.append(f"{usage.input_tokens or 0:,} tokens in, {usage.output_tokens or 0:,} out")
    if usage.cost is not None:
        parts.append(f"cost {usage.cost:.4g}")
    if usage.retries:
        parts.append(f"{usage.retries} retries")
    return " · ".join(parts)


def status_words(record: Trajectory) -> Text:
    """The end of a run: status, reason, unmet parts, figures."""
    count, calls = len(record.turns), len(record.tool_calls)
    text = Text(STATUS_WORDS[record.status], STATUS_STYLE.get(record.status, "bold"))
    figures = f" · {count} turn{'' if count == 1 else 's'} · {calls} call{'' if calls == 1 else 's'}"
    text.append(f"{figures} · {record.seconds:.1f} s", "dim")
    if record.cost is not None:
        text.append(f" · cost {record.cost:.4g}", "dim")
    if record.why:
        text.append(f"\n{harmless(record.why)}")
    for part in record.unmet:
        text.append("\nNot done: ", "yellow").append(harmless(part))
    return text
