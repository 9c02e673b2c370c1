"""The models that the full profile can use: where they are published, under which licence, how large they are."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.errors import InputError

BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
"""Bytes that a parameter takes."""


class Entry(BaseModel):
    """One published model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Its name in `canvasagent models`."""
    tools: tuple[str, ...]
    """The tools that it is a backend of."""
    source: str
    """Its id on the Hugging Face hub."""
    licence: str
    """The licence its card names."""
    default: bool
    """Whether the profile `full` uses it as it comes."""
    working_gb: float
    """Estimated memory of a call at 1024 × 1024, without the weights, in GB."""
    files: tuple[str, ...]
    """The files that are needed, as patterns."""
    published: Literal["bfloat16", "float32"]
    """Precision of the published files."""
    parts: dict[str, int]
    """Parameters of each part, from the published configuration."""
    sha256: dict[str, str] = Field(default_factory=dict)
    """Known hashes of its files."""

    @property
    def parameters(self) -> int:
        """Of all parts together."""
        return sum(self.parts.values())

    @property
    def download_gb(self) -> float:
        """Size of its files, in units of 10⁹ bytes."""
        return self.gigabytes(self.published)

    def gigabytes(self, dtype: str = "bfloat16") -> float:
        """Size of its weights in memory, in units of 10⁹ bytes."""
        return self.parameters * BYTES[dtype] / 1e9


@cache
def catalogue() -> dict[str, Entry]:
    """All models by name."""
    written = tomllib.loads(files("canvasagent.weights").joinpath("catalogue.toml").read_text("utf-8"))
    return {entry.name: entry for entry in (Entry(**fields) for fields in written["model"])}


def find(name: str) -> Entry:
    """The model of that name or source. Raises `InputError` where there is none."""
    for entry in catalogue().values():
        if name in (entry.name, entry.source):
            return entry
    raise InputError(f"there is no model '{name}'; there are {', '.join(catalogue())}.")


def entry_of(source: str) -> Entry | None:
    """The model published as `source`, where the catalogue has it."""
    return next((entry for entry in catalogue().values() if entry.source == source), None)
