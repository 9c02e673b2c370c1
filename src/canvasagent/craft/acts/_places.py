"""Where something is laid over a picture."""

from __future__ import annotations

from canvasagent.craft.plan import Value
from canvasagent.craft.slots import words


def position(where: str, table: str = "spots") -> Value:
    """The point that words name, by a table of `slots.toml`; the middle where they name none."""
    return tuple(words()[table].get(where, (500, 500)))
