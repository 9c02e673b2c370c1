"""SIGTERM and SIGHUP stop a command like Ctrl-C, so that it keeps finished work and says how to resume."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
from collections.abc import Iterator
from types import FrameType

from canvasagent.concurrency.stop_signals import answered_here

PAUSES = (0.05, 0.2, 0.5, 1.0)
"""Seconds between a signal and what wakes the main thread for it; several, as the machine may be busy."""


class Stops:
    """Which signal has stopped the command, for its exit code."""

    def __init__(self) -> None:
        self.number = signal.SIGINT

    @property
    def code(self) -> int:
        """128 and the signal's number, as a shell reports a process that the signal ended: 130, 143, 129."""
        return 128 + self.number

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The handler: does what a SIGINT would do at this moment (an event loop has its own handler for it)."""
        self.number = signal.Signals(number)
        _silence_lost_terminal()
        interrupt = signal.getsignal(signal.SIGINT)
        if not callable(interrupt):  # SIGINT is ignored, as in a shell's background job
            raise KeyboardInterrupt
        interrupt(number, frame)


@contextlib.contextmanager
def stop_signals() -> Iterator[Stops]:
    """Handle SIGTERM and SIGHUP inside. In a thread other than the main one no handler can be set, so none is."""
    stops = Stops()
    if threading.current_thread() is not threading.main_thread():
        yield stops
        return
    handled = [number for number in answered_here() if number != signal.SIGINT]
    before = {number: signal.signal(number, stops) for number in handled}
    try:
        with _answered_at_once():
            yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextlib.contextmanager
def _answered_at_once() -> Iterator[None]:
    """Interrupt the main thread's waiting when a signal has come.

    Python notes a signal and runs its handler between two steps of the main thread. If the signal comes after the
    last step before a wait (for a socket, a lock), that is when the wait ends, which may be never. So a thread that
    hears of each signal sends the main thread another one: SIGURG, which nothing else here uses.
    """
    if not hasattr(signal, "pthread_kill"):  # Windows
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    ended = threading.Event()
    watching = threading.Thread(target=_wake, args=(reader, threading.get_ident(), ended), daemon=True)
    urgent = signal.signal(signal.SIGURG, lambda number, frame: None)
    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watching.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)
        signal.signal(signal.SIGURG, urgent)
        ended.set()
        os.close(writer)


def _wake(reader: int, main: int, ended: threading.Event) -> None:
    """The thread's function: wake the main thread after each signal, until the pipe is closed."""
    while numbers := os.read(reader, 64):
        if set(numbers) == {signal.SIGURG}:
            continue
        for pause in PAUSES:
            if ended.wait(pause):
                break
            signal.pthread_kill(main, signal.SIGURG)
    os.close(reader)


def _silence_lost_terminal() -> None:
    """Where the terminal was closed, let output go nowhere: writing to it would fail in the middle of the ending."""
    for stream in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(stream).st_mode) and not os.isatty(stream):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream)
                os.close(nowhere)
