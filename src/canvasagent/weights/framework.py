"""The framework that runs trained models: its import, a model's device and precision, what its errors mean."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from canvasagent.errors import BackendFailure, CanvasAgentError, MissingExtra, WeightsError
from canvasagent.extras import CPU_TORCH


def framework(*modules: str) -> Any:
    """Import torch and `modules`; returns torch.

    Raises `MissingExtra` where one is not installed, `BackendFailure` where their versions do not match.
    """
    for name in ("torch", *modules):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise MissingExtra(f"a trained model ({error.name})", "full") from error
        except (ImportError, RuntimeError, OSError) as error:
            raise BackendFailure(_import_problem(name, error)) from error
    return import_module("torch")


def _import_problem(name: str, error: Exception) -> str:
    """Why an installed package cannot be imported, with the remedy if the cause is known."""
    advice = ""
    if "torchvision" in str(error):
        advice = (
            " torchvision is missing or was built for another torch: install both from one index, for instance "
            f"{CPU_TORCH}"
        )
    return f"{name} is installed and cannot be imported: {str(error).rstrip('.')}.{advice}"


def pick_device(name: str = "auto") -> str:
    """A device in torch's notation; `auto`: the graphics card with the most free memory, else the processor.

    Raises `BackendFailure` for a device that does not exist.
    """
    torch = framework()
    if name != "auto":
        if name.startswith("cuda"):
            number = int(name.partition(":")[2] or 0)
            if number >= (torch.cuda.device_count() if torch.cuda.is_available() else 0):
                raise BackendFailure(f"there is no device '{name}' here; leave it out, or set device = 'cpu'.")
        return name
    if torch.cuda.is_available():
        free = [torch.cuda.mem_get_info(number)[0] for number in range(torch.cuda.device_count())]
        return f"cuda:{free.index(max(free))}"
    return "cpu"


def pick_dtype(name: str, device: str) -> Any:
    """A precision as torch's dtype; `auto`: bfloat16 on a graphics card, float32 on the processor."""
    torch = framework()
    return getattr(torch, name if name != "auto" else "float32" if device == "cpu" else "bfloat16")


@contextlib.contextmanager
def loading(source: str) -> Iterator[None]:
    """Turn what a framework raises while it loads weights into a `WeightsError` that names the source."""
    try:
        yield
    except CanvasAgentError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        message = " ".join(str(error).split())[:400]
        raise WeightsError(f"the weights of '{source}' cannot be loaded: {type(error).__name__}: {message}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device has run out of memory."""
    kinds = (MemoryError, getattr(framework(), "OutOfMemoryError", MemoryError))
    message = str(error)
    # cuBLAS, cuDNN and the CPU allocator raise plain RuntimeErrors.
    signs = ("out of memory", "ALLOC_FAILED", "can't allocate memory")
    return isinstance(error, kinds) or (isinstance(error, RuntimeError) and any(sign in message for sign in signs))
