"""What the tests of the full backends share: tiny checkpoints, each written once, and a framework that keeps quiet.

Importing this skips a test module where the extra `full` is not installed.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra full is not installed here; make test-full installs it")
pytest.importorskip("diffusers", reason="the extra full is not installed here; make test-full installs it")
torch.set_num_threads(1)  # the models are far too small to share

import tiny_models  # noqa: E402


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="canvasagent-tiny-")


@cache
def tiny(name: str) -> str:
    """The folder of a tiny checkpoint of `tiny_models`, or its file for SR."""
    root = Path(_folder().name)
    if name == "esrgan":
        return str(tiny_models.esrgan(root / "x4.safetensors"))
    return str(getattr(tiny_models, name)(root / name))


def flux_options(**more: Any) -> dict[str, Any]:
    """Settings for the tiny pipeline: few steps and pixels, short prompts, no waiting for a batch."""
    return {"source": tiny("flux"), "steps": 2, "text_length": 16, "max_pixels": 64 * 96, "batch_wait": 0.0, **more}


def spandrel() -> ModuleType:
    """spandrel, also where torchvision is not there or was built for another torch.

    It imports three names of torchvision for networks that are not tested here. Where they cannot be had, stand-ins
    are there as long as the import lasts.
    """
    if "spandrel" in sys.modules:
        return sys.modules["spandrel"]
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
        stand_ins = {name: ModuleType(name) for name in names}
        for missing in ("InterpolationMode", "rotate", "normalize"):
            setattr(stand_ins[names[-1]], missing, None)
        sys.modules.update(stand_ins)
        try:
            return importlib.import_module("spandrel")
        finally:
            for name in names:
                del sys.modules[name]
    return importlib.import_module("spandrel")
