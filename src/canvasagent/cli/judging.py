"""The options that choose and configure a judge: the same in every command that judges."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from canvasagent.cli.options import settings_from, settings_options
from canvasagent.rewards.judges.base import JudgeSettings

if TYPE_CHECKING:
    from canvasagent.rewards.judges.base import Judge

NO_JUDGE = "none"
"""What `--judge` takes where nothing is to be judged."""
_PREFIX = "judge_"


def judge_options(skip: Iterable[str] = ()) -> list[inspect.Parameter]:
    """An option `--judge-…` for each setting of a judge but the key, which is read from the environment."""
    return settings_options(JudgeSettings, "Endpoint judge", skip=("api_key", *skip), prefix=_PREFIX)


def judge_settings(options: Mapping[str, Any]) -> JudgeSettings:
    """The settings from the options that were given. Raises `InputError` that names the option."""
    return settings_from(JudgeSettings, options, prefix=_PREFIX)


def chosen_judge(spec: str, settings: JudgeSettings) -> Judge | None:
    """The judge that `spec` names; None for `none`. Raises `InputError` for an unknown one."""
    from canvasagent.rewards.judges import load_judge

    return None if spec == NO_JUDGE else load_judge(spec, settings)
