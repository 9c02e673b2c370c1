"""How the package and its optional dependencies (extras) are installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec

CPU_TORCH = "pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu"
"""Installs torch without CUDA. The default package of Linux brings CUDA, several gigabytes."""


def install_command(extra: str) -> str:
    """The command that installs an extra (`core`: the package itself)."""
    return "pip install canvasagent" if extra == "core" else f"pip install 'canvasagent[{extra}]'"


def install_advice(extra: str) -> str:
    """The command that installs an extra, and what to install before it on a machine without a GPU."""
    brings_cuda = extra in ("full", "local", "train") and sys.platform == "linux" and find_spec("torch") is None
    return install_command(extra) + (f" (without a GPU, first: {CPU_TORCH})" if brings_cuda else "")
