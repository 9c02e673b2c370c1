"""The server's routes: pictures, calls, the list of tools, health, metrics."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from canvasagent.canvas import Kind, input_key
from canvasagent.endpoints.wire import (
    API,
    PNG,
    TIFF,
    declared_size,
    split_id,
    unpack,
    unpack_exactly,
)
from canvasagent.errors import BackendFailure, InputError
from canvasagent.serving.answers import Outgoing
from canvasagent.serving.bodies import RequestBodies, check_digest, content_type, form_of
from canvasagent.serving.calls import Calls
from canvasagent.serving.engine import Engine
from canvasagent.serving.gate import Gate, Names
from canvasagent.serving.handlers import CallHandler, Shortcut
from canvasagent.serving.keys import Caller, Keys
from canvasagent.serving.metrics import Metrics
from canvasagent.serving.openapi import document, tools_document
from canvasagent.serving.problems import ClientLeft, Problem, answer_to
from canvasagent.serving.queueing import Turnstile
from canvasagent.serving.recorder import Recorder
from canvasagent.serving.settings import ServerSettings
from canvasagent.serving.store import Store, kept_bytes

log = logging.getLogger(__name__)
CROSS_ORIGIN: dict[str, Any] = {
    "allow_methods": ["GET", "POST", "PUT"],
    "allow_headers": ["Authorization", "Content-Type", "Content-Digest"],
    "expose_headers": ["Retry-After", "X-Request-Id"],
}
"""The methods and headers that pages of the allowed origins may send, and the headers that they may read."""


class Service:
    """What the routes share."""

    def __init__(self, engine: Engine, settings: ServerSettings, keys: Keys) -> None:
        self.engine, self.settings, self.keys = engine, settings, keys
        self.store = Store(settings.stored_bytes)
        self.turnstile = Turnstile(settings.concurrency, settings.waiting, settings.call_timeout)
        self.metrics = Metrics(self.store, self.turnstile)
        self.bodies, self.outgoing = RequestBodies(settings), Outgoing(settings.answers_bytes)
        self.decoding = asyncio.Semaphore(max(2, settings.concurrency))  # decoding needs memory beyond the store's
        calls = Calls(engine, settings, self.store, self.turnstile, self.metrics)
        self.call_handler = CallHandler(self.bodies, self.outgoing, self.store, calls)
        self.unready: dict[str, str] | None = None
        """Unavailable tools, each with the reason; None until `look` has run."""

    def enter(self, request: Request) -> Caller:
        """The caller of a request. Raises `Problem` 401 without a known key, 429 without quota left."""
        caller = self.keys.caller(request.headers.get("authorization"))
        request.scope["caller"] = caller.name
        caller.take_request()
        return caller

    async def call(self, request: Request) -> Response:
        """POST /v1/tools/{tool}"""
        return await self.call_handler.take(request, self.enter(request))

    async def put_picture(self, request: Request) -> Response:
        """PUT /v1/pictures/{id}: the hash in the id must be that of the picture."""
        caller = self.enter(request)
        named = split_id(request.path_params["id"])
        if named is None:
            raise Problem(404, "unknown_picture", "an id is image-, mask- or cutout- and 64 hexadecimal digits.")
        async with self._upload(request, caller) as data:
            return await self._keep(caller, data, *named)

    async def post_picture(self, request: Request) -> Response:
        """POST /v1/pictures: the answer has the id."""
        caller = self.enter(request)
        async with self._upload(request, caller) as data:
            kind: str | None = request.query_params.get("kind")
            if content_type(request) == "multipart/form-data":
                data, own = await form_of(request, data)
                kind = own or kind
            if kind is not None and kind not in set(Kind):
                raise Problem(400, "bad_request", f"kind is one of {', '.join(Kind)}.")
            return await self._keep(caller, data, Kind(kind or Kind.IMAGE), None)

    @contextlib.asynccontextmanager
    async def _upload(self, request: Request, caller: Caller) -> AsyncIterator[bytes]:
        """The body of an upload, which counts towards the uploads in progress until the block ends."""
        limit, name = self.settings.upload_bytes, "one upload (--upload-bytes)"
        if (room := self.store.limit(caller.quota.stored_bytes)) < limit:
            limit, name = room, self.store.limit_name(caller.quota.stored_bytes)
        data = await self.bodies.read(request, limit, name, caller.take_bytes)
        with self.bodies.keeping(len(data)):  # it waits for its turn to be decoded
            self.metrics.uploaded.inc(len(data))
            check_digest(request, data)
            yield data

    async def _keep(self, caller: Caller, data: bytes, kind: Kind, key: str | None) -> Response:
        room = self.store.limit(caller.quota.stored_bytes)
        if kept_bytes(self.settings.max_pixels, kind) > room and (size := declared_size(data)) is not None:
            self.store.check(kept_bytes(size[0] * size[1], kind), caller.quota.stored_bytes)  # before it is decoded
        try:
            decode = unpack if key is None else unpack_exactly
            async with self.decoding:
                picture = await run_in_threadpool(decode, data, kind, self.settings.max_pixels)
                own = await run_in_threadpool(input_key, picture)
        except InputError as error:
            raise Problem(422, "bad_picture", str(error)) from error
        if key is not None and key != own:
            raise Problem(422, "hash_mismatch", "the hash in the id is not that of this picture.")
        asset = self.store.put(caller.name, kind, own, picture, caller.quota.stored_bytes)
        return JSONResponse({"id": asset.id, "kind": asset.kind.value, "size": list(asset.size)}, 201)

    async def get_picture(self, request: Request) -> Response:
        """GET /v1/pictures/{id}, as PNG, or as uncompressed TIFF if `Accept` names that first."""
        caller = self.enter(request)
        asset = self.store.get(caller.name, request.path_params["id"])
        if asset is None:
            raise Problem(404, "unknown_picture", "there is no such picture under this key.", missing=[])
        media = TIFF if request.headers.get("accept", "").startswith(TIFF) else PNG
        if request.method == "HEAD":
            return Response(media_type=media)
        answer = await self.outgoing.picture(asset.picture, media)
        answer.headers["ETag"] = f'"{asset.id}"'
        return answer

    async def list_tools(self, request: Request) -> Response:
        """GET /v1/tools"""
        self.enter(request)
        await self.look()
        return JSONResponse(tools_document(self.engine, self.unready or {}))

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json"""
        self.enter(request)
        return JSONResponse(document(self.engine.tools, self.settings, self.keys.needed))

    async def healthy(self, request: Request) -> Response:
        """GET /healthz: the process is running."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """GET /readyz: all tools are available."""
        if self.unready is None:
            raise Problem(503, "not_ready", "the tools are being loaded.", wait=1)
        if self.turnstile.stuck:
            raise Problem(503, "not_ready", "all workers are stuck in calls that do not end.")
        if self.unready:
            # Load balancers may know that the server is not ready; the reasons (paths, installed packages) are for
            # holders of a key only.
            known = self.keys.known(request.headers.get("authorization"))
            more: dict[str, Any] = {"tools": self.unready} if known else {}
            raise Problem(503, "not_ready", "some tools are unavailable.", **more)
        return JSONResponse({"status": "ready"})

    async def show_metrics(self, request: Request) -> Response:
        """GET /metrics: they cover all keys, so only keys with the permission may read them."""
        caller = self.enter(request)
        if self.keys.needed and not caller.quota.metrics:
            raise Problem(403, "forbidden", "this key may not read the metrics: its table needs `metrics = true`.")
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def look(self) -> None:
        """Find out which tools are available. Only the first call does any work."""
        if self.unready is not None:
            return
        unready: dict[str, str] = {}
        for tool in self.engine.tools.values():
            try:
                await self.engine.prepare(tool)
            except BackendFailure as error:
                unready[tool.name] = str(error)
                log.error("%s is unavailable: %s", tool.name, error)
        self.unready = unready


def build_app(
    engine: Engine,
    settings: ServerSettings,
    keys: Keys,
    names: Names | None = None,
    origins: frozenset[str] = frozenset(),
) -> Any:
    """The ASGI application. It closes the engine when it ends.

    With `names`, it answers only requests for these hosts, and from web pages only those of `origins`. None admits any
    host and page, which is safe where requests carry keys. Browsers let pages of `origins` read the answers.
    """
    service = Service(engine, settings, keys)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        looking = asyncio.create_task(service.look())
        yield
        looking.cancel()
        engine.close()

    calls = Route(f"{API}/tools/{{tool}}", service.call, methods=["POST"])
    routes = [
        calls,
        Route(f"{API}/pictures/{{id}}", service.get_picture, methods=["GET"]),
        Route(f"{API}/pictures/{{id}}", service.put_picture, methods=["PUT"]),
        Route(f"{API}/pictures", service.post_picture, methods=["POST"]),
        Route(f"{API}/tools", service.list_tools),
        Route("/openapi.json", service.openapi),
        Route("/healthz", service.healthy),
        Route("/readyz", service.ready),
        Route("/metrics", service.show_metrics),
    ]
    handlers: dict[Any, Any] = {kind: _error_response for kind in (Problem, ClientLeft, HTTPException, Exception)}
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)
    app.router.redirect_slashes = False
    outer: ASGIApp = Shortcut(app, calls, service.call)
    if names is not None:
        outer = Gate(outer, names, origins)
    if origins:
        outer = CORSMiddleware(outer, allow_origins=sorted(origins), **CROSS_ORIGIN)
    return Recorder(outer, service.metrics)


async def _error_response(request: Request, error: Exception) -> Response:
    return answer_to(error)
