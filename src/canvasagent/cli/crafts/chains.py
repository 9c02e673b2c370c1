"""`canvasagent craft chains`: the chains that data is built from, and what a mix comes to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canvasagent.cli.common import Ending, json_option, out, verbose_option
from canvasagent.cli.completion import one_of

if TYPE_CHECKING:
    from canvasagent.craft.chains import Chain


def chains(
    show: Annotated[
        str | None, typer.Argument(help="Name of a chain to show in full.", metavar="CHAIN", show_default=False)
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="TOML file of your own chains: check them, list them.", metavar="FILE"),
    ] = None,
    mix: Annotated[
        str | None,
        typer.Option(
            help="paper, uniform or a TOML file: print its number of items per chain.",
            metavar="NAME",
            autocompletion=one_of("paper", "uniform"),
        ),
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=0, help="Number of items in the mix.")] = 1000,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """List the chains of the paper's Tables 7 and 8, or your own."""
    from canvasagent.craft.chains import load_chains, mix_chains, mix_counts, user_chains

    known = user_chains(file) if file is not None else mix_chains(mix) if mix is not None else load_chains()
    counts = mix_counts(mix, n) if mix is not None else {}
    if show is not None:
        return _one(_find(show, known), json)
    listed = [_row(chain, counts.get(chain.name, 0) if mix is not None else None) for chain in known.values()]
    if not json:
        _print(listed, mix)
    return Ending(payload={"chains": listed, "total": sum(chain.count for chain in known.values())})


def _find(name: str, known: dict[str, Chain]) -> Chain:
    import difflib

    from canvasagent.errors import InputError

    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean '{close[0]}'?" if close else "`canvasagent craft chains` lists them."
    raise InputError(f"there is no chain '{name}'; {hint}")


def _row(chain: Chain, share: int | None) -> dict[str, Any]:
    row: dict[str, Any] = {"name": chain.name, "table": chain.table, "count": chain.count, "tools": list(chain.tools)}
    row["ways"], row["pictures"] = len(chain.ways), sorted({len(way.pictures) for way in chain.ways})
    return row if share is None else {**row, "share": share}


def _print(rows: list[dict[str, Any]], mix: str | None) -> None:
    from rich.table import Table

    table = Table("chain", "table", "trajectories", "ways", "pictures", *(["of the mix"] if mix else []))
    for row in rows:
        shares = [f"{row['share']:,}"] if mix else []
        pictures = " or ".join(map(str, row["pictures"]))
        table.add_row(row["name"], str(row["table"] or ""), f"{row['count']:,}", str(row["ways"]), pictures, *shares)
    total = [f"{sum(row['share'] for row in rows):,}"] if mix else []
    table.add_section()
    table.add_row(f"{len(rows)} chains", "", f"{sum(row['count'] for row in rows):,}", "", "", *total)
    out().print(table, soft_wrap=False)


def _one(chain: Chain, json: bool) -> Ending:
    """Every way of a chain: pictures, slots, steps."""
    from rich.text import Text

    payload = chain.model_dump(mode="json", exclude_defaults=True)
    payload.pop("groups", None)
    if json:
        return Ending(payload=payload)
    console = out()
    table = f"Table {chain.table}" if chain.table else "your own"
    console.print(Text.assemble((chain.name, "bold"), f"  ({table}, {chain.count:,} trajectories)"))
    for number, way in enumerate(chain.ways, 1):
        console.print(f"\nway {number} (weight {way.weight:g})")
        for at, need in enumerate(way.pictures, 1):
            wanted = ", ".join(f"{key} {value}" for key, value in need.model_dump(exclude_defaults=True).items())
            console.print(f"  img_{at}: {wanted or 'any picture'}", markup=False)
        for name, kind in way.slots.items():
            console.print(f"  ${name}: {kind}", markup=False)
        for at, step in enumerate(way.steps, 1):
            fields = step.model_dump(exclude_defaults=True, exclude={"tool", "id"})
            facts = ", ".join(f"{key}: {value}" for key, value in fields.items())
            console.print(f"  {step.id or f's{at}'}  {step.tool:<10} {facts}", markup=False)
    return Ending(payload=payload)


def register(group: typer.Typer) -> None:
    """Add the subcommand."""
    group.command("chains")(chains)
