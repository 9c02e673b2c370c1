"""CanvasAgent: an agent that makes and edits complex pictures by orchestrating visual tools.

from canvasagent import Agent
run = Agent().run("cut out the face and mirror it", ["photo.jpg"])
if run.final_picture is not None:
    run.final_picture.save("out.png")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from canvasagent.agent import Agent as Agent
    from canvasagent.canvas import Asset as Asset
    from canvasagent.canvas import Canvas as Canvas
    from canvasagent.environment import Environment as Environment
    from canvasagent.environment import Limits as Limits
    from canvasagent.execution.toolbox import ToolBox as ToolBox
    from canvasagent.policies.base import PolicySettings as PolicySettings
    from canvasagent.record.events import Event as Event
    from canvasagent.record.trajectory import Trajectory as Trajectory
    from canvasagent.rewards.hybrid import Score as Score
    from canvasagent.rewards.hybrid import score as score
    from canvasagent.task import Task as Task
    from canvasagent.version import __version__ as __version__

_WHERE = {
    "Agent": "agent",
    "Asset": "canvas",
    "Canvas": "canvas",
    "Environment": "environment",
    "Event": "record.events",
    "Limits": "environment",
    "PolicySettings": "policies.base",
    "Score": "rewards.hybrid",
    "Task": "task",
    "ToolBox": "execution.toolbox",
    "Trajectory": "record.trajectory",
    "__version__": "version",
    "score": "rewards.hybrid",
}

__all__ = [
    "Agent",
    "Asset",
    "Canvas",
    "Environment",
    "Event",
    "Limits",
    "PolicySettings",
    "Score",
    "Task",
    "ToolBox",
    "Trajectory",
    "__version__",
    "score",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import canvasagent` costs nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'canvasagent' has no attribute '{name}'")
    return getattr(import_module(f"canvasagent.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    """The public names, imported or not, for `dir` and completion."""
    return __all__
