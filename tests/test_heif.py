"""HEIC and AVIF: read where pillow-heif is installed, named with what to do where it is not."""

from __future__ import annotations

import io
import struct
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from canvasagent.cli import checkup, main
from canvasagent.craft.sources import load_source
from canvasagent.errors import InputError
from canvasagent.imaging.pictures import as_png, open_picture
from helpers import photo


def heic(picture: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pytest.importorskip("pillow_heif").from_pillow(picture).save(buffer, **{"quality": 95, **options})
    return buffer.getvalue()


def test_a_heic_picture_is_read(tmp_path: Path) -> None:
    picture = photo("coffee", 96)
    (tmp_path / "a.heic").write_bytes(heic(picture))
    for source in (tmp_path / "a.heic", (tmp_path / "a.heic").read_bytes()):
        opened = open_picture(source)
        assert opened.picture.mode == "RGB" and opened.picture.size == picture.size and opened.notes == ()
        assert np.abs(np.asarray(opened.picture).astype(int) - np.asarray(picture)).mean() < 6
    clear = open_picture(heic(Image.new("RGBA", (64, 48), (200, 10, 10, 100)))).picture
    assert clear.mode == "RGBA" and clear.getpixel((9, 9))[3] in range(95, 105)  # type: ignore[index]
    key, png = as_png(heic(picture))
    assert png[:4] == b"\x89PNG" and key.size == picture.size
    assert "dir:" in load_source(f"dir:{tmp_path}").name  # type: ignore[attr-defined]


def test_heic_pictures_of_several_and_of_more_bits_are_noted() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    values = np.dstack([np.linspace(0, 65535, 64 * 48).reshape(48, 64)] * 3).astype(np.uint16)
    buffer = io.BytesIO()
    pillow_heif.from_bytes(mode="RGB;16", size=(64, 48), data=values.tobytes()).save(buffer, quality=95)
    opened = open_picture(buffer.getvalue())
    assert "more than 8 bits" in opened.notes[0] and np.asarray(opened.picture).max() >= 250
    two = pillow_heif.from_pillow(Image.new("RGB", (64, 48), "red"))
    two.add_from_pillow(Image.new("RGB", (64, 48), "blue"))
    buffer = io.BytesIO()
    two.save(buffer)
    opened = open_picture(buffer.getvalue())
    assert "holds 2 pictures" in opened.notes[0]


def test_a_heic_picture_is_held_to_the_limit_and_damage_is_told() -> None:
    data = heic(photo("coffee", 96))
    with pytest.raises(InputError, match="too large"):
        open_picture(data, 1000)
    for cut in (20, 100, 200, len(data) // 2):
        with pytest.raises(InputError):
            open_picture(data[:cut])


@pytest.mark.parametrize(
    ("brands", "what"), [(b"heicmif1", "a HEIC picture"), (b"mif1\0\0\0\0mif1avif", "an AVIF picture")]
)
def test_without_pillow_heif_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, brands: bytes, what: str
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    body = b"ftyp" + (brands if len(brands) > 8 else brands[:4] + bytes(4) + brands)
    (tmp_path / "a.heic").write_bytes(struct.pack(">I", len(body) + 4) + body + bytes(100))
    with pytest.raises(InputError) as refused:
        open_picture(tmp_path / "a.heic")
    told = str(refused.value)
    assert what in told and "a.heic" in told and "pip install 'canvasagent[heif]'" in told and "magick" in told
    (tmp_path / "b.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(50))
    with pytest.raises(InputError, match="is not a picture"):
        open_picture(tmp_path / "b.mp4")


@pytest.mark.parametrize("installed", [True, False])
def test_doctor_says_whether_heic_can_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], installed: bool
) -> None:
    def version(name: str) -> str:
        if name == "pillow-heif" and not installed:
            raise PackageNotFoundError(name)
        return "9.9"

    declared = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [f"{line}; extra == 'heif'" for line in declared["optional-dependencies"]["heif"]]
    monkeypatch.setattr(checkup, "requires", lambda name: lines)
    monkeypatch.setattr(checkup, "version", version)
    main(["doctor"])
    told = next(line for line in capsys.readouterr().out.splitlines() if " heif " in line)
    assert ("pillow-heif 9.9" in told) == installed
    assert ("missing pillow-heif>=1 → pip install 'canvasagent[heif]'" in told) != installed
