"""Writers: one file each, or of an installed package (group `canvasagent.writers`), or a FILE.py of the user."""

from __future__ import annotations

from canvasagent.craft.writers.base import Seen, Writer, WriterFailure
from canvasagent.plugins import Kind, modules_in

WRITERS = Kind(
    noun="writer",
    modules=lambda: modules_in(__name__, helpers=("base", "diversity", "filter")),
    attribute="create",
    shape="a function create(argument) -> Writer",
    group="canvasagent.writers",
)


def writer_names() -> list[str]:
    """The names that `--writer` takes."""
    return WRITERS.names()


def load_writer(spec: str) -> Writer:
    """The writer that `spec` names: `grammar`, `endpoint:MODEL`, `FILE.py`. Raises `InputError` for an unknown one."""
    create, argument = WRITERS.load_spec(spec)
    writer: Writer = create(argument)
    return writer


__all__ = ["WRITERS", "Seen", "Writer", "WriterFailure", "load_writer", "writer_names"]
