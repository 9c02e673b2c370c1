"""The small networks, loaded from checked files when first needed and shared by all calls of the process.

OpenCV's networks keep their input, so each is used by one thread at a time. Results do not depend on how many threads
compute: OpenCV divides by outputs, and onnxruntime is held to one thread.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from canvasagent.backends.lite.onnx_session import onnx_session
from canvasagent.weights.sets import find_file, how_to_pull, models_folder, present, read_file
from canvasagent.weights.tfjs import onnx_from_tfjs

Array = np.ndarray[Any, Any]

DETECTOR = "ssd_mobilenet_v2_coco.pb"
GRAPH = "ssd_mobilenet_v2_coco.pbtxt"
FACE = "face_landmark.tflite"
SALIENCY = "u2netp.onnx"
ALL = (DETECTOR, GRAPH, FACE, SALIENCY)
SECOND_GRAPH = "nanodet_g.json"
SECOND_WEIGHTS = "nanodet_g.bin"
SECOND = (SECOND_GRAPH, SECOND_WEIGHTS)
"""Of a set of its own, for checks alone."""
_LOADING = threading.Lock()


def has(*names: str) -> bool:
    """Whether these files are here; their content is checked when they are loaded."""
    here = {item.name for item in present(find_file(names[0])[0])}
    return set(names) <= here


def advice(name: str) -> str:
    """How to get a file that is not here, as a sentence."""
    return f"{how_to_pull(find_file(name)[0])}."


@dataclass(frozen=True, eq=False)
class Network:
    """A network that OpenCV runs, one call at a time."""

    net: Any
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, blob: Array, outputs: list[str]) -> list[Array]:
        """Copies of the outputs of that name for one input."""
        with self.lock:
            self.net.setInput(blob)
            return [np.array(values) for values in self.net.forward(outputs)]


def detector() -> Network:
    """The detector of 80 kinds of things. Raises `WeightsError` where its files are missing or damaged."""
    with _LOADING:
        return _detector(models_folder())


@lru_cache(maxsize=1)
def _detector(folder: Path) -> Network:
    return Network(cv2.dnn.readNetFromTensorflow(_buffer(DETECTOR, folder), _buffer(GRAPH, folder)))


def face_points() -> Network:
    """The network of the points of a face. Raises `WeightsError` where its file is missing or damaged."""
    with _LOADING:
        return _face_points(models_folder())


@lru_cache(maxsize=1)
def _face_points(folder: Path) -> Network:
    return Network(cv2.dnn.readNetFromTFLite(_buffer(FACE, folder)))


def saliency() -> Any:
    """The onnxruntime session of the main subject. Raises `WeightsError` where its file is missing or damaged."""
    with _LOADING:
        return _saliency(models_folder())


@lru_cache(maxsize=1)
def _saliency(folder: Path) -> Any:
    return onnx_session(read_file(SALIENCY, folder))


def second_detector() -> Any:
    """The session of the detector for checks. Raises `WeightsError` where its files are missing or damaged."""
    with _LOADING:
        return _second_detector(models_folder())


@lru_cache(maxsize=1)
def _second_detector(folder: Path) -> Any:
    return onnx_session(onnx_from_tfjs(read_file(SECOND_GRAPH, folder), read_file(SECOND_WEIGHTS, folder)))


def _buffer(name: str, folder: Path) -> Array:
    return np.frombuffer(read_file(name, folder), np.uint8)
