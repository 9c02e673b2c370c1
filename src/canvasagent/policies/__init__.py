"""Policies: one file each, or of an installed package (group `canvasagent.policies`), or a FILE.py of the user."""

from __future__ import annotations

from canvasagent.plugins import Kind, modules_in
from canvasagent.policies.base import Policy, PolicySettings

POLICIES = Kind(
    noun="policy",
    modules=lambda: modules_in(__name__, helpers=("base", "described")),
    attribute="create",
    shape="a function create(argument, settings) -> Policy",
    group="canvasagent.policies",
)


def policy_names() -> list[str]:
    """The names that `--policy` takes, without loading any."""
    return POLICIES.names()


def load_policy(spec: str, settings: PolicySettings | None = None) -> Policy:
    """The policy that `spec` names: `name`, `name:argument`, `FILE.py` or `FILE.py:argument`.

    With `settings.describe` it reads descriptions in place of pictures (`policies.described`), once an `Agent` has it.
    A FILE.py is imported, so `spec` comes from the user or has passed `canvasagent.record.trust`.
    Raises `InputError` for an unknown one, and for a file that cannot be imported or has no `create`.
    """
    create, argument = POLICIES.load_spec(spec)
    settings = settings or PolicySettings()
    policy: Policy = create(argument, settings)
    if not settings.describe:
        return policy
    from canvasagent.policies.described import DescribedPolicy

    return DescribedPolicy(policy)


__all__ = ["POLICIES", "Policy", "PolicySettings", "load_policy", "policy_names"]
