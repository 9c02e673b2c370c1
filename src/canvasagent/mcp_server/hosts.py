"""The configuration files of MCP hosts: an entry for this server, added, shown before it is written, taken out again.

Sources: the hosts' documentation (Claude Desktop: claude_desktop_config.json; Claude Code: .mcp.json of a project;
VS Code: .vscode/mcp.json; Cursor: ~/.cursor/mcp.json; Codex: ~/.codex/config.toml).
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canvasagent.errors import InputError
from canvasagent.storage.files import write_atomically

NAME = "canvasagent"
"""Name of the entry."""


@dataclass(frozen=True)
class Host:
    """A host: where its configuration is and under which key its servers stand."""

    name: str
    title: str
    path: Callable[[], Path]
    key: str = "mcpServers"
    toml: bool = False
    typed: bool = False
    """Whether an entry says `"type": "stdio"`."""


def _claude_desktop() -> Path:
    file = "claude_desktop_config.json"
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/Claude" / file
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData/Roaming") / "Claude" / file
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "Claude" / file


def _codex() -> Path:
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / "config.toml"


HOSTS = {
    host.name: host
    for host in (
        Host("claude-desktop", "Claude Desktop", _claude_desktop),
        Host("claude-code", "Claude Code (this project)", lambda: Path.cwd() / ".mcp.json", typed=True),
        Host("vscode", "VS Code (this project)", lambda: Path.cwd() / ".vscode/mcp.json", key="servers", typed=True),
        Host("cursor", "Cursor", lambda: Path.home() / ".cursor/mcp.json"),
        Host("codex", "Codex", _codex, key="mcp_servers", toml=True),
    )
}


def find_host(name: str) -> Host:
    """The host of that name. Raises `InputError` that lists the names."""
    if name not in HOSTS:
        raise InputError(f"there is no host '{name}'; there are: {', '.join(HOSTS)}.")
    return HOSTS[name]


def installed(host: Host, text: str, command: str, arguments: Sequence[str]) -> str:
    """The configuration `text` with an entry for this server in place of an earlier one; other entries stay.

    Raises `InputError` for a file that cannot be read as the host's configuration.
    """
    if host.toml:
        kept = removed(host, text)
        lines = [f"[{host.key}.{NAME}]", f"command = {json.dumps(command)}", f"args = {json.dumps(list(arguments))}"]
        return (kept.rstrip("\n") + "\n\n" if kept.strip() else "") + "\n".join(lines) + "\n"
    settings = _settings(host, text)
    entry: dict[str, Any] = {"command": command, "args": list(arguments)}
    settings.setdefault(host.key, {})[NAME] = {"type": "stdio", **entry} if host.typed else entry
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n"


def removed(host: Host, text: str) -> str:
    """The configuration without the entry for this server."""
    if host.toml:
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"the configuration of {host.title} is not valid TOML: {error}.") from error
        table = re.compile(rf"^\[{host.key}\.{NAME}(?:\.[^\]]*)?\]\n(?:(?!\[).*(?:\n|\Z))*", re.MULTILINE)
        return table.sub("", text)
    settings = _settings(host, text)
    settings.get(host.key, {}).pop(NAME, None)
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n"


def read(path: Path) -> str:
    """The text of a configuration; empty where there is none. Raises `InputError` where it cannot be read."""
    try:
        return path.read_text("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' cannot be read: {error}.") from error


def write(path: Path, text: str) -> Path | None:
    """Write a configuration atomically. Returns the copy of the file that was there, if any.

    Raises `StorageError` where it cannot be written.
    """
    copy = None
    if path.exists():
        copy = path.with_name(path.name + ".before-canvasagent")
        write_atomically(copy, path.read_bytes())
    write_atomically(path.resolve(), text.encode("utf-8"))
    return copy


def _settings(host: Host, text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise InputError(
            f"the configuration of {host.title} is not plain JSON ({error}); nothing was changed."
        ) from error
    if not isinstance(settings, dict) or not isinstance(settings.get(host.key, {}), dict):
        raise InputError(f"the configuration of {host.title} is no object with '{host.key}'; nothing was changed.")
    return settings
