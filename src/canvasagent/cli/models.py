"""`canvasagent models`: weights of the profile `full` and the small networks of `lite`: listing, fetching, checking."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canvasagent.cli.common import FAILED, Ending, err, json_option, out, verbose_option

if TYPE_CHECKING:
    from canvasagent.weights.catalogue import Entry
    from canvasagent.weights.hub import Checked
    from canvasagent.weights.sets import FileSet


def list_models(
    json: Annotated[bool, json_option()] = False, verbose: Annotated[bool, verbose_option()] = False
) -> Ending:
    """List the models with licences, sizes and whether they are on this machine."""
    from rich.table import Table

    from canvasagent.weights.catalogue import catalogue
    from canvasagent.weights.files import size_words
    from canvasagent.weights.hub import folder_of
    from canvasagent.weights.sets import file_sets, models_folder, verify_set

    table = Table("Model", "Tools", "Published as", "Licence", show_lines=False)
    for name in ("Parameters", "To fetch"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Here")
    payload: list[dict[str, Any]] = []
    for entry in catalogue().values():
        folder = folder_of(entry)
        here = {"default": entry.default, "here": str(folder) if folder else None}
        payload.append({**entry.model_dump(mode="json"), "parameters": entry.parameters, **here})
        name = entry.name if entry.default else f"{entry.name} (choice)"
        sizes = f"{entry.parameters / 1e6:,.0f} M", size_words(entry.download_gb)
        present = "yes" if folder else "no"
        table.add_row(name, ", ".join(entry.tools), entry.source, entry.licence, *sizes, present)
    for group in file_sets().values():
        good = [item.file for item in verify_set(group) if item.verdict != "damaged"]
        whole = len(good) == len(group.file)
        payload.append({**group.model_dump(mode="json"), "good": good, "here": str(models_folder()) if whole else None})
        present = "yes" if whole else f"{len(good)} of {len(group.file)} files" if good else "no"
        files = f"{len(group.file)} files, profile {group.profile}"
        size = size_words(group.gigabytes)
        table.add_row(group.name, ", ".join(group.tools), files, group.licences, "", size, present)
    if not json:
        out().print(table, soft_wrap=False)
    return Ending(0, payload)


def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Models, or the set 'photo' for the profile lite; if none, those that the profile full uses.",
            metavar="MODEL",
        ),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Address of the hub; else HF_ENDPOINT, else its own.", metavar="URL")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit.", metavar="NAME")] = None,
    source_dir: Annotated[
        Path | None,
        typer.Option("--from", help="Folder that holds the files of a set; looked at first.", metavar="FOLDER"),
    ] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Download weights and verify them: models into the hub's cache, sets into the user's data folder.

    Interrupted downloads resume.
    """
    from canvasagent.weights import hub
    from canvasagent.weights.files import size_words

    done: dict[str, Any] = {}
    groups = _sets(names)
    for group in groups:
        done[group.name] = {"folder": str(_pull_set(group, source_dir)), "licence": group.licences}
        if not json:
            out().print(f"{group.name}: {done[group.name]['folder']}", markup=False)
    rest = [name for name in names or () if name not in done]
    for entry in _chosen(rest) if rest or not groups else ():
        text = f"{entry.source}: {size_words(entry.download_gb)}, licence {entry.licence}"
        err().print(text, markup=False)
        done[entry.name] = {"folder": str(hub.pull(entry, endpoint, revision)), "licence": entry.licence}
        if not json:
            out().print(f"{entry.name}: {done[entry.name]['folder']}", markup=False)
    return Ending(0, done)


def _pull_set(group: FileSet, source_dir: Path | None) -> Path:
    """Download a set, with progress on standard error."""
    from canvasagent.errors import InputError
    from canvasagent.weights.files import size_words
    from canvasagent.weights.pulling import pull_set

    if source_dir is not None and not source_dir.is_dir():
        raise InputError(f"--from '{source_dir}' is no folder.")
    text = f"{group.name}: {len(group.file)} files, {size_words(group.gigabytes)}, licence {group.licences}"
    err().print(text, markup=False)
    with err().status(text) as status:
        return pull_set(group, source_dir, report=lambda line: status.update(f"{group.name}: {line}"))


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Models, sets, folders or files; all that are here if none.", metavar="WHAT"),
    ] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Check weights on this machine against their checksums. Needs no network. Exit code 5: a file is damaged."""
    from canvasagent.errors import WeightsError
    from canvasagent.weights import hub
    from canvasagent.weights.sets import file_sets, present, verify_set

    checked: dict[str, list[Checked]] = {}
    for name in names or ():
        if Path(name).exists():
            checked[name] = hub.verify_path(Path(name))
    for group in _sets(names) if names else [one for one in file_sets().values() if present(one)]:
        checked[group.name] = verify_set(group)
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


def _sets(names: list[str] | None) -> list[FileSet]:
    """The sets among names of models and sets."""
    from canvasagent.weights.sets import file_sets

    return [file_sets()[name] for name in names or () if name in file_sets()]


def _chosen(names: list[str] | None, every: bool = False) -> list[Entry]:
    from canvasagent.errors import InputError
    from canvasagent.weights.catalogue import catalogue, find
    from canvasagent.weights.sets import file_sets

    if names:
        try:
            return [find(name) for name in names]
        except InputError as error:
            raise InputError(f"{error} Sets of small files: {', '.join(file_sets())}.") from error
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
    """List, download and verify the weights of the profile full and the small networks of lite."""
