"""A real tool server, in a process of its own on a free port, for the length of a `with`; and pieces of HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from canvasagent.canvas import Kind, input_key
from canvasagent.endpoints.wire import pack, picture_id
from waiting import wait_until

TESTS = Path(__file__).parent


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    """By name, in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The type of the error that it tells."""
        return str(self.json["error"]["type"])


class Cutting:
    """A line to a server that breaks: the n-th answers in `cuts` end after that many bytes."""

    def __init__(self, port: int, cuts: Mapping[int, int]) -> None:
        self._port, self._cuts, self.connections = port, cuts, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent = 0
        """Answers so far."""

    def __enter__(self) -> Cutting:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        left = None
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if data.startswith(b"HTTP/1.1"):
                    left = self._cuts.get(self.sent)
                    self.sent += 1
                client.sendall(data if left is None else data[:left])
                left = None if left is None else left - len(data)
                if left is not None and left <= 0:
                    break
        for line in (client, server):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


@dataclass
class ToolsServer:
    """`canvasagent serve tools` with these options. `port` 0: a free one, which a restart keeps."""

    options: tuple[str, ...] = ()
    port: int = 0
    metrics_key: str | None = None
    """The key that may read the metrics, on a server with keys."""
    _log: Any = field(default_factory=tempfile.TemporaryFile, init=False)  # a pipe that nobody reads would fill up

    def __enter__(self) -> ToolsServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)
        self._log.close()

    @property
    def log(self) -> str:
        """What it wrote to standard error so far."""
        self._log.seek(0)
        return str(self._log.read().decode())

    def start(self) -> None:
        """Start the process and wait for the line that says where it listens."""
        command = [sys.executable, "-m", "canvasagent", "serve", "tools", "--port", str(self.port), *self.options]
        paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True, env=environment)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, self.log
        self.url = "http://" + line.split("http://")[1].strip()
        self.port = urlsplit(self.url).port or 0
        wait_until(self._is_ready, "the server's readiness")

    def _is_ready(self) -> bool:
        answer = self.ask("GET", "/readyz")
        return answer.status == 200 or b"some tools are unavailable" in answer.body

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end; the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode

    def restart(self, number: int = signal.SIGKILL) -> None:
        """Stop it and start it again on the same port."""
        self.stop(number)
        self.start()

    def ask(self, method: str, path: str, body: bytes | None = None, key: str | None = None, **headers: str) -> Answer:
        """One request on a connection of its own; `content_type` becomes `Content-Type`, and so on."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        try:
            with contextlib.suppress(
                BrokenPipeError, ConnectionResetError
            ):  # an answer may come before the body is sent
                connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, told, response.read())
        except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            return Answer(0, {}, b"{}")
        finally:
            connection.close()

    def call(self, tool: str, arguments: Mapping[str, Any], key: str | None = None, **headers: str) -> Answer:
        """Call a tool."""
        body = json.dumps({"arguments": arguments}).encode()
        return self.ask("POST", f"/v1/tools/{tool}", body, key, **{"content_type": "application/json", **headers})

    def put(self, picture: Image.Image, kind: Kind = Kind.IMAGE, key: str | None = None, name: str = "") -> Answer:
        """Upload a picture under its own hash, or under `name`."""
        name = name or picture_id(kind, input_key(picture))
        return self.ask("PUT", f"/v1/pictures/{name}", pack(picture), key, content_type="image/tiff")

    def raw(self) -> socket.socket:
        """A connection, to be misused."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def metric(self, line: str) -> float:
        """The value of a metric, named with its labels."""
        text = self.ask("GET", "/metrics", key=self.metrics_key).body.decode()
        return next((float(told.split()[-1]) for told in text.splitlines() if told.startswith(f"{line} ")), 0.0)
