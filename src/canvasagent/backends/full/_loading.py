"""What the backends of trained models share: their settings, the framework, device and precision, what is missing."""

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
    """Where weights come from and where they go."""

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
    """Import torch, and `modules` beside it; gives torch.

    Raises `MissingExtra` where one is not installed, `BackendFailure` where they do not fit together.
    """
    for name in ("torch", *modules):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise MissingExtra(f"a trained model ({error.name})", "full") from error
        except (ImportError, RuntimeError, OSError) as error:
            raise BackendFailure(_does_not_fit(name, error)) from error
    return import_module("torch")


def _does_not_fit(name: str, error: Exception) -> str:
    """Why an installed package cannot be imported, with what helps where the cause is known."""
    advice = ""
    if "torchvision" in str(error):
        advice = (
            " torchvision is missing or was built for another torch: install both from one index, for instance "
            f"{CPU_TORCH}"
        )
    return f"{name} is installed and cannot be imported: {str(error).rstrip('.')}.{advice}"


def missing_requirements(config: Loading, *modules: str) -> list[str]:
    """What this machine lacks for a backend, each with how to get it; nothing is imported or loaded."""
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
    """The device that a model goes to, as torch writes it. Raises `BackendFailure` for one that is not there."""
    torch = framework()
    if config.device != "auto":
        if config.device.startswith("cuda"):
            number = int(config.device.partition(":")[2] or 0)
            if number >= (torch.cuda.device_count() if torch.cuda.is_available() else 0):
                raise BackendFailure(f"there is no device '{config.device}' here; leave it out, or say device = 'cpu'.")
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
    """Around the loading of weights: what a framework raises becomes a `WeightsError` that names the source."""
    try:
        yield
    except CanvasAgentError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        told = " ".join(str(error).split())[:400]
        raise WeightsError(f"the weights of '{source}' cannot be loaded: {type(error).__name__}: {told}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device's memory does not suffice."""
    kinds = (MemoryError, getattr(framework(), "OutOfMemoryError", MemoryError))
    told = str(error)
    signs = ("out of memory", "ALLOC_FAILED", "can't allocate memory")
    return isinstance(error, kinds) or (isinstance(error, RuntimeError) and any(sign in told for sign in signs))


def with_less(work: Callable[[int], Result], levels: int, relieve: Callable[[], bool], what: str) -> Result:
    """`work(0)`, and where memory does not suffice again: first after `relieve`, while it helps, then with less.

    `work` takes how much less to use, up to `levels`. Raises `BackendFailure` where the least is still too much.
    """
    level = 0
    while True:
        try:
            return work(level)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        _forget_cached()
        if relieve():
            continue
        if level == levels:
            raise BackendFailure(
                f"memory does not suffice for {what}, with all that saves memory tried; use a smaller picture, or "
                "see canvasagent profile plan for what fits where."
            )
        level += 1


def _forget_cached() -> None:
    """Give back what torch keeps for later."""
    torch = framework()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
