"""Pictures of more than 8 bits a channel: how many bits their values use, and the 8 that are kept of them.

A camera or microscope of 12 bits often writes its values into 16-bit files as they are. Taken for 16 bits, such a
picture is nearly black.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    import numpy as np

    Values = np.ndarray[Any, np.dtype[Any]]

USUAL_BITS = (8, 10, 12, 14, 16)
"""Bits of the values that sensors give; a picture has the fewest of these that hold its highest value."""
_BITS_PER_SAMPLE, _MAX_SAMPLE_VALUE = 258, 281
"""Tags of TIFF."""


def eight_bits(picture: Image.Image) -> tuple[Image.Image, str] | None:
    """`picture`, best not decoded yet, with 8 bits a channel (L, RGB or RGBA), and in words what was done.

    None where it has no more than 8, or cannot be decoded to more.
    """
    import numpy as np

    if not is_deep(picture):
        return None
    source = _source(picture)
    values = np.asarray(picture) if picture.mode[0] in "IF" else _decoded(source, picture)
    if values is None:
        return None
    colors, alpha = (values[..., :3], values[..., 3]) if values.ndim == 3 and values.shape[2] == 4 else (values, None)
    top, why = _top(picture.mode, _peak(colors), _stated_bits(picture, source))
    parts = [_scaled(colors, top)]
    if alpha is not None:
        parts.append(_scaled(alpha, top if float(alpha.max()) <= top else 65535.0)[..., None])
    reduced = Image.fromarray(np.concatenate(parts, axis=2) if alpha is not None else parts[0])
    reduced.info = {name: value for name, value in picture.info.items() if name != "transparency"}
    reduced.getexif()[0x0112] = picture.getexif().get(0x0112, 1)
    return reduced, why


def _top(mode: str, peak: float, stated: int | None) -> tuple[float, str]:
    """The value that becomes 255, and what to say of it."""
    plain = "has more than 8 bits a channel; it was reduced to 8"
    if mode == "F" and peak <= 1:
        return 1.0, plain
    if peak > 65535:
        return peak, plain
    if stated is not None and peak < 2**stated:
        bits, source = stated, f"the file says {stated}"
    else:
        bits = next(bits for bits in USUAL_BITS if peak < 2**bits)
        source = f"the highest is {peak:,.0f}"
    if bits >= 16:
        return 65535.0, plain
    return 2.0**bits - 1, f"has 16 bits a channel, of which its values use {bits} ({source}); {bits} were reduced to 8"


def _scaled(values: Values, top: float) -> Values:
    """`values` from 0 to `top` as 0 to 255."""
    import numpy as np

    if values.dtype == np.uint16:
        table = np.clip(np.rint(np.arange(65536) * (255 / top)), 0, 255).astype(np.uint8)
        looked_up: Values = table[values]
        return looked_up
    scaled: Values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=top, neginf=0.0) * np.float32(255 / top)
    rounded: Values = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return rounded


def _decoded(data: bytes, picture: Image.Image) -> Values | None:
    """The values of a file in the order RGB or RGBA, which Pillow cuts to 8 bits; None where they cannot be had."""
    import cv2
    import numpy as np

    if not data or "transparency" in picture.info:
        return None
    values: Values | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.shape[:2] != picture.size[::-1]:
        return None
    return values[..., [2, 1, 0, 3][: values.shape[2]]] if values.ndim == 3 else values


def _peak(values: Values) -> float:
    """The highest value that is a number."""
    import numpy as np

    if values.dtype.kind != "f":
        return float(values.max(initial=0))
    return float(values[np.isfinite(values)].max(initial=0.0))


def _source(picture: Image.Image) -> bytes:
    """The file that `picture` is decoded from; nothing where it is decoded already and the file is closed."""
    stream: Any = getattr(picture, "fp", None)
    if stream is None or getattr(stream, "closed", True):
        return b""
    at = stream.tell()
    stream.seek(0)
    data: bytes = stream.read()
    stream.seek(at)
    return data


def is_deep(picture: Image.Image) -> bool:
    """Whether a picture that is not decoded yet has more than 8 bits a channel."""
    return picture.mode.startswith("I") or picture.mode == "F" or "16" in _raw_mode(picture)


def _raw_mode(picture: Image.Image) -> str:
    """How the file keeps its pixels, in Pillow's words: `RGB;16B`. Nothing where it is decoded already."""
    tiles: Any = getattr(picture, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _stated_bits(picture: Image.Image, source: bytes) -> int | None:
    """How many bits the file says that its values use; None where it does not say."""
    if picture.format == "PNG":
        return _significant_bits(source)
    if picture.format == "PPM":  # it states its highest value, which Pillow scales to 65535
        return 16
    if picture.format == "TIFF":
        tags: Any = getattr(picture, "tag_v2", {})
        bits, highest = (_first(tags.get(tag)) for tag in (_BITS_PER_SAMPLE, _MAX_SAMPLE_VALUE))
        if isinstance(highest, int) and 255 < highest <= 65535:
            return highest.bit_length()
        return bits if isinstance(bits, int) and 8 < bits < 16 else None
    return None


def _first(value: object) -> object:
    return value[0] if isinstance(value, tuple) and value else value


def _significant_bits(data: bytes) -> int | None:
    """The most bits that the sBIT chunk of a PNG file gives to a colour channel; None where it has none."""
    at = 8
    while at + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        if name == b"IDAT":
            return None
        if name == b"sBIT":
            channels = 3 if data[25] in (2, 6) else 1  # the colour type, in the header
            bits = max(data[at + 8 : at + 8 + min(length, channels)], default=0)
            return bits if 8 < bits <= 16 else None
        at += 12 + length
    return None
