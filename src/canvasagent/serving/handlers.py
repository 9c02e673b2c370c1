"""The route for calls: from a request's body to its answer, in one piece or with progress events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from canvasagent.endpoints.wire import API, EVENTS, LINES, MAX_CALL_BYTES, RESULT
from canvasagent.serving.answers import Outgoing
from canvasagent.serving.bodies import RequestBodies, content_type
from canvasagent.serving.calls import Calls, Progress, Work, settled
from canvasagent.serving.keys import Caller
from canvasagent.serving.problems import Problem, answer_to
from canvasagent.serving.store import Store
from canvasagent.tools.base import Tool

EAGER_SECONDS = 0.5
"""A call that ends within this time is answered in one piece, even if progress was requested."""


@dataclass(frozen=True)
class CallHandler:
    """Takes calls and answers them."""

    bodies: RequestBodies
    outgoing: Outgoing
    store: Store
    calls: Calls

    def tool(self, request: Request) -> Tool:
        """The tool that the path names. Raises `Problem` 404."""
        name, tools = request.path_params["tool"], self.calls.engine.tools
        tool = tools.get(name) or next((tool for tool in tools.values() if name in tool.names), None)
        if tool is None:
            raise Problem(404, "unknown_tool", f"there is no such tool; there are {', '.join(tools)}.")
        return tool

    async def take(self, request: Request, caller: Caller) -> Response:
        """The answer to a call. Raises `Problem`, and `ClientLeft` when the client leaves before it is done."""
        tool = self.tool(request)
        request.scope["tool"] = tool.name
        if content_type(request) != "application/json":
            raise Problem(415, "unsupported_media_type", "send the call as application/json.")
        body = await self.bodies.read(request, MAX_CALL_BYTES, "a call's arguments")
        progress = Progress()
        work = await self.calls.begin(caller, tool, body, progress)
        accepted = request.headers.get("accept", "")
        media = next((media for media in (LINES, EVENTS) if media in accepted), None)
        if work.done():
            return await self._answer(accepted, caller, work, progress, media)
        gone = asyncio.create_task(_left(request))
        streaming = False
        try:
            if await settled(work, gone, EAGER_SECONDS if media else None):
                return await self._answer(accepted, caller, work, progress, media)
            assert media is not None
            streaming = True
            return StreamingResponse(self._stream(work, gone, progress, media), media_type=media)
        finally:
            if not streaming:
                gone.cancel()
                work.cancel()

    async def _answer(
        self, accepted: str, caller: Caller, work: Work, progress: Progress, media: str | None
    ) -> Response:
        """The answer to a call that is done, in the requested format."""
        if RESULT in accepted:
            return await self._with_picture(caller, work.result())
        if media is None:
            return JSONResponse(work.result())
        return Response(_line(await anext(self.calls.follow(work, progress)), media), media_type=media)

    async def _stream(
        self, work: Work, gone: asyncio.Task[None], progress: Progress, media: str
    ) -> AsyncIterator[bytes]:
        try:
            async for event in self.calls.follow(work, progress):
                yield _line(event, media)
        finally:  # Starlette ends this generator when the client leaves
            gone.cancel()
            work.cancel()

    async def _with_picture(self, caller: Caller, result: dict[str, Any]) -> Response:
        """A result followed by its picture."""
        made = result["picture"]
        asset = self.store.get(caller.name, made["id"]) if made is not None else None
        return await self.outgoing.result(result, asset.picture if asset is not None else None)


class Shortcut:
    """ASGI middleware that sends calls straight to their route; Starlette's middleware and routing would cost more time
    than a cached call takes."""

    def __init__(self, app: ASGIApp, route: Route, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        self._app, self._route, self._endpoint = app, route, endpoint
        self._start = f"{API}/tools/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, or pass the request on."""
        name = scope["path"].removeprefix(self._start) if scope["type"] == "http" else ""
        if not name or "/" in name or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = self._route, {"tool": name}
        try:
            response = await self._endpoint(Request(scope, receive, send))
        except Exception as error:
            response = answer_to(error)
        await response(scope, receive, send)


def _line(event: dict[str, Any], media: str) -> bytes:
    """An event as a line, or as a server-sent event."""
    data = json.dumps(event, ensure_ascii=False)
    return (f"event: {event['event']}\ndata: {data}\n\n" if media == EVENTS else f"{data}\n").encode()


async def _left(request: Request) -> None:
    """Ends when the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
