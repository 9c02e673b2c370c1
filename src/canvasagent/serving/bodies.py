"""Request bodies: read into memory with limits on size, speed and their sum; multipart forms."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from email.message import Message

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from canvasagent.serving.problems import ClientLeft, Problem, too_many
from canvasagent.serving.settings import ServerSettings

FORM_PIECE = 2**20
"""Bytes of a form that are parsed before other requests get a turn."""
FIELD_BYTES = 1024
"""Largest size of a form field that is not a file."""


@dataclass
class RequestBodies:
    """Limits the memory of all bodies that are being received or wait to be decoded."""

    settings: ServerSettings
    held: int = 0

    async def read(
        self, request: Request, limit: int, limit_name: str, count: Callable[[int], None] | None = None
    ) -> bytes:
        """The request's body. `count` is called with its size, before it is read if the client declares a length.

        Raises `Problem` 413 for a body over `limit`, which is not read further; 408 for one that stalls or is too slow;
        429 if too many bytes arrive at once; and `ClientLeft`. `limit_name` names the limit in the message.
        """
        length = _declared_length(request)
        if length is not None and length > limit:
            raise _too_large(limit, limit_name)
        if length is not None and count is not None:
            count(length)
        pieces: list[bytes] = []
        size = 0
        started = time.monotonic()
        try:
            while True:
                message = await self._piece(request, started, size)
                piece = message.get("body", b"")
                size += len(piece)
                self.held += len(piece)
                if size > limit:
                    raise _too_large(limit, limit_name)
                if self.held > max(self.settings.uploads_bytes, limit):
                    raise too_many("too many uploads are under way.", 2)
                pieces.append(piece)
                if not message.get("more_body", False):
                    break
        finally:
            self.held -= size
        if length is None and count is not None:
            count(size)
        return b"".join(pieces) if len(pieces) > 1 else pieces[0]

    @contextlib.contextmanager
    def keeping(self, size: int) -> Iterator[None]:
        """Count a body of `size` towards the limit until the block ends."""
        self.held += size
        try:
            yield
        finally:
            self.held -= size

    async def _piece(self, request: Request, started: float, size: int) -> dict[str, bytes]:
        settings = self.settings
        allowed = settings.body_seconds + size / settings.body_bytes_per_second
        left = min(settings.body_seconds, started + allowed - time.monotonic())
        try:
            async with asyncio.timeout(max(0.0, left)):
                message = await request.receive()
        except TimeoutError as error:
            raise Problem(408, "too_slow", "the body came too slowly.") from error
        if message["type"] == "http.disconnect":
            raise ClientLeft
        return dict(message)


def _declared_length(request: Request) -> int | None:
    text = request.headers.get("content-length")
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _too_large(limit: int, name: str) -> Problem:
    return Problem(413, "too_large", f"the body is larger than {limit:,} bytes, the limit for {name}.")


def check_digest(request: Request, data: bytes) -> None:
    """Compare a body with its `Content-Digest` (RFC 9530), if there is one. Raises `Problem` 422 if they differ."""
    header = request.headers.get("content-digest")
    if header is None:
        return
    digests = dict(item.strip().partition("=")[::2] for item in header.split(","))
    if "sha-256" not in digests:
        raise Problem(400, "bad_request", "Content-Digest: only sha-256 is understood.")
    own = base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
    if digests["sha-256"].strip(":") != own:
        raise Problem(422, "hash_mismatch", "the body's SHA-256 is not what Content-Digest says.")


def content_type(request: Request) -> str:
    """The media type of the body, without parameters, in lower case."""
    text = request.headers.get("content-type", "")
    if text in ("", "application/json"):  # a call, the most frequent request: no parser needed
        return text
    header = Message()
    header["content-type"] = text
    return header.get_content_type()


async def form_of(request: Request, body: bytes) -> tuple[bytes, str | None]:
    """The fields `picture` and, if present, `kind` of a multipart form. Raises `Problem` 400."""

    async def stream() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(body), FORM_PIECE):
            yield body[start : start + FORM_PIECE]
            await asyncio.sleep(0)  # a large form must not keep the event loop from other requests

    try:
        parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=4, max_part_size=FIELD_BYTES)
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, UnicodeDecodeError) as error:
        reason = error.message if isinstance(error, MultiPartException) else type(error).__name__
        raise Problem(400, "bad_request", f"the multipart form cannot be read: {reason}") from error
    try:
        picture, kind = form.get("picture"), form.get("kind")
        if not isinstance(picture, UploadFile):
            raise Problem(400, "bad_request", "the form needs a file in its field 'picture'.")
        return await picture.read(), kind if isinstance(kind, str) else None
    finally:
        await form.close()
