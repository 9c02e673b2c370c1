"""Connections to a tool server, kept from one request to the next: the standard library's HTTP client, and no more.

Full-featured HTTP clients need more CPU time for a call than the server does.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection, InvalidURL
from urllib.parse import urlsplit

from urllib3.util import wait_for_read

from canvasagent.version import __version__

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
"""Time limit for a single send or receive. A server that works on a call sends progress every second."""
KEPT = 64
"""Most idle connections that are kept for later requests."""
SEND_BYTES = 256 * 1024
"""A larger body is sent in pieces of this size."""


class Broken(Exception):
    """No answer, or none that is whole. What is said is for people."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer."""

    status: int
    headers: HTTPMessage
    """By name, in any case."""
    data: bytes


class ConnectionPool:
    """Connections to the server at `url`, for any number of threads. `headers` go with each request."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        """Raises `Broken` for a header or an address that cannot be sent."""
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._headers = {"User-Agent": f"canvasagent/{__version__}", **headers}
        self._idle: deque[HTTPConnection] = deque()
        unsent = HTTPConnection(self._host, self._port)
        try:
            unsent.putrequest("GET", self._path or "/")
        except (HTTPException, ValueError) as error:
            raise Broken("its address has characters that none can have") from error
        for name, value in self._headers.items():
            try:
                unsent.putheader(name, value)
            except ValueError:  # whose words hold the value, which may be a key
                raise Broken(f"the header {name} has characters that none can have") from None

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """A request's answer. Raises `Broken`."""
        connection, keep = None, False
        try:
            connection = self._connect()
            length = {"Content-Length": str(len(body))} if body else {}
            connection.request(method, self._path + path, _pieces(body), {**self._headers, **headers, **length})
            answer = connection.getresponse()
            if answer.headers.defects or (answer.length is None and "Content-Length" in answer.headers):
                raise HTTPException("its answer broke off, or is no HTTP")
            data, keep = answer.read(), not answer.will_close
            return Answer(answer.status, answer.headers, data)
        except InvalidURL as error:
            raise Broken("its address has characters that none can have") from error
        except (OSError, HTTPException, ValueError) as error:
            raise Broken(_words(error)) from error
        finally:
            if connection is not None and keep and len(self._idle) < KEPT:
                self._idle.append(connection)
            elif connection is not None:
                connection.close()

    def _connect(self) -> HTTPConnection:
        """An idle connection that is still open, or a new one."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took it
                break
            if not wait_for_read(connection.sock, 0):  # else the server closed it, or says what nobody asked
                return connection
            connection.close()
        if self._tls is not None:
            connection = HTTPSConnection(self._host, self._port, timeout=CONNECT_SECONDS, context=self._tls)
        else:
            connection = HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.settimeout(READ_SECONDS)
        return connection


def _pieces(body: bytes | None) -> bytes | Iterator[memoryview] | None:
    """A large body in pieces, as `READ_SECONDS` is the time for each thing that is sent, not for each byte."""
    if body is None or len(body) <= SEND_BYTES:
        return body
    whole = memoryview(body)
    return (whole[start : start + SEND_BYTES] for start in range(0, len(whole), SEND_BYTES))


def _words(error: Exception) -> str:
    """The message of an error, without number and object."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
