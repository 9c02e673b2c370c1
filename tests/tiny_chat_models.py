"""Tiny chat models with random weights, written by the real classes: a Qwen3-VL one and a text-only Llama one."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from canvasagent.language_models.scratch import Shape, write_model
from canvasagent.prompts import system_prompt
from canvasagent.tools import all_tools


@functools.cache
def tiny_chat(kind: str) -> Path:
    """The folder of a tiny checkpoint: `vision` or `text`."""
    shape = Shape(vision=kind == "vision", width=32, layers=2, vision_width=32, vocabulary=600, tie_weights=False)
    folder = Path(tempfile.mkdtemp(prefix=f"tiny-{kind}-"))
    return write_model(folder, [system_prompt(all_tools().values(), 12)], shape)
