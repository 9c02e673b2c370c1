"""What a part of a request may ask for: blocks of one to four calls, as the acts say how they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from canvasagent.craft.acts import Act, Asking, all_acts
from canvasagent.craft.asking.things import Run
from canvasagent.craft.chains.spec import SHORT
from canvasagent.plugins import plugin_files


@dataclass(frozen=True)
class Block:
    """A part of a request."""

    name: str
    tools: tuple[str, ...]
    """As tables print them, in order: `Edit`, `Grounding`."""
    weight: float
    run: Run
    stage: str
    """`early`, `late` or `last` (`acts.Asking`)."""
    aside: bool = False
    """Whether a branch that is not executed may ask for it."""

    @property
    def calls(self) -> int:
        """How many calls it takes."""
        return len(self.tools)


def blocks() -> dict[str, Block]:
    """Every block by name, in the order of the stages and of `Asking.rank`."""
    return _blocks(plugin_files())


@cache
def _blocks(files: tuple[str, ...]) -> dict[str, Block]:
    stages = ("early", "late", "last")
    asked = [(asking, act) for act in all_acts().values() for asking in act.asking]
    asked.sort(key=lambda pair: (stages.index(pair[0].stage), pair[0].rank))
    made = (_block(asking, act) for asking, act in asked)
    return {block.name: block for block in made}


def blocks_of(stage: str) -> tuple[Block, ...]:
    """The blocks of a stage, in order."""
    return tuple(block for block in blocks().values() if block.stage == stage)


def _block(asking: Asking, act: Act) -> Block:
    printed = {wire: short for short, wire in SHORT.items()}
    tools = tuple(printed.get(tool, tool) for tool in asking.tools or (act.tool,))
    return Block(asking.name or act.name, tools, asking.weight, asking.run, asking.stage, asking.aside)
