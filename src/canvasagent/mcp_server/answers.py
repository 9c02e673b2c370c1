"""Results as MCP content: words always, a small preview of a picture, the path of its file, a link to all of it."""

from __future__ import annotations

import base64
import io
from typing import Any

from mcp_types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent
from PIL import Image

from canvasagent.canvas import Asset, Kind
from canvasagent.imaging.pictures import encode
from canvasagent.imaging.previews import preview
from canvasagent.mcp_server.workspace import SCHEME, Workspace

SIDE = 1024
"""Longest side of a preview in pixels."""
PREVIEW_CHARACTERS = 700_000
"""Most characters of a preview in base64: desktop hosts refuse results of more than 1 MB."""
QUALITIES = (88, 75, 60, 40)


def refused(message: str) -> CallToolResult:
    """A result that says what is wrong with a call, for the model to correct it."""
    return CallToolResult(content=[TextContent(text=message)], is_error=True)


def answer(text: str, workspace: Workspace, asset: Asset | None = None, data: Any = None) -> CallToolResult:
    """The result of a call: its text, and its picture if it made one."""
    content: list[ContentBlock] = [TextContent(text=text)]
    structured: dict[str, Any] = {"text": text}
    if data is not None:
        structured["findings"] = data
    if asset is not None:
        structured["picture"] = described(asset, workspace)
        content = [TextContent(text=f"{text}\n{in_words(asset, workspace)}"), small(asset), link(asset)]
    return CallToolResult(content=content, structured_content=structured)


def described(asset: Asset, workspace: Workspace) -> dict[str, Any]:
    """The facts about a picture: id, kind, size, address, path."""
    path = workspace.path(asset.id)
    facts = {"id": asset.id, "kind": asset.kind.value, "width": asset.size[0], "height": asset.size[1]}
    return {**facts, "uri": SCHEME + asset.id, "path": str(path) if path is not None else None}


def in_words(asset: Asset, workspace: Workspace) -> str:
    """The picture in words, for hosts and models that show or see none."""
    path = workspace.path(asset.id)
    where = f"; full size: {path}" if path is not None else ""
    return f"Picture {asset.described()}{where}. Use the id {asset.id} in further calls."


def link(asset: Asset) -> ResourceLink:
    """The address under which all of the picture is read, as PNG."""
    return ResourceLink(uri=SCHEME + asset.id, name=asset.id, title=asset.described(), mime_type="image/png")


def small(asset: Asset) -> ImageContent:
    """A preview: JPEG, or WebP where something is transparent."""
    picture = preview(asset.picture, SIDE, mask=asset.kind is Kind.MASK)
    format = "WEBP" if picture.mode == "RGBA" else "JPEG"
    while True:
        for quality in QUALITIES:
            text = _base64(picture, format, quality)
            if len(text) <= PREVIEW_CHARACTERS:
                return ImageContent(data=text, mime_type=f"image/{format.lower()}")
        picture = picture.resize((max(1, picture.width * 3 // 4), max(1, picture.height * 3 // 4)))


def full(asset: Asset) -> str:
    """All of the picture as PNG in base64."""
    return base64.b64encode(encode(asset.picture, "PNG", fast=True)).decode("ascii")


def _base64(picture: Image.Image, format: str, quality: int) -> str:
    buffer = io.BytesIO()
    picture.info = {}
    picture.save(buffer, format, quality=quality)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
