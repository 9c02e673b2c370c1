"""A backend in a process of its own, which is ended when it takes too long and started again when it dies."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from canvasagent.backends.profile import make_backend
from canvasagent.errors import BackendFailure, CanvasAgentError


class IsolatedBackend:
    """Serves one backend from a child process; calls are made one at a time.

    Raises `BackendFailure` when a call takes longer than `seconds` or the process dies; the next call gets a
    fresh process.
    """

    def __init__(self, spec: str, options: dict[str, Any], seconds: float) -> None:
        self._spec, self._options, self._seconds = spec, options, seconds
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def __call__(self, **inputs: Any) -> Any:
        """One call in the child process."""
        with self._lock:
            connection = self._start()
            try:
                connection.send(inputs)
                if not connection.poll(self._seconds):
                    self._stop()
                    raise BackendFailure(f"backend '{self._spec}' took longer than {self._seconds:g} s and was ended.")
                value = connection.recv()
            except (EOFError, OSError) as error:
                self._stop()
                raise BackendFailure(f"the process of backend '{self._spec}' died.") from error
        if isinstance(value, Exception):
            raise value
        return value

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _start(self) -> Connection:
        if self._process is not None and self._process.is_alive() and self._connection is not None:
            return self._connection
        self._stop()
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._spec, self._options), daemon=True)
        self._process.start()
        theirs.close()
        return self._connection

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _serve(connection: Connection, spec: str, options: dict[str, Any]) -> None:
    """The child's life: make the backend once, answer calls until the parent goes."""
    backend = None
    with contextlib.suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        while True:
            inputs = connection.recv()
            try:
                backend = backend or make_backend(spec, options)
                connection.send(backend(**inputs))
            except CanvasAgentError as error:
                connection.send(error)
            except Exception as error:
                connection.send(BackendFailure(f"backend '{spec}' crashed: {type(error).__name__}: {error}"))
