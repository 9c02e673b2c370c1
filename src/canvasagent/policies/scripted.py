"""The scripted policy: the embedded default, which needs no model.

It reads a request of plain English clauses, makes a plan of steps, and follows it (see `_scripted/`):
words → clauses (language) → steps (plan) → calls (play), all derived again from the conversation at every
turn. What it does not understand it says (`Not done: …`); it never guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from canvasagent.conversation import Message
from canvasagent.errors import InputError
from canvasagent.policies._scripted.plan import make_plan
from canvasagent.policies._scripted.play import perform
from canvasagent.policies._scripted.scene import Scene
from canvasagent.policies._scripted.transcript import read
from canvasagent.policies._scripted.words import not_done, plain
from canvasagent.policies.base import PolicySettings, Reply
from canvasagent.protocol import ToolCall, render_turn


def create(argument: str | None, settings: PolicySettings) -> ScriptedPolicy:
    """The policy. It takes no argument."""
    if argument:
        raise InputError(f"the scripted policy takes no argument (got '{argument}').")
    return ScriptedPolicy()


@dataclass(frozen=True)
class ScriptedPolicy:
    """Plans and follows plain English requests by rules."""

    name: str = "scripted"

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The next turn, from the conversation alone."""
        text = next_turn(messages)
        if on_text is not None:
            on_text(text)
        return Reply(text)


def next_turn(messages: Sequence[Message]) -> str:
    """The turn that follows a conversation: the first call of the plan that has no observation, or the end."""
    request = read(messages)
    scene = Scene.of(request)
    play = perform(make_plan(request.instruction), scene)
    try:
        move = next(play)
        for seen in request.observations:
            move = play.send(seen)
    except StopIteration:
        return closing(scene)
    if request.max_turns is not None and len(request.observations) + 1 >= request.max_turns:
        scene.unmet.append(f"what comes after {request.max_turns} turns, the most there are")
        return closing(scene)
    return render_turn(plain(move.reason), ToolCall(move.tool, move.arguments))


def closing(scene: Scene) -> str:
    """The last turn: what was found, what was not done, and the result."""
    told = [plain(answer) for answer in scene.answers] or (["The request is met."] if not scene.unmet else [])
    told += ["What could be done is done."] if scene.unmet and scene.result and not scene.answers else []
    told += [not_done(scene.unmet)] if scene.unmet else []
    return render_turn("\n".join(told), None, scene.result)
