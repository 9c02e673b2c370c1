"""OCR by the real paddleocr: small published models that come with rapidocr, and a tiny one that Paddle itself exports.

PaddleOCR is no part of the development set-up: `pip install 'paddleocr>=3.7' paddlepaddle`, then
`pytest tests/test_full_paddle.py`. What needs neither is tested without.
"""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from canvasagent import ToolBox
from canvasagent.backends.full import paddle_ocr
from canvasagent.backends.missing_requirements import missing_requirements
from canvasagent.backends.profile import Profile, load_profile
from canvasagent.canvas import Canvas
from canvasagent.errors import WeightsError
from canvasagent.testing import check_backend
from test_serving_remote import run

with_paddleocr = pytest.mark.skipif(
    find_spec("paddleocr") is None, reason=f"paddleocr is not installed here: {paddle_ocr.INSTALL}"
)
with_paddle = pytest.mark.skipif(
    find_spec("paddleocr") is None or find_spec("paddle") is None,
    reason=f"PaddlePaddle is not installed here: {paddle_ocr.INSTALL}",
)

DETECTION: dict[str, Any] = {
    "PreProcess": {
        "transform_ops": [
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"DetResizeForTest": {"resize_long": 960}},
            {"NormalizeImage": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": "1./255."}},
            {"ToCHWImage": None},
        ]
    },
    "PostProcess": {"name": "DBPostProcess", "thresh": 0.3, "box_thresh": 0.6, "unclip_ratio": 1.5},
}
"""How PP-OCR's `inference.yml` describes the finding of lines."""


def recognition(characters: Sequence[str]) -> dict[str, Any]:
    """How it describes the reading of lines."""
    steps = [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"RecResizeImg": {"image_shape": [3, 48, 320]}},
    ]
    reading = {"name": "CTCLabelDecode", "character_dict": list(characters)}
    return {"PreProcess": {"transform_ops": steps}, "PostProcess": reading}


def describe(folder: Path, name: str, how: dict[str, Any]) -> None:
    """Write `inference.yml`; JSON is YAML."""
    (folder / "inference.yml").write_text(json.dumps({"Global": {"model_name": name}, **how}), "utf-8")


def options(root: Path, **more: Any) -> dict[str, Any]:
    return {"detection": str(root / "det"), "recognition": str(root / "rec"), **more}


def backend(root: Path, **more: Any) -> paddle_ocr.Backend:
    return paddle_ocr.Backend(paddle_ocr.Config(**options(root, **more)))


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PP-OCRv6 small as it comes with rapidocr, laid out as PaddleOCR wants it (the default models are medium)."""
    import onnxruntime
    import rapidocr

    root, models = tmp_path_factory.mktemp("published"), Path(str(rapidocr.__file__)).parent / "models"
    for part in ("det", "rec"):
        (root / part).mkdir()
        shutil.copy(models / f"PP-OCRv6_{part}_small.onnx", root / part / "inference.onnx")
    session = onnxruntime.InferenceSession(str(root / "rec" / "inference.onnx"))
    characters = session.get_modelmeta().custom_metadata_map["character"].split("\n")
    describe(root / "det", "PP-OCRv6_small_det", DETECTION)
    describe(root / "rec", "PP-OCRv6_small_rec", recognition(characters))
    return root


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finder of dark patches and a reader that was never trained, exported by Paddle in its own format."""
    import paddle

    class Finder(paddle.nn.Layer):  # type: ignore[misc, name-defined]
        """Sums the normalised colours around a pixel; the darker, the more a line."""

        def __init__(self) -> None:
            super().__init__()
            weight = paddle.nn.initializer.Constant(-4 / 27)
            self.sum = paddle.nn.Conv2D(3, 1, 3, padding=1, weight_attr=weight, bias_attr=False)

        def forward(self, x: Any) -> Any:
            return paddle.nn.functional.sigmoid(self.sum(x))

    class Reader(paddle.nn.Layer):  # type: ignore[misc, name-defined]
        """One layer down each column, to the blank, three letters and the space."""

        def __init__(self) -> None:
            super().__init__()
            self.look, self.tell = paddle.nn.Conv2D(3, 8, 3, padding=1), paddle.nn.Linear(8, 5)

        def forward(self, x: Any) -> Any:
            columns = self.look(x).mean(axis=2).transpose([0, 2, 1])
            return paddle.nn.functional.softmax(self.tell(columns), axis=-1)

    paddle.seed(0)
    root = tmp_path_factory.mktemp("exported")
    for part, network, height in (("det", Finder(), None), ("rec", Reader(), 48)):
        network.eval()
        given = paddle.static.InputSpec([None, 3, height, None], "float32", name="x")
        paddle.jit.save(network, str(root / part / "inference"), input_spec=[given])
    describe(root / "det", "PP-OCRv5_mobile_det", DETECTION)
    describe(root / "rec", "PP-OCRv5_mobile_rec", recognition("abc"))
    return root


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing may be looked for elsewhere, whatever becomes of it."""
    asked: list[Any] = []

    def connect(self: socket.socket, address: Any) -> None:
        asked.append(address)
        raise ConnectionRefusedError(address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    yield
    assert not asked


def sign(ground: tuple[int, ...] = (255, 255, 255), ink: str = "black") -> Image.Image:
    mode = "RGBA" if len(ground) == 4 else "RGB"
    picture = Image.new(mode, (400, 160), ground)
    draw = ImageDraw.Draw(picture)
    draw.text((20, 20), "SALE 50% OFF", fill=ink, font=ImageFont.load_default(36))
    draw.text((20, 95), "open all night", fill=ink, font=ImageFont.load_default(30))
    return picture


@with_paddleocr
def test_published_models_keep_the_contract_and_read(published: Path) -> None:
    check_backend("full/paddle_ocr", options(published))
    read = backend(published)
    for picture in (sign(), sign((0, 0, 0, 0), "white")):  # the second is legible by its alpha alone
        lines = read(image=picture)
        assert [line.text for line in lines] == ["SALE 50% OFF", "open all night"]
        left, top, right, bottom = lines[0].box
        assert abs(left - 20) < 8 and 15 < top < 35 and 240 < right < 280 and 50 < bottom < 75
        assert all(0.9 < line.score <= 1 for line in lines)
    assert read(image=Image.new("RGB", (64, 48), "white")) == read(image=Image.new("L", (1, 1))) == []
    lines = read(image=sign())
    between = sum(line.score for line in lines) / 2
    strict = [line.text for line in backend(published, min_score=between)(image=sign())]
    assert strict == [max(lines, key=lambda line: line.score).text]


@with_paddleocr
def test_the_tool_answers_with_its_words(published: Path) -> None:
    own = Profile(name="mine", extends="lite", backends={"OCR": "full/paddle_ocr"}, options={"OCR": options(published)})
    canvas = Canvas()
    canvas.add_input(sign())
    assert missing_requirements(load_profile(own)) == {}
    with ToolBox(own) as box:
        done = run(box, canvas, "OCR", image="img_1")
    assert done.fault is None and done.outcome is not None
    assert "2 text regions" in done.outcome.text and "'SALE 50% OFF'" in done.outcome.text


@with_paddle
def test_what_paddle_exports_is_loaded_and_run(exported: Path) -> None:
    check_backend("full/paddle_ocr", options(exported, min_score=0.0))
    picture, patches = Image.new("RGB", (300, 200), "white"), [(40, 30, 200, 60), (100, 130, 260, 160)]
    for patch in patches:
        picture.paste("black", patch)
    lines = backend(exported, min_score=0.0)(image=picture)
    assert len(lines) == 2
    for line, patch in zip(lines, patches, strict=True):  # the lines come from the top; they are enlarged, as text is
        assert set(line.text) <= set("abc ") and 0 < line.score < 1
        middles = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in (line.box, patch)]
        assert max(abs(one - other) for one, other in zip(*middles, strict=True)) < 3
        assert line.box[0] <= patch[0] and line.box[2] >= patch[2] - 1


@with_paddle
def test_weights_that_cannot_be_loaded_are_told(exported: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(exported, tmp_path / "cut"))
    file = root / "rec" / "inference.pdiparams"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(WeightsError, match=r"PaddleOCR cannot load .*cut"):
        backend(root)(image=sign())
    swapped = {"detection": str(exported / "rec"), "recognition": str(exported / "det")}
    with pytest.raises(WeightsError, match="holds PP-OCRv5_mobile_rec; a model whose name ends in _det is needed"):
        backend(exported, **swapped)(image=sign())
    with pytest.raises(WeightsError, match="Unknown argument: colour"):
        backend(exported, options={"colour": 1})(image=sign())


# ── without PaddleOCR ────────────────────────────────────────────────────────────────────────────────────────


def lacks(**settings: Any) -> list[str]:
    return paddle_ocr.Backend.lacks(paddle_ocr.Config(**settings))


def laid_out(root: Path, **files: str) -> Path:
    for part, file in files.items():
        (root / part).mkdir(parents=True, exist_ok=True)
        (root / part / "inference.yml").write_text("Global: {model_name: any}")
        (root / part / file).touch()
    return root


def test_what_is_missing_is_told_with_how_to_get_it(tmp_path: Path) -> None:
    told = lacks(detection="nobody/det", recognition="nobody/rec", options={"use_textline_orientation": True})
    assert any("hf download nobody/det" in line for line in told)
    assert any("hf download nobody/rec" in line for line in told)
    assert any("use_textline_orientation needs a model" in line for line in told)
    assert (find_spec("paddle") is None) == any("paddle: pip install" in line for line in told)
    root = laid_out(tmp_path, det="inference.pdiparams", rec="model_state.pdparams")  # the second is pickled
    assert "has none of inference.pdiparams, model.safetensors" in lacks(**options(root))[-1]
    (root / "det" / "inference.yml").unlink()
    assert any(
        "has no inference.yml: it is no model as PaddleOCR exports it" in line for line in lacks(**options(root))
    )


def test_both_models_are_of_one_kind_and_onnx_needs_no_paddle(tmp_path: Path) -> None:
    mixed = laid_out(tmp_path / "mixed", det="inference.pdiparams", rec="inference.onnx")
    assert "are of two kinds" in lacks(**options(mixed))[-1]
    onnx = laid_out(tmp_path / "onnx", det="inference.onnx", rec="inference.onnx")
    assert not any("paddle:" in line.replace("paddleocr", "") for line in lacks(**options(onnx)))
    assert (find_spec("paddleocr") is None) == bool(lacks(**options(onnx)))


def test_a_step_without_its_model_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="use_doc_unwarping needs a model"):
        backend(tmp_path, options={"use_doc_unwarping": True})(image=sign())
