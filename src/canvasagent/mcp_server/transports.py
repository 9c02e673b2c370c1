"""How hosts reach the server: over standard input and output, or over HTTP on this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from canvasagent.agent import Agent
from canvasagent.mcp_server.access import Access
from canvasagent.mcp_server.server import CanvasServer
from canvasagent.mcp_server.workspace import Workspace
from canvasagent.record.run_folder import new_run_id
from canvasagent.storage.names import path_below


def make_server(
    policy: str, profile: str, output: Path, allowed: list[Path] | None, *, compact: bool = False
) -> CanvasServer:
    """A server whose results go to a new folder below `output`. `allowed` None: the client's roots, else the working
    folder. Raises `InputError` for a profile or a policy that cannot be used.
    """
    folder = path_below(output.resolve(), new_run_id())
    agent = Agent(policy, profile)
    access = Access(allowed, own=folder)
    return CanvasServer(agent, Workspace(folder, access, agent.toolbox.max_pixels), compact=compact)


def serve_stdio(server: CanvasServer) -> None:
    """Serve one client until it closes the connection."""
    from mcp.server.stdio import stdio_server

    async def serve() -> None:
        async with stdio_server() as (reads, writes):
            await server.server.run(reads, writes, server.server.create_initialization_options())

    try:
        asyncio.run(serve())
    finally:
        server.toolbox.close()


def serve_http(server: CanvasServer, sock: socket.socket, started: Callable[[], None]) -> None:
    """Serve any number of clients of this machine until stopped; they share the pictures."""
    import uvicorn

    app: Any = server.server.streamable_http_app(host="127.0.0.1")
    config = uvicorn.Config(app, ws="none", log_level="warning")
    started()
    try:
        uvicorn.Server(config).run([sock])
    finally:
        server.toolbox.close()
