"""`canvasagent models`: the weights of the profile `full`: what there is, fetching, checking."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canvasagent.cli.common import FAILED, Ending, err, json_option, out, verbose_option

if TYPE_CHECKING:
    from canvasagent.weights.catalogue import Entry
    from canvasagent.weights.hub import Checked


def list_models(
    json: Annotated[bool, json_option()] = False, verbose: Annotated[bool, verbose_option()] = False
) -> Ending:
    """Show the models, their licences and sizes, and which are on this machine."""
    from rich.table import Table

    from canvasagent.weights.catalogue import catalogue
    from canvasagent.weights.files import size_words
    from canvasagent.weights.hub import folder_of

    table = Table("Model", "Tools", "Published as", "Licence", show_lines=False)
    for name in ("Parameters", "To fetch"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Here")
    payload = []
    for entry in catalogue().values():
        folder = folder_of(entry)
        here = {"default": entry.default, "here": str(folder) if folder else None}
        payload.append({**entry.model_dump(mode="json"), "parameters": entry.parameters, **here})
        name = entry.name if entry.default else f"{entry.name} (choice)"
        sizes = f"{entry.parameters / 1e6:,.0f} M", size_words(entry.download_gb)
        present = "yes" if folder else "no"
        table.add_row(name, ", ".join(entry.tools), entry.source, entry.licence, *sizes, present)
    if not json:
        out().print(table, soft_wrap=False)
    return Ending(0, payload)


def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models; those that the profile full uses if none.", metavar="MODEL")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Address of the hub; else HF_ENDPOINT, else its own.", metavar="URL")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit.", metavar="NAME")] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Fetch weights into the hub's cache and check them. What was cut off goes on where it stopped."""
    from canvasagent.weights import hub
    from canvasagent.weights.files import size_words

    done: dict[str, Any] = {}
    for entry in _chosen(names):
        text = f"{entry.source}: {size_words(entry.download_gb)}, licence {entry.licence}"
        err().print(text, markup=False)
        done[entry.name] = {"folder": str(hub.pull(entry, endpoint, revision)), "licence": entry.licence}
        if not json:
            out().print(f"{entry.name}: {done[entry.name]['folder']}", markup=False)
    return Ending(0, done)


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Models, folders or files; all that are here if none.", metavar="WHAT"),
    ] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Check weights on this machine against their checksums. Needs no network. Exit code 5 where one is damaged."""
    from canvasagent.errors import WeightsError
    from canvasagent.weights import hub

    checked: dict[str, list[Checked]] = {}
    for name in names or ():
        if Path(name).exists():
            checked[name] = hub.verify_path(Path(name))
    rest = [name for name in names or () if name not in checked]
    for entry in _chosen(rest, every=True) if rest or not names else ():
        folder = hub.partial_folder_of(entry)
        if folder is not None:
            checked[entry.name] = hub.verify(entry, folder)
        elif names:
            raise WeightsError(f"{entry.name} is not on this machine; canvasagent models pull {entry.name} fetches it.")
    good = all(item.verdict != "damaged" for items in checked.values() for item in items)
    if not json:
        for name, items in checked.items():
            for item in items:
                why = f": {item.why}" if item.why else ""
                out().print(f"{name}  {item.file}  {item.bytes:,} bytes  {item.verdict}{why}", markup=False)
        if not checked:
            out().print("No model of the catalogue is on this machine.")
    payload = {name: [vars_of(item) for item in items] for name, items in checked.items()}
    return Ending(0 if good else FAILED, {"ok": good, "models": payload})


def vars_of(item: Checked) -> dict[str, Any]:
    """A checked file as JSON."""
    return {"file": item.file, "bytes": item.bytes, "verdict": item.verdict, "why": item.why}


def _chosen(names: list[str] | None, every: bool = False) -> list[Entry]:
    from canvasagent.weights.catalogue import catalogue, find

    if names:
        return [find(name) for name in names]
    return [entry for entry in catalogue().values() if entry.default or every]


def register(app: typer.Typer, summary: str) -> None:
    """Add the command and its subcommands."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(_group)
    group.command("list")(list_models)
    group.command("pull")(pull)
    group.command("verify")(verify)
    app.add_typer(group, name="models", help=summary)


def _group() -> None:
    """The weights of the profile full: which there are, which are here, fetching and checking them."""
