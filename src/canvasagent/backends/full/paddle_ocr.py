"""OCR by the package paddleocr, for those who have PaddlePaddle: `OCR = "full/paddle_ocr"` in a profile.

The profile `full` reads with PP-OCR by rapidocr, which needs nothing but onnxruntime.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from canvasagent.backends.base import TextLine, rgb_array
from canvasagent.errors import BackendFailure
from canvasagent.geometry import Point

INSTALL = "pip install paddleocr paddlepaddle"


class Config(BaseModel):
    """How to read."""

    language: str = "en"
    """The language of the models, as paddleocr names it: en, ch, korean, cyrillic and so on."""
    min_score: float = Field(default=0.5, ge=0, le=1)
    """Lines read with less confidence than this are left out."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of `paddleocr.PaddleOCR`, such as the folders of its models."""


class Backend:
    """Reads text with PaddleOCR 3; one call at a time."""

    tool = "OCR"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._engine: Any = None

    @classmethod
    def lacks(cls, config: Config) -> list[str]:
        """What this machine lacks for it."""
        absent = [name for name in ("paddleocr", "paddle") if find_spec(name) is None]
        return [f"{' and '.join(absent)}: {INSTALL}"] if absent else []

    def __call__(self, *, image: Image.Image) -> list[TextLine]:
        """The lines of text, in the order in which the engine reads them."""
        with self._lock:
            if self._engine is None:
                self._engine = self._load()
            pages = self._engine.predict(np.ascontiguousarray(rgb_array(image)[..., ::-1]))
        return [line for page in pages for line in lines_of(page, self.config.min_score)]

    def _load(self) -> Any:
        try:
            from paddleocr import PaddleOCR
        except ImportError as error:
            raise BackendFailure(f"OCR with PaddleOCR needs paddleocr: {INSTALL}") from error
        options = {"use_doc_orientation_classify": False, "use_doc_unwarping": False, **self.config.options}
        return PaddleOCR(lang=self.config.language, **options)


def lines_of(page: Any, min_score: float) -> list[TextLine]:
    """What PaddleOCR found on a page: `rec_texts`, `rec_scores` and `rec_polys`, the corners from the top left."""
    lines = []
    for text, score, corners in zip(page["rec_texts"], page["rec_scores"], page["rec_polys"], strict=True):
        points: list[Point] = [(float(x), float(y)) for x, y in corners]
        if text.strip() and float(score) >= min_score and len(points) == 4:
            lines.append(TextLine(str(text), float(score), (points[0], points[1], points[2], points[3])))
    return lines
