"""The framework that runs trained models: its import, a model's device and precision, what its errors mean."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from canvasagent.errors import BackendFailure, CanvasAgentError, InputError, MissingExtra, WeightsError
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
            number = int(index) if (index := name.partition(":")[2]).isdecimal() else 0
            if number >= (torch.cuda.device_count() if torch.cuda.is_available() else 0):
                raise BackendFailure(f"there is no device '{name}' here; leave it out, or set device = 'cpu'.")
        try:
            return str(torch.device(name))
        except RuntimeError as error:
            raise InputError(f"a device is cpu, cuda, cuda:1 and so on, not '{name}'.") from error
    if torch.cuda.is_available():
        free = [torch.cuda.mem_get_info(number)[0] for number in range(torch.cuda.device_count())]
        return f"cuda:{free.index(max(free))}"
    return "cpu"


def pick_dtype(name: str, device: str) -> Any:
    """A precision as torch's dtype; `auto`: bfloat16 on a graphics card that has it, else float16, float32 on the
    processor. Raises `InputError` for a name that is none of these.
    """
    torch = framework()
    if name not in ("auto", "bfloat16", "float16", "float32"):
        raise InputError(f"a precision is auto, bfloat16, float16 or float32, not '{name}'.")
    if name == "auto" and device == "cpu":
        name = "float32"
    elif name == "auto":
        name = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return getattr(torch, name)


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


def empty_cache() -> None:
    """Release the blocks that torch's allocator keeps for reuse: a retry may need one larger block."""
    torch = framework()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
