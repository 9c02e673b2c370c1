"""The server process: socket, signals, shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import ipaddress
import math
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from canvasagent.concurrency.stop_signals import answered_here
from canvasagent.errors import InputError
from canvasagent.serving.app import build_app
from canvasagent.serving.connection import connection_class
from canvasagent.serving.engine import Engine
from canvasagent.serving.gate import Names
from canvasagent.serving.keys import Keys
from canvasagent.serving.settings import ServerSettings
from canvasagent.storage.input_files import regular_file

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's settings (malloc.h)."""
KEPT_BYTES, MAPPED_BYTES = 64 * 2**20, 16 * 2**20
"""Free memory kept at the end of a heap, and the size from which an array gets a mapping of its own."""


class _Server(uvicorn.Server):
    """Shuts down on a signal and returns; uvicorn itself would raise the signal again and kill the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[override]
        loop = asyncio.get_running_loop()
        for number in answered_here():
            with contextlib.suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def is_loopback(host: str) -> bool:
    """Whether a server on `host` can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `InputError` for an address that cannot be used."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise InputError(f"cannot listen on {host}:{port}: {error.strerror or error}.") from error


def allow_files(count: int) -> None:
    """Raise this process's limit of open files and connections, as far as the system allows."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def keep_memory() -> None:
    """Let the C library keep freed memory for the next calls, where it has an option for that (glibc).

    Else it gives every larger array back and takes it anew, page by page: a third of Grounding's time. What is
    larger than `MAPPED_BYTES` still goes back at once. Who set MALLOC_… variables knows better.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)


def run(
    engine: Engine,
    sock: socket.socket,
    settings: ServerSettings,
    keys: Keys,
    *,
    certificate: Path | None = None,
    private_key: Path | None = None,
    names: Names | None = None,
    origins: frozenset[str] = frozenset(),
    started: Callable[[], None] = lambda: None,
) -> None:
    """Serve until the process is asked to stop; then finish running and waiting calls. `started` is called once.

    `names` and `origins` are those of `build_app`.
    Raises `InputError` for a certificate that cannot be used.
    """
    config = uvicorn.Config(
        build_app(engine, settings, keys, names, origins),
        http=connection_class(settings.header_seconds, settings.idle_seconds),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=settings.connections,
        timeout_keep_alive=math.ceil(settings.idle_seconds),
        timeout_graceful_shutdown=int(settings.grace_seconds),
        ssl_certfile=regular_file(certificate) if certificate else None,
        ssl_keyfile=regular_file(private_key) if private_key else None,
    )
    allow_files(settings.connections + 256)
    keep_memory()
    try:
        config.load()
    except OSError as error:  # an unusable certificate is an OSError too
        raise InputError(f"the certificate or its key cannot be used: {error}.") from error
    server = _Server(config)

    async def serve() -> None:
        started()
        await server.serve(sockets=[sock])

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve())
