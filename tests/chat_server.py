"""A real HTTP server that speaks the chat-completions API and misbehaves on demand, for tests of policies and judges.

    with ChatServer(Refuse(429, headers={"Retry-After": "0"}), Answer("hello")) as server:
        ...  # a client of server.url is refused once and then answered
        assert server.requests[1].texts("user") == ["hi"]

The positional arguments are the script: one behaviour for each request, in the order in which they arrive, the last one
for all that follow. Instead of behaviours it may be one function from `Request` to behaviour, which is what a judge's
test wants. Whatever the script, a request is first held against the server's `rules`: functions that return a `Refuse`
for what this server does not take, as `no_tool_pictures` does; a refused request does not use up the script.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

from local_server import LocalServer, Quiet


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: dict[str, Any]
    connection: int
    """Client port: requests with the same one came over the same connection."""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of the body."""
        return list(self.body["messages"])

    def parts(self, index: int) -> list[dict[str, Any]]:
        """The content parts of message `index`; a plain string is one part."""
        content = self.messages[index]["content"]
        return [{"type": "text", "text": content}] if isinstance(content, str) else content

    def texts(self, role: str | None = None) -> list[str]:
        """The text of each message, or of each of that role."""
        return [
            "".join(part.get("text", "") for part in self.parts(index))
            for index, message in enumerate(self.messages)
            if role in (None, message["role"])
        ]

    def urls(self) -> list[str]:
        """The URLs of all pictures, in order."""
        return [
            part["image_url"]["url"]
            for index in range(len(self.messages))
            for part in self.parts(index)
            if part["type"] == "image_url"
        ]

    def pictures(self) -> list[Image.Image]:
        """All pictures, in order, decoded."""
        return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2], validate=True))) for url in self.urls()]


@dataclass(frozen=True)
class Answer:
    """A proper answer, as a stream if that was asked for."""

    text: str | list[dict[str, Any]] | None = "hello"
    finish: str | None = "stop"
    usage: dict[str, Any] | None = field(default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 20})
    extra: dict[str, Any] = field(default_factory=dict)
    """More fields of the message: `reasoning_content`, `refusal`."""
    delay: float = 0.0
    """Seconds before anything is sent."""
    stream: bool | None = None
    """Whether to stream; None: as asked. False is a server that ignores the request to."""
    pieces: int = 3
    """In how many pieces the text is streamed."""


@dataclass(frozen=True)
class Refuse:
    """An error status with OpenAI's error body, or with `body` as it is."""

    status: int
    message: str = "refused"
    headers: dict[str, str] = field(default_factory=dict)
    code: str | None = None
    body: str | None = None


@dataclass(frozen=True)
class Raw:
    """Any bytes as the body of status 200."""

    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True)
class Half:
    """Half an answer: some pieces of `text` and no finish reason; then the connection is cut, or closed in order."""

    text: str = "half an"
    orderly: bool = False
    """The stream is closed as a complete one is."""
    then: str | None = None
    """An event to send last: an error told inside the stream, or garbage."""


@dataclass(frozen=True)
class Hang:
    """No answer within `seconds` (or until the server stops); with `after`, a piece of the answer first."""

    seconds: float = 30.0
    after: str | None = None


Behaviour = Answer | Refuse | Raw | Half | Hang
Rule = Callable[[Request], Refuse | None]


def no_tool_pictures(request: Request) -> Refuse | None:
    """As OpenAI's service: pictures are for user messages only."""
    for index, message in enumerate(request.messages):
        if message["role"] == "tool" and any(part["type"] == "image_url" for part in request.parts(index)):
            return Refuse(
                400,
                f"Invalid 'messages[{index}]'. Image URLs are only allowed for messages with role 'user', "
                "but this message with role 'tool' contains an image URL.",
                code="invalid_value",
            )
    return None


def tool_needs_call(request: Request) -> Refuse | None:
    """As OpenAI's service: a tool message must answer a `tool_calls` of the assistant."""
    for before, message in zip([{}, *request.messages], request.messages, strict=False):
        if message["role"] == "tool" and not before.get("tool_calls"):
            return Refuse(
                400,
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                "'tool_calls'.",
            )
    return None


def no_stream_options(request: Request) -> Refuse | None:
    """As older servers: an unknown field is an error."""
    return Refuse(400, "Unrecognized request argument: stream_options") if "stream_options" in request.body else None


def no_max_tokens(request: Request) -> Refuse | None:
    """As OpenAI's reasoning models."""
    message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
    return Refuse(400, message, code="unsupported_parameter") if "max_tokens" in request.body else None


def needs_key(key: str) -> Rule:
    """401 for every other key; the message repeats the wrong one, as careless servers do."""

    def rule(request: Request) -> Refuse | None:
        given = request.headers.get("authorization", "")
        return None if given == f"Bearer {key}" else Refuse(401, f"Incorrect API key provided: {given}")

    return rule


class ChatServer(LocalServer):
    """The server."""

    def __init__(self, *script: Behaviour | Callable[[Request], Behaviour], rules: Sequence[Rule] = ()) -> None:
        self.script = script or (Answer(),)
        self.rules = tuple(rules)
        self.requests: list[Request] = []
        """All requests, refused ones included, in the order in which they arrived."""
        self.busiest = 0
        """How many requests were being answered at the same time, at most."""
        self._busy = 0
        self._taken = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        handler = type("Handler", (_Handler,), {"chat": self})
        super().__init__(handler, _Server)

    @property
    def port(self) -> int:
        """The port."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL, as clients take it."""
        return f"{self.address}/v1"

    @property
    def open_connections(self) -> int:
        """How many connections clients hold open."""
        assert isinstance(self._server, _Server)
        return self._server.open_connections

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        super().__exit__()

    def wait(self, seconds: float) -> None:
        """Sleep, but not longer than the server lives."""
        self._stopped.wait(seconds)

    def decide(self, request: Request) -> Behaviour:
        """Note `request` and find what to do about it."""
        with self._lock:
            self.requests.append(request)
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            for rule in self.rules:
                if refusal := rule(request):
                    return refusal
            behaviour = self.script[min(self._taken, len(self.script) - 1)]
            self._taken += 1
        return behaviour(request) if callable(behaviour) else behaviour

    def done(self) -> None:
        """A request was dealt with."""
        with self._lock:
            self._busy -= 1


class _Server(ThreadingHTTPServer):
    block_on_close = False
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.open_connections = 0
        self._count = threading.Lock()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._count:
            self.open_connections += 1
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._count:
                self.open_connections -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of many tests."""


class _Handler(Quiet, BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    chat: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, body, self.client_address[1])
        if self.path.partition("?")[0] != "/v1/chat/completions":
            self._send(404, b'{"detail": "Not Found"}')
            return
        try:
            self._behave(self.chat.decide(request), bool(body.get("stream")))
        finally:
            self.chat.done()

    def _behave(self, behaviour: Behaviour, asked: bool) -> None:
        if isinstance(behaviour, Answer):
            self.chat.wait(behaviour.delay)
            streams = asked if behaviour.stream is None else behaviour.stream
            self._stream(behaviour) if streams else self._send(200, json.dumps(_whole(behaviour)).encode())
        elif isinstance(behaviour, Refuse):
            error = {"message": behaviour.message, "type": "invalid_request_error", "code": behaviour.code}
            text = json.dumps({"error": error}) if behaviour.body is None else behaviour.body
            self._send(behaviour.status, text.encode(), headers=behaviour.headers)
        elif isinstance(behaviour, Raw):
            self._send(200, behaviour.body, behaviour.content_type)
        elif isinstance(behaviour, Half):
            self._half(behaviour, asked)
        else:
            if behaviour.after is not None:
                self._begin_stream()
                self._event(_chunk({"content": behaviour.after}))
            self.chat.wait(behaviour.seconds)
            self.close_connection = True

    def _send(
        self, status: int, body: bytes, content_type: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _event(self, data: dict[str, Any] | str) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        event = f"data: {text}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))

    def _stream(self, answer: Answer) -> None:
        self._begin_stream()
        self._event(_chunk({"role": "assistant", "content": ""}))
        for name, value in answer.extra.items():
            self._event(_chunk({name: value}))
        text = answer.text if isinstance(answer.text, str) else ""
        size = max(1, -(-len(text) // answer.pieces))
        for start in range(0, len(text), size):
            self._event(_chunk({"content": text[start : start + size]}))
        self._event(_chunk({}, answer.finish))
        if answer.usage is not None:
            self._event({"id": "x", "object": "chat.completion.chunk", "choices": [], "usage": answer.usage})
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _half(self, half: Half, asked: bool) -> None:
        self.close_connection = True
        if not asked:
            body = json.dumps(_whole(Answer(half.text))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            return
        self._begin_stream()
        self._event(_chunk({"content": half.text}))
        if half.then is not None:
            self._event(half.then)
        if half.orderly:
            self.wfile.write(b"0\r\n\r\n")


def _whole(answer: Answer) -> dict[str, Any]:
    message = {"role": "assistant", "content": answer.text, **answer.extra}
    choice = {"index": 0, "message": message, "finish_reason": answer.finish}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return body if answer.usage is None else {**body, "usage": answer.usage}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
