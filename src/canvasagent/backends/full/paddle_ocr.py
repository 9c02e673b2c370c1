"""OCR by the package paddleocr, for those who have PaddlePaddle: `OCR = "full/paddle_ocr"` in a profile.

The profile `full` reads with PP-OCR by rapidocr, which needs nothing but onnxruntime. By default PaddleOCR downloads
models on first use; here it always gets folders, so that nothing is downloaded during a run.

    [options.OCR]
    recognition = "PaddlePaddle/korean_PP-OCRv5_mobile_rec"       # hf download … was run before; or a folder
    options = { text_det_limit_side_len = 960, device = "cpu" }   # as paddleocr.PaddleOCR takes them
"""

from __future__ import annotations

import logging
import threading
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import BaseModel, Field

from canvasagent.backends.base import TextLine
from canvasagent.backends.lite.ocr import on_ground
from canvasagent.errors import CanvasAgentError, WeightsError
from canvasagent.imaging.geometry import Point
from canvasagent.weights.files import locate

INSTALL = "pip install 'paddleocr>=3.7' paddlepaddle"
DESCRIPTION = "inference.yml"
"""The file beside a model's weights with its name, its preprocessing and its postprocessing."""
WEIGHTS = {"inference.pdiparams": "paddle", "model.safetensors": "paddle", "inference.onnx": "onnxruntime"}
"""Accepted files of weights, each with the engine that reads it. None of these formats can run code."""
FURTHER = {
    "use_doc_orientation_classify": "doc_orientation_classify_model_dir",
    "use_doc_unwarping": "doc_unwarping_model_dir",
    "use_textline_orientation": "textline_orientation_model_dir",
}
"""Steps that are left out unless asked for, and the folder of the model that each needs."""


class Config(BaseModel):
    """The models, and which lines to keep."""

    detection: str = "PaddlePaddle/PP-OCRv6_medium_det"
    """Where the model that finds lines is: a hub id that was fetched before, or a folder."""
    recognition: str = "PaddlePaddle/PP-OCRv6_medium_rec"
    """Where the model that reads lines is; it decides which scripts are read (this one: Latin, Chinese, Japanese)."""
    min_score: float = Field(default=0.5, ge=0, le=1)
    """Lines read with less confidence than this are left out."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of `paddleocr.PaddleOCR`, such as `device`."""


class Backend:
    """Reads text with PaddleOCR 3; one call at a time."""

    tool = "OCR"
    version = "2"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._engine: Any = None

    @classmethod
    def lacks(cls, config: Config) -> list[str]:
        """What this machine lacks for it, each with how to get it; nothing is imported or loaded."""
        lacks, folders = _without_model(config), []
        for source in (config.detection, config.recognition):
            try:
                folders.append(_folder(source))
            except CanvasAgentError as error:
                lacks.append(str(error))
        engines = _engines(*folders)
        if len(folders) == 2 and not engines:
            lacks.append(_of_two_kinds(*folders))
        needed = ("paddleocr",) if engines == ["onnxruntime"] else ("paddleocr", "paddle")
        absent = [name for name in needed if find_spec(name) is None]
        return [*([f"{' and '.join(absent)}: {INSTALL}"] if absent else []), *lacks]

    def __call__(self, *, image: Image.Image) -> list[TextLine]:
        """The lines of text, in the order in which the engine reads them."""
        with self._lock:
            if self._engine is None:
                self._engine = _load(self.config)
            pages = self._engine.predict(on_ground(image))
        return [line for page in pages for line in lines_of(page, self.config.min_score)]


def _folder(source: str) -> Path:
    """The folder of a model. Raises `WeightsError` where it is not here, or is none that PaddleOCR can read."""
    folder = locate(source)
    if not (folder / DESCRIPTION).is_file():
        raise WeightsError(f"'{folder}' has no {DESCRIPTION}: it is no model as PaddleOCR exports it.")
    if not _engines(folder):
        raise WeightsError(f"'{folder}' has none of {', '.join(WEIGHTS)}: fetch it again.")
    return folder


def _engines(*folders: Path) -> list[str]:
    """The engines that read the weights in all `folders`, the best one first."""
    engines = [engine for file, engine in WEIGHTS.items() if all((folder / file).is_file() for folder in folders)]
    return engines if folders else []


def _of_two_kinds(detection: Path, recognition: Path) -> str:
    return (
        f"the weights in '{detection}' and '{recognition}' are of two kinds: fetch both in one of {', '.join(WEIGHTS)}."
    )


def _without_model(config: Config) -> list[str]:
    """Steps that are asked for without a folder: PaddleOCR would fetch a model for each."""
    return [
        f"{step} needs a model: name its folder, {folder}, in the options of OCR"
        for step, folder in FURTHER.items()
        if config.options.get(step) and not config.options.get(folder)
    ]


def _load(config: Config) -> Any:
    if lacks := _without_model(config):
        raise WeightsError("; ".join(lacks))
    detection, recognition = _folder(config.detection), _folder(config.recognition)
    try:
        from paddleocr import PaddleOCR
    except ImportError as error:
        raise WeightsError(f"OCR with PaddleOCR needs {error.name}: {INSTALL}") from error
    logging.getLogger("paddlex").setLevel(logging.WARNING)  # it logs every model that it loads
    engines = _engines(detection, recognition)
    if not engines:
        raise WeightsError(_of_two_kinds(detection, recognition))
    arguments: dict[str, Any] = {
        **dict.fromkeys(FURTHER, False),
        "engine": engines[0],
        "text_detection_model_name": _name(detection, "_det"),
        "text_detection_model_dir": str(detection),
        "text_recognition_model_name": _name(recognition, "_rec"),
        "text_recognition_model_dir": str(recognition),
        **config.options,
    }
    try:
        return PaddleOCR(**arguments)
    except Exception as error:  # of many kinds: its own, Paddle's, onnxruntime's
        message = " ".join(str(error).split())[:400]
        raise WeightsError(
            f"PaddleOCR cannot load '{detection}' and '{recognition}': {type(error).__name__}: {message}"
        ) from error


def _name(folder: Path, ending: str) -> str:
    """The name of a model, by which PaddleOCR chooses its code. Raises `WeightsError` for a model of another kind."""
    yaml: Any = import_module("yaml")  # comes with paddleocr
    try:
        name = str(yaml.safe_load((folder / DESCRIPTION).read_text("utf-8"))["Global"]["model_name"])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise WeightsError(f"'{folder / DESCRIPTION}' does not say which model it is of: fetch it again.") from error
    if not name.endswith(ending):
        raise WeightsError(f"'{folder}' holds {name}; a model whose name ends in {ending} is needed.")
    return name


def lines_of(page: Any, min_score: float) -> list[TextLine]:
    """The lines of a result of PaddleOCR: `rec_texts`, `rec_scores`, and `rec_polys`, corners from the top left."""
    lines = []
    for text, score, corners in zip(page["rec_texts"], page["rec_scores"], page["rec_polys"], strict=True):
        points: list[Point] = [(float(x), float(y)) for x, y in corners]
        if text.strip() and float(score) >= min_score and len(points) == 4:
            lines.append(TextLine(str(text).strip(), float(score), (points[0], points[1], points[2], points[3])))
    return lines
