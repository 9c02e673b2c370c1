"""A conversation in the form of a chat-completions request: roles, content parts, pictures as data URLs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

from PIL import Image

from canvasagent.canvas import Asset
from canvasagent.imaging.pictures import encode, to_profile
from canvasagent.imaging.previews import file_as_uri
from canvasagent.protocol.conversation import Message

CACHE_CHARACTERS = 64 * 2**20
"""Characters of data URLs that are kept; a picture at the default size takes some 30,000 to 700,000."""

JPEG_FROM_PIXELS = 65_536
"""Opaque colour pictures of more pixels than this go as JPEG (quality 95, full colour resolution), others as PNG."""


def data_url(picture: Image.Image) -> str:
    """`picture` as a data URL in sRGB. Masks and transparent pictures are sent without loss."""
    srgb = to_profile(picture, None)
    big = srgb.width * srgb.height > JPEG_FROM_PIXELS
    format = "JPEG" if big and srgb.mode == "RGB" else "PNG"
    return file_as_uri(encode(srgb, format, fast=True), format)


class PictureCache:
    """Data URLs of assets, as copies of at most `pixels` pixels; the longest unused go first. Safe in threads."""

    def __init__(self, pixels: int, limit: int = CACHE_CHARACTERS) -> None:
        self.pixels = pixels
        self.limit = limit
        self.held = 0
        """Characters held at the moment, never more than `limit`."""
        self._urls: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._urls)

    def url(self, asset: Asset) -> str:
        """The data URL of `asset`, encoded on first use."""
        with self._lock:
            if asset.key in self._urls:
                self._urls.move_to_end(asset.key)
                return self._urls[asset.key]
        url = data_url(asset.view(self.pixels))
        with self._lock:
            if asset.key not in self._urls and len(url) <= self.limit:
                self._urls[asset.key] = url
                self.held += len(url)
                while self.held > self.limit:
                    self.held -= len(self._urls.popitem(last=False)[1])
        return url


def wire_messages(messages: Sequence[Message], cache: PictureCache, tool_role: bool) -> list[dict[str, Any]]:
    """`messages` as a request's `messages`: a message's pictures first, then its text.

    Assistant turns are plain text, so no message has `tool_calls`. With `tool_role`, a tool message keeps its role
    and gets a made-up `tool_call_id`; servers that render a chat template accept that. Without it, the message
    becomes a user message inside `<tool_response>` tags, pictures included: what the templates of the Qwen family
    make of a tool message, so a checkpoint trained on one form reads the other.
    """
    wire: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        if message.role != "tool":
            wire.append({"role": message.role, "content": _content(message, cache)})
        elif tool_role:
            # Nine letters and digits: Mistral's templates accept no other length.
            wire.append({"role": "tool", "tool_call_id": f"call{number:05d}", "content": _content(message, cache)})
        else:
            content = _content(message, cache, "<tool_response>\n", "\n</tool_response>")
            wire.append({"role": "user", "content": content})
    return wire


def _content(message: Message, cache: PictureCache, before: str = "", after: str = "") -> str | list[dict[str, Any]]:
    """A plain string where there are no pictures, since some servers take nothing else in a system message."""
    if not message.assets:
        return before + message.text + after
    parts: list[dict[str, Any]] = [{"type": "text", "text": before}] if before else []
    parts += [{"type": "image_url", "image_url": {"url": cache.url(asset)}} for asset in message.assets]
    if message.text or after:
        parts.append({"type": "text", "text": message.text + after})
    return parts
