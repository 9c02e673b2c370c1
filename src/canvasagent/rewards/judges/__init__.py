"""Judges: one file each, or of an installed package (group `canvasagent.judges`), or a FILE.py of the user.

    local.py        rules and measures, no network: checks, no-reference picture quality, the rubric's caps
    local_2.py      `local-2`: progress over the untouched input, agreement with the expected calls
    endpoint.py     an OpenAI-compatible vision model with the prompts in prompts/

Scores of different judges are never to be put in one mean: every verdict names its judge and model.
"""

from __future__ import annotations

import hashlib

from canvasagent.plugins import Kind, modules_in
from canvasagent.rewards.judges.base import ASPECTS, Aspect, Judge, JudgeSettings, Verdict

JUDGES = Kind(
    noun="judge",
    modules=lambda: modules_in(__name__, helpers=("base",)),
    attribute="create",
    shape="a function create(argument, settings) -> Judge",
    group="canvasagent.judges",
)


def judge_names() -> list[str]:
    """The names that `--judge` takes, without loading any."""
    return JUDGES.names()


def load_judge(spec: str, settings: JudgeSettings | None = None) -> Judge:
    """The judge that `spec` names: `local`, `endpoint:MODEL`, `FILE.py`, `FILE.py:argument`.

    A FILE.py is imported, so `spec` comes from the user. Raises `InputError` for an unknown judge, and for a file that
    cannot be imported or has no `create`.
    """
    create, argument = JUDGES.load_spec(spec)
    judge: Judge = create(argument, settings or JudgeSettings())
    return judge


def changed_prompts(judge: Judge | None) -> str | None:
    """A short hash of the prompts that `judge` uses in place of the package's own; None where it uses these or none."""
    from canvasagent.rewards.judges._prompts import load_prompts

    prompts = {aspect: prompt.hash for aspect, prompt in getattr(judge, "prompts", {}).items()}
    if not prompts or prompts == {aspect: prompt.hash for aspect, prompt in load_prompts().items()}:
        return None
    return hashlib.sha256("".join(prompts[aspect] for aspect in sorted(prompts)).encode()).hexdigest()[:16]


__all__ = [
    "ASPECTS",
    "JUDGES",
    "Aspect",
    "Judge",
    "JudgeSettings",
    "Verdict",
    "changed_prompts",
    "judge_names",
    "load_judge",
]
