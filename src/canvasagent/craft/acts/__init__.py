"""What steps of plans are for: a file `name.py` of this folder with an `ACT` is one (`_base.Act`).

Chains, the tasks of RL, the notation of the benchmark and the grammar writer go over the acts that there are: one of
another package is added through the entry point group `canvasagent.acts`, one of a user by a file in
`CANVASAGENT_PLUGINS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from canvasagent.craft.acts._base import (
    Act,
    Asking,
    Bound,
    CheckContext,
    CutOff,
    Data,
    Draft,
    Look,
    StepContext,
    Verb,
    Wording,
    noun_of,
)
from canvasagent.errors import InputError
from canvasagent.plugins import Kind, modules_in, plugin_files, unknown_name
from canvasagent.tools import all_tools

__all__ = [
    "ACTS",
    "Act",
    "Asking",
    "Bound",
    "CheckContext",
    "CutOff",
    "Data",
    "Draft",
    "Look",
    "StepContext",
    "Verb",
    "Wording",
    "act_named",
    "acts_of",
    "all_acts",
    "box_movers",
    "makes",
    "noun_of",
    "text_tools",
]

ACTS = Kind(
    noun="act",
    modules=lambda: modules_in(__name__, dashes=False),
    attribute="ACT",
    shape="a canvasagent.craft.acts.Act",
    is_part=lambda value: isinstance(value, Act),
    names_of=lambda act: (act.name,),
    group="canvasagent.acts",
)


def all_acts() -> Mapping[str, Act]:
    """Every act there is, by name. Raises `InputError` if two claim one name."""
    return _all_acts(plugin_files())


@cache
def _all_acts(files: tuple[str, ...]) -> Mapping[str, Act]:
    acts = ACTS.load_all()
    return {name: acts[name] for name in sorted(acts)}


def act_named(name: str) -> Act:
    """The act of that name. Raises `InputError` for an unknown one."""
    acts = all_acts()
    if name not in acts:
        raise InputError(unknown_name("act", name, acts))
    return acts[name]


def acts_of(tool: str) -> Mapping[str, Act]:
    """The acts that call a tool (wire name), by name."""
    return {name: act for name, act in all_acts().items() if act.tool == tool}


def text_tools() -> frozenset[str]:
    """Wire names of the tools that make words and boxes, but no picture."""
    return frozenset(name for name, tool in all_tools().items() if tool.makes == "text")


def makes(tool: str) -> str:
    """What a tool makes, by its wire name (`tools.Tool.makes`); `text`, `image`, `mask`, `cutout` or `same`."""
    found = all_tools().get(tool)
    return found.makes if found is not None else ""


def box_movers() -> Mapping[str, Act]:
    """The acts whose tools move boxes, by tool; others leave them where they are."""
    return {act.tool: act for act in all_acts().values() if act.move_box is not None}
