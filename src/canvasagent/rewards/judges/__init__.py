"""Judges, found by file name, and those that installed packages register (group `canvasagent.judges`).

    local.py        rules and measures, no network: checks, no-reference picture quality, the rubric's caps
    endpoint.py     an OpenAI-compatible vision model with the prompts in prompts/

Scores of different judges are never to be put in one mean: every verdict names its judge and model.
"""

from __future__ import annotations

import hashlib
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from canvasagent.errors import InputError
from canvasagent.rewards.judges.base import ASPECTS, Aspect, Create, Judge, JudgeSettings, Verdict

GROUP = "canvasagent.judges"


def judge_names() -> list[str]:
    """The names that `--judge` takes, without loading any."""
    return sorted({*_own(), *(point.name for point in entry_points(group=GROUP))})


def load_judge(spec: str, settings: JudgeSettings | None = None) -> Judge:
    """The judge that `spec` names: `local`, `endpoint`, `endpoint:MODEL`. Raises `InputError` for an unknown one."""
    name, colon, argument = spec.partition(":")
    if name not in judge_names():
        raise InputError(f"there is no judge '{name}'; there are {', '.join(judge_names())}.")
    create: Create
    if name in _own():
        create = import_module(f"{__name__}.{name}").create
    else:
        create = next(point for point in entry_points(group=GROUP) if point.name == name).load()
    return create(argument if colon else None, settings or JudgeSettings())


def changed_prompts(judge: Judge | None) -> str | None:
    """A short hash of the prompts that `judge` uses in place of the package's own; None where it uses these or none."""
    from canvasagent.rewards.judges._prompts import load_prompts

    prompts = {aspect: prompt.hash for aspect, prompt in getattr(judge, "prompts", {}).items()}
    if not prompts or prompts == {aspect: prompt.hash for aspect, prompt in load_prompts().items()}:
        return None
    return hashlib.sha256("".join(prompts[aspect] for aspect in sorted(prompts)).encode()).hexdigest()[:16]


def _own() -> list[str]:
    return [info.name for info in iter_modules(__path__) if info.name != "base" and not info.name.startswith("_")]


__all__ = [
    "ASPECTS",
    "GROUP",
    "Aspect",
    "Judge",
    "JudgeSettings",
    "Verdict",
    "changed_prompts",
    "judge_names",
    "load_judge",
]
