"""The backends of a profile `remote:URL`: whole calls, carried out by the tool server at that address.

Results are those of the server's profile: same pixels, same words, same fingerprints, so records and caches are too.
The key comes from CANVASAGENT_TOOLS_KEY; `remote:URL?key=none` sends none. `remote:URL?pictures=png` sends pictures
compressed, for slow lines.
"""

from __future__ import annotations

import functools
import os
import threading
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from canvasagent.canvas import Asset
from canvasagent.endpoints.tool_server import RemoteTool, ToolServer
from canvasagent.endpoints.wire import PNG, TIFF
from canvasagent.errors import InputError
from canvasagent.tools import all_tools
from canvasagent.tools.base import Outcome
from canvasagent.tools.check import Checked

KEY_NAME = "CANVASAGENT_TOOLS_KEY"
WAITS = 64
"""Calls of one tool that may be under way at once."""


def server_at(address: str) -> ToolServer:
    """The server at that address, asked anew what it has. Raises `InputError`; `BackendFailure` where none answers."""
    server = _server_of(address)
    server.describe()
    for name, remote_tool in server.tools.items():
        own = all_tools().get(name)
        if own is not None and (own.version, own.schema()) != (remote_tool.version, remote_tool.schema):
            raise InputError(
                f"{name} of {server.url} (canvasagent {server.version}) is not the {name} of this installation; "
                "install the same version on both sides."
            )
    return server


def backend_class(where: str) -> Any:
    """The backend class of `URL#Tool`."""
    address, _, name = where.rpartition("#")
    server = _server_of(address)
    if not server.tools:
        server = server_at(address)
    if name not in server.tools:
        raise InputError(f"the tool server {server.url} has no {name}.")
    return _class_of(server, server.tools[name])


def _class_of(server: ToolServer, remote_tool: RemoteTool) -> Any:
    class Backend:
        tool = remote_tool.name
        version = remote_tool.version
        fingerprint = remote_tool.backend.removeprefix(f"{remote_tool.name}@{remote_tool.version}:")
        stochastic = remote_tool.stochastic
        may_hang = False
        waits = WAITS

        def __init__(self, config: None) -> None:
            self._closed = threading.Event()

        def carry_out(self, key: str, checked: Checked, assets: dict[str, Asset], seed: int) -> Outcome:
            """The call, on the server. Raises `ToolRefusal` as the tool does there, and `BackendFailure`."""
            return server.carry_out(remote_tool, key, checked, assets, seed, self._closed)

        def close(self) -> None:
            """End calls that wait for the server to come back."""
            self._closed.set()

    return Backend


def without_key(address: str) -> str:
    """The same address (`URL` or `URL#Tool`), to which no key is sent. Raises `InputError` where it is none."""
    url, mark, tool = address.partition("#")
    _split(url)
    parts = urlsplit(url)
    query = urlencode({**dict(parse_qsl(parts.query)), "key": "none"})
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, "")) + mark + tool


def _server_of(address: str) -> ToolServer:
    url, media, keyed = _split(address)
    return _server(url, media, os.environ.get(KEY_NAME, "") if keyed else "")


def _split(address: str) -> tuple[str, str, bool]:
    """Base URL, media type of pictures, and whether a key is sent, in the address of a server. Raises `InputError`."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"remote:{address} is no URL: {error}.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(f"remote:{address} needs a URL such as remote:http://127.0.0.1:8750.")
    if "@" in parts.netloc:
        raise InputError(f"no user and password in the URL: the key belongs into {KEY_NAME}.")
    query = parse_qs(parts.query)
    pictures, key = query.pop("pictures", ["tiff"])[-1], query.pop("key", [""])[-1]
    if query or pictures not in ("png", "tiff") or key not in ("", "none"):
        raise InputError(
            f"remote:{address}: all that may follow the question mark is pictures=png, pictures=tiff and key=none."
        )
    url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
    return url, PNG if pictures == "png" else TIFF, not key


@functools.cache
def _server(url: str, media: str, key: str) -> ToolServer:
    """One client for each server, so that connections and what was uploaded are shared by all tool boxes."""
    return ToolServer(url, key, media)
