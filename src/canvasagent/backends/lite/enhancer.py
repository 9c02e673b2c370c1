"""The trained network that enlarges RGB pictures four times: `models/enhancer`, run by onnxruntime.

Its data sheet, `models/enhancer/README.md`, says what it was trained with and how well it does; `recipes/enhancer`
makes it.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np

from canvasagent.backends.lite.onnx_session import onnx_session
from canvasagent.errors import BackendFailure

Array = np.ndarray[Any, Any]

FILE = Path(__file__).parents[2] / "models/enhancer/enhancer.onnx"
REACH = 10
"""How many input pixels around an output pixel it depends on."""


def digest(file: Path) -> str | None:
    """The first 12 hexadecimal digits of the file's SHA-256; None where there is no file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else None


class Enhancer:
    """The network, loaded at the first use. May be called from several threads."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = Lock()

    def __call__(self, colours: Array) -> Array:
        """(height, width, 3) of uint8 as (4 height, 4 width, 3) of float32, some values a little beyond 0 to 255.

        What lies beyond the border is taken to be like the border.
        """
        bordered = cv2.copyMakeBorder(colours, REACH, REACH, REACH, REACH, cv2.BORDER_REPLICATE)
        planes = np.ascontiguousarray(bordered.transpose(2, 0, 1)[None], np.float32) / 255
        with self._lock:
            session = self._session
        (enlarged,) = session.run(None, {"image": planes})
        edge = REACH * (enlarged.shape[2] // bordered.shape[0])
        return np.asarray(enlarged[0, :, edge:-edge, edge:-edge].transpose(1, 2, 0) * 255)

    @cached_property
    def _session(self) -> Any:
        try:
            return onnx_session(self.file.read_bytes())
        except Exception as error:  # of many kinds, all onnxruntime's own
            raise BackendFailure(
                f"the enlargement network {self.file} cannot be loaded ({error}). "
                "Install canvasagent anew, or set `network = false` in the options of SR."
            ) from error
