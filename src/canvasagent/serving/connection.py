"""One HTTP connection, with the time-outs and limits that uvicorn's own protocol leaves out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
"""Size of a request's line and headers."""
LINGER_SECONDS = 2.0
"""How long the rest of a body that was answered already is read and dropped before its connection is closed."""
SMALL_BYTES = 16 * 1024
"""Pieces of an answer up to this size wait for more."""


class Gathering:
    """A transport that puts small writes together: an answer's head goes out with its body, in one system call.

    What is held goes out with the next large piece, or when the event loop comes round.

    Where a body still comes in (`unfinished`), to close is to read on for a while and drop what comes: a system that
    closes on unread data resets the connection, and the client, which still sends, never sees the answer.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, unfinished: Callable[[], bool]
    ) -> None:
        self._transport, self._loop, self._unfinished = transport, loop, unfinished
        self._held: list[bytes] = []
        self.lingering = False
        """Whether what comes in is to be dropped."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send a piece, soon."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        if len(data) > SMALL_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        if self._held:
            held, self._held = self._held, []
            self._transport.writelines(held)

    def close(self) -> None:
        """Send what is held, then close."""
        self.flush()
        if self.lingering or self._transport.is_closing() or not self._unfinished():
            self._transport.close()
            return
        self.lingering = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER_SECONDS, self._transport.abort)

    def is_closing(self) -> bool:
        """Whether nothing more will be sent."""
        return self.lingering or self._transport.is_closing()

    def get_write_buffer_size(self) -> int:
        """Bytes that were not sent yet."""
        return self._transport.get_write_buffer_size() + sum(map(len, self._held))


def connection_class(header_seconds: float, idle_seconds: float) -> type[HttpToolsProtocol]:
    """A protocol that closes connections whose request head is slow (`header_seconds`) or too long, whose body
    goes on after the answer, and of whose answer nobody reads anything for `idle_seconds`."""

    class Connection(HttpToolsProtocol):
        _line: Gathering
        _head_timer: asyncio.TimerHandle | None = None
        _head_bytes = 0
        _in_head = True
        _unread = 0
        _reader_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            self._line = Gathering(transport, self.loop, lambda: self.cycle is not None and self.cycle.more_body)
            super().connection_made(self._line)  # type: ignore[arg-type]
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_came()
            self._stop_watching()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._watch_reader()

        def resume_writing(self) -> None:
            self._stop_watching()
            super().resume_writing()

        def data_received(self, data: bytes) -> None:
            if self._line.lingering:
                return
            if self._in_head:
                if self._head_bytes > MAX_HEAD_BYTES:
                    self.transport.abort()
                    return
                self._head_bytes += len(data)
            super().data_received(data)

        def on_message_begin(self) -> None:
            if self._head_timer is None:
                self._await_head()
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._head_came()
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_head, self._head_bytes = True, 0
            super().on_message_complete()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.cycle.more_body and not self.transport.is_closing():
                self.transport.close()
            if self.transport.is_closing() and self.transport.get_write_buffer_size():
                self._watch_reader()  # to close waits until all is read

        def timeout_keep_alive_handler(self) -> None:
            unread = self.transport.get_write_buffer_size()
            if unread and unread != self._unread:  # an answer that is being read, slowly
                self._unread = unread
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
            elif not self.transport.is_closing() or unread:
                self.transport.abort()

        def _watch_reader(self) -> None:
            self._stop_watching()
            self._unread = self.transport.get_write_buffer_size()
            self._reader_timer = self.loop.call_later(idle_seconds, self._reader_late)

        def _stop_watching(self) -> None:
            if self._reader_timer is not None:
                self._reader_timer.cancel()
                self._reader_timer = None

        def _reader_late(self) -> None:
            if self.transport.get_write_buffer_size() >= self._unread:
                self.transport.abort()
            else:
                self._watch_reader()

        def _await_head(self) -> None:
            self._head_timer = self.loop.call_later(header_seconds, self._head_late)

        def _head_came(self) -> None:
            self._in_head = False
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _head_late(self) -> None:
            self._head_timer = None
            if not self.transport.is_closing():
                self.transport.write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                self.transport.close()

    return Connection
