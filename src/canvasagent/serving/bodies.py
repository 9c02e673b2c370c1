"""Reading what clients send: with limits on size, pace and sum, into memory, and out of multipart forms."""

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
"""Bytes of a form that are parsed without a pause."""
FIELD_BYTES = 1024
"""Size of a field of a form that is no file."""


@dataclass
class RequestBodies:
    """The bodies that are coming in, or wait to be decoded, at this moment, together."""

    settings: ServerSettings
    held: int = 0

    async def read(
        self, request: Request, limit: int, limit_name: str, count: Callable[[int], None] | None = None
    ) -> bytes:
        """The request's body; `count` is told its size before it is read where the client says it.

        Raises `Problem` 413 over `limit`, without reading on; 408 for a body that stalls or crawls; 429 where too much
        comes in at once; and `ClientLeft`. `limit_name` says what the limit is for, and who sets it.
        """
        told = _told_length(request)
        if told is not None and told > limit:
            raise _too_large(limit, limit_name)
        if told is not None and count is not None:
            count(told)
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
        if told is None and count is not None:
            count(size)
        return b"".join(pieces) if len(pieces) > 1 else pieces[0]

    @contextlib.contextmanager
    def keeping(self, size: int) -> Iterator[None]:
        """Count a body of that size as under way for the length of the block."""
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


def _told_length(request: Request) -> int | None:
    told = request.headers.get("content-length")
    return int(told) if told is not None and told.isascii() and told.isdigit() else None


def _too_large(limit: int, name: str) -> Problem:
    return Problem(413, "too_large", f"the body is larger than {limit:,} bytes, the limit for {name}.")


def check_digest(request: Request, data: bytes) -> None:
    """Hold a body against its `Content-Digest` (RFC 9530), where it has one. Raises `Problem` 422 for a lie."""
    told = request.headers.get("content-digest")
    if told is None:
        return
    digests = dict(item.strip().partition("=")[::2] for item in told.split(","))
    if "sha-256" not in digests:
        raise Problem(400, "bad_request", "Content-Digest: only sha-256 is understood.")
    own = base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
    if digests["sha-256"].strip(":") != own:
        raise Problem(422, "hash_mismatch", "the body's SHA-256 is not what Content-Digest says.")


def content_type(request: Request) -> str:
    """The media type of the body, without parameters, in lower case."""
    told = request.headers.get("content-type", "")
    if told in ("", "application/json"):  # nearly all, and quick
        return told
    header = Message()
    header["content-type"] = told
    return header.get_content_type()


async def form_of(request: Request, body: bytes) -> tuple[bytes, str | None]:
    """File and kind in a multipart form: the field `picture`, and `kind` where it is there. Raises `Problem` 400."""

    async def stream() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(body), FORM_PIECE):
            yield body[start : start + FORM_PIECE]
            await asyncio.sleep(0)  # a large form must not keep the event loop from other requests

    try:
        parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=4, max_part_size=FIELD_BYTES)
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, UnicodeDecodeError) as error:
        said = error.message if isinstance(error, MultiPartException) else type(error).__name__
        raise Problem(400, "bad_request", f"the multipart form cannot be read: {said}") from error
    try:
        picture, kind = form.get("picture"), form.get("kind")
        if not isinstance(picture, UploadFile):
            raise Problem(400, "bad_request", "the form needs a file in its field 'picture'.")
        return await picture.read(), kind if isinstance(kind, str) else None
    finally:
        await form.close()
