"""`canvasagent doctor`: what can run on this machine, and how to make the rest run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canvasagent.cli.common import FAILED, Ending, err, json_option, out, runs_dir_option, verbose_option
from canvasagent.cli.help_pages import page_text
from canvasagent.cli.run_list import RUNS_DIR

if TYPE_CHECKING:
    from rich.console import Console


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Also run each tool's example on a small picture.")] = False,
    runs_dir: Annotated[Path, runs_dir_option()] = RUNS_DIR,
    json: Annotated[bool, json_option("Print all of it as one JSON object.")] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Check this machine.

    Exit code 5: the default profile or policy cannot run.
    """
    from canvasagent import defaults
    from canvasagent.cli.checkup import checkup

    console = out()
    with err().status("looking around" + (", trying each tool" if deep else "")):
        facts = checkup(console, runs_dir, deep)
    profile, policy = facts["profiles"].get(defaults.PROFILE, {}), facts["policies"].get(defaults.POLICY, {})
    well = bool(profile) and all(entry["ok"] for entry in profile.values())
    well = well and bool(policy.get("ok")) and facts["runs_dir"]["ok"]
    if not json:
        _print(console, facts, well)
    return Ending(0 if well else FAILED, {"ok": well, **facts})


def _print(console: Console, facts: dict[str, Any], well: bool) -> None:
    from rich.text import Text

    head = f"canvasagent {facts['canvasagent']} · Python {facts['python']} · {facts['system']} · {facts['cores']} cores"
    console.print(Text(head, "bold"))
    _print_packages(console, facts["packages"])
    console.print(Text("\nProfiles", "bold"))
    for name, tools in facts["profiles"].items():
        bad = {tool: entry for tool, entry in tools.items() if not entry["ok"]}
        _say(console, not bad, f"--profile {name}", f"{len(tools) - len(bad)} of {len(tools)} tools can run")
        for tool, entry in bad.items():
            advice = f" → {entry['advice']}" if entry.get("advice") else ""
            console.print(Text(f"      {tool}: {entry['why']}{advice}", "yellow"))
    console.print(Text("\nPolicies", "bold"))
    for entry in facts["policies"].values():
        _say(console, entry["ok"], entry["use"], _why(entry))
    console.print(Text("\nFonts", "bold"))
    for script, entry in facts["fonts"].items():
        _say(console, entry["ok"], script, entry["font"] or entry["why"])
    console.print(Text("\nSmall networks", "bold"))
    for name, entry in facts["models"].items():
        _say(console, entry["ok"], name, f"{entry['gives']}; in {entry['folder']}" if entry["ok"] else entry["why"])
    _print_surroundings(console, facts)
    words = "The default profile and policy can run." if well else "The default profile or policy cannot run in full."
    console.print(Text(f"\n{words}", "bold green" if well else "bold red"))


def _print_packages(console: Console, by_extra: dict[str, list[dict[str, Any]]]) -> None:
    from rich.text import Text

    from canvasagent.extras import install_advice

    console.print(Text("\nPackages", "bold"))
    for extra, entries in by_extra.items():
        missing = [
            f"{entry['package']}{entry['wanted']}" + (f" (found {entry['installed']})" if entry["installed"] else "")
            for entry in entries
            if not entry["ok"]
        ]
        there = ", ".join(f"{entry['package']} {entry['installed']}" for entry in entries if entry["ok"])
        state = f"missing {', '.join(missing)} → {install_advice(extra)}" if missing else there
        _say(console, not missing, extra, state)


def _print_surroundings(console: Console, facts: dict[str, Any]) -> None:
    from rich.text import Text

    seen, folder = facts["terminal"], facts["runs_dir"]
    console.print(Text("\nSurroundings", "bold"))
    shows = "pictures can be shown" if seen["pictures"] else "no pictures are shown"
    kind = f"{seen['colours'] or 'no'} colours, {seen['size'][0]} columns" if seen["terminal"] else "not a terminal"
    _say(console, True, "terminal", f"{kind}, {shows}")
    _say(console, folder["ok"], "runs", f"{folder['path']} can be written" if folder["ok"] else folder["why"])
    _say(console, True, "variables", ", ".join(facts["environment"]) or "none of those that matter are set")


def _say(console: Console, good: bool, name: str, words: str) -> None:
    """One finding: a column of names and a column of words on a terminal, one line elsewhere."""
    from rich.table import Table
    from rich.text import Text

    mark = ("✓ ", "green") if good else ("– ", "yellow")
    styled = Text(words, "dim" if good else "")
    if not console.is_terminal:
        console.print(Text.assemble("  ", mark, f"{name:<28} ", styled))
        return
    table = Table.grid(padding=(0, 1))
    table.add_column(width=32, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text.assemble("  ", mark, name), styled)
    console.print(table, soft_wrap=False)


def _why(entry: dict[str, Any]) -> str:
    if entry["ok"]:
        return "ready"
    return str(entry["why"]) + (f" → {entry['advice']}" if entry["advice"] else "")


def register(app: typer.Typer, summary: str) -> None:
    """Add the command."""
    app.command("doctor", help=page_text(summary, doctor))(doctor)
