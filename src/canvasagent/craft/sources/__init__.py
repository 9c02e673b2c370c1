"""Sources of pictures: a file each with `create(argument: str | None) -> Source`, of this package or of others.

Installed packages add them in the group `canvasagent.sources`; a user names a FILE.py.
"""

from __future__ import annotations

from canvasagent.craft.pictures import Source
from canvasagent.plugins import Kind, modules_in

SOURCES = Kind(
    noun="source of pictures",
    modules=lambda: modules_in(__name__, helpers=("duplicates",)),
    attribute="create",
    shape="a function create(argument) -> Source",
    group="canvasagent.sources",
)


def source_names() -> list[str]:
    """What can stand before the colon of a source's name."""
    return SOURCES.names()


def load_source(name: str) -> Source:
    """The source that the command line names: `sketch`, `dir:PATH`, `hf:NAME[:split]`, `released:PATH`, `FILE.py`.

    Raises `InputError` for a name that is none, and where what it names cannot be used.
    """
    create, argument = SOURCES.load_spec(name)
    source: Source = create(argument)
    return source
