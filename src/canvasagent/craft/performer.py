"""The performer: a policy that carries a plan out, turn by turn, from what the conversation shows.

A plan says what to do; what is found, and where, comes from the observations alone. So boxes are parsed from what
Grounding and OCR answered, branches are decided by what was seen, and where a picture does not bear the plan out the
run ends with `Not done`, and the item is rejected. Nothing is remembered: each turn follows the plan from its start,
against the observations so far, up to the first call that has none.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from canvasagent.craft.mishaps import Mishap, choose
from canvasagent.craft.observations import Past, past_of, past_of_run
from canvasagent.craft.passage import Account, Passage, Stuck
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.verifying import verification, verification_of
from canvasagent.craft.writers.base import Writer, WriterFailure
from canvasagent.errors import PolicyFailure
from canvasagent.policies.base import Reply
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.turns import render_turn
from canvasagent.record.trajectory import Trajectory

RECOVERY, VERIFY = 0.08, 0.15
"""Default shares of items with a wrong turn that is mended, and with a step that makes sure."""


class Performer:
    """Carries out one plan. `recovery` and `verify` are the shares of items that get a wrong turn or a check.

    Whether this item is one of them, and everything else that is chosen, follows from `key`.
    """

    def __init__(
        self, plan: Plan, writer: Writer, key: str, *, recovery: float = RECOVERY, verify: float = VERIFY
    ) -> None:
        self.name = f"performer:{plan.chain}"
        self.plan, self.writer, self.key = plan, writer, key
        chance = random.Random(f"{key}:shares")
        wrong, sure = chance.random() < recovery, chance.random() < verify
        self.mishap: Mishap | None = choose(plan, key) if wrong else None
        self.check: Step | None = verification(plan, key) if sure else None
        if self.mishap is not None and self.mishap.kind in ("wrong colour", "wrong place"):
            self.check = _check_of(plan, self.mishap.step)  # who was wrong once looks again

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The next turn. Raises `PolicyFailure` where the writer has no words."""
        try:
            text = await self._turn(self.follow(past_of(messages)))
        except WriterFailure as error:
            raise PolicyFailure(str(error)) from error
        if on_text:
            on_text(text)
        return Reply(text)

    async def _turn(self, account: Account) -> str:
        seen = tuple(account.seen)
        key = f"{self.key}:turn:{len(seen)}"
        if account.stuck is not None:
            return render_turn(f"This cannot be carried out as it was asked for.\nNot done: {account.stuck}")
        if account.next is None:
            return render_turn(await self.writer.farewell(self.plan, seen, key), final_id=account.final)
        move = account.next
        return render_turn(await self.writer.reason(self.plan, move.step, seen, key), move.call)

    def account(self, trajectory: Trajectory) -> Account:
        """What became of the plan in a run."""
        return self.follow(past_of_run(trajectory))

    def follow(self, past: Past) -> Account:
        """Follow the plan from its start, against what was observed, as far as that goes."""
        passage = Passage(self.plan, self.mishap, self.check, past.sizes)
        script, account = passage.script(), passage.account
        try:
            move = next(script)
            for observation in past.observations:
                account.moves.append(move)
                move = script.send(observation)
            account.next = move
        except StopIteration:
            pass
        except Stuck as trouble:
            account.stuck = str(trouble)
        return account


def _check_of(plan: Plan, name: str) -> Step | None:
    """The check of a step, unless the plan's own next step is one."""
    path = plan.path()
    place = next(index for index, step in enumerate(path) if step.id == name)
    follows = place + 1 < len(path) and path[place + 1].purpose == "check"
    return None if follows else verification_of(plan, path[place])
