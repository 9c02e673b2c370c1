"""Pictures on their way to clients: small ones in one piece, large ones in pieces as the client reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from canvasagent.endpoints.wire import RESULT, TIFF, pack, pack_result
from canvasagent.imaging.pictures import OBJECT_BYTES, memory_of
from canvasagent.serving.problems import too_many

QUICK_BYTES = 1_600_000 + OBJECT_BYTES
"""Pictures that take up to this much memory (0.4 megapixels) are written without leaving the event loop."""
ROOM_SECONDS = 10.0
"""How long an answer waits for other large ones to finish before its client gets 429."""
PIECE_BYTES = 2**20
"""A large answer is sent in pieces of this size, each once the client has read the one before."""


class Pieces(Response):
    """A head and a picture's bytes, sent without joining them in memory. `sent` is called at the end."""

    def __init__(self, head: bytes, data: bytes, media: str, sent: Callable[[], None] | None = None) -> None:
        super().__init__(None, media_type=media, headers={"Content-Length": str(len(head) + len(data))})
        self._head, self._data, self._sent = head, data, sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; a large one in pieces."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for piece in self._pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"" if self._sent else self._data})
        finally:
            if self._sent is not None:
                self._sent()

    def _pieces(self) -> Iterator[bytes]:
        if self._head:
            yield self._head
        if self._sent is not None:
            for start in range(0, len(self._data), PIECE_BYTES):
                yield self._data[start : start + PIECE_BYTES]


@dataclass
class Outgoing:
    """Limits the memory of all large answers that are being sent."""

    limit: int
    held: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def result(self, result: Mapping[str, Any], picture: Image.Image | None) -> Response:
        """The answer to a call, with the picture behind it. Raises `Problem` 429."""
        if picture is None or memory_of(picture) <= QUICK_BYTES:
            return Pieces(*pack_result(result, picture), RESULT)
        return await self._large(memory_of(picture), RESULT, lambda: pack_result(result, picture))

    async def picture(self, picture: Image.Image, media: str) -> Response:
        """The answer that is a picture. Raises `Problem` 429."""
        if (size := memory_of(picture)) > QUICK_BYTES:
            return await self._large(size, media, lambda: (b"", pack(picture, media)))
        if media == TIFF:
            return Response(pack(picture, media), media_type=media)
        return Response(await run_in_threadpool(pack, picture, media), media_type=media)

    async def _large(self, size: int, media: str, pack: Callable[[], tuple[bytes, bytes]]) -> Response:
        await self._room(size)
        try:
            return Pieces(*await run_in_threadpool(pack), media, lambda: self._over(size))
        except BaseException:
            self._over(size)
            raise

    async def _room(self, size: int) -> None:
        try:
            async with asyncio.timeout(ROOM_SECONDS):
                while self.held and self.held + size > self.limit:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise too_many("too many large pictures are being sent.", 2) from error
        self.held += size

    def _over(self, size: int) -> None:
        self.held -= size
        self._changed.set()
