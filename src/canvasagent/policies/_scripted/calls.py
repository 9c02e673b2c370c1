"""How a plan's operations call tools: generators that yield a call and are sent its observation."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from canvasagent.policies._scripted import words
from canvasagent.policies._scripted.plan import Step
from canvasagent.policies._scripted.scene import Scene, Unmet
from canvasagent.policies._scripted.transcript import Observation


@dataclass(frozen=True)
class Move:
    """A tool call and the thought before it."""

    reason: str
    tool: str
    arguments: dict[str, Any]


Play = Generator[Move, Observation, None]


def use(scene: Scene, tool: str, reason: str, **arguments: Any) -> Generator[Move, Observation, Observation]:
    """One call, made once more if the tool's infrastructure failed. Raises `Unmet` with what the tool says."""
    arguments = {name: value for name, value in arguments.items() if value is not None}
    seen = yield Move(reason, tool, arguments)
    if seen.passing:
        seen = yield Move(words.reason("retry"), tool, arguments)
    if seen.error is not None:
        raise Unmet(seen.error)
    scene.saw(seen)
    return seen


def make(scene: Scene, tool: str, reason: str, **arguments: Any) -> Generator[Move, Observation, str]:
    """One call of a tool that makes a picture; its id."""
    seen = yield from use(scene, tool, reason, **arguments)
    if seen.made is None:
        raise Unmet(f"{tool} made no picture")
    return seen.made


def target(step: Step, scene: Scene) -> str:
    """The picture that a step works on; speaking of one makes it the picture in question."""
    name = scene.resolve(step.details.get("image", ""))
    if scene.is_whole(name):
        scene.picture = name
    return name
