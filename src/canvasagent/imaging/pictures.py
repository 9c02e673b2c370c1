"""Pictures in and out of files: whatever a user has becomes 8-bit RGB or RGBA, and nothing is lost unsaid."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from canvasagent.errors import InputError
from canvasagent.imaging.bit_depth import eight_bits, is_deep
from canvasagent.imaging.geometry import MAX_PIXELS, MOST_PIXELS, Size
from canvasagent.imaging.heif import open_heif
from canvasagent.storage.files import write_atomically
from canvasagent.storage.foreign_json import whole
from canvasagent.storage.input_files import regular_file

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "DIB", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "TGA", "ICO", "QOI")
"""What is decoded, common ones first. Formats that Pillow hands to another program (EPS) stay out."""

_ALPHA_MODES = {"RGBA", "LA", "La", "PA", "RGBa"}


OBJECT_BYTES = 1024
"""What a picture takes beside its pixels, about."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A decoded picture and what had to be done to it, in words."""

    picture: Image.Image
    notes: tuple[str, ...] = ()
    mode: str = ""
    """The mode that the file has."""


def open_picture(
    source: str | Path | bytes | Image.Image, max_pixels: int = MAX_PIXELS, *, raised_by: str = ""
) -> Opened:
    """Decode `source` to RGB, or RGBA where it has transparency, upright and with its colour profile.

    The size is checked before anything is decoded; `raised_by` is what raises the limit, for who meets it.
    Raises `InputError` with what is wrong.
    """
    name = whole(f"'{source}'") if isinstance(source, str | Path) else "the picture"
    limit = _Limit(name, max_pixels, raised_by)
    if isinstance(source, Image.Image):
        with _readable(limit):
            return _normalise(source, limit)
    stream: io.BytesIO | Path = io.BytesIO(source) if isinstance(source, bytes) else regular_file(Path(source))
    with _readable(limit), _decoder(stream, limit) as (picture, notes):
        return _normalise(picture, limit, notes)


def as_png(data: bytes, max_pixels: int = MAX_PIXELS, *, raised_by: str = "") -> tuple[Image.Image, bytes]:
    """A picture file decoded, and as PNG: the very bytes where they are a PNG of 8 bits a channel, greyscale included.

    Raises `InputError` as `open_picture`.
    """
    limit = _Limit("the picture", max_pixels, raised_by)
    with _readable(limit), _decoder(io.BytesIO(data), limit) as (opened, _):
        limit.check(opened.size)
        usual = opened.mode in ("RGB", "RGBA", "L") and "transparency" not in opened.info and not is_deep(opened)
        if opened.format == "PNG" and usual:
            opened.load()
            return opened.copy(), data
        picture = _normalise(opened, limit).picture
    return picture, encode(picture, "PNG", fast=True)


@dataclass(frozen=True, slots=True)
class _Limit:
    """How large a picture may be."""

    name: str
    """The picture's, in messages."""
    pixels: int
    raised_by: str

    def check(self, size: Size) -> None:
        """Raise `InputError` where a picture of that size has no pixels or too many."""
        width, height = size
        if width < 1 or height < 1:
            raise InputError(f"{self.name} has no pixels: {width} × {height}.")
        if width * height > self.pixels:
            raise self.error(f"{width} × {height} is {width * height:,} pixels, the limit is {self.pixels:,}")

    def error(self, what: str) -> InputError:
        """The error for a picture that is too large."""
        advice = f", or raise the limit ({self.raised_by}; at most {MOST_PIXELS:,})" if self.raised_by else ""
        return InputError(f"{self.name} is too large: {what}. Scale it down first{advice}.")


@contextlib.contextmanager
def _decoder(stream: io.BytesIO | Path, limit: _Limit) -> Iterator[tuple[Image.Image, list[str]]]:
    """A picture file, opened, and notes on it; decoded only where its size is within the limit."""
    try:
        picture = Image.open(stream, formats=FORMATS)
    except UnidentifiedImageError:
        heif = open_heif(stream, limit.name, limit.check)
        if heif is None:
            raise
        yield heif
        return
    with picture:
        yield picture, []


@contextlib.contextmanager
def _readable(limit: _Limit) -> Iterator[None]:
    """Whatever goes wrong while a picture is opened becomes an `InputError` that says what."""
    name = limit.name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        most = min(limit.pixels, MOST_PIXELS)
        raise limit.error(f"it has more than {MOST_PIXELS:,} pixels, the limit is {most:,}") from error
    except FileNotFoundError as error:
        raise InputError(f"{name} does not exist.") from error
    except IsADirectoryError as error:
        raise InputError(f"{name} is a folder, not a picture.") from error
    except PermissionError as error:
        raise InputError(f"{name} may not be read: permission denied.") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is not a picture that can be read (PNG, JPEG, WebP, GIF, TIFF, BMP …).") from error
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise InputError(f"{name} is damaged or incomplete: {error}.") from error


def _normalise(picture: Image.Image, limit: _Limit, notes: Sequence[str] = ()) -> Opened:
    limit.check(picture.size)
    name, mode, notes = limit.name, picture.mode, list(notes)
    if getattr(picture, "n_frames", 1) > 1:
        notes.append(f"{name} has {getattr(picture, 'n_frames', 1)} frames; only the first is used.")
        picture.seek(0)
    if (reduced := eight_bits(picture)) is not None:
        picture, what = reduced
        notes.append(f"{name} {what}.")
    picture.load()
    profile = picture.info.get("icc_profile")
    upright = ImageOps.exif_transpose(picture)
    if picture.getexif().get(0x0112, 1) in range(2, 9):
        notes.append(f"{name} was turned upright as its EXIF orientation says.")
    result, profile = _to_rgb(upright, profile, notes, name)
    return Opened(with_profile(result, profile), tuple(notes), mode)


def _to_rgb(
    picture: Image.Image, profile: bytes | None, notes: list[str], name: str
) -> tuple[Image.Image, bytes | None]:
    mode = picture.mode
    alpha = mode in _ALPHA_MODES or "transparency" in picture.info
    if mode in {"RGB", "RGBA"} and not (alpha and mode == "RGB"):
        return picture.copy(), profile if _space(profile) == "RGB " else None
    if mode in {"P", "PA"} or (alpha and mode in {"RGB", "L", "1"}):
        return picture.convert("RGBA" if alpha else "RGB"), profile if _space(profile) == "RGB " else None
    if mode in {"CMYK", "YCbCr", "LAB", "HSV"}:
        notes.append(f"{name} was converted from {mode} to RGB.")
        return _through_profile(picture, profile), None
    converted = picture.convert("RGBA" if alpha else "RGB")
    return converted, None


def _space(profile: bytes | None) -> str | None:
    """The colour space that an ICC profile is for: bytes 16 to 20 of its header."""
    return profile[16:20].decode("ascii", "replace") if profile and len(profile) >= 128 else None


def _through_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if profile and picture.mode == "CMYK" and _space(profile) == "CMYK":
        try:
            converted = ImageCms.profileToProfile(
                picture,
                io.BytesIO(profile),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",  # type: ignore[arg-type]
            )
            if converted is not None:
                return converted
        except ImageCms.PyCMSError:
            pass  # a damaged profile: Pillow's own conversion below is the best that is left
    return picture.convert("RGB")


def with_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """`picture` carrying `profile` as its only metadata. Pictures without one are taken to be sRGB."""
    picture.info = {"icc_profile": profile} if profile else {}
    return picture


def profile_of(picture: Image.Image) -> bytes | None:
    """The ICC colour profile that the picture carries, if any."""
    profile = picture.info.get("icc_profile")
    return profile if isinstance(profile, bytes) else None


def memory_of(picture: Image.Image) -> int:
    """Bytes of memory that a decoded picture takes, its colour profile included."""
    channels = 1 if picture.mode == "L" else 4  # Pillow keeps RGB in four bytes
    return picture.width * picture.height * channels + len(profile_of(picture) or b"") + OBJECT_BYTES


def to_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """`picture` with its colours expressed in `profile` (None: sRGB), so that two pictures can be joined."""
    own = profile_of(picture)
    if own == profile:
        return picture
    srgb = ImageCms.createProfile("sRGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(own)) if own else srgb
        target = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else srgb
        colours = ImageCms.profileToProfile(picture.convert("RGB"), source, target, outputMode="RGB")  # type: ignore[arg-type]
    except (ImageCms.PyCMSError, OSError):
        colours = picture.convert("RGB")
    assert colours is not None
    if "A" in picture.getbands():
        colours.putalpha(picture.getchannel("A"))
    return with_profile(colours, profile)


def shrink(picture: Image.Image, max_pixels: int) -> Image.Image:
    """A copy of at most `max_pixels` pixels (the picture itself if it is small enough)."""
    width, height = picture.size
    if width * height <= max_pixels:
        return picture
    scale = (max_pixels / (width * height)) ** 0.5
    size: Size = (max(1, int(width * scale)), max(1, int(height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def is_file(path: Path) -> bool:
    """Whether there is a file at `path`; False for what cannot be a path at all, such as a name that is too long."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def check_output_path(path: Path) -> None:
    """Raise `InputError` unless `path` has an ending that names a picture format which can be written.

    A file that is there is replaced; what is there and no file (a folder, a pipe, a device) is refused.
    """
    endings = Image.registered_extensions()
    if path.suffix.lower() not in endings or endings[path.suffix.lower()] not in Image.SAVE:
        raise InputError(f"'{path}': the ending '{path.suffix}' names no picture format; use .png, .jpg or .webp.")
    try:
        what = "a folder" if path.is_dir() else "a pipe or a device"
        taken = path.exists() and not path.is_file()
    except (OSError, ValueError) as error:  # too long, say
        raise InputError(f"'{path}' cannot be written: {getattr(error, 'strerror', None) or error}.") from error
    if taken:
        raise InputError(f"'{path}' is {what}; name a file.")


def encode(picture: Image.Image, format: str, *, xmp: bytes | None = None, fast: bool = False) -> bytes:
    """`picture` as a file's bytes, with its colour profile and, where the format can, an XMP packet.

    Raises `InputError` where the format cannot hold such a picture: its mode, its size.
    """
    options: dict[str, object] = {}
    if profile := profile_of(picture):
        options["icc_profile"] = profile
    if format == "PNG":
        options["compress_level"] = 1 if fast else 6
        if xmp:
            from PIL.PngImagePlugin import PngInfo

            info = PngInfo()
            info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8"))
            options["pnginfo"] = info
    elif format in {"JPEG", "WEBP"}:
        options["quality"] = 95
        if format == "JPEG":
            options["subsampling"] = 0
        if xmp:
            options["xmp"] = xmp
    buffer = io.BytesIO()
    try:
        picture.save(buffer, format=format, **options)
    except (OSError, ValueError) as error:
        size = f"{picture.width} × {picture.height}"
        raise InputError(f"a {picture.mode} picture of {size} cannot be written as {format}: {error}.") from error
    return buffer.getvalue()


def save_picture(picture: Image.Image, path: Path, *, xmp: bytes | None = None, fast: bool = False) -> None:
    """Write `picture` to `path` atomically, in the format that the ending names.

    Raises `InputError` for an unknown ending or alpha in a format without it, `StorageError` for a full disk.
    """
    check_output_path(path)
    format = Image.registered_extensions()[path.suffix.lower()]
    if "A" in picture.getbands() and format in {"JPEG", "BMP", "PPM"}:
        raise InputError(
            f"'{path}': the result is transparent in places and {format} cannot keep that; "
            "use an ending such as .png or .webp."
        )
    write_atomically(path, encode(picture, format, xmp=xmp, fast=fast))
