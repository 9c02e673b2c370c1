"""A raw call held against a tool's definition: what the environment runs and the reward scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from canvasagent.canvas import BASE_ALIASES, Kind
from canvasagent.faults import Stage, ToolFault
from canvasagent.imaging.geometry import GRID
from canvasagent.storage.foreign_json import excerpt, shortened
from canvasagent.tools.base import AssetInfo, Tool
from canvasagent.tools.slots import Named

MAX_SHOWN = 80
"""Most characters of a call's text that a fault quotes."""
MAX_FAULTS = 8
"""Most schema faults that are listed one by one."""


@dataclass(frozen=True)
class Checked:
    """A raw call held against a tool's definition: what the environment runs and the reward scores.

    `schema`, `reference` and `specification` are the scores of the paper's r_schema, r_ref and r_spec. They are
    independent of each other and of `faults`, which decide whether the call runs:
    schema is 1 if every required argument is there and not empty, whatever else is written;
    reference is the share of the named assets that exist (1 if none is named);
    specification is 1 if the arguments have the right types and satisfy the tool's constraints. An unknown picture to
    work on does not matter to it; any other unknown asset (a mask, an object to put on) is not of the required kind.
    """

    tool: Tool
    arguments: Any
    assets: Mapping[str, str]
    """Slot (argument name; in a list `references.0`) → id of the asset that it means; aliases resolved, an omitted
    `image` filled in."""
    faults: tuple[ToolFault, ...]
    schema: float
    reference: float
    specification: float


def check_call(tool: Tool, raw: Mapping[str, Any], canvas: Mapping[str, AssetInfo], inputs: int) -> Checked:
    """Hold a raw call against `tool`, given the assets there are and how many of them are the task's inputs.

    Never raises on a bad call: what is wrong is in the result's `faults`, first things first.
    """
    filled = dict(raw)
    faults: list[ToolFault] = []
    known = "{" + ", ".join(canvas) + "}"
    missing_image = tool.default_image is not None and filled.get(tool.default_image) in (None, "")
    if missing_image:
        filled.pop(str(tool.default_image), None)
        if inputs == 1 and "img_1" in canvas:
            filled[str(tool.default_image)] = "img_1"
    arguments = _validate(tool, filled, known, faults)
    named = tool.named(filled)
    assets, reference = _resolve(named, canvas, known, faults)
    if missing_image and str(tool.default_image) not in filled:
        reference = 0.0
    schema = 1.0 if all(not _empty(filled.get(name)) for name in tool.required) else 0.0
    # The scores are independent: arguments with a schema fault are still checked as far as possible.
    checkable = arguments if arguments is not None else _without_excess(tool, filled)
    specification = 0.0
    if checkable is not None:
        problems = _problems(tool, checkable, named, {slot: canvas[asset] for slot, asset in assets.items()})
        faults += [ToolFault(Stage.SPECIFICATION, problem) for problem in problems]
        unknown = any(one.slot not in assets and one.argument != tool.default_image for one in named)
        specification = 0.0 if problems or unknown else 1.0
    return Checked(tool, arguments, assets, tuple(faults), schema, reference, specification)


def _empty(value: object) -> bool:
    """Whether an argument is empty: null, blank text, an empty list or object."""
    return value is None or (not value.strip() if isinstance(value, str) else value in ([], {}, ()))


def _without_excess(tool: Tool, raw: Mapping[str, Any]) -> Any:
    """The arguments of a call that is not valid, as far as its constraints can be checked: without arguments that the
    tool does not have, and whatever its missing picture is. None where a type is wrong or something else is missing.
    """
    known = {name: value for name, value in raw.items() if name in tool.arguments.model_fields}
    if tool.default_image is not None:
        known.setdefault(tool.default_image, "")
    try:
        return tool.arguments.model_validate(known)
    except ValidationError:
        return None


def _problems(tool: Tool, arguments: Any, named: Sequence[Named], infos: Mapping[str, AssetInfo]) -> list[str]:
    """The problems of well-typed arguments, given those of the named assets that exist (by slot)."""
    problems = [*_wrong_kinds(named, infos), *_out_of_grid(arguments)]
    if problems:
        return problems
    try:
        for problem in tool.check(arguments, infos):
            problems.append(problem)
    except KeyError:  # it compares with a picture that does not exist, which is the reference's fault
        missing = tool.default_image is not None and tool.default_image not in infos
        if not missing and all(one.slot in infos for one in named):
            raise
    return problems


def _validate(tool: Tool, raw: Mapping[str, Any], known: str, faults: list[ToolFault]) -> Any:
    try:
        return tool.arguments.model_validate(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        for problem in problems[:MAX_FAULTS]:
            where = ".".join(excerpt(str(part), MAX_SHOWN) for part in problem["loc"])
            if problem["type"] == "missing":
                hint = f" Name a picture: {known}." if where in tool.references(raw) else ""
                text = f"argument '{where}' is missing.{hint}"
            elif problem["type"] == "extra_forbidden":
                text = f"no argument '{where}'; {tool.name} takes {', '.join(tool.arguments.model_fields)}."
            else:
                text = f"argument '{where}': {problem['msg']} (got {_short(problem.get('input'))})."
            faults.append(ToolFault(Stage.SCHEMA, text))
        if len(problems) > MAX_FAULTS:
            faults.append(ToolFault(Stage.SCHEMA, f"{len(problems) - MAX_FAULTS} more things are wrong with it."))
        return None


def _short(value: object) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested very deep, or a number of thousands of digits
        return f"a {type(value).__name__} that is too large to show"
    return shortened(text, MAX_SHOWN)


def _resolve(
    named: Sequence[Named], canvas: Mapping[str, AssetInfo], known: str, faults: list[ToolFault]
) -> tuple[dict[str, str], float]:
    found: dict[str, str] = {}
    missing: dict[str, list[str]] = {}
    for one in named:
        name = one.value.strip() if isinstance(one.value, str) else one.value
        name = "img_1" if name in BASE_ALIASES else name
        if isinstance(name, str) and name in canvas:
            found[one.slot] = name
        else:
            missing.setdefault(one.argument, []).append(_short(one.value))
    for argument, names in missing.items():
        phrase = f"is no picture {names[0]}" if len(names) == 1 else f"are no pictures {', '.join(names[:3])}"
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        faults.append(ToolFault(Stage.REFERENCE, f"argument '{argument}': there {phrase}{more}. There are {known}."))
    return found, len(found) / len(named) if named else 1.0


def _wrong_kinds(named: Sequence[Named], infos: Mapping[str, AssetInfo]) -> list[str]:
    wrong = []
    for one in named:
        info = infos.get(one.slot)
        if info is not None and info.kind.value not in one.kinds:
            hint = " SAM makes masks." if one.kinds == (Kind.MASK.value,) else ""
            kinds = " or ".join(one.kinds)
            wrong.append(f"argument '{one.argument}': {info.id} is a {info.kind.value}, not a {kinds}.{hint}")
    return wrong


def _out_of_grid(arguments: Any) -> list[str]:
    """The problems of coordinate arguments: outside of the grid, or a box without area."""
    wrong = []
    for name in type(arguments).model_fields:
        value = getattr(arguments, name)
        if not isinstance(value, tuple) or name not in COORDINATES:
            continue
        flat = [number for item in value for number in (item if isinstance(item, tuple) else (item,))]
        if any(not 0 <= number <= GRID for number in flat):
            wrong.append(
                f"argument '{name}': {_short(flat)} lies outside of the picture; "
                f"coordinates run from 0 to {GRID}, whatever the picture's size in pixels."
            )
        elif len(flat) == 4 and (flat[0] >= flat[2] or flat[1] >= flat[3]):
            wrong.append(
                f"argument '{name}': {_short(flat)} has no area; a box is [xmin, ymin, xmax, ymax] with "
                "xmin < xmax and ymin < ymax."
            )
    return wrong


COORDINATES = frozenset({"bbox", "position", "quad"})
"""The arguments that hold grid coordinates."""
