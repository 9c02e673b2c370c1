"""The client of a tool server: uploads each picture once, retries, and attributes failures.

Calls are pure, so each may be sent again after a drop. A restarted server has lost its pictures and reports that;
they are uploaded again. A lasting failure is a `BackendFailure`: infrastructure, never the policy's fault.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from canvasagent.canvas import Asset, Kind, input_key
from canvasagent.endpoints.connection_pool import Answer, Broken, ConnectionPool
from canvasagent.endpoints.wire import API, LINES, RESULT, TIFF, pack, picture_id, split_id, unpack_own, unpack_result
from canvasagent.errors import BackendFailure, InputError, ToolRefusal
from canvasagent.tools.base import Outcome
from canvasagent.tools.check import Checked
from canvasagent.tools.slots import in_slots

PATIENCE = 60.0
"""Seconds of retries while the server does not answer."""
BUSY_PATIENCE = 600.0
"""Seconds of retries while the server is full."""
CRASHES = 2
"""Most tries of a call whose backend crashes."""
REMEMBERED = 10_000
"""Number of pictures whose server ids are remembered."""


@dataclass(frozen=True)
class RemoteTool:
    """A tool in the server's list."""

    name: str
    version: str
    backend: str
    stochastic: bool
    schema: Mapping[str, Any]


class _Dropped(Exception):
    """The server did not answer, or not to the end. What is said is for people."""


class _Crashed(Exception):
    """The backend failed on the server."""


@dataclass
class _Busy(Exception):
    """The server has no room; `wait` is what it asks for, in seconds."""

    wait: float
    message: str

    def __str__(self) -> str:
        return self.message


@dataclass
class _Missing(Exception):
    """The server does not have these pictures."""

    ids: list[str]


@dataclass
class _Patience:
    """The retries of one call so far."""

    since: float | None = None
    drops: int = 0
    crashes: int = 0
    uploads: int = 0
    busy_until: float = field(default_factory=lambda: time.monotonic() + BUSY_PATIENCE)

    def pause(self, trouble: Exception, url: str) -> float:
        """Seconds to wait before the next try. Raises `BackendFailure` when no try is left."""
        now = time.monotonic()
        if isinstance(trouble, _Missing):
            self.uploads += 1
            if self.uploads > 3:
                raise BackendFailure(f"the tool server {url} does not keep the pictures that it is sent.") from trouble
            return 0.0
        if isinstance(trouble, _Busy):
            if now > self.busy_until:
                raise BackendFailure(f"the tool server {url} has no room: {trouble.message}") from trouble
            return trouble.wait * random.uniform(1.0, 1.3)
        if isinstance(trouble, _Crashed):
            self.crashes += 1
            if self.crashes >= CRASHES:
                raise BackendFailure(str(trouble)) from trouble
            return 0.0
        self.since = self.since or now
        self.drops += 1
        if now - self.since > PATIENCE:
            words = str(trouble).rstrip(".")
            raise BackendFailure(f"the tool server {url} did not answer for {PATIENCE:g} s: {words}.") from trouble
        return min(5.0, 0.1 * 2.0 ** min(self.drops, 10)) * random.uniform(0.5, 1.0)


class ToolServer:
    """A tool server, for any number of threads."""

    def __init__(self, url: str, key: str = "", media: str = TIFF) -> None:
        self.url, self._media = url, media
        self.tools: dict[str, RemoteTool] = {}
        self.pixel_boxes = False
        self.version = ""
        try:
            self._pool = ConnectionPool(url, {"Authorization": f"Bearer {key}"} if key else {})
        except Broken as error:
            raise InputError(f"the tool server {url} cannot be asked: {error}.") from error
        self._lock = threading.Lock()
        self._ids: OrderedDict[str, str] = OrderedDict()  # "kind:key" here → id there
        self._lost: OrderedDict[str, None] = OrderedDict()  # of `_ids`: what the server had and has no more
        self._sending: dict[str, threading.Lock] = {}

    def describe(self) -> None:
        """Get the list of tools. Raises `InputError` for another server, `BackendFailure` without an answer."""
        try:
            reply = self._json("GET", f"{API}/tools")
            self.tools = {
                tool["name"]: RemoteTool(**{name: tool[name] for name in RemoteTool.__dataclass_fields__})
                for tool in reply["tools"]
            }
            self.pixel_boxes, self.version = bool(reply["pixel_boxes"]), str(reply["canvasagent"])
        except (_Dropped, _Busy, _Crashed) as error:
            raise BackendFailure(f"the tool server {self.url} does not answer: {error}.") from error
        except (_Missing, KeyError, TypeError) as error:
            raise InputError(f"{self.url} does not answer as a tool server.") from error
        except BackendFailure as error:  # an answer that means something: a wrong key, say
            raise InputError(str(error)) from error

    def carry_out(
        self,
        tool: RemoteTool,
        key: str,
        checked: Checked,
        assets: Mapping[str, Asset],
        seed: int,
        closed: threading.Event,
    ) -> Outcome:
        """A call's outcome. Raises `ToolRefusal`, or `BackendFailure` when all tries are used up."""
        endured = _Patience()
        while True:
            try:
                return self._once(tool, key, checked, assets, seed)
            except _Missing as missing:
                self._forget(missing.ids)
                trouble: Exception = missing
            except (_Dropped, _Crashed, _Busy) as error:
                trouble = error
            if closed.wait(endured.pause(trouble, self.url)):
                raise BackendFailure("the tool box was closed.") from trouble

    def _once(self, tool: RemoteTool, key: str, checked: Checked, assets: Mapping[str, Asset], seed: int) -> Outcome:
        arguments = checked.arguments.model_dump(mode="json", exclude_unset=True)
        arguments = in_slots(arguments, {slot: self._id(asset) for slot, asset in assets.items()})
        body = json.dumps({"arguments": arguments, "seed": seed, "backend": tool.backend}).encode()
        try:
            result, picture = self._result(f"{API}/tools/{tool.name}", body)
            made, kind = result["picture"], Kind.IMAGE
            if made is not None:
                kind = Kind(made["kind"])
                picture = picture or unpack_own(self._picture(made["id"]))
                self._remember(f"{kind}:{key}", made["id"])
            return Outcome(result["text"], picture, kind, result["words"], result["data"])
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise _Dropped(f"it sent an answer that cannot be read: {error}") from error

    def _id(self, asset: Asset) -> str:
        """The server's id of a picture; uploads an input that was not sent before."""
        name = f"{asset.kind}:{asset.key}"
        with self._lock:
            known = self._ids.get(name)
            lock = self._sending.setdefault(name, threading.Lock()) if known is None else None
        if known is not None:
            return known
        guess = picture_id(asset.kind, asset.key)
        assert lock is not None
        with lock:  # many episodes may work on one picture: it is sent once
            try:
                with self._lock:
                    known = self._ids.get(name)
                if known is None:
                    # A picture that a tool made may be there under the key of its call; if not, the server says so.
                    made = asset.lineage is not None and split_id(guess) is not None and name not in self._lost
                    known = guess if made else self._send(asset)
                    self._remember(name, known)
            finally:
                with self._lock:
                    self._sending.pop(name, None)
        return known

    def _send(self, asset: Asset) -> str:
        name = picture_id(asset.kind, input_key(asset.picture))
        self._json("PUT", f"{API}/pictures/{name}", pack(asset.picture, self._media), self._media)
        return name

    def _remember(self, name: str, known: str) -> None:
        with self._lock:
            self._ids[name] = known
            self._ids.move_to_end(name)
            while len(self._ids) > REMEMBERED:
                self._ids.popitem(last=False)

    def _forget(self, ids: list[str]) -> None:
        """Forget the ids of pictures that the server lost; they are uploaded again when needed."""
        with self._lock:
            for name in [name for name, known in self._ids.items() if known in ids]:
                del self._ids[name]
                self._lost[name] = None
            while len(self._lost) > REMEMBERED:
                self._lost.popitem(last=False)

    def _picture(self, name: str) -> bytes:
        response = self._exchange("GET", f"{API}/pictures/{name}", None, {"Accept": self._media})
        if response.status != 200:
            raise self._trouble(response.status, _object(response.data), response.headers.get("retry-after"))
        return response.data

    def _result(self, path: str, body: bytes) -> tuple[Any, Image.Image | None]:
        """The answer to a call, with its picture where it came along (a call that took long tells its progress)."""
        accepted = f"{RESULT}, {LINES}" if self._media == TIFF else LINES
        response = self._exchange("POST", path, body, {"Accept": accepted, "Content-Type": "application/json"})
        media = response.headers.get("content-type", "")
        if media.startswith(RESULT):
            return unpack_result(response.data)
        if not media.startswith(LINES):
            raise self._trouble(response.status, _object(response.data), response.headers.get("retry-after"))
        last = _object(response.data.strip().rpartition(b"\n")[2])
        if last.get("event") == "done":
            return last.get("result"), None
        if last.get("event") == "failed":
            raise self._trouble(int(last.get("status", 500)), last, None)
        raise _Dropped("its answer broke off")

    def _json(self, method: str, path: str, body: bytes | None = None, media: str = "application/json") -> Any:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = media
        response = self._exchange(method, path, body, headers)
        if response.status >= 300:
            raise self._trouble(response.status, _object(response.data), response.headers.get("retry-after"))
        return _object(response.data)

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        try:
            return self._pool.ask(method, path, body, headers)
        except Broken as error:
            raise _Dropped(str(error)) from error

    def _trouble(self, status: int, reply: dict[str, Any], wait: str | None) -> Exception:
        """The exception for an answer that is no success."""
        error = reply.get("error")
        error = error if isinstance(error, dict) else {}
        type, message = error.get("type"), str(error.get("message", f"status {status}"))
        if status == 404 and type == "unknown_picture":
            return _Missing([str(name) for name in error.get("missing", [])])
        if status == 422 and type == "refused":
            return ToolRefusal(message)
        if status == 429:
            return _Busy(min(60.0, float(wait)) if wait and wait.isdigit() else 1.0, message)
        if status == 504 and type == "call_timeout":
            return BackendFailure(f"the tool server {self.url} ended the call: {message}")
        if status == 503 and type == "backend_failure":
            return _Crashed(message)
        if status in (408, 499, 500, 502, 503, 504):
            return _Dropped(message)
        if type is None:
            return BackendFailure(f"{self.url} does not answer as a tool server (status {status}).")
        if status == 401:
            return BackendFailure(f"the tool server {self.url}: {message} The key is read from CANVASAGENT_TOOLS_KEY.")
        return BackendFailure(f"the tool server {self.url} refused the request ({status}): {message}")


def _object(data: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(data)
    except ValueError:
        return {}
    return reply if isinstance(reply, dict) else {}
