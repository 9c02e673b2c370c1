"""Writers: one file each, found by its name."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from canvasagent.craft.writers.base import Seen, Writer, WriterFailure
from canvasagent.errors import InputError

_NOT_WRITERS = {"base", "diversity", "filter"}


def writer_names() -> list[str]:
    """The names that `--writer` takes."""
    return sorted(
        info.name for info in iter_modules(__path__) if info.name not in _NOT_WRITERS and not info.name.startswith("_")
    )


def load_writer(spec: str) -> Writer:
    """The writer that `spec` names: `grammar`, `endpoint:MODEL`. Raises `InputError` for an unknown one."""
    name, colon, argument = spec.partition(":")
    if name not in writer_names():
        raise InputError(f"there is no writer '{name}'; there are {', '.join(writer_names())}.")
    writer: Writer = import_module(f"{__name__}.{name}").create(argument if colon else None)
    return writer


__all__ = ["Seen", "Writer", "WriterFailure", "load_writer", "writer_names"]
