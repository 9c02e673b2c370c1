"""Small copies of pictures for pages and notebooks, in sRGB, as PNG bytes and data URIs."""

from __future__ import annotations

import base64
import io

from PIL import Image

from canvasagent.imaging.pictures import to_profile


def preview(picture: Image.Image, side: int, *, mask: bool = False) -> Image.Image:
    """A copy of at most `side` × `side` pixels: L for a mask, RGBA where something is transparent, else RGB."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if mask:
        return small.convert("L")
    small.info = dict(picture.info)
    small = to_profile(small, None)
    has_alpha = "A" in small.getbands() or "transparency" in picture.info
    return small.convert("RGBA" if has_alpha else "RGB")


def png_bytes(picture: Image.Image) -> bytes:
    """A preview as the bytes of a PNG file without metadata."""
    return _encoded(picture, "PNG")


def data_uri(picture: Image.Image) -> str:
    """A preview as a data URI: JPEG where it is RGB, else PNG."""
    format = "JPEG" if picture.mode == "RGB" else "PNG"
    return file_as_uri(_encoded(picture, format), format)


def file_as_uri(data: bytes, format: str) -> str:
    """A picture file as a data URI; `format`: Pillow's name of its format."""
    return f"data:image/{format.lower()};base64,{base64.b64encode(data).decode('ascii')}"


def _encoded(picture: Image.Image, format: str) -> bytes:
    buffer = io.BytesIO()
    picture.info = {}
    options = {"quality": 85} if format == "JPEG" else {}
    picture.save(buffer, format, **options)
    return buffer.getvalue()
