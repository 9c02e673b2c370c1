"""A real images server on this machine: generations and edits as OpenAI's API has them, and its bad days."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler
from typing import Any

from PIL import Image, ImageOps

from local_server import LocalServer, Quiet


@dataclass(frozen=True)
class ImagesRequest:
    """What a client asked for."""

    path: str
    fields: dict[str, str]
    files: list[tuple[str, bytes]] = field(default_factory=list)
    """Field name and content, in order."""
    authorization: str | None = None
    """The header of that name."""

    def pictures(self, name: str = "image") -> list[Image.Image]:
        """The pictures that came with it."""
        return [Image.open(io.BytesIO(data)) for key, data in self.files if key in (name, f"{name}[]")]


Reply = tuple[int, dict[str, Any]]
Rule = Callable[[ImagesRequest], Reply]


def picture_reply(picture: Image.Image) -> Reply:
    """An answer that holds a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return 200, {"created": 1, "data": [{"b64_json": base64.b64encode(buffer.getvalue()).decode("ascii")}]}


def draws(request: ImagesRequest) -> Reply:
    """A plain picture for a generation, the mirrored first picture for an edit."""
    given = request.pictures()
    return picture_reply(ImageOps.mirror(given[0].convert("RGB")) if given else Image.new("RGB", (64, 48), "teal"))


class ImagesServer(LocalServer):
    """The server, on a free port of 127.0.0.1, for the length of a `with`."""

    def __init__(self, *script: Rule) -> None:
        self.script = script or (draws,)
        self.requests: list[ImagesRequest] = []
        lock = threading.Lock()
        server = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = _read(self.path, self.headers["Content-Type"], body)
                request = replace(request, authorization=self.headers["Authorization"])
                with lock:
                    server.requests.append(request)
                    rule = server.script[min(len(server.requests), len(server.script)) - 1]
                status, told = rule(request)
                data = json.dumps(told).encode("utf-8")
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        super().__init__(Handler)

    @property
    def url(self) -> str:
        """The base URL, as clients take it."""
        return f"{self.address}/v1"


def _read(path: str, kind: str, body: bytes) -> ImagesRequest:
    if not kind.startswith("multipart/form-data"):
        return ImagesRequest(path, {key: str(value) for key, value in json.loads(body).items()})
    message = BytesParser().parsebytes(b"Content-Type: " + kind.encode("ascii") + b"\r\n\r\n" + body)
    fields, files = {}, []
    for part in message.get_payload():
        assert not isinstance(part, str)
        name = str(part.get_param("name", header="content-disposition"))
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        if part.get_filename() is None:
            fields[name] = data.decode("utf-8")
        else:
            files.append((name, data))
    return ImagesRequest(path, fields, files)
