"""The MCP server, asked by the official client over both transports: every tool, requests, folders, wrong calls."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import mcp_types
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client, MCPError, StdioServerParameters
from PIL import Image

from canvasagent.cli.checkup import sample_canvas
from canvasagent.errors import InputError
from canvasagent.mcp_server.access import Access
from canvasagent.mcp_server.answers import PREVIEW_CHARACTERS, small
from canvasagent.mcp_server.transports import make_server
from canvasagent.tools import all_tools

COMMAND = ["-m", "canvasagent", "mcp"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures: img_1.png, SAM_0.png, Extract_0.png; beside it one that is not allowed."""
    base = tmp_path_factory.mktemp("mcp")
    (base / "pictures").mkdir()
    for asset in sample_canvas():
        asset.picture.save(base / "pictures" / f"{asset.id}.png")
    Image.new("RGB", (32, 32), "red").save(base / "secret.png")
    (base / "pictures/way out").symlink_to(base)
    return base / "pictures"


@contextlib.asynccontextmanager
async def over_stdio(folder: Path, *options: str) -> AsyncIterator[Client]:
    words = [*COMMAND, "stdio", "--out", str(folder.parent / "out"), "--allow", str(folder), *options]
    async with Client(StdioServerParameters(command=sys.executable, args=words)) as client:
        yield client


@contextlib.asynccontextmanager
async def over_http(folder: Path) -> AsyncIterator[Client]:
    words = [*COMMAND, "http", "--port", "0", "--out", str(folder.parent / "out"), "--allow", str(folder)]
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = await asyncio.to_thread(process.stdout.readline)
            async with Client(line.split(" on ")[1].strip()) as client:
                yield client
        finally:
            process.terminate()


@contextlib.asynccontextmanager
async def in_process(folder: Path, roots: list[Path] | None = None, **options: Any) -> AsyncIterator[Client]:
    server = make_server("scripted", "lite", folder.parent / "out", [folder], **options)

    async def list_roots(context: Any) -> mcp_types.ListRootsResult:
        return mcp_types.ListRootsResult(roots=[mcp_types.Root(uri=root.as_uri()) for root in roots or ()])

    more: dict[str, Any] = {} if roots is None else {"list_roots_callback": list_roots, "mode": "legacy"}
    async with Client(server.server, **more) as client:
        yield client
    server.toolbox.close()


def text_of(result: Any) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")


async def use_every_tool(client: Client) -> None:
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert [name for name, one in listed.items() if not one.annotations.idempotent_hint] == ["start_request"]
    for tool in all_tools().values():
        arguments = {
            name: f"{value}.png" if value in ("img_1", "SAM_0", "Extract_0") else value
            for name, value in tool.example.items()
        }
        definition = listed[tool.slug]
        assert len(definition.name) <= 64 and definition.title and definition.annotations and definition.output_schema
        assert definition.annotations.read_only_hint == (tool.makes == "text")
        result = await client.call_tool(tool.slug, arguments)
        assert not result.is_error, (tool.name, text_of(result))
        assert text_of(result)
        picture = result.structured_content.get("picture")
        assert (picture is None) == (tool.makes == "text")
        if picture is not None:
            with Image.open(picture["path"]) as full:
                assert full.size == (picture["width"], picture["height"])
            kinds = [block.type for block in result.content]
            assert kinds == ["text", "image", "resource_link"]
            again = await client.call_tool("flip", {"image": picture["id"]})
            assert not again.is_error, text_of(again)
            read = (await client.read_resource(picture["uri"])).contents[0]
            with Image.open(io.BytesIO(base64.b64decode(read.blob))) as whole:
                assert whole.size == full.size


async def run_a_request(client: Client) -> None:
    turns: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        turns.append(done)

    images = ["img_1.png"]
    started = await client.call_tool(
        "start_request", {"instruction": "mirror it, then rotate it by 90", "images": images}
    )
    name = started.structured_content["request"]
    result = await client.call_tool("wait", {"request": name, "seconds": 50}, progress_callback=progress)
    while result.structured_content["status"] == "running":
        result = await client.call_tool("wait", {"request": name, "seconds": 50}, progress_callback=progress)
    assert result.structured_content["status"] == "met", text_of(result)
    assert result.structured_content["picture"]["width"] == 192
    assert (Path(result.structured_content["folder"]) / "report.html").is_file()
    assert turns == sorted(turns)
    status = await client.call_tool("status", {"request": name})
    assert status.structured_content["picture"]["id"] == result.structured_content["picture"]["id"]


@pytest.mark.parametrize("transport", [over_stdio, over_http])
def test_every_tool_and_a_request(transport: Callable[[Path], Any], folder: Path) -> None:
    async def talk() -> None:
        async with transport(folder) as client:
            await use_every_tool(client)
            await run_a_request(client)

    asyncio.run(talk())


def run(folder: Path, talk: Callable[[Client], Awaitable[Any]], **options: Any) -> Any:
    async def inside() -> Any:
        async with in_process(folder, **options) as client:
            return await talk(client)

    return asyncio.run(inside())


@pytest.mark.parametrize(
    "name", ["../secret.png", "way out/secret.png", "{base}/secret.png", "file://{base}/secret.png"]
)
def test_nothing_outside_of_the_allowed_folders_is_read(name: str, folder: Path) -> None:
    name = name.replace("{base}", str(folder.parent))
    result = run(folder, lambda client: client.call_tool("crop", {"image": name, "bbox": [0, 0, 500, 500]}))
    assert result.is_error and "outside of the allowed folders" in text_of(result)


def test_roots_of_the_client_narrow_what_may_be_read(folder: Path) -> None:
    (folder / "inner").mkdir(exist_ok=True)
    Image.new("RGB", (20, 20)).save(folder / "inner/small.png")
    outer = str(folder / "img_1.png")

    async def talk(client: Client) -> tuple[Any, Any]:
        inner = await client.call_tool("flip", {"image": "small.png"})
        return inner, await client.call_tool("flip", {"image": outer})

    inside, outside = run(folder, talk, roots=[folder / "inner"])
    assert not inside.is_error, text_of(inside)
    assert outside.is_error and "outside" in text_of(outside)


def test_a_working_folder_that_holds_everything_allows_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for here in (Path("/"), tmp_path):
        assert Access(here=here).folders(None) == ()
        with pytest.raises(InputError, match="--allow"):
            Access(here=here).resolve(str(tmp_path / "x.png"), None)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("crop", {"image": "img_99", "bbox": [0, 0, 500, 500]}, "Ids of pictures"),
    ("crop", {"image": 7, "bbox": [0, 0, 500, 500]}, "name a picture"),
    ("crop", {"image": "img_1.png", "bbox": "wide"}, "bbox"),
    ("crop", {"image": "img_1.png", "bbox": [0, 0, 500, 500], "colour": "red"}, "colour"),
    ("crop", {"image": "https://example.org/a.png", "bbox": [0, 0, 500, 500]}, "is not fetched"),
    ("crop", {"image": "data:image/png;base64,@@@", "bbox": [0, 0, 500, 500]}, "base64"),
    ("crop", {"image": "data:image/png;base64,AAAA", "bbox": [0, 0, 500, 500]}, ""),
    ("crop", {"image": "x" * 100_000, "bbox": [0, 0, 500, 500]}, "…"),
    ("crop", {"image": "<script>alert(1)</script>", "bbox": [0, 0, 500, 500]}, "there is no file"),
    ("wait", {"request": "nothing"}, "there is no request"),
    ("wait", {"request": "nothing", "seconds": "long"}, "wrong arguments"),
    ("start_request", {}, "instruction"),
    ("start_request", {"instruction": "mirror it", "images": "img_1.png"}, "wrong arguments"),
    ("show_picture", {"picture": "canvasagent://asset/none"}, "there is no picture"),
]


@pytest.mark.parametrize(("tool", "arguments", "message"), BAD)
def test_a_wrong_call_is_a_result_that_says_what_is_wrong(
    tool: str, arguments: dict[str, Any], message: str, folder: Path
) -> None:
    result = run(folder, lambda client: client.call_tool(tool, arguments))
    assert result.is_error and message in text_of(result), text_of(result)
    assert len(text_of(result)) < 3000


def test_an_unknown_tool_or_resource_is_a_protocol_error_that_lists_those_there_are(folder: Path) -> None:
    async def talk(client: Client) -> None:
        with pytest.raises(MCPError, match="image_generation"):
            await client.call_tool("paint", {})
        with pytest.raises(MCPError, match="there are"):
            await client.read_resource("canvasagent://asset/none")

    run(folder, talk)


def test_three_tools_lead_to_all_others(folder: Path) -> None:
    async def talk(client: Client) -> tuple[list[str], Any, Any]:
        names = [tool.name for tool in (await client.list_tools()).tools]
        described = await client.call_tool("describe_tool", {"name": "crop"})
        crop = {"image": "img_1.png", "bbox": [0, 0, 500, 500]}
        return names, described, await client.call_tool("use_tool", {"name": "crop", "arguments": crop})

    names, described, used = run(folder, talk, compact=True)
    assert names == ["list_tools", "describe_tool", "use_tool"]
    assert json.loads(text_of(described))["required"] == ["image", "bbox"]
    assert used.structured_content["picture"]["width"] == 128


def test_a_preview_stays_under_the_limit_of_hosts(folder: Path) -> None:
    async def full(client: Client) -> Any:
        return await client.call_tool("show_picture", {"picture": "noise.png", "full": True})

    Image.effect_noise((3000, 2000), 90).convert("RGB").resize((2000, 2000)).save(folder / "noise.png")
    result = run(folder, lambda client: client.call_tool("show_picture", {"picture": "noise.png"}))
    preview = next(block for block in result.content if block.type == "image")
    assert len(preview.data) <= PREVIEW_CHARACTERS
    with Image.open(io.BytesIO(base64.b64decode(preview.data))) as picture:
        assert max(picture.size) <= 1024
    whole = next(block for block in run(folder, full).content if block.type == "image")
    with Image.open(io.BytesIO(base64.b64decode(whole.data))) as picture:
        assert picture.size == (2000, 2000)
    transparent = next(asset for asset in sample_canvas() if asset.id == "Extract_0")
    assert small(transparent).mime_type == "image/webp"


def test_a_cancelled_request_stops_and_unknown_ones_are_listed(folder: Path) -> None:
    async def talk(client: Client) -> tuple[Any, Any]:
        started = await client.call_tool("start_request", {"instruction": "draw a cat and a dog in a park"})
        cancelled = await client.call_tool("cancel", {"request": started.structured_content["request"]})
        return cancelled, await client.call_tool("status", {"request": "other"})

    cancelled, unknown = run(folder, talk)
    assert cancelled.structured_content["status"] == "cancelled"
    assert cancelled.structured_content["request"] in text_of(unknown)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_arguments_break_the_server(data: st.DataObject, folder: Path) -> None:
    async def talk(client: Client) -> None:
        for tool in (await client.list_tools()).tools:
            if tool.name == "start_request":
                continue
            keys = st.sampled_from([*tool.input_schema["properties"], "other"])
            result = await client.call_tool(tool.name, data.draw(st.dictionaries(keys, VALUES, max_size=4)))
            assert result.content

    run(folder, talk)
