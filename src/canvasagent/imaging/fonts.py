"""Fonts: the first one that can really draw a text, or a refusal that says what to install; never empty boxes.

Looked for in this order: the bundled DejaVu Sans, the folders named by the environment variable
`CANVASAGENT_FONTS` (separated like `PATH`), the system's font folders. Text in plain scripts is laid out by
Pillow itself, so that it looks the same everywhere; scripts whose letters join, reorder or run from right to
left need Pillow's raqm layout, which is proved by drawing with it once.
"""

from __future__ import annotations

import logging
import os
import sys
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw, ImageFont, features

from canvasagent.errors import ToolRefusal

log = logging.getLogger(__name__)

FOLDERS_VARIABLE = "CANVASAGENT_FONTS"
"""Environment variable with folders of fonts, separated like `PATH`."""

_BUNDLED = Path(__file__).parent / "fonts_data"
_ENDINGS = {".ttf", ".otf", ".ttc"}
_PLACEHOLDERS = ("lastresort", "notdef", "blank")
"""Fonts that claim every character and draw none."""
_SIMPLE = {"Zyyy", "Zinh", "Latn", "Grek", "Cyrl", "Armn", "Geor", "Copt", "Goth", "Hani", "Hira", "Kana", "Bopo"}
_SIMPLE |= {"Hang", "Ethi", "Cher", "Cans", "Yiii", "Brai", "Runr", "Ogam", "Tfng"}
"""Scripts (ISO 15924) whose letters stand one after another from left to right, each in one shape."""
_SHARED = frozenset({"Zyyy", "Zinh"})
"""Scripts of characters that belong to no single script: digits, symbols, emoji."""
_CJK = frozenset({"Hani", "Hira", "Kana", "Bopo", "Hang"})


def font_for(text: str, size: float, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The first font that has every visible character of `text` (see `clean_text`), at `size` pixels.

    Raises `ToolRefusal` naming the characters that no font here has, with what to install; or the script, where
    its letters need a layout library that is absent.
    """
    engine = ImageFont.Layout.RAQM if needs_shaping(text) else ImageFont.Layout.BASIC
    if engine == ImageFont.Layout.RAQM and not can_shape():
        complex_scripts = sorted({script for script in _scripts(text) if script not in _SIMPLE})
        if complex_scripts:
            raise ToolRefusal(
                f"{_names(complex_scripts)} text cannot be drawn here: its letters join, reorder or run from right to "
                "left, and Pillow found no working raqm and fribidi to lay them out. Install the library fribidi "
                "(Debian: apt install libfribidi0; macOS: brew install fribidi)."
            )
        engine = ImageFont.Layout.BASIC
    return _load(_find(text, bold), float(size), engine)


def missing_characters(text: str) -> str:
    """The visible characters of `text`, each once and in order, that no font here has ("" if there is none)."""
    return _missing(text, _candidates(False, os.environ.get(FOLDERS_VARIABLE, "")))


def clean_text(text: str) -> str:
    """`text` as it can be drawn: composed (NFC), control characters gone, line ends as \\n, tabs as four spaces.

    Invisible formatting characters stay only in scripts whose layout reads them.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    "))
    for end in "\v\f\x85\u2028\u2029":
        text = text.replace(end, "\n")
    keep_format = not text.isascii() and needs_shaping(text)
    return "".join(
        char
        for char in text
        if char == "\n"
        or _visible(char)
        or char == " "
        or unicodedata.category(char) == "Zs"
        or (keep_format and unicodedata.category(char) not in {"Cc", "Cs"})
    )


def needs_shaping(text: str) -> bool:
    """Whether letters of `text` join, reorder, run from right to left or carry combining marks."""
    if text.isascii():
        return False
    if any(unicodedata.category(char) == "Mn" and _visible(char) for char in set(text)):
        return True
    return not _scripts(text) <= _SIMPLE


def direction(text: str) -> Literal["ltr", "rtl"]:
    """The reading direction of `text`: that of its first letter which has one."""
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in {"R", "AL"}:
            return "rtl"
        if kind == "L":
            return "ltr"
    return "ltr"


@lru_cache(maxsize=1)
def can_shape() -> bool:
    """Whether Pillow's raqm and fribidi truly work: Hebrew is reordered and Arabic letters join when drawn."""
    if not features.check("raqm"):
        return False
    path = _BUNDLED / "DejaVuSans.ttf"
    shaped, plain = (_load(path, 64.0, engine) for engine in (ImageFont.Layout.RAQM, ImageFont.Layout.BASIC))
    drawn = Image.new("L", (200, 200))
    try:
        # A yod, whose foot is free, then a shin, which stands on the line: the shin must come out on the left.
        ImageDraw.Draw(drawn).text((100, 100), "\u05d9\u05e9", fill=255, font=shaped, anchor="mm")
        left, _, right, bottom = drawn.getbbox() or (0, 0, 1, 1)
        reordered = drawn.crop((left, bottom - 6, left + (right - left) // 5, bottom)).getbbox() is not None
        joined = shaped.getlength("\u0628\u0628") != plain.getlength("\u0628\u0628")
    except (OSError, ValueError, KeyError):
        return False
    return reordered and joined


def _visible(char: str) -> bool:
    """Whether a glyph is needed: not for spaces, controls, formatting marks and variation selectors."""
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"}:
        return False
    return not (0xFE00 <= ord(char) <= 0xFE0F or 0xE0100 <= ord(char) <= 0xE01EF)


def _scripts(text: str) -> frozenset[str]:
    from fontTools.unicodedata import script

    return frozenset(script(char) for char in set(text) if _visible(char))


def _names(scripts: Iterable[str]) -> str:
    from fontTools.unicodedata import script_name

    return " and ".join("symbols" if script in _SHARED else script_name(script, default=script) for script in scripts)


def _find(text: str, bold: bool) -> Path:
    bundled = _BUNDLED / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
    if text.isascii():
        return bundled
    needed = {ord(char) for char in set(text) if _visible(char)}
    candidates = _candidates(bold, os.environ.get(FOLDERS_VARIABLE, ""))
    for path in candidates:
        if _covers(path, needed):
            return path
    missing = _missing(text, candidates)
    if not missing:
        raise ToolRefusal(
            f"no single font here has all the letters of this text ({_names(_script_names(text))}); "
            "put the scripts on the picture one at a time."
        )
    shown = missing if len(missing) <= 12 else missing[:12] + "…"
    raise ToolRefusal(
        f"no font here can draw '{shown}' ({_names(_script_names(missing))}). {_advice(missing)} "
        f"A folder of fonts can also be named by the environment variable {FOLDERS_VARIABLE}."
    )


def _script_names(text: str) -> list[str]:
    scripts = sorted(_scripts(text))
    return [script for script in scripts if script not in _SHARED] or scripts[:1]


def _advice(missing: str) -> str:
    scripts = _scripts(missing)
    if scripts & _CJK:
        return "Install a font with these characters (Debian: apt install fonts-noto-cjk)."
    if any(ord(char) >= 0x1F000 or unicodedata.category(char) == "So" for char in missing):
        return "Leave emoji out, or install a font that has them as outlines (Debian: apt install fonts-symbola)."
    return "Install a font with these characters (Debian: apt install fonts-noto-core)."


def _missing(text: str, candidates: Iterable[Path]) -> str:
    left = {ord(char): char for char in text if _visible(char)}
    for path in candidates:
        if not left:
            break
        characters = _characters(path)
        left = {code: char for code, char in left.items() if not _has(characters, code)}
    return "".join(left.values())


def _candidates(bold: bool, named_folders: str) -> tuple[Path, ...]:
    own = [_BUNDLED / "DejaVuSans.ttf", _BUNDLED / "DejaVuSans-Bold.ttf"]
    named = [Path(folder) for folder in named_folders.split(os.pathsep) if folder]
    return (*(reversed(own) if bold else own), *_installed(tuple(named), bold), *_installed(_system_folders(), bold))


def _system_folders() -> tuple[Path, ...]:
    home = Path.home()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", str(home / "AppData" / "Local"))
        folders = [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts", Path(local) / "Microsoft/Windows/Fonts"]
    elif sys.platform == "darwin":
        folders = [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
        folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), data / "fonts", home / ".fonts"]
    return tuple(folders)


@lru_cache(maxsize=16)
def _installed(folders: tuple[Path, ...], bold: bool) -> tuple[Path, ...]:
    """The font files below `folders`: upright faces of the wanted weight first, then by name."""
    files: list[Path] = []
    for folder in folders:
        try:
            files += [path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS and path.is_file()]
        except OSError as error:
            log.debug("fonts in %s cannot be listed: %s", folder, error)

    def order(path: Path) -> tuple[bool, bool, bool, str, str]:
        name = path.stem.lower()
        slanted = "italic" in name or "oblique" in name
        odd = any(word in name for word in ("light", "thin", "black", "condensed", "mono", "serif"))
        return slanted, ("bold" in name) != bold, odd, name, str(path)

    return tuple(sorted(files, key=order))


def _covers(path: Path, needed: Iterable[int]) -> bool:
    characters = _characters(path)
    return all(_has(characters, code) for code in needed)


def _has(characters: array[int], code: int) -> bool:
    index = bisect_left(characters, code)
    return index < len(characters) and characters[index] == code


@cache
def _characters(path: Path) -> array[int]:
    """The code points that a font draws as outlines, sorted; none for bitmap, colour and unreadable fonts."""
    from fontTools.ttLib import TTFont, TTLibError

    empty = array("I")
    if any(word in path.stem.lower() for word in _PLACEHOLDERS):
        return empty
    try:
        with TTFont(path, fontNumber=0, lazy=True) as font:
            tables = set(font.keys())
            if not tables & {"glyf", "CFF ", "CFF2"} or tables & {"CBDT", "sbix", "SVG ", "COLR"}:
                return empty
            return array("I", sorted(font.getBestCmap() or {}))
    except (TTLibError, OSError, ValueError, KeyError, AssertionError) as error:
        log.debug("font %s is left out: %s", path, error)
        return empty


@lru_cache(maxsize=256)
def _load(path: Path, size: float, engine: ImageFont.Layout) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size, layout_engine=engine)
