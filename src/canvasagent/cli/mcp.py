"""`canvasagent mcp`: the tools and the agent for MCP hosts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from canvasagent.cli.common import Ending, err, out, verbose_option
from canvasagent.cli.completion import one_of, profiles

HOSTS = ("claude-desktop", "claude-code", "vscode", "cursor", "codex")

Profile = Annotated[str, typer.Option(help="A profile or a .toml file.", metavar="NAME", autocompletion=profiles)]
Policy = Annotated[str, typer.Option(help="The policy of start_request.", metavar="NAME")]
Output = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder for results; canvasagent in the home folder if left out.", metavar="DIR"),
]
Allow = Annotated[
    list[Path] | None,
    typer.Option(
        help="A folder whose pictures may be read; may be repeated. If left out: the roots that the client names, else "
        "the working folder.",
        metavar="DIR",
        show_default=False,
    ),
]
Compact = Annotated[bool, typer.Option("--compact", help="List three tools that lead to all others.")]


def stdio(
    profile: Profile = "lite",
    policy: Policy = "scripted",
    output: Output = None,
    allow: Allow = None,
    compact: Compact = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Serve one host over standard input and output; hosts start this themselves."""
    transports = _transports()
    transports.serve_stdio(transports.make_server(policy, profile, _folder(output), allow, compact=compact))
    return Ending(at_once=True)


def http(
    port: Annotated[int, typer.Option(help="Port; 0: a free one, which is printed.", min=0, max=65535)] = 8751,
    profile: Profile = "lite",
    policy: Policy = "scripted",
    output: Output = None,
    allow: Allow = None,
    compact: Compact = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Serve hosts on this machine over streamable HTTP until stopped."""
    transports = _transports()
    from canvasagent.serving.server import bind

    server = transports.make_server(policy, profile, _folder(output), allow, compact=compact)
    sock = bind("127.0.0.1", port)

    def started() -> None:
        out().print(f"canvasagent mcp on http://127.0.0.1:{sock.getsockname()[1]}/mcp", markup=False)
        out().file.flush()

    transports.serve_http(server, sock, started)
    return Ending(at_once=True)


def install(
    client: Annotated[
        str, typer.Argument(help=f"One of: {', '.join(HOSTS)}.", metavar="CLIENT", autocompletion=one_of(*HOSTS))
    ],
    allow: Allow = None,
    output: Output = None,
    compact: Compact = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the entry out again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Write the entry for this server into the configuration of a host; shows it first."""
    from canvasagent.mcp_server import hosts

    host = hosts.find_host(client)
    path = host.path()
    before = hosts.read(path)
    if undo and not before:
        out().print(f"{path} is not there; nothing to take out.", markup=False)
        return Ending()
    words = ["-m", "canvasagent", "mcp", "stdio", "--out", str(_folder(output))]
    words += [word for folder in allow or () for word in ("--allow", str(folder.resolve()))]
    words += ["--compact"] if compact else []
    after = hosts.removed(host, before) if undo else hosts.installed(host, before, sys.executable, words)
    entry = "without the entry canvasagent" if undo else json.dumps([sys.executable, *words])
    out().print(f"{host.title}: {path}\n{entry}", markup=False)
    if not yes and not typer.confirm("Write this?", default=False, err=True):
        err().print("nothing was written.")
        return Ending()
    copy = hosts.write(path, after)
    out().print(f"written. {f'The file as it was: {copy}. ' if copy else ''}Restart {host.title}.", markup=False)
    return Ending()


def _folder(output: Path | None) -> Path:
    return (output or Path.home() / "canvasagent").resolve()


def _transports() -> Any:
    """The server's module. Raises `MissingExtra` if the SDK is not installed."""
    from canvasagent.errors import MissingExtra

    try:
        import mcp.server  # noqa: F401

        from canvasagent.mcp_server import transports
    except ModuleNotFoundError as error:
        raise MissingExtra("the MCP server", "mcp") from error
    return transports


def register(app: typer.Typer, summary: str) -> None:
    """Add the command and its subcommands."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(_group)
    group.command("stdio")(stdio)
    group.command("http")(http)
    group.command("install")(install)
    app.add_typer(group, name="mcp", help=summary)


def _group() -> None:
    """Serve the tools and the agent to MCP hosts: assistants and editors."""
