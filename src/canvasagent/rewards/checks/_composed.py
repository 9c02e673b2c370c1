"""What `all_of`, `any_of` and `not` share: statements within a statement, checked when they are read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from canvasagent.errors import InputError
from canvasagent.rewards.checks._registry import read_check


def _known(data: dict[str, Any]) -> dict[str, Any]:
    try:
        read_check(data)
    except InputError as error:
        raise ValueError(str(error)) from error
    return data


Statement = Annotated[dict[str, Any], AfterValidator(_known)]
"""A check as data: {"check": NAME, …parameters}."""
