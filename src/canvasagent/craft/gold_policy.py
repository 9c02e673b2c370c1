"""A policy that executes a known plan, turn by turn, from what the conversation shows.

The plan says what to do; where things are comes from the observations alone. The policy reads boxes from the answers
of Grounding and OCR and decides branches by them. If a picture does not fit the plan, the run ends with `Not done`
and the item is rejected. The policy has no state: each turn follows the plan from its start, against the observations
so far, up to the first call without an observation.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from canvasagent.craft.error_injection import InjectedError, choose_error
from canvasagent.craft.observation_history import ObservationHistory, history_of_messages, history_of_trajectory
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.plan_runner import PlanBlocked, PlanProgress, PlanRunner
from canvasagent.craft.verifying import verification, verification_of
from canvasagent.craft.writers.base import Writer, WriterFailure
from canvasagent.errors import PolicyFailure
from canvasagent.policies.base import Reply
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.turns import render_turn
from canvasagent.record.trajectory import Trajectory

RECOVERY, VERIFY = 0.08, 0.15
"""Default shares of items with an injected error and its correction, and with a verification step."""


class GoldPolicy:
    """Executes one plan. `recovery` and `verify` are the shares of items that get an injected error or a check.

    `key` decides whether this item is one of them, and every other choice.
    """

    def __init__(
        self, plan: Plan, writer: Writer, key: str, *, recovery: float = RECOVERY, verify: float = VERIFY
    ) -> None:
        self.name = f"performer:{plan.chain}"
        self.plan, self.writer, self.key = plan, writer, key
        chance = random.Random(f"{key}:shares")
        wrong, sure = chance.random() < recovery, chance.random() < verify
        self.injected: InjectedError | None = choose_error(plan, key) if wrong else None
        self.check: Step | None = verification(plan, key) if sure else None
        if self.injected is not None and self.injected.kind in ("wrong colour", "wrong place"):
            self.check = _check_of(plan, self.injected.step)  # after an error of its own the policy looks again

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The next turn. Raises `PolicyFailure` where the writer has no words."""
        try:
            text = await self._turn(self.follow(history_of_messages(messages)))
        except WriterFailure as error:
            raise PolicyFailure(str(error)) from error
        if on_text:
            on_text(text)
        return Reply(text)

    async def _turn(self, progress: PlanProgress) -> str:
        seen = tuple(progress.seen)
        key = f"{self.key}:turn:{len(seen)}"
        if progress.stuck is not None:
            return render_turn(f"This cannot be carried out as it was asked for.\nNot done: {progress.stuck}")
        if progress.next is None:
            return render_turn(await self.writer.farewell(self.plan, seen, key), final_id=progress.final)
        move = progress.next
        return render_turn(await self.writer.reason(self.plan, move.step, seen, key), move.call)

    def progress(self, trajectory: Trajectory) -> PlanProgress:
        """The progress of the plan in a run."""
        return self.follow(history_of_trajectory(trajectory))

    def follow(self, history: ObservationHistory) -> PlanProgress:
        """Follow the plan from its start by the observations, as far as they reach."""
        runner = PlanRunner(self.plan, self.injected, self.check, history.sizes)
        moves, progress = runner.moves(), runner.progress
        try:
            move = next(moves)
            for observation in history.observations:
                progress.moves.append(move)
                move = moves.send(observation)
            progress.next = move
        except StopIteration:
            pass
        except PlanBlocked as trouble:
            progress.stuck = str(trouble)
        return progress


def _check_of(plan: Plan, name: str) -> Step | None:
    """The check of a step, unless the plan's own next step is one."""
    path = plan.path()
    place = next(index for index, step in enumerate(path) if step.id == name)
    follows = place + 1 < len(path) and path[place + 1].purpose == "check"
    return None if follows else verification_of(plan, path[place])
