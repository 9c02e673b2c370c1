"""A real tool server, in a process of its own on a free port, for the length of a `with`; and pieces of HTTP."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from canvasagent.canvas import Kind, input_key
from canvasagent.serving.wire import pack, picture_id

TESTS = Path(__file__).parent
HEALTHY_SECONDS = 30.0


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


@dataclass
class ToolsServer:
    """`canvasagent serve tools` with these options. `port` 0: a free one, which a restart keeps."""

    options: tuple[str, ...] = ()
    port: int = 0
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
        environment = {**os.environ, "PYTHONPATH": str(TESTS)}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True, env=environment)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, self.log
        self.url = "http://" + line.split("http://")[1].strip()
        self.port = urlsplit(self.url).port or 0
        deadline = time.monotonic() + HEALTHY_SECONDS
        while self.ask("GET", "/readyz").status != 200:
            assert time.monotonic() < deadline, "the server does not get ready"
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end; the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode

    def restart(self, number: int = signal.SIGKILL) -> None:
        """Stop it and start it again on the same port."""
        self.stop(number)
        self.start()

    def ask(self, method: str, path: str, body: bytes | None = None, key: str | None = None, **headers: str) -> Answer:
        """One request on a connection of its own; `content_type` becomes `Content-Type`, and so on."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, told, response.read())
        except ConnectionRefusedError:
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
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def metric(self, line: str) -> float:
        """The value of a metric, named with its labels."""
        text = self.ask("GET", "/metrics").body.decode()
        return next((float(told.split()[-1]) for told in text.splitlines() if told.startswith(f"{line} ")), 0.0)
