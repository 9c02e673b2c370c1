"""The scripted policy: the embedded default, which needs no model.

It reads a request of plain English clauses, makes a plan of steps, and follows it (see `_scripted/`):
words → clauses (language) → wishes → steps (plan) → calls (play), all derived again from the conversation at
every turn. What it does not understand it says (`Not done: …`); it never guesses.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date

from canvasagent.policies._scripted.plan import make_plan
from canvasagent.policies._scripted.play import perform
from canvasagent.policies._scripted.scene import Next, Scene
from canvasagent.policies.base import without_argument
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.turns import ToolCall, render_turn, said

CHANGES = {"edit", "draw", "generate", "rotate", "flip", "enlarge", "crop", "cut", "place", "text", "upright"}
"""The operations of which a picture is expected."""


def next_turn(messages: Sequence[Message], today: Callable[[], date] = date.today) -> str:
    """The turn that follows a conversation: the first call of the plan that has no observation, or the end.

    `today` gives the day that "today's date" stands for.
    """
    scene = Scene(messages, today)
    plan, used = make_plan(scene.request), len(scene.seen)
    try:
        perform(plan, scene)
    except Next as move:
        thought, tool, arguments = move.args
        most = re.search(r"You have (\d+) turns", " ".join(item.text for item in messages if item.role == "system"))
        if most is None or used + 1 < int(most[1]):
            return render_turn(said(thought), ToolCall(tool, arguments))
        scene.unmet.append(f"what comes after {most[1]} turns, the most there are")
    result = scene.result
    if result and result == scene.things.get("mask") and {step["operation"] for step in plan.steps} & CHANGES:
        result = scene.picture  # a mask on the way is no result
    told = [said(answer) for answer in scene.answers] or (["The request is met."] if not scene.unmet else [])
    told += [f"Left as it was: {said(', '.join(plan.kept), 200)}."] if plan.kept and result else []
    told += ["What could be done is done."] if scene.unmet and result and not scene.answers else []
    told += ["Not done: " + "; ".join(said(part.replace(";", ",")) for part in scene.unmet)] if scene.unmet else []
    return render_turn("\n".join(told), None, result)


create = without_argument("scripted", next_turn)
"""The policy. It takes no argument."""
