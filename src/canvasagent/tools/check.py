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
"""Characters of what a call says that a fault repeats."""
MAX_FAULTS = 8
"""Faults of a call's form that are told one by one."""


@dataclass(frozen=True)
class Checked:
    """A raw call held against a tool's definition: what the environment runs and the reward scores.

    `schema`, `reference` and `specification` are the scores of the paper's r_schema, r_ref and r_spec: 0 or 1,
    reference being the share of the named assets that exist (1 if none is named).
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
    schema = 0.0 if faults else 1.0
    named = tool.named(filled)
    assets, reference = _resolve(named, canvas, known, faults)
    if missing_image and str(tool.default_image) not in filled:
        reference = 0.0
    specification = 0.0
    if arguments is not None and reference == 1.0:
        infos = {name: canvas[asset] for name, asset in assets.items()}
        problems = [*_wrong_kinds(named, infos), *_out_of_grid(arguments)]
        problems += list(tool.check(arguments, infos)) if not problems else []
        faults += [ToolFault(Stage.SPECIFICATION, problem) for problem in problems]
        specification = 0.0 if problems else 1.0
    return Checked(tool, arguments, assets, tuple(faults), schema, reference, specification)


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
        info = infos[one.slot]
        if info.kind.value not in one.kinds:
            hint = " SAM makes masks." if one.kinds == (Kind.MASK.value,) else ""
            kinds = " or ".join(one.kinds)
            wrong.append(f"argument '{one.argument}': {info.id} is a {info.kind.value}, not a {kinds}.{hint}")
    return wrong


def _out_of_grid(arguments: Any) -> list[str]:
    """What is wrong with coordinate arguments: outside of the grid, or a box without area."""
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
