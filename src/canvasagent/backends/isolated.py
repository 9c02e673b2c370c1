"""A backend in a process of its own, which is ended when it takes too long and started again when it dies.

The child is a plain interpreter that speaks pickles over its standard streams. It never imports the caller's
main module, so a three-line script needs no `if __name__ == "__main__"`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from canvasagent.backends.profile import backend_class, make_backend
from canvasagent.concurrency.stop_signals import leave_stops_to_parent
from canvasagent.errors import BackendFailure, CallTimeout, CanvasAgentError

_CHILD = "from canvasagent.backends.isolated import serve; serve()"


class _Died(Exception):
    """The process ended by itself, or was killed by somebody else (an operating system short of memory, say)."""


class IsolatedBackend:
    """Serves one backend from a child process; calls are made one at a time.

    A process that dies in the middle of a call is replaced and the call, being pure, made once more. Raises
    `BackendFailure` when it dies again, or when a call takes longer than `seconds` (starting the process included).
    """

    def __init__(self, spec: str, options: dict[str, Any], seconds: float) -> None:
        self._spec, self._options, self._seconds = spec, options, seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._given_up: subprocess.Popen[bytes] | None = None
        self._closed = False

    @property
    def references(self) -> int:
        """How many further pictures an edit may use, as the backend's class says."""
        return int(getattr(backend_class(self._spec), "references", 0))

    @property
    def output_pixels(self) -> Callable[..., int] | None:
        """How many pixels a result will have, as the backend's class says; None where it says nothing."""
        foretell: Callable[..., int] | None = getattr(backend_class(self._spec), "output_pixels", None)
        return foretell

    @property
    def styles(self) -> tuple[str, ...]:
        """Which styles an overlay may have, as the backend's class says."""
        return tuple(getattr(backend_class(self._spec), "styles", ()))

    def __call__(self, **inputs: Any) -> Any:
        """One call in the child process."""
        message = pickle.dumps(inputs, pickle.HIGHEST_PROTOCOL)
        with self._lock:
            try:
                value = self._attempt(message)
            except _Died:
                try:
                    value = self._attempt(message)
                except CallTimeout:
                    raise
                except (_Died, BackendFailure) as error:
                    raise BackendFailure(
                        f"the process of backend '{self._spec}' died in the middle of a call."
                    ) from error
        if isinstance(value, Exception):
            raise value
        return value

    def _attempt(self, message: bytes) -> Any:
        """The answer of the process. Raises `_Died` where it died by itself, `BackendFailure` where it was ended."""
        late = threading.Event()
        process = self._start()
        clock = threading.Timer(self._seconds, _end, (process, late))
        clock.daemon = True
        clock.start()
        try:
            return _exchange(process, message)
        except Exception as error:  # a stream that broke, or an answer that cannot be unpickled
            self._stop()
            if late.is_set():
                words = f"took longer than {self._seconds:g} s and was ended"
                raise CallTimeout(f"the process of backend '{self._spec}' {words}.") from error
            if self._closed or self._given_up is process:
                problem = "was closed"
            else:
                raise _Died from error
            raise BackendFailure(f"the process of backend '{self._spec}' {problem}.") from error
        finally:
            clock.cancel()

    def interrupt(self) -> None:
        """End the process at once; a call that is under way fails. The next call gets a fresh process."""
        process = self._process
        if process is not None:
            self._given_up = process
            process.kill()

    def close(self) -> None:
        """End the process for good, a call that is under way included."""
        self._closed = True
        self.interrupt()
        with self._lock:
            self._stop()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise BackendFailure(f"the process of backend '{self._spec}' was closed.")
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._stop()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
        # Not on its command line, which every user of the machine can read: options may hold a key.
        made_of = pickle.dumps((self._spec, self._options), pickle.HIGHEST_PROTOCOL)
        command = [sys.executable, "-P", "-c", _CHILD]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # a process that died already is told at its first call
            process.stdin.write(made_of)
            process.stdin.flush()
        self._process = process
        weakref.finalize(self, process.kill)  # also when the interpreter exits
        return process

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process = None


def _end(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _exchange(process: subprocess.Popen[bytes], message: bytes) -> Any:
    """Send a call, wait for its answer. A process that is killed meanwhile breaks the stream."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(message)
    process.stdin.flush()
    return pickle.load(process.stdout)


def serve() -> None:
    """The child's life: make the backend once, answer calls until the parent goes."""
    leave_stops_to_parent()
    requests: IO[bytes] = os.fdopen(os.dup(0), "rb")
    answers: IO[bytes] = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a backend prints must not get into the answers
    try:
        spec, options = pickle.load(requests)
    except EOFError:
        return
    backend: Any = None
    while True:
        try:
            inputs = pickle.load(requests)
        except EOFError:
            return
        try:
            backend = backend or make_backend(spec, options)
            answer = pickle.dumps(backend(**inputs), pickle.HIGHEST_PROTOCOL)
        except CanvasAgentError as error:
            answer = pickle.dumps(error)
        except Exception as error:
            answer = pickle.dumps(BackendFailure(f"backend '{spec}' crashed: {type(error).__name__}: {error}"))
        with contextlib.suppress(BrokenPipeError):
            answers.write(answer)
            answers.flush()
