"""Pictures in and out of files: whatever comes in is told or taken, and what goes out is whole."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from skimage import data

from canvasagent.errors import InputError, StorageError
from canvasagent.imaging.pictures import (
    encode,
    open_picture,
    profile_of,
    save_picture,
    shrink,
    to_profile,
    with_profile,
)

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photo(side: int = 64) -> Image.Image:
    return Image.fromarray(data.astronaut()).resize((side, side))


def as_bytes(picture: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    body = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def wide_profile() -> bytes:
    """sRGB with red and blue exchanged: a valid profile, unlike sRGB, and easily checked."""
    profile = bytearray(SRGB)
    tags = {bytes(profile[p : p + 4]): p for p in range(132, 132 + 12 * struct.unpack(">I", profile[128:132])[0], 12)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    profile[red + 4 : red + 12], profile[blue + 4 : blue + 12] = (
        profile[blue + 4 : blue + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"hello, I am text", "not a picture"),
        (b"", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage", "not a picture"),
        (as_bytes(photo(), "PNG")[:2000], "damaged or incomplete"),
        (as_bytes(photo(), "JPEG")[:900], "damaged or incomplete"),
        (png_header(20_000, 20_000), "too large"),
        (png_header(9_000, 9_000), "9000 × 9000 is 81,000,000 pixels"),
        (png_header(16, 16), "damaged or incomplete"),
    ],
)
def test_what_is_no_sound_picture_is_told(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "file.png"
    path.write_bytes(content)
    for source in (content, path, str(path)):
        with pytest.raises(InputError, match=told):
            open_picture(source)


def test_a_picture_of_pillow_that_is_damaged_is_told_too() -> None:
    with pytest.raises(InputError, match="damaged"):
        open_picture(Image.open(io.BytesIO(as_bytes(photo(), "PNG")[:2000])))


def test_size_is_refused_before_anything_is_decoded() -> None:
    code = (
        "import sys, resource; from canvasagent.imaging.pictures import open_picture\n"
        "from canvasagent.errors import InputError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: open_picture(sys.stdin.buffer.read())\n"
        "except InputError as error: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    pytest.importorskip("resource")
    bomb = as_bytes(Image.new("1", (20_000, 20_000)), "PNG")
    run = subprocess.run([sys.executable, "-c", code], input=bomb, capture_output=True, check=True)
    assert int(run.stdout) < 20_000  # KB; decoded it would take 50,000 and more


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_picture(tmp_path / "none.png")
    with pytest.raises(InputError, match="is a folder"):
        open_picture(tmp_path)


@given(st.data(), st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000"]))
def test_damage_anywhere_is_read_or_told(draw: st.DataObject, format: str) -> None:
    content = bytearray(as_bytes(photo(16), format))
    for _ in range(draw.draw(st.integers(1, 4))):
        content[draw.draw(st.integers(0, len(content) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        assert open_picture(bytes(content), max_pixels=1_000_000).picture.mode in {"RGB", "RGBA"}


def test_a_plain_picture_comes_in_exactly_and_without_notes() -> None:
    opened = open_picture(as_bytes(photo(), "PNG"))
    assert opened.picture.mode == "RGB" and opened.notes == ()
    assert opened.picture.tobytes() == photo().tobytes()


def test_an_animation_gives_its_first_frame_and_a_note() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    opened = open_picture(as_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert opened.picture.convert("RGB").getpixel((4, 4)) == (255, 0, 0)
    assert "3 frames" in opened.notes[0]


def test_cmyk_becomes_rgb() -> None:
    opened = open_picture(as_bytes(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF"))
    assert opened.picture.mode == "RGB" and "CMYK" in opened.notes[0]
    red, green, blue = opened.picture.getpixel((4, 4))  # type: ignore[misc]
    assert red > 200 and green < 60 and blue < 60


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_shades(format: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    opened = open_picture(as_bytes(Image.fromarray(ramp), format))
    shades = np.asarray(opened.picture)[..., 0].ravel()
    assert opened.picture.mode == "RGB" and "8 bits" in opened.notes[0]
    assert np.abs(shades.astype(int) - np.arange(256)).max() <= 1


def test_floating_point_pictures_are_taken_from_zero_to_one() -> None:
    opened = open_picture(as_bytes(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF"))
    assert opened.picture.getpixel((0, 0)) == (128, 128, 128)


def test_exif_orientation_turns_the_picture_upright() -> None:
    wide = Image.new("RGB", (30, 20), "white")
    wide.paste("red", (0, 0, 10, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    opened = open_picture(as_bytes(wide, "PNG", exif=exif))
    assert opened.picture.size == (20, 30) and "upright" in opened.notes[0]
    assert opened.picture.getpixel((15, 5)) == (255, 0, 0) and opened.picture.getpixel((5, 5)) == (255, 255, 255)
    exif[0x0112] = 1
    assert open_picture(as_bytes(wide, "PNG", exif=exif)).notes == ()


def test_palette_transparency_becomes_alpha() -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.putpixel((1, 1), 1)
    opened = open_picture(as_bytes(palette, "PNG", transparency=1)).picture
    assert opened.mode == "RGBA"
    assert opened.getpixel((1, 1))[3] == 0 and opened.getpixel((0, 0)) == (255, 0, 0, 255)  # type: ignore[index]


def test_grey_with_alpha_keeps_both() -> None:
    opened = open_picture(as_bytes(Image.new("LA", (4, 4), (90, 40)), "PNG")).picture
    assert opened.getpixel((2, 2)) == (90, 90, 90, 40)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_one_pixel_is_a_picture(mode: str) -> None:
    assert open_picture(as_bytes(Image.new(mode, (1, 1)), "PNG")).picture.size == (1, 1)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tiff"])
def test_the_colour_profile_survives_a_round_trip(ending: str, tmp_path: Path) -> None:
    opened = open_picture(as_bytes(photo(), "PNG", icc_profile=wide_profile())).picture
    assert profile_of(opened) == wide_profile()
    save_picture(opened, tmp_path / f"out{ending}")
    assert profile_of(open_picture(tmp_path / f"out{ending}").picture) == wide_profile()


def test_colours_are_converted_between_profiles_and_alpha_is_kept() -> None:
    red = Image.new("RGBA", (4, 4), (255, 0, 0, 77))
    swapped = to_profile(red, wide_profile())
    assert profile_of(swapped) == wide_profile()
    pixel = swapped.getpixel((0, 0))
    assert pixel[2] > 230 and pixel[0] < 25 and pixel[3] == 77  # type: ignore[index]
    assert to_profile(red, None) is red


def test_a_damaged_profile_does_no_harm() -> None:
    tagged = with_profile(photo(), b"\0" * 300)
    assert to_profile(tagged, None).tobytes() == photo().tobytes()


def test_a_grey_profile_is_not_put_on_colours() -> None:
    grey = bytearray(SRGB)
    grey[16:20] = b"GRAY"
    assert profile_of(open_picture(as_bytes(photo(), "PNG", icc_profile=bytes(grey))).picture) is None


def test_a_jpeg_cannot_be_transparent(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"transparent.*\.png"):
        save_picture(Image.new("RGBA", (4, 4)), tmp_path / "out.jpg")
    assert list(tmp_path.iterdir()) == []


def test_formats_that_cannot_hold_a_picture_say_so(tmp_path: Path) -> None:
    for ending in (".xyz", ""):
        with pytest.raises(InputError, match="names no picture format"):
            save_picture(photo(), tmp_path / f"out{ending}")
    with pytest.raises(InputError, match="cannot be written as WEBP"):
        save_picture(Image.new("RGB", (17_000, 1)), tmp_path / "out.webp")
    with pytest.raises(InputError, match="cannot be written as XBM"):
        save_picture(photo(), tmp_path / "out.xbm")


def test_xmp_is_written() -> None:
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>made by a machine</x:xmpmeta>"
    for format in ("PNG", "JPEG", "WEBP"):
        assert packet in encode(photo(), format, xmp=packet)


def test_writing_replaces_the_whole_file_makes_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "out.png"
    save_picture(photo(), path)
    save_picture(photo(32), path, fast=True)
    assert open_picture(path).picture.size == (32, 32)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_written_files_obey_the_umask(tmp_path: Path) -> None:
    save_picture(photo(), tmp_path / "out.png")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "out.png").stat().st_mode) == 0o666 & ~umask


@pytest.mark.skipif(os.name != "posix", reason="file size limits of POSIX")
def test_a_write_that_breaks_off_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    code = (
        "import resource, sys; from pathlib import Path; from canvasagent.errors import StorageError\n"
        "from canvasagent.storage.files import write_atomically\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomically(Path(sys.argv[1]), b'x' * 100_000)\n"
        "except StorageError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "could not be written" in run.stdout
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="could not be written"):
        save_picture(photo(), tmp_path / "file" / "out.png")
    if os.name == "posix" and os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o555)
        with pytest.raises(StorageError, match="denied"):
            save_picture(photo(), tmp_path / "locked" / "out.png")


@pytest.mark.parametrize("size", [(1, 1), (3000, 7), (500, 400), (1, 5000)])
def test_shrinking_keeps_to_the_limit(size: tuple[int, int]) -> None:
    small = shrink(Image.new("RGB", size), 1000)
    assert small.width * small.height <= max(1000, max(size)) and min(small.size) >= 1
