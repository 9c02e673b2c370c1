"""HEIC, HEIF and AVIF files: read by pillow-heif where Pillow cannot and that is installed, else named."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from canvasagent.errors import InputError
from canvasagent.extras import install_command
from canvasagent.imaging.geometry import Size

ENDINGS = (".heic", ".heif", ".hif")
"""How the names of such files end, which Pillow does not know."""

_AVIF = {b"avif", b"avis"}
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"heif"}
_HEAD = 256
"""Bytes that hold the brands of a file."""


def kind_of(head: bytes) -> str | None:
    """`HEIC` or `AVIF` where a file that begins with `head` is one; else None."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    return "AVIF" if brands & _AVIF else "HEIC" if brands & _HEIF else None


def open_heif(
    source: io.BytesIO | Path, name: str, check: Callable[[Size], None]
) -> tuple[Image.Image, list[str]] | None:
    """A picture that Pillow does not know, upright, and notes on it; None for a file of another kind.

    `check` is called with its size before it is decoded. Raises `InputError` that says what the file is and how to
    convert it where pillow-heif is not installed.
    """
    kind = kind_of(_head(source))
    if kind is None:
        return None
    try:
        import pillow_heif
    except ImportError as error:
        raise InputError(f"{name} is {_WHAT[kind]}, which cannot be read here. {_ADVICE}") from error
    file = pillow_heif.open_heif(source)
    check(file.size)
    notes = []
    if len(file) > 1:
        notes.append(f"{name} holds {len(file)} pictures; only the main one is used.")
    if file.info.get("bit_depth", 8) > 8:
        notes.append(f"{name} has more than 8 bits a channel; it was reduced to 8.")
    picture: Image.Image = file.to_pillow()
    return picture, notes


def _head(source: io.BytesIO | Path) -> bytes:
    if isinstance(source, io.BytesIO):
        return source.getvalue()[:_HEAD]
    with source.open("rb") as stream:
        return stream.read(_HEAD)


_WHAT = {"HEIC": "a HEIC picture (HEIF, as many telephones write it)", "AVIF": "an AVIF picture"}
_ADVICE = (
    f"Install what reads it ({install_command('heif')}), or convert it to PNG or JPEG, for instance with "
    "`magick IN OUT.png` (ImageMagick), `heif-convert IN OUT.png` (libheif) or, on macOS, "
    "`sips -s format png IN --out OUT.png`."
)
