"""What the backends of trained models share: settings, device, precision, requirements, less memory."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.errors import BackendFailure, MissingExtra, WeightsError
from canvasagent.weights.files import locate
from canvasagent.weights.framework import empty_cache, is_out_of_memory, pick_device, pick_dtype

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
    return pick_device(config.device)


def dtype_of(config: Loading, device: str) -> Any:
    """The precision to load with."""
    return pick_dtype(config.dtype, device)


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
        empty_cache()
        if relieve():
            continue
        if level == levels:
            raise BackendFailure(
                f"memory does not suffice for {what}, even with every memory-saving option; use a smaller picture, or "
                "see canvasagent profile plan for what fits where."
            )
        level += 1
