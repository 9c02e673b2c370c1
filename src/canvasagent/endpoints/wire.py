"""What client and server share: ids of pictures, and pictures as bytes.

A picture's id is its kind and a SHA-256: `image-…`, `mask-…`, `cutout-…`. Of a picture that was uploaded it is the
hash of its decoded pixels and colour profile (`canvas.input_key`); of one that a tool made it is the key of the call
(tool, arguments, inputs, seed, backend), which stands for its content without the cost of hashing pixels.
"""

from __future__ import annotations

import base64
import io
import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

from PIL import Image

from canvasagent.canvas import MODES, Kind
from canvasagent.errors import InputError
from canvasagent.imaging.geometry import MAX_PIXELS, Size
from canvasagent.imaging.pictures import FORMATS, encode, open_picture, profile_of, with_profile

API = "/v1"
ID_PATTERN = "(image|mask|cutout)-[0-9a-f]{64}"
_ID = re.compile(ID_PATTERN)

TIFF, PNG = "image/tiff", "image/png"
"""How pictures travel: uncompressed TIFF (0.2 ms to write at 512 × 512) or PNG (15 ms, a third of the bytes)."""

LINES, EVENTS, JSON = "application/x-ndjson", "text/event-stream", "application/json"
"""How the answer to a call comes: as lines or server-sent events with its progress, or when it is there."""

RESULT = "application/vnd.canvasagent.result"
"""The answer to a call as one line of JSON and behind it the pixels of its picture: saves fetching and decoding it."""

MAX_PROFILE_BYTES = 4 * 2**20
"""Size of an uploaded picture's colour profile: it goes along with every picture that is made of it."""

MAX_CALL_BYTES = 256 * 1024
"""Size of a call's arguments as JSON."""


def picture_id(kind: Kind, key: str) -> str:
    """The id of the picture with that key."""
    return f"{kind.value}-{key}"


def split_id(text: object) -> tuple[Kind, str] | None:
    """Kind and key in an id; None where it is none."""
    if not isinstance(text, str) or not _ID.fullmatch(text):
        return None
    kind, _, key = text.partition("-")
    return Kind(kind), key


def pack(picture: Image.Image, media: str = TIFF) -> bytes:
    """A picture as bytes, every pixel and its colour profile kept."""
    if media == PNG:
        return encode(picture, "PNG", fast=True)
    buffer = io.BytesIO()
    profile = profile_of(picture)
    picture.save(buffer, "TIFF", **({"icc_profile": profile} if profile else {}))
    return buffer.getvalue()


def pack_result(result: Mapping[str, Any], picture: Image.Image | None) -> tuple[bytes, bytes]:
    """A result and, to follow it, its picture's pixels as they lie in memory."""
    if picture is None:
        return json.dumps({"result": result}).encode() + b"\n", b""
    profile = profile_of(picture)
    header: dict[str, Any] = {"result": result, "mode": picture.mode, "size": picture.size}
    header["profile"] = base64.b64encode(profile).decode("ascii") if profile else None
    return json.dumps(header).encode() + b"\n", picture.tobytes()


def unpack_result(data: bytes) -> tuple[dict[str, Any], Image.Image | None]:
    """What `pack_result` packed. Raises `InputError` for anything else."""
    try:
        end = data.index(b"\n")
        header = json.loads(data[:end])
        if "mode" not in header:
            return header["result"], None
        picture = Image.frombytes(header["mode"], tuple(header["size"]), memoryview(data)[end + 1 :])
        profile = base64.b64decode(header["profile"]) if header["profile"] else None
        return header["result"], with_profile(picture, profile)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"the server sent an answer that cannot be read: {error}.") from error


def unpack(data: bytes, kind: Kind, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The picture in a file that somebody sent, turned into an asset of that kind.

    Raises `InputError` for what is no picture, is too large (seen before it is decoded), or is not of that kind.
    """
    picture = open_picture(data, max_pixels).picture
    if kind is Kind.MASK and picture.mode == "RGB":
        picture = with_profile(picture.convert("L"), None)
    return _of_kind(picture, kind)


def unpack_exactly(data: bytes, kind: Kind, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The picture in a PNG or TIFF file just as it is there, so that its hash can be held against the sender's.

    Raises `InputError` as `unpack` does.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=["TIFF", "PNG"]) as opened:
                if opened.width * opened.height > max_pixels:
                    raise InputError(f"the picture is too large: the limit is {max_pixels:,} pixels.")
                _of_kind(opened, kind, values=False)
                opened.load()
                return _of_kind(with_profile(opened.copy(), profile_of(opened)), kind)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"the picture is too large: the limit is {max_pixels:,} pixels.") from error
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise InputError("this is no PNG or TIFF file, or a damaged one.") from error


def declared_size(data: bytes) -> Size | None:
    """Width and height from the header of a picture file, without decoding it; None if there are none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                return opened.size
    except Exception:  # decoders raise anything on damaged files; decoding the whole file reports what is wrong
        return None


def _of_kind(picture: Image.Image, kind: Kind, *, values: bool = True) -> Image.Image:
    if picture.mode not in MODES[kind]:
        raise InputError(f"a picture of kind {kind} has mode {' or '.join(MODES[kind])}; this one has {picture.mode}.")
    if values and kind is Kind.MASK and any(picture.histogram()[1:255]):
        raise InputError("a mask is black and white, without greys.")
    if (size := len(profile_of(picture) or b"")) > MAX_PROFILE_BYTES:
        raise InputError(f"its colour profile takes {size:,} bytes; the limit is {MAX_PROFILE_BYTES:,}.")
    return picture


def unpack_own(data: bytes) -> Image.Image:
    """The picture in an answer of the server, in the mode in which it was sent. Raises `InputError`."""
    try:
        with Image.open(io.BytesIO(data), formats=["TIFF", "PNG"]) as opened:
            opened.load()
            picture = opened if opened.mode in ("RGB", "RGBA", "L") else opened.convert("RGB")
            return with_profile(picture.copy(), profile_of(opened))
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise InputError(f"the server sent a damaged picture: {error}.") from error
