"""The policies to compare: by name, and `gold`, which executes the plan of a task's author."""

from __future__ import annotations

from collections.abc import Callable

from canvasagent.errors import InputError
from canvasagent.evaluation.tasks import EvalTask
from canvasagent.policies import load_policy
from canvasagent.policies.base import Policy, PolicySettings

GOLD = "gold"
PolicyForTask = Callable[[EvalTask], Policy]
"""Returns the policy for a task: the same one for all tasks, except for `gold`."""


def policy_for_task(name: str, settings: PolicySettings | None = None) -> PolicyForTask:
    """The policy that `name` names. Raises `InputError` for an unknown one."""
    if name == GOLD:
        return _gold
    policy = load_policy(name, settings)
    return lambda item: policy


def _gold(item: EvalTask) -> Policy:
    if item.gold is None:
        raise InputError(f"task '{item.id}' has no gold plan, so 'gold' cannot run it.")
    from canvasagent.craft.gold_policy import GoldPolicy
    from canvasagent.craft.writers import load_writer

    return GoldPolicy(item.gold, load_writer("grammar"), f"gold/{item.id}", recovery=0, verify=0)
