"""Every check by name, found by file, and how a statement written as data is held against a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.plugins import Kind, modules_in, unknown_name
from canvasagent.rewards.checks.base import Check, Finding, Parameters, Result, not_measured
from canvasagent.storage.foreign_json import excerpt

CHECKS = Kind(
    noun="check",
    modules=lambda: modules_in(__name__.rpartition(".")[0], dashes=False, helpers=("base",)),
    attribute="CHECK",
    shape="a canvasagent.rewards.checks.Check",
    is_part=lambda value: isinstance(value, Check),
    names_of=lambda check: (check.name,),
    group="canvasagent.checks",
)


@dataclass(frozen=True)
class Outcome:
    """One statement of a task, and what was found."""

    check: str
    """The check's name."""
    parameters: Mapping[str, Any]
    finding: Finding


def all_checks() -> Mapping[str, Check]:
    """Every check there is, by name: a file each, of installed packages, of `CANVASAGENT_PLUGINS`.

    Raises `InputError` where two claim one name.
    """
    return CHECKS.load_all()


def read_check(data: Mapping[str, Any]) -> tuple[Check, Parameters]:
    """The check that data speak of, and its parameters. Raises `InputError` that names what would be right."""
    checks = all_checks()
    name = data.get("check") if isinstance(data, Mapping) else None
    if not isinstance(name, str):
        raise InputError(
            f"a check is an object with the key 'check', such as {{'check': 'text_readable', …}}: {excerpt(repr(data))}"
        )
    if name not in checks:
        raise InputError(unknown_name("check", name, checks))
    check = checks[name]
    parameters = {key: value for key, value in data.items() if key != "check"}
    try:
        return check, check.parameters.model_validate(parameters)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(excerpt(str(place)) for place in problem["loc"])
        takes = ", ".join(check.parameters.model_fields)
        what = f"{where}: {problem['msg']}" if where else str(problem["msg"])
        raise InputError(f"check '{name}': {what}. It takes {takes}.") from error


def hold(data: Mapping[str, Any], result: Result) -> Outcome:
    """Hold one statement against a result. Raises `InputError` for a wrong check, as `read_check` does."""
    check, parameters = read_check(data)
    given = {key: value for key, value in data.items() if key != "check"}
    return Outcome(check.name, given, _measured(check, parameters, result))


def _measured(check: Check, parameters: Parameters, result: Result) -> Finding:
    """What the check finds. A plug-in that raises has measured nothing, and the other results are kept."""
    try:
        return check.measure(parameters, result)
    except CanvasAgentError:
        raise
    except Exception as error:
        if getattr(check.measure, "__module__", "").startswith("canvasagent."):
            raise  # our own fault: a score without the check would hide it
        return not_measured(f"the check '{check.name}' raised {type(error).__name__}: {excerpt(str(error))}")
