"""`canvasagent serve`: the tools for others, over HTTP."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from canvasagent.cli.common import Ending, err, is_verbose, out, verbose_option
from canvasagent.cli.completion import one_of, profiles
from canvasagent.cli.options import settings_from, settings_options, with_options


def tools(
    profile: Annotated[
        str, typer.Option(help="A profile or a .toml file.", metavar="NAME", autocompletion=profiles)
    ] = "lite",
    host: Annotated[str, typer.Option(help="Address to listen on.", metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0: a free one, which is printed.", min=0, max=65535)] = 8750,
    keys: Annotated[
        Path | None,
        typer.Option(help="TOML file of API keys and quotas; see `serve key`.", metavar="FILE", show_default=False),
    ] = None,
    no_keys: Annotated[
        bool, typer.Option("--no-keys", help="Accept requests without keys from anyone who can reach the port.")
    ] = False,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="Let web pages of this origin (https://app.example) use it, and programs by this name; "
            "may be repeated. Without keys, no others may.",
            show_default=False,
        ),
    ] = None,
    isolate: Annotated[
        bool, typer.Option("--isolate", help="Run each tool in a process of its own, which contains crashes.")
    ] = False,
    engine: Annotated[
        str,
        typer.Option(
            help="local, or ray: each tool in replicas on a cluster (RAY_ADDRESS); docs/scale.md.",
            metavar="NAME",
            autocompletion=one_of("local", "ray"),
        ),
    ] = "local",
    sharing: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with replicas, CPUs and GPUs of each tool on Ray.", metavar="FILE", show_default=False
        ),
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM file, for HTTPS.", metavar="FILE", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="PEM file with its private key.", metavar="FILE", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings and errors only.")] = False,
    verbose: Annotated[bool, verbose_option()] = False,
    **options: Any,
) -> Ending:
    """Serve the tools of a profile over HTTP until stopped. `--profile remote:URL` uses them."""
    server, key_holders, gate = _needed()
    from canvasagent.errors import InputError
    from canvasagent.serving.logs import start_logging

    settings = settings_from(_settings_class(), options)
    known = key_holders.Keys.load(keys) if keys is not None else key_holders.Keys()
    if not known.needed and not no_keys and not server.is_loopback(host):
        raise InputError(f"whoever reaches {host} could use this server: give --keys FILE, or --no-keys.")
    origins = frozenset(gate.parse_origin(text) for text in allow_origin or ())
    if tls_key is not None and tls_certificate is None:
        raise InputError("--tls-key belongs to a --tls-certificate.")
    level = logging.DEBUG if is_verbose() else logging.WARNING if quiet else logging.INFO
    sock = server.bind(host, port)
    toolbox, settings = _toolbox(engine, _profile(profile, isolate), sharing, settings, options.get("concurrency"))
    scheme = "https" if tls_certificate else "http"
    shown = f"[{host}]" if ":" in host else host
    url = f"{scheme}://{shown}:{sock.getsockname()[1]}"

    def started() -> None:
        out().print(f"canvasagent tools ({toolbox.profile.name}) on {url}", markup=False)
        out().file.flush()
        start_logging(level)

    names = None if known.needed else gate.names_of(host, origins)
    files = {"certificate": tls_certificate, "private_key": tls_key}
    try:
        server.run(toolbox, sock, settings, known, names=names, origins=origins, started=started, **files)
    finally:
        toolbox.close()
    return Ending(at_once=True)


def _toolbox(
    engine: str, profile: Any, sharing: Path | None, settings: Any, concurrency: int | None
) -> tuple[Any, Any]:
    """The executor of calls and the settings; by default a cluster runs as many calls at once as it can take."""
    from canvasagent.errors import InputError
    from canvasagent.execution.toolbox import ToolBox
    from canvasagent.scale.cluster import check_engine

    seconds = settings.call_timeout
    if check_engine(engine) == "local":
        if sharing is not None:
            raise InputError("--sharing belongs to --engine ray.")
        limits = {"max_pixels": settings.max_pixels, "call_seconds": seconds, "waiting_call_seconds": seconds}
        return ToolBox(profile, workers=settings.concurrency, **limits), settings
    from canvasagent.scale.sharing import load_sharing
    from canvasagent.scale.tools import ClusterToolBox

    toolbox = ClusterToolBox(profile, load_sharing(sharing), max_pixels=settings.max_pixels, call_seconds=seconds)
    return toolbox, settings if concurrency else settings.model_copy(update={"concurrency": toolbox.capacity})


def _profile(name: str, isolate: bool) -> Any:
    from canvasagent.backends.profile import load_profile

    profile = load_profile(name)
    return profile.model_copy(update={"isolate": sorted(profile.backends)}) if isolate else profile


def _needed() -> tuple[Any, Any, Any]:
    """The server's modules. Raises `MissingExtra` if their dependencies are not installed."""
    from canvasagent.errors import MissingExtra

    try:
        from canvasagent.serving import gate, keys, server
    except ModuleNotFoundError as error:
        raise MissingExtra("the tool server", "serve") from error
    return server, keys, gate


def _settings_class() -> Any:
    from canvasagent.serving.settings import ServerSettings

    return ServerSettings


def key(
    name: Annotated[str, typer.Argument(help="Holder of the key.", metavar="NAME")],
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Create an API key: the key goes to standard error, its entry for the keys file to standard output."""
    key_holders = _needed()[1]
    from canvasagent.errors import InputError

    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise InputError("a name is made of letters, digits, - and _.")
    secret, digest = key_holders.new_key()
    err().print(f"The key of {name}, shown only once: {secret}", markup=False)
    out().print(f'[{name}]\nkey = "{digest}"\n# requests_per_minute = 600', markup=False)
    return Ending()


def register(app: typer.Typer, summary: str) -> None:
    """Add the command and its subcommands."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(_group)
    limits = settings_options(_settings_class(), "Limits")
    group.command("tools")(with_options(tools, limits))
    group.command("key")(key)
    app.add_typer(group, name="serve", help=summary)


def _group() -> None:
    """Serve the tools to other programs and machines over HTTP."""
