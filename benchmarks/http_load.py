"""A tool server in a process of its own, and HTTP clients that cost it nothing but their requests.

Clients and server share this machine's cores, which no real deployment does. So the clients are closed loops over
plain sockets in one process: they send a call, read its answer to the end, check its status, what it says of its
picture and that all of the pixels came, and send the next. What they leave out is making a picture of the pixels.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil
import urllib3

from canvasagent.endpoints.wire import RESULT

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
LAST_ANSWERS = 60.0
"""Seconds for which answers are waited for when no more calls are made."""


class Server:
    """`canvasagent serve tools` in a process of its own."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "canvasagent", "serve", "tools", "--port", "0", "--waiting", "1000", *options]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://\S+", self.process.stdout.readline())
        assert found is not None
        self.url = found[0]
        while urllib3.request("GET", f"{self.url}/readyz", retries=5).status != 200:
            time.sleep(0.1)
        self.seen = psutil.Process(self.process.pid)

    def cpu(self) -> float:
        """Processor seconds that it has used."""
        used = self.seen.cpu_times()
        return used.user + used.system

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


@dataclass
class Tally:
    """What came of the calls of a process full of clients."""

    done: int = 0
    errors: int = 0
    """Answers that are no success, or not what they should be."""
    lost: int = 0
    """Calls without an answer, or with half of one."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class Client:
    """One connection, one call at a time."""

    def __init__(self, address: tuple[str, int], buffer: memoryview) -> None:
        self._address, self._buffer = address, buffer
        self.sock = self._connect()
        self._start, self._wanted, self._right = b"", 0, False

    def _connect(self) -> socket.socket:
        sock = socket.create_connection(self._address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def send(self, path: str, body: bytes) -> None:
        """Make a call."""
        head = f"POST {path} HTTP/1.1\r\nHost: {self._address[0]}:{self._address[1]}\r\nAccept: {RESULT}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.sock.sendall(head.encode() + body)
        self._start, self._wanted = b"", 0

    def receive(self) -> bool | None:
        """Take what came: whether the call went well, once its answer is whole. Raises `OSError` where it broke off."""
        count = self.sock.recv_into(self._buffer)
        if count == 0:
            raise ConnectionResetError("the server closed the connection")
        if not self._wanted:
            self._start += bytes(self._buffer[: min(count, 65536)])
            self._wanted = self._length() - len(self._start)
            count -= min(count, 65536)
        self._wanted -= count
        return self._right if self._wanted <= 0 else None

    def _length(self) -> int:
        """The answer's length; whether it is right shows in its head and first line."""
        head, _, body = self._start.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head.lower())
        if found is None:
            raise ConnectionResetError("the answer has no length")
        length = int(found[1])
        line, newline, _ = body.partition(b"\n")
        told = json.loads(line) if newline else {}
        picture = told.get("result", {}).get("picture")
        pixels = 0 if picture is None else told["size"][0] * told["size"][1] * CHANNELS[told["mode"]]
        self._right = b" 200 " in head[:20] and bool(told) and length == len(line) + 1 + pixels
        return len(head) + 4 + length

    def renew(self) -> None:
        """Begin again after a loss."""
        self.sock.close()
        self.sock = self._connect()


def drive(url: str, path: str, bodies: Iterator[bytes], clients: int, seconds: float) -> Tally:
    """So many clients at once, for that long."""
    parts = urlsplit(url)
    assert parts.hostname is not None and parts.port is not None
    buffer = memoryview(bytearray(2**22))
    tally, chosen = Tally(), selectors.DefaultSelector()
    clock, cpu = time.perf_counter(), time.process_time()
    for _ in range(clients):
        client = Client((parts.hostname, parts.port), buffer)
        client.send(path, next(bodies))
        chosen.register(client.sock, selectors.EVENT_READ, client)
    until = clock + seconds
    while chosen.get_map():
        now = time.perf_counter()
        if now > until + LAST_ANSWERS:
            tally.lost += len(chosen.get_map())
            break
        for key, _ in chosen.select(1.0):
            client = key.data
            try:
                went = client.receive()
            except OSError:
                tally.lost += 1
                chosen.unregister(client.sock)
                client.renew()
                chosen.register(client.sock, selectors.EVENT_READ, client)
                went = True
            else:
                tally.done += went is not None
                tally.errors += went is False
            if went is None:
                continue
            if time.perf_counter() < until:
                client.send(path, next(bodies))
            else:
                chosen.unregister(client.sock)
                client.sock.close()
    tally.seconds, tally.cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu
    return tally


def client_process(
    url: str, path: str, body: Callable[[int], bytes], numbers: Iterator[int], clients: int, seconds: float, queue: Any
) -> None:
    """`drive` in a process of its own; its tally goes into the queue."""
    queue.put(drive(url, path, map(body, numbers), clients, seconds))
