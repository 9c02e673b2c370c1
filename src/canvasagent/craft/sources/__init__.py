"""Sources of pictures: one file a source, which defines `create(argument: str | None) -> Source`."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

from canvasagent.craft.pictures import Source
from canvasagent.errors import InputError


def source_names() -> list[str]:
    """What can stand before the colon of a source's name."""
    here = [str(Path(__file__).parent)]
    found = sorted(item.name for item in pkgutil.iter_modules(here) if not item.name.startswith("_"))
    return [name for name in found if name != "duplicates"]


def load_source(name: str) -> Source:
    """The source that the command line names: `sketch`, `dir:PATH`, `hf:NAME[:split]`, `released:PATH`.

    Raises `InputError` for a name that is none, and where what it names cannot be used.
    """
    kind, colon, argument = name.partition(":")
    if kind not in source_names():
        raise InputError(f"there is no source of pictures '{kind}'; there are {', '.join(source_names())}.")
    source: Source = import_module(f"{__name__}.{kind}").create(argument if colon else None)
    return source
