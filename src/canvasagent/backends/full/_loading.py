"""What the backends of trained models share: settings, import of the framework, device, precision, requirements."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.errors import BackendFailure, CanvasAgentError, MissingExtra, WeightsError
from canvasagent.extras import CPU_TORCH
from canvasagent.weights.files import locate

Result = TypeVar("Result")

CALLS = 32
"""How many calls of one tool may wait for a batch at once."""


class Loading(BaseModel):
    """Which weights to load, and onto which device in which precision."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    source: str
    """A hub id (fetched before with `canvasagent models pull`), a folder, or a single file of weights."""
    revision: str | None = None
    """Branch, tag or commit of a hub id."""
    allow_pickle: bool = False
    """Whether weights written by Python's pickle, which can run code, are read as well."""
    device: str = "auto"
    """`cuda:0`, `cpu` and so on; `auto`: the graphics card with the most free memory, else the processor."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Precision; `auto`: bfloat16 on a graphics card, float32 on the processor."""
    batch: int = Field(default=8, ge=1, le=64)
    """How many calls that arrive together are worked on at once. 1: each by itself."""
    batch_wait: float = Field(default=0.005, ge=0, le=1)
    """Seconds that a call waits for others to share a batch with."""


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


def missing_requirements(config: Loading, *modules: str) -> list[str]:
    """What is missing on this machine for a backend, each with how to get it. Imports and loads nothing."""
    lacks = []
    absent = [name for name in ("torch", *modules) if find_spec(name.partition(".")[0]) is None]
    if absent:
        lacks.append(str(MissingExtra(f"a trained model ({', '.join(absent)})", "full")))
    try:
        locate(config.source, config.revision)
    except MissingExtra as error:
        lacks.extend([] if absent else [str(error)])
        lacks.append(f"the weights of {config.source}")
    except WeightsError as error:
        lacks.append(str(error))
    return lacks


def device_of(config: Loading) -> str:
    """The device of a model, in torch's notation. Raises `BackendFailure` for a device that does not exist."""
    torch = framework()
    if config.device != "auto":
        if config.device.startswith("cuda"):
            number = int(config.device.partition(":")[2] or 0)
            if number >= (torch.cuda.device_count() if torch.cuda.is_available() else 0):
                raise BackendFailure(f"there is no device '{config.device}' here; leave it out, or set device = 'cpu'.")
        return config.device
    if torch.cuda.is_available():
        free = [torch.cuda.mem_get_info(number)[0] for number in range(torch.cuda.device_count())]
        return f"cuda:{free.index(max(free))}"
    return "cpu"


def dtype_of(config: Loading, device: str) -> Any:
    """The precision to load with."""
    torch = framework()
    name = config.dtype if config.dtype != "auto" else "float32" if device == "cpu" else "bfloat16"
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


def with_less(work: Callable[[int], Result], levels: int, relieve: Callable[[], bool], what: str) -> Result:
    """The result of `work(0)`; out of memory, it is retried: as long as `relieve` frees some, then at higher levels.

    `work` takes a level from 0 to `levels`; a higher one must need less memory. Raises `BackendFailure` if the highest
    level still runs out.
    """
    level = 0
    while True:
        try:
            return work(level)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        _empty_cache()
        if relieve():
            continue
        if level == levels:
            raise BackendFailure(
                f"memory does not suffice for {what}, even with every memory-saving option; use a smaller picture, or "
                "see canvasagent profile plan for what fits where."
            )
        level += 1


def _empty_cache() -> None:
    """Release the blocks that torch's allocator keeps for reuse: a retry may need one larger block."""
    torch = framework()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
