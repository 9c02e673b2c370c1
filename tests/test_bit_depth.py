"""Pictures of more than 8 bits a channel: none comes out dark unless it is, and what was done is noted."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from canvasagent import Agent
from canvasagent.errors import InputError
from canvasagent.imaging.pictures import as_png, open_picture, profile_of
from helpers import ListPolicy, end


def with_sbit(png: bytes, *bits: int) -> bytes:
    """A PNG file with the chunk that says how many bits of its channels are significant."""
    body = b"sBIT" + bytes(bits)
    return png[:33] + struct.pack(">I", len(bits)) + body + struct.pack(">I", zlib.crc32(body)) + png[33:]


def deep_file(values: np.ndarray[Any, Any], format: str) -> bytes:
    """16-bit values as a file: grey, RGB or RGBA."""
    order = values[..., [2, 1, 0, 3][: values.shape[2]]] if values.ndim == 3 else values
    written, data = cv2.imencode(f".{format.lower()}", order)
    assert written
    return data.tobytes()


def ramp_of(bits: int, channels: int) -> np.ndarray[Any, Any]:
    """The shades 0 to 255 spread over so many bits, in a picture of 16 × 16; alpha is opaque."""
    grey = np.rint(np.linspace(0, 2**bits - 1, 256)).astype(np.uint16).reshape(16, 16)
    if channels == 1:
        return grey
    return np.dstack([grey, grey[::-1], grey.T, np.full_like(grey, 65535)][:channels])


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_values_of_fewer_bits_in_sixteen_are_not_dark(format: str, channels: int, bits: int) -> None:
    """As cameras and microscopes write them: the values as they are, in a file of 16 bits."""
    opened = open_picture(deep_file(ramp_of(bits, channels), format))
    wanted = np.rint(ramp_of(8, 3))
    assert opened.picture.mode == ("RGBA" if channels == 4 else "RGB")
    shown = np.asarray(opened.picture).astype(int)
    assert np.abs(shown[..., 0] - wanted[..., 0]).max() <= 1
    if channels > 1:
        assert np.abs(shown[..., :3] - wanted).max() <= 1
    if channels == 4:
        assert (shown[..., 3] == 255).all()
    (note,) = opened.notes
    assert ("reduced to 8" in note) and (f"use {bits}" in note) == (bits < 16)


@pytest.mark.parametrize("channels", [1, 3])
def test_significant_bits_of_a_png_count(channels: int) -> None:
    """A dark picture is no dark one of fewer bits where the file says so; scaled values are not scaled again."""
    dark = deep_file(np.full((4, 4, 3) if channels == 3 else (4, 4), 3000, np.uint16), "PNG")
    shades = {
        dark: 187,  # taken for 12 bits
        with_sbit(dark, *[16] * channels): 12,
        with_sbit(dark, *[14] * channels): 47,
        with_sbit(dark, *[10] * channels): 187,  # not what the file holds
    }
    for file, shade in shades.items():
        assert open_picture(file).picture.getpixel((0, 0)) == (shade,) * 3
    assert "the file says 14" in open_picture(with_sbit(dark, *[14] * channels)).notes[0]
    scaled = deep_file(ramp_of(16, channels), "PNG")  # as the PNG specification asks for
    assert np.asarray(open_picture(with_sbit(scaled, *[12] * channels)).picture)[..., 0].max() == 255


def tiff_of(values: np.ndarray[Any, Any], tags: dict[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF", tiffinfo=tags)
    return buffer.getvalue()


def test_the_highest_value_of_a_tiff_counts() -> None:
    data = tiff_of(np.full((4, 4), 3000, np.uint16), {281: 16383})
    assert open_picture(data).picture.getpixel((0, 0)) == (47, 47, 47)


def test_a_grey_map_states_its_highest_value() -> None:
    data = b"P5 4 4 4095\n" + np.full((4, 4), 400, ">u2").tobytes()
    assert open_picture(data).picture.getpixel((0, 0)) == (25, 25, 25)


def test_a_deep_picture_is_turned_upright_and_keeps_its_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    values = np.zeros((4, 8, 3), np.uint16)
    values[:, :4, 0] = 4095
    plain = deep_file(values, "PNG")
    exif = Image.Exif()
    exif[0x0112] = 6
    chunks = b""
    for name, body in ((b"eXIf", exif.tobytes()[6:]), (b"iCCP", b"x\0\0" + zlib.compress(profile))):
        chunks += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    opened = open_picture(plain[:33] + chunks + plain[33:])
    assert opened.picture.size == (4, 8) and profile_of(opened.picture) == profile
    assert opened.picture.getpixel((1, 1)) == (255, 0, 0) and opened.picture.getpixel((1, 6)) == (0, 0, 0)
    assert len(opened.notes) == 2


def test_damage_to_a_deep_picture_is_read_or_told() -> None:
    data = deep_file(ramp_of(12, 3), "PNG")
    for length in range(8, len(data), 7):
        with contextlib.suppress(InputError):
            assert open_picture(data[:length]).picture.size == (16, 16)


def test_a_run_notes_what_was_done_to_a_deep_picture(tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(deep_file(ramp_of(12, 1), "PNG"))
    run = Agent(ListPolicy([end()])).run("what is it?", [tmp_path / "scan.png"])
    assert "scan.png' has 16 bits a channel, of which its values use 12 (the highest is 4,095)" in run.notes[0]
    key, png = as_png((tmp_path / "scan.png").read_bytes())
    assert key.mode == "RGB" and np.asarray(Image.open(io.BytesIO(png))).max() == 255
    key, png = as_png(deep_file(ramp_of(12, 3), "PNG"))
    assert np.asarray(Image.open(io.BytesIO(png))).max() == 255
