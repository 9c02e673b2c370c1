"""HTTP/1.1 as far as the client of a tool server needs it: kept connections, a request and its answer at a time.

A general client spends more processor time on a call than the server does; this one a quarter of that. It keeps the
answer's bytes in one piece, sends head and body together, and gives a slow line as much time as it makes progress.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from urllib3.util import wait_for_read

from canvasagent.version import __version__

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
"""How long nothing may come or go. A server that works on a call says so every second."""
KEPT = 64
"""Connections that are kept for the next request."""
SEND_BYTES = 256 * 1024
"""A body is sent in pieces of this size."""
HEAD_BYTES = 64 * 1024
HEAD_LINES = 100
_TARGET = re.compile("[!-~]+")
_VALUE = re.compile("[ -~]*")


class Broken(Exception):
    """No answer, or none that is whole. What is said is for people."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """By name, in lower case."""
    data: bytes


class Lines:
    """Connections to the server at `url`, for any number of threads. `headers` go with each request."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._host, self._path = parts.hostname or "", parts.path
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        named = {"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": f"canvasagent/{__version__}"}
        self._head = _header_lines(named | dict(headers))
        self._idle: deque[_Line] = deque()

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """A request's answer. Raises `Broken`."""
        target = self._path + path
        if not _TARGET.fullmatch(target):
            raise Broken("its address has characters that none can have")
        length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
        head = f"{method} {target} HTTP/1.1\r\n{self._head}{_header_lines(headers)}{length}\r\n".encode("ascii")
        try:
            line = self._line()
        except (OSError, UnicodeError) as error:
            raise Broken(_words(error)) from error
        keep = False
        try:
            line.send(head, body or b"")
            answer, keep = line.receive()
            return answer
        except (OSError, ValueError) as error:
            raise Broken(_words(error)) from error
        finally:
            if keep and len(self._idle) < KEPT:
                self._idle.append(line)
            else:
                line.close()

    def _line(self) -> _Line:
        """A connection that was kept and still stands, or a new one."""
        while self._idle:
            try:
                line = self._idle.pop()
            except IndexError:  # another thread took it
                break
            if not line.dropped:
                return line
            line.close()
        plain = socket.create_connection((self._host, self._port), CONNECT_SECONDS)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = self._tls.wrap_socket(plain, server_hostname=self._host) if self._tls is not None else plain
            sock.settimeout(READ_SECONDS)
        except BaseException:
            plain.close()
            raise
        return _Line(sock)


class _Line:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", HEAD_BYTES)

    @property
    def dropped(self) -> bool:
        """Whether the server closed it, or says what nobody asked."""
        return bool(wait_for_read(self._sock, 0))

    def close(self) -> None:
        self._file.close()
        self._sock.close()

    def send(self, head: bytes, body: bytes) -> None:
        if len(body) <= SEND_BYTES:
            self._sock.sendall(head + body)
            return
        self._sock.sendall(head)
        view = memoryview(body)
        for start in range(0, len(body), SEND_BYTES):
            self._sock.sendall(view[start : start + SEND_BYTES])

    def receive(self) -> tuple[Answer, bool]:
        """The answer, and whether the connection can be used again."""
        status, headers = 100, dict[str, str]()
        while 100 <= status < 200:
            version, status = self._status()
            headers = self._headers()
        keep = version == b"HTTP/1.1" and headers.get("connection", "").lower() != "close"
        if "chunked" in headers.get("transfer-encoding", "").lower():
            data = b"".join(iter(self._chunk, b""))
            self._headers()
        elif (length := headers.get("content-length")) is not None:
            data = self._exactly(int(length))
        else:
            data, keep = self._file.read(), False
        return Answer(status, headers, data), keep

    def _status(self) -> tuple[bytes, int]:
        line = self._file.readline(HEAD_BYTES)
        if not line:
            raise OSError("the connection was closed")
        version, _, rest = line.partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError("what it says is no HTTP")
        return version, int(rest[:3])

    def _headers(self) -> dict[str, str]:
        """The lines up to an empty one."""
        headers: dict[str, str] = {}
        for _ in range(HEAD_LINES):
            line = self._file.readline(HEAD_BYTES)
            if line in (b"\r\n", b"\n"):
                return headers
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not line.endswith(b"\n"):
                raise ValueError("its answer broke off, or is no HTTP")
            headers[name.lower()] = value.strip()
        raise ValueError("its answer has too many headers")

    def _chunk(self) -> bytes:
        size = int(self._file.readline(HEAD_BYTES).partition(b";")[0], 16)
        data = self._exactly(size)
        if size and self._file.readline(3) != b"\r\n":
            raise ValueError("its answer broke off")
        return data

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size) if size >= 0 else b""
        if len(data) != size:
            raise OSError("its answer broke off")
        return data


def _header_lines(headers: Mapping[str, str]) -> str:
    for name, value in headers.items():
        if not _VALUE.fullmatch(value):
            raise Broken(f"the header {name} has characters that none can have")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _words(error: Exception) -> str:
    """What an error says, without its number and its object."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
