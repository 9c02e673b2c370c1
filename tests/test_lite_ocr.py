"""The lite reader: signs at many sizes and angles, on photographs and cut-outs, from several threads."""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from canvasagent.backends.base import TextLine
from canvasagent.backends.lite.ocr import Backend, Config
from canvasagent.imaging.geometry import Size

FONT = (files("canvasagent") / "imaging" / "fonts_data" / "DejaVuSans.ttf").read_bytes()


def sign(text: str, height: int, size: Size = (320, 140), ground: str = "white", ink: str = "black") -> Image.Image:
    picture = Image.new("RGB", size, ground)
    font = ImageFont.truetype(BytesIO(FONT), height)
    ImageDraw.Draw(picture).text((size[0] / 2, size[1] / 2), text, fill=ink, font=font, anchor="mm", align="center")
    return picture


def words(lines: list[TextLine]) -> str:
    return " ".join(line.text for line in lines)


def heading(line: TextLine) -> float:
    """Which way the text runs, in degrees clockwise from the right."""
    (x1, y1), (x2, y2) = line.quad[:2]
    return math.degrees(math.atan2(y2 - y1, x2 - x1)) % 360


@pytest.fixture(scope="module")
def read() -> Backend:
    return Backend(Config())


@pytest.mark.parametrize("height", [12, 20, 40, 90])
def test_signs_of_every_size_are_read_where_they_stand(read: Backend, height: int) -> None:
    (line,) = read(image=sign("SALE", height))
    assert line.text == "SALE" and line.score > 0.9
    left, top, right, bottom = line.box
    assert left < 160 < right and top < 70 < bottom and bottom - top < 2.2 * height


@pytest.mark.parametrize(("angle", "wanted"), [(90, 270), (180, 180), (270, 90), (8, 352), (-30, 30), (172, 188)])
def test_turned_text_is_read_and_its_corners_tell_how_it_stands(read: Backend, angle: int, wanted: int) -> None:
    (line,) = read(image=sign("OPEN at noon", 32).rotate(angle, expand=True, fillcolor="white"))
    assert line.text == "OPEN at noon"
    assert abs((heading(line) - wanted + 180) % 360 - 180) < 8


def test_words_that_read_both_ways_follow_the_rest_of_the_text(read: Backend) -> None:
    picture = sign("SOS\nplease help us", 30)
    upright, turned = read(image=picture), read(image=picture.rotate(180))
    assert words(upright) == words(turned) == "SOS please help us"
    assert all(heading(line) < 10 or heading(line) > 350 for line in upright)
    assert all(abs(heading(line) - 180) < 10 for line in turned)


def test_signs_that_hang_different_ways_in_one_picture(read: Backend) -> None:
    picture = Image.new("RGB", (320, 280), "white")
    picture.paste(sign("Entrance", 40), (0, 0))
    picture.paste(sign("Parking", 40).rotate(180), (0, 140))
    assert {line.text for line in read(image=picture)} == {"Entrance", "Parking"}


def test_white_text_on_a_photograph(read: Backend) -> None:
    picture = Image.fromarray(data.chelsea())
    ImageDraw.Draw(picture).text((40, 220), "Hello there", fill="white", font=ImageFont.truetype(BytesIO(FONT), 30))
    for turned in (picture, picture.rotate(180)):
        assert words(read(image=turned)) == "Hello there"
    assert read(image=Image.fromarray(data.chelsea())) == []


def test_a_page_is_read_in_order(read: Backend) -> None:
    lines = read(image=Image.fromarray(data.page()))
    assert lines[0].text == "Region-based segmentation"
    assert [line.text.split()[0] for line in lines[1:5]] == ["Let", "background.", "unambiguously", "the"]


@pytest.mark.parametrize("ink", ["white", "black"])
def test_text_of_a_cutout_is_read_whatever_its_colour(read: Backend, ink: str) -> None:
    picture = Image.new("RGBA", (300, 100), (255, 0, 0, 0))
    ImageDraw.Draw(picture).text((20, 25), "Cut out", fill=ink, font=ImageFont.truetype(BytesIO(FONT), 40))
    before = picture.tobytes()
    assert words(read(image=picture)) == "Cut out"
    assert picture.tobytes() == before


def test_a_large_picture_keeps_its_coordinates(read: Backend) -> None:
    (line,) = read(image=sign("FAR", 160, (3000, 2000)))
    assert line.text == "FAR"
    assert (line.box[0] + line.box[2]) / 2 == pytest.approx(1500, abs=40)
    assert (line.box[1] + line.box[3]) / 2 == pytest.approx(1000, abs=40)


@pytest.mark.parametrize("size", [(1, 1), (2000, 2), (3, 900)])
def test_pictures_with_no_room_for_text(read: Backend, size: Size) -> None:
    assert read(image=Image.new("RGB", size, "white")) == []


def test_the_same_lines_to_the_last_bit_from_several_threads(read: Backend) -> None:
    pictures = [sign(f"Number {count}", 30) for count in range(4)]
    alone = [read(image=picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda picture: Backend.__call__(read, image=picture), pictures)) == alone
    fresh = pickle.loads(pickle.dumps(read))
    assert [fresh(image=picture) for picture in pictures[:1]] == alone[:1]


def test_nothing_heavy_is_imported_before_the_first_call_and_nothing_is_sent_home() -> None:
    code = (
        "import os, sys; from canvasagent.backends.lite.ocr import Backend, Config; backend = Backend(Config());"
        "assert not {'rapidocr', 'onnxruntime'} & set(sys.modules);"
        "from PIL import Image; backend(image=Image.new('RGB', (64, 64)));"
        "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1' and 'onnxruntime' in sys.modules"
    )
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout == "", done.stderr
