"""Pictures as a judge is sent them: small enough to be cheap, good enough that a seam or a jagged edge is seen."""

from __future__ import annotations

import io

from PIL import Image

from canvasagent.imaging.pictures import profile_of, to_profile, with_profile
from canvasagent.imaging.previews import file_as_uri

SQUARE = 8
"""Pixels of a square of the checkerboard that stands for transparency."""
JPEG_FROM_PIXELS = 65_536
"""Opaque colour pictures of more pixels than this go as JPEG, others without loss as PNG."""
JPEG_SIDE = 65_500
"""Pixels of a side that the format can hold."""
JPEG_QUALITY = 90
"""With full colour resolution: a third less than at 95 to encode and send (a photograph of 512 × 512: 87 instead of
129 kB), at 38.7 dB instead of 41.1."""


def judged_url(picture: Image.Image) -> str:
    """`picture` as a data URL in sRGB."""
    srgb = to_profile(picture, None)
    big = srgb.width * srgb.height > JPEG_FROM_PIXELS and max(srgb.size) <= JPEG_SIDE
    buffer = io.BytesIO()
    if big and srgb.mode == "RGB":
        srgb.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        return file_as_uri(buffer.getvalue(), "JPEG")
    srgb.save(buffer, "PNG", compress_level=1)
    return file_as_uri(buffer.getvalue(), "PNG")


def on_checkerboard(picture: Image.Image) -> Image.Image:
    """`picture` without transparency: every server would put something else behind it."""
    if not is_clear(picture):
        return picture
    board = Image.new("L", (picture.width // SQUARE + 1, picture.height // SQUARE + 1))
    board.putdata(
        [255 if (at % board.width + at // board.width) % 2 else 205 for at in range(board.width * board.height)]
    )
    size = (board.width * SQUARE, board.height * SQUARE)
    ground = board.resize(size, Image.Resampling.NEAREST).crop((0, 0, *picture.size)).convert("RGBA")
    ground.alpha_composite(picture.convert("RGBA"))
    return with_profile(ground.convert("RGB"), profile_of(picture))


def is_clear(picture: Image.Image) -> bool:
    """Whether anything of it is transparent."""
    return "A" in picture.getbands() and picture.getchannel("A").getextrema() != (255, 255)
