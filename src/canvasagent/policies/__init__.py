"""Policies, found by file name, and those that installed packages register (group `canvasagent.policies`)."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from canvasagent.errors import InputError
from canvasagent.policies.base import Create, Policy, PolicySettings

GROUP = "canvasagent.policies"


def policy_names() -> list[str]:
    """The names that `--policy` takes, without loading any."""
    return sorted({*_own(), *(point.name for point in entry_points(group=GROUP))})


def load_policy(spec: str, settings: PolicySettings | None = None) -> Policy:
    """The policy that `spec` names, as `name` or `name:argument`. Raises `InputError` for an unknown one."""
    name, colon, argument = spec.partition(":")
    if name not in policy_names():
        raise InputError(f"there is no policy '{name}'; there are {', '.join(policy_names())}.")
    create: Create
    if name in _own():
        create = import_module(f"{__name__}.{_own()[name]}").create
    else:
        create = next(point for point in entry_points(group=GROUP) if point.name == name).load()
    return create(argument if colon else None, settings or PolicySettings())


def _own() -> dict[str, str]:
    """From a policy's name to its file's: `one-call` is in `one_call.py`."""
    files = [info.name for info in iter_modules(__path__) if info.name != "base" and not info.name.startswith("_")]
    return {name.replace("_", "-"): name for name in files}


__all__ = ["GROUP", "Policy", "PolicySettings", "load_policy", "policy_names"]
