"""The connections of a tool server's client, against answers byte by byte: whole, broken, after a hang-up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from urllib3.util import wait_for_read

from canvasagent.endpoints import connection_pool
from canvasagent.endpoints.connection_pool import Answer, Broken, ConnectionPool
from waiting import wait_until

OK = b"HTTP/1.1 200 OK\r\n"
BIG = bytes(range(256)) * 8192


class Canned:
    """A server that answers each request with the next of some bytes, and hangs up where they end in HANGUP."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = iter(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/base"
        self.connections, self.requests = 0, list[bytes]()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                one, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with one, one.makefile("rb") as said:
                self._answer(one, said)

    def _answer(self, one: socket.socket, said: Any) -> None:
        while head := b"".join(iter(said.readline, b"\r\n")) if said.peek(1) else b"":
            length = next((int(row[15:]) for row in head.splitlines() if row.startswith(b"Content-Length:")), 0)
            self.requests.append(head + said.read(length))
            answer = next(self._answers)
            one.sendall(answer.removesuffix(b"HANGUP"))
            if answer.endswith(b"HANGUP"):
                return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def canned(request: pytest.FixtureRequest) -> Iterator[Canned]:
    server = Canned(*request.param)
    yield server
    server.close()


def ask(pool: ConnectionPool, body: bytes | None = b"{}") -> Answer:
    return pool.ask("POST", "/x", body, {"Accept": "a/b"})


WHOLE = (
    OK + b"Content-Length: 5\r\nX-Name:  a b \r\n\r\nhello",
    OK + b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: t\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello",
    OK + b"Content-Length: %d\r\n\r\n" % len(BIG) + BIG,
    b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 0\r\nConnection: close\r\n\r\nHANGUP",
    OK + b"\r\nuntil the endHANGUP",
    b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello" + b"HANGUP",
)


@pytest.mark.parametrize("canned", [WHOLE], indirect=True)
def test_answers_of_every_form_are_read_and_connections_kept(canned: Canned) -> None:
    pool = ConnectionPool(canned.url, {"Authorization": "Bearer k"})
    for _ in range(3):
        assert (one := ask(pool)).data == b"hello" and one.status == 200
    assert ask(pool).data == BIG
    assert canned.connections == 1
    full = ask(pool)
    assert (full.status, full.headers["retry-after"], full.data) == (429, "7", b"")
    assert ask(pool, BIG).data == b"until the end" and canned.connections == 2
    assert ask(pool, None).data == b"hello" and canned.connections == 3
    first = canned.requests[0]
    assert first.startswith(b"POST /base/x HTTP/1.1\r\nHost: 127.0.0.1") and first.endswith(b"{}")
    assert b"\r\nAuthorization: Bearer k\r\n" in first and b"\r\nAccept: a/b\r\n" in first
    assert canned.requests[5].endswith(BIG) and b"Content-Length: 0" in canned.requests[6]


@pytest.mark.parametrize(
    "canned",
    [
        [b"HANGUP"],
        [OK + b"Content-Length: 9\r\n\r\nshortHANGUP"],
        [OK + b"Content-Length: -5\r\n\r\nhelloHANGUP"],
        [OK + b"Content-Length: many\r\n\r\nhelloHANGUP"],
        [OK + b"Content-LenHANGUP"],
        [OK + b"no header\r\n\r\nHANGUP"],
        [OK + b"A: b\r\n" * 200 + b"\r\nHANGUP"],
        [OK + b"A: " + b"b" * 100_000 + b"\r\n\r\nHANGUP"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelHANGUP"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello!!HANGUP"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhelloHANGUP"],
        [b"SSH-2.0-OpenSSH_9.2\r\nHANGUP"],
        [b"HTTP/1.1 two OK\r\n\r\nHANGUP"],
    ],
    indirect=True,
)
def test_what_is_broken_is_told_and_the_connection_dropped(canned: Canned) -> None:
    pool = ConnectionPool(canned.url, {})
    with pytest.raises(Broken) as raised:
        ask(pool)
    assert str(raised.value) and not pool._idle


def test_who_does_not_answer_and_what_cannot_be_sent_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Broken, match="refused"):
        ask(ConnectionPool("http://127.0.0.1:9", {}))
    with pytest.raises(Broken, match="header Authorization"):
        ConnectionPool("http://127.0.0.1:9", {"Authorization": "Bearer x\r\nEvil: 1"})
    with pytest.raises(Broken, match="its address"):
        ConnectionPool("http://127.0.0.1:9/a b", {})
    monkeypatch.setattr(connection_pool, "READ_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pool = ConnectionPool(f"http://127.0.0.1:{silent.getsockname()[1]}", {})
        with pytest.raises(Broken, match="its address"):
            pool.ask("GET", "/a b HTTP/1.1\r\nEvil: 1", None, {})
        with pytest.raises(Broken, match="too long"):
            ask(pool)


CLOSING = (OK + b"Content-Length: 2\r\n\r\nokHANGUP", OK + b"Content-Length: 0\r\n\r\n")


@pytest.mark.parametrize("canned", [CLOSING], indirect=True)
def test_a_connection_that_the_server_closed_is_not_used_again(canned: Canned) -> None:
    pool = ConnectionPool(canned.url, {})
    assert ask(pool).data == b"ok"
    (kept,) = pool._idle
    wait_until(lambda: wait_for_read(kept.sock, 0), "the server's hanging up")
    assert ask(pool).data == b"" and canned.connections == 2


def test_a_slow_line_has_as_much_time_as_it_makes_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, pause = 0.8, 0.006
    monkeypatch.setattr(connection_pool, "READ_SECONDS", limit)
    body = BIG * 8
    taken = bytearray()
    pauses = []

    def take_slowly(listener: socket.socket) -> None:
        one, _ = listener.accept()
        with one:
            while len(taken) < len(body):
                taken.extend(one.recv(2**18))
                time.sleep(pause)
                pauses.append(pause)
            one.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        threading.Thread(target=take_slowly, args=(listener,), daemon=True).start()
        assert ask(ConnectionPool(f"http://127.0.0.1:{listener.getsockname()[1]}", {}), body).status == 200
        assert sum(pauses) > limit and taken.endswith(body[-1000:])
