"""A model hub on this machine, as far as fetching goes: a list of files, their hashes, and their bytes by range."""

from __future__ import annotations

import hashlib
import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from local_server import LocalServer, Quiet

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(LocalServer):
    """Serves one model, on a free port of 127.0.0.1, for the length of a `with`. Large files are those over 100 bytes.

    `breaks` is how many downloads of a large file end in the middle.
    """

    def __init__(self, repository: str, files: dict[str, bytes], breaks: int = 0) -> None:
        self.repository, self.files, self.breaks = repository, files, breaks
        self.ranges: list[str] = []
        hub = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub._answer(self, body=False)

            def do_GET(self) -> None:
                hub._answer(self, body=True)

        super().__init__(Handler)

    @property
    def url(self) -> str:
        return self.address

    def _answer(self, request: BaseHTTPRequestHandler, body: bool) -> None:
        path = urlsplit(request.path).path
        if path.startswith(f"/api/models/{self.repository}/tree/"):
            return _send(request, 200, {}, json.dumps([self._entry(name) for name in self.files]).encode(), body)
        if path.startswith(f"/api/models/{self.repository}"):
            told = {"id": self.repository, "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.files]}
            return _send(request, 200, {}, json.dumps(told).encode(), body)
        name = path.removeprefix(f"/{self.repository}/resolve/{COMMIT}/")
        if name not in self.files:
            return _send(request, 404, {"X-Error-Code": "RepoNotFound"}, b"{}", body)
        return self._file(request, name, body)

    def _entry(self, name: str) -> dict[str, Any]:
        data = self.files[name]
        entry = {"type": "file", "path": name, "size": len(data), "oid": _git_hash(data)}
        if len(data) > 100:
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return entry

    def _file(self, request: BaseHTTPRequestHandler, name: str, body: bool) -> None:
        data = self.files[name]
        large = len(data) > 100
        etag = hashlib.sha256(data).hexdigest() if large else _git_hash(data)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        asked = request.headers.get("Range")
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        if large and body:
            self.ranges.append(asked or "")
        if asked:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = None
        if body and large and self.breaks:
            self.breaks -= 1
            cut = len(data) // 2
        _send(request, 206 if asked else 200, headers, data[start:], body, cut)


def _git_hash(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


def _send(
    request: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    data: bytes,
    body: bool,
    cut: int | None = None,
) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    if body:
        request.wfile.write(data[:cut])
        if cut is not None:
            request.close_connection = True
