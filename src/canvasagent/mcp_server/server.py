"""The MCP server: lists the tools, checks and runs calls, hands out pictures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import mcp_types as types
from mcp.server import Server
from mcp.shared.exceptions import MCPError

from canvasagent.agent import Agent
from canvasagent.canvas import Asset, Kind, Lineage
from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.imaging.pictures import memory_of
from canvasagent.mcp_server.access import path_of_uri, shown
from canvasagent.mcp_server.answers import answer, described, full, in_words, link, refused, small
from canvasagent.mcp_server.definitions import catalogue, compact_definitions
from canvasagent.mcp_server.requests import Request, Requests, facts
from canvasagent.mcp_server.workspace import SCHEME, Workspace
from canvasagent.tools.base import Tool
from canvasagent.tools.check import check_call
from canvasagent.tools.slots import in_slots, listed
from canvasagent.version import __version__

P = ParamSpec("P")
T = TypeVar("T")
Context = Any
"""`ServerRequestContext` of the SDK: the session of the client that asks."""
INSTRUCTIONS = (
    "Tools that make and edit pictures. Name a picture by its path, a file:// address or the id of an earlier result. "
    "One change: use its tool. Several changes in words: start_request, then wait until the status is not running."
)
FULL_BYTES = 32 * 2**20
"""Largest picture in memory that show_picture hands out whole; larger ones are read from their file."""


class CanvasServer:
    """What the handlers share. `compact`: three tools that lead to all others."""

    def __init__(self, agent: Agent, workspace: Workspace, *, compact: bool = False) -> None:
        self.toolbox, self.workspace = agent.toolbox, workspace
        self.requests = Requests(agent, workspace.folder / "runs")
        self._lock = asyncio.Lock()  # pictures are read, written and shrunk in threads, one after the other
        self._tools: dict[str, Tool] = {tool.slug: tool for tool in self.toolbox.tools.values()}
        self._all = catalogue(self._tools.values())
        self._listed = compact_definitions() if compact else list(self._all.values())
        self._names = {tool.name for tool in self._listed}
        self.server: Any = Server(
            "canvasagent",
            version=__version__,
            title="CanvasAgent",
            instructions=INSTRUCTIONS,
            lifespan=self._lifespan,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[dict[str, Any]]:
        try:
            yield {}
        finally:
            await self.requests.close()

    async def _list_tools(self, ctx: Context, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=self._listed)

    async def _call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        """Raises `MCPError` for an unknown tool. Wrong arguments are a result, which the model reads and corrects."""
        if params.name not in self._names:
            raise MCPError(
                types.INVALID_PARAMS,
                f"there is no tool {shown(params.name)}; there are: {', '.join(sorted(self._names))}.",
            )
        try:
            return await self._dispatch(ctx, params.name, params.arguments or {})
        except CanvasAgentError as error:
            return refused(str(error))

    async def _dispatch(self, ctx: Context, name: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        if (tool := self._tools.get(name)) is not None:
            return await self._use(ctx, tool, arguments)
        definition = {one.name: one for one in self._listed}.get(name) or self._all[name]
        check_arguments(definition.input_schema, arguments)
        if name == "list_tools":
            return answer("\n".join(f"{one.name}: {one.description}" for one in self._all.values()), self.workspace)
        if name in ("describe_tool", "use_tool"):
            chosen = str(arguments["name"])
            if chosen not in self._all:
                raise InputError(f"there is no tool {shown(chosen)}; there are: {', '.join(self._all)}.")
            if name == "use_tool":
                return await self._dispatch(ctx, chosen, arguments["arguments"])
            return answer(json.dumps(self._all[chosen].input_schema, ensure_ascii=False), self.workspace)
        if name == "show_picture":
            return await self._show(ctx, arguments)
        return await self._request(ctx, name, arguments)

    async def _use(self, ctx: Context, tool: Tool, raw: Mapping[str, Any]) -> types.CallToolResult:
        filled = {name: listed(value) if name in tool.lists else value for name, value in raw.items()}
        roots = await roots_of(ctx)
        named = tool.named(filled)
        ids = {one.slot: (await self._take(one.value, one.kinds, roots)).id for one in named if one.value != ""}
        checked = check_call(tool, in_slots(filled, ids), self.workspace.infos(), 0)
        if checked.faults:
            return refused(" ".join(fault.message for fault in checked.faults))
        assets = {slot: self.workspace[name] for slot, name in checked.assets.items()}
        execution = await self.toolbox.call(checked, assets)
        if execution.outcome is None:
            return refused(execution.fault.message if execution.fault is not None else f"{tool.name} failed.")
        outcome, made = execution.outcome, None
        if outcome.picture is not None:
            written = checked.arguments.model_dump(mode="json")
            lineage = Lineage(tool.name, written, tuple(ids.values()), execution.seed, execution.backend)
            made_of = (tool.name, Kind(outcome.kind), outcome.picture, execution.key, lineage)
            made = await self._in_turn(self.workspace.add, *made_of)
        return await self._in_turn(answer, outcome.text, self.workspace, made, outcome.data)

    async def _take(self, source: object, kinds: Sequence[str], roots: Sequence[Path] | None) -> Asset:
        return await self._in_turn(self.workspace.take, source, kinds, roots)

    async def _in_turn(self, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Do work on the pictures off the event loop, when that of others is done."""
        async with self._lock:
            return await asyncio.to_thread(work, *arguments, **options)

    async def _show(self, ctx: Context, arguments: Mapping[str, Any]) -> types.CallToolResult:
        asset = await self._take(arguments["picture"], [kind.value for kind in Kind], await roots_of(ctx))
        if not arguments.get("full", False):
            return await self._in_turn(answer, f"{asset.id}:", self.workspace, asset)
        if memory_of(asset.picture) > FULL_BYTES:
            raise InputError(f"{asset.described()} is too large for a result. {in_words(asset, self.workspace)}")
        words = in_words(asset, self.workspace)
        whole = await self._in_turn(full, asset)
        content = [types.TextContent(text=words), types.ImageContent(data=whole, mime_type="image/png")]
        structured = {"text": words, "picture": described(asset, self.workspace)}
        return types.CallToolResult(content=[*content, link(asset)], structured_content=structured)

    async def _request(self, ctx: Context, name: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        if name == "start_request":
            roots, kinds = await roots_of(ctx), [Kind.IMAGE.value]
            taken = [await self._take(one, kinds, roots) for one in arguments.get("images", [])]
            pictures = [asset.picture for asset in taken]
            return self._reported(
                self.requests.start(arguments["instruction"], pictures, int(arguments.get("seed", 0)))
            )
        request = self.requests.find(arguments["request"])
        if name == "wait":

            async def progress(turns: int, words: str) -> None:
                await ctx.session.report_progress(turns, None, words)

            await self.requests.wait(request, min(50.0, float(arguments.get("seconds", 30))), progress)
        elif name == "cancel":
            await self.requests.cancel(request)
        return await self._in_turn(self._reported, request)

    def _reported(self, request: Request) -> types.CallToolResult:
        known = facts(request)
        content: list[types.ContentBlock] = [types.TextContent(text=known["text"])]
        asset = self._result_of(request)
        if asset is not None:
            known["picture"] = described(asset, self.workspace)
            words = f"{known['text']} {in_words(asset, self.workspace)}"
            content = [types.TextContent(text=words), small(asset), link(asset)]
        return types.CallToolResult(content=content, structured_content=known)

    def _result_of(self, request: Request) -> Asset | None:
        """The result of a finished request as a picture of the workspace, made once."""
        if request.picture is not None and request.picture in self.workspace.ids:
            return self.workspace[request.picture]
        if request.record is None or request.status == "running" or request.record.final_picture is None:
            return None
        picture = request.record.final_picture
        asset = self.workspace.add("result", _kind_of(picture.mode), picture, f"request {request.id}", None)
        request.picture = asset.id
        return asset

    async def _list_resources(self, ctx: Context, params: Any) -> types.ListResourcesResult:
        assets = [self.workspace[name] for name in self.workspace.ids]
        resources = [
            types.Resource(uri=SCHEME + one.id, name=one.id, title=one.described(), mime_type="image/png")
            for one in assets
        ]
        return types.ListResourcesResult(resources=resources)

    async def _list_templates(self, ctx: Context, params: Any) -> types.ListResourceTemplatesResult:
        template = types.ResourceTemplate(
            uri_template=SCHEME + "{id}", name="picture", title="A picture by its id", mime_type="image/png"
        )
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def _read_resource(self, ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        if uri.removeprefix(SCHEME) not in self.workspace.ids or not uri.startswith(SCHEME):
            known = ", ".join(SCHEME + one for one in self.workspace.ids) or "none yet"
            raise MCPError(types.INVALID_PARAMS, f"there is no resource {shown(uri)}; there are: {known}.")
        blob = await self._in_turn(full, self.workspace[uri])
        contents = types.BlobResourceContents(uri=uri, mime_type="image/png", blob=blob)
        return types.ReadResourceResult(contents=[contents])


def check_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Raise `InputError` where arguments do not fit the schema of one of the server's own tools."""
    from jsonschema import Draft202012Validator

    problems = sorted(Draft202012Validator(schema).iter_errors(dict(arguments)), key=str)
    if problems:
        properties = ", ".join(schema["properties"]) or "none"
        first = " ".join(f"{shown(problem.message)}." for problem in problems[:3])
        raise InputError(f"wrong arguments: {first} There are: {properties}.")


async def roots_of(ctx: Context) -> list[Path] | None:
    """The folders that the client allows; None for a client that names none."""
    session = ctx.session
    capabilities = session.client_capabilities
    if capabilities is None or capabilities.roots is None or not session.can_send_request:
        return None
    found: list[Path] = []
    answered = await session.send_request(types.ListRootsRequest(), types.ListRootsResult)
    for root in answered.roots:
        try:
            found.append(path_of_uri(str(root.uri)))
        except InputError:  # a root that is no folder of this machine allows nothing here
            continue
    return found


def _kind_of(mode: str) -> Kind:
    return {"L": Kind.MASK}.get(mode, Kind.IMAGE)
