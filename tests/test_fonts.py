"""Fonts: never an empty box, always an honest refusal, the same result every time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from canvasagent.errors import ToolRefusal
from canvasagent.imaging import fonts

BUNDLED = Path(fonts.__file__).parent / "fonts_data"
HIEROGLYPH = "\U00013080"  # an eye; in no font that systems come with


def ink(font: ImageFont.FreeTypeFont, text: str) -> bytes:
    return bytes(font.getmask(text))


@pytest.mark.parametrize("text", ["Hello", "Zürich ½ №", "Привет", "Ελλάδα", "→ ♥ €"])
def test_letters_of_the_bundled_font_are_drawn_and_not_as_boxes(text: str) -> None:
    font = fonts.font_for(text, 40)
    assert Path(str(font.path)).parent == BUNDLED
    box = ink(font, "\uffff")
    assert all(ink(font, char) != box for char in text if char != " ")


def test_bold_is_bold_and_the_size_counts() -> None:
    regular, bold = fonts.font_for("SALE", 40), fonts.font_for("SALE", 40, bold=True)
    assert sum(ink(bold, "SALE")) > 1.2 * sum(ink(regular, "SALE"))
    assert fonts.font_for("SALE", 80).getlength("SALE") == pytest.approx(2 * regular.getlength("SALE"), rel=0.03)


def test_the_same_text_gives_the_same_pixels_in_another_process() -> None:
    code = "import sys, hashlib; from canvasagent.imaging.fonts import font_for; t = 'Grüße, мир'; "
    code += "print(hashlib.sha256(bytes(font_for(t, 37.5, True).getmask(t))).hexdigest())"
    runs = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 1 and len(runs.pop().strip()) == 64


def test_fonttools_is_not_imported_for_plain_text() -> None:
    code = (
        "import sys; from canvasagent.imaging.fonts import font_for; font_for('plain', 20); "
        "print('fontTools' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"False"


def test_a_character_without_a_font_is_refused_by_name() -> None:
    with pytest.raises(ToolRefusal, match=r"Egyptian Hieroglyphs.*install|Egyptian Hieroglyphs.*Install") as refusal:
        fonts.font_for("eye " + HIEROGLYPH, 30)
    assert HIEROGLYPH in str(refusal.value) and fonts.FOLDERS_VARIABLE in str(refusal.value)
    assert fonts.missing_characters("a" + HIEROGLYPH + "b" + HIEROGLYPH) == HIEROGLYPH
    assert fonts.missing_characters("plain ½") == ""


def test_emoji_are_refused_unless_a_font_has_them_as_outlines() -> None:
    newest = "\U0001fae9"
    if fonts.missing_characters(newest):
        with pytest.raises(ToolRefusal, match="emoji"):
            fonts.font_for("nice " + newest, 30)
    else:
        assert any(ink(fonts.font_for(newest, 30), newest))


def test_a_named_folder_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "eyes.ttf"
    renamed_letter(made, "A", ord(HIEROGLYPH))
    monkeypatch.setenv(fonts.FOLDERS_VARIABLE, str(tmp_path))
    font = fonts.font_for(HIEROGLYPH, 40)
    assert Path(str(font.path)) == made
    assert ink(font, HIEROGLYPH) == ink(fonts.font_for("A", 40), "A")
    with pytest.raises(ToolRefusal, match="no single font"):
        fonts.font_for(HIEROGLYPH + "Ж", 40)


def test_damaged_and_placeholder_fonts_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.ttf").write_bytes((BUNDLED / "DejaVuSans.ttf").read_bytes()[:5000])
    (tmp_path / "empty.otf").write_bytes(b"")
    renamed_letter(tmp_path / "LastResort.ttf", "A", ord(HIEROGLYPH))
    monkeypatch.setenv(fonts.FOLDERS_VARIABLE, str(tmp_path))
    assert fonts.missing_characters(HIEROGLYPH) == HIEROGLYPH


def test_a_bitmap_font_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fontTools.ttLib import TTFont, newTable

    path = tmp_path / "pictures.ttf"
    renamed_letter(path, "A", ord(HIEROGLYPH))
    with TTFont(path) as font:
        table = newTable("sbix")
        font["sbix"] = table
        font.save(tmp_path / "colour.ttf")
    path.unlink()
    monkeypatch.setenv(fonts.FOLDERS_VARIABLE, str(tmp_path))
    assert fonts.missing_characters(HIEROGLYPH) == HIEROGLYPH


def renamed_letter(path: Path, letter: str, code: int) -> None:
    """A copy of the bundled font in which only `letter` is left, as code point `code`."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont
    from fontTools.ttLib.tables._c_m_a_p import CmapSubtable

    shutil.copy(BUNDLED / "DejaVuSans.ttf", path)
    with TTFont(path) as font:
        subsetter = Subsetter(Options(layout_features=[]))
        subsetter.populate(text=letter)
        subsetter.subset(font)
        glyph = font.getBestCmap()[ord(letter)]
        table = CmapSubtable.newSubtable(12)
        table.platformID, table.platEncID, table.language, table.cmap = 3, 10, 0, {code: glyph}
        font["cmap"].tables = [table]
        font.save(path)


def test_right_to_left_text_is_reordered_or_refused() -> None:
    word = "שלום"
    if not fonts.can_shape():
        with pytest.raises(ToolRefusal, match="Hebrew"):
            fonts.font_for(word, 40)
        return
    plain = ImageFont.truetype(str(BUNDLED / "DejaVuSans.ttf"), 40, layout_engine=ImageFont.Layout.BASIC)
    drawn, expected, wrong = (
        np.asarray(drawing(font, text))
        for font, text in ((fonts.font_for(word, 40), word), (plain, word[::-1]), (plain, word))
    )
    assert np.abs(drawn - expected).mean() < 0.5 * np.abs(drawn - wrong).mean()


def drawing(font: ImageFont.FreeTypeFont, text: str) -> Image.Image:
    """The text on a sheet, in shades from 0 to 1."""
    sheet = Image.new("F", (200, 80))
    ImageDraw.Draw(sheet).text((100, 40), text, 1.0, font, anchor="mm")
    return sheet


@pytest.mark.skipif(not fonts.can_shape(), reason="no raqm with fribidi here")
def test_arabic_letters_join() -> None:
    word = "سلام"
    alone = sum(fonts.font_for(letter, 40).getlength(letter) for letter in word)
    assert fonts.font_for(word, 40).getlength(word) < 0.9 * alone


def test_without_a_layout_library_joined_scripts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "can_shape", lambda: False)
    with pytest.raises(ToolRefusal, match=r"Arabic.*fribidi"):
        fonts.font_for("سلام", 40)
    assert fonts.font_for("Привет", 40).layout_engine == ImageFont.Layout.BASIC


def test_plain_scripts_are_laid_out_alike_everywhere() -> None:
    assert fonts.font_for("Ünïcödé Жизнь", 40).layout_engine == ImageFont.Layout.BASIC


def test_cleaning_keeps_what_is_seen() -> None:
    assert fonts.clean_text("a\x00b\x1b[31m\tc\r\nd\u2028e") == "ab[31m    c\nd\ne"
    assert fonts.clean_text("e\u0301") == "é"
    assert fonts.clean_text("x\u200b\u202ey\ufe0f\ud800") == "xy"
    assert fonts.clean_text("می\u200cخواهم") == "می\u200cخواهم"


def test_direction_is_that_of_the_first_letter() -> None:
    assert fonts.direction("12 שלום abc") == "rtl"
    assert fonts.direction("abc שלום") == "ltr"
    assert fonts.direction("12!") == "ltr"
