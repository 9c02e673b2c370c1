"""What a tool is: one definition from which schema, prompt text, validator, execution and scoring follow.

A file in `tools/` defines `TOOL = Tool(...)` and is found by its name; a third party registers one through
the entry point group `canvasagent.tools`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from PIL import Image
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from canvasagent.canvas import Canvas, Kind
from canvasagent.faults import Stage, ToolFault
from canvasagent.geometry import GRID, Size

MAX_TEXT = 4000
"""Characters that a text argument may have."""


class ToolArguments(BaseModel):
    """Base of every arguments model: unknown arguments are told, never dropped in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def numbers(value: object) -> object:
    """Accept a coordinate list, its string form, and floats (rounded); anything else is left to pydantic."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    if isinstance(value, list | tuple):
        return [round(item) if isinstance(item, float) and abs(item) < 1e9 else item for item in value]
    return value


def numbers_nested(value: object) -> object:
    value = numbers(value)
    return [numbers(item) for item in value] if isinstance(value, list) else value


def integers(count: int) -> WithJsonSchema:
    schema = {"type": "array", "items": {"type": "integer"}, "minItems": count, "maxItems": count}
    return WithJsonSchema(schema)


Box = Annotated[tuple[int, int, int, int], BeforeValidator(numbers), integers(4)]
"""[xmin, ymin, xmax, ymax] on the grid; also accepted as its string form."""

GridPoint = Annotated[tuple[int, int], BeforeValidator(numbers), integers(2)]
"""[x, y] on the grid; also accepted as its string form."""

Quad = Annotated[
    tuple[GridPoint, GridPoint, GridPoint, GridPoint],
    BeforeValidator(numbers_nested),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
            "minItems": 4,
            "maxItems": 4,
        }
    ),
]
"""Four grid points: top left, top right, bottom right, bottom left."""


def asset_field(description: str, *kinds: Kind, optional: bool = False) -> Any:
    """A field that names an asset; `kinds` are the kinds it may have (none given: any)."""
    extra = {"asset": [kind.value for kind in kinds or tuple(Kind)]}
    if optional:
        return Field(default=None, description=description, json_schema_extra=extra)  # type: ignore[arg-type]
    return Field(description=description, json_schema_extra=extra)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class AssetInfo:
    """What checks may know of an asset, live or from a record: never its pixels."""

    id: str
    kind: Kind
    size: Size


@dataclass(frozen=True)
class Call:
    """One execution: validated arguments, the pictures behind the asset arguments, and the backend."""

    arguments: Any
    pictures: Mapping[str, Image.Image]
    kinds: Mapping[str, Kind]
    backend: Callable[..., Any]
    seed: int = 0
    pixel_boxes: bool = False
    """Write boxes in pixels instead of grid units (the `release` profile, for OCR and Crop)."""


@dataclass(frozen=True)
class Outcome:
    """What a call gave: the observation's text, a picture or none, and the finding as words and as data."""

    text: str
    picture: Image.Image | None = None
    kind: Kind = Kind.IMAGE
    words: str | None = None
    """What was found or read, for a person: the answer to a question. Only of tools that make text."""
    data: Any = None
    """The same as JSON: a list of findings with boxes on the grid. Only of tools that make text."""


def _no_check(arguments: Any, assets: Mapping[str, AssetInfo]) -> Iterable[str]:
    return ()


def _largest_input(arguments: Any, assets: Mapping[str, AssetInfo]) -> int:
    return max((info.size[0] * info.size[1] for info in assets.values()), default=0)


@dataclass(frozen=True)
class Tool:
    """The one definition of a tool."""

    name: str
    """The wire name, as the policy writes it."""
    aliases: tuple[str, ...]
    """Other names accepted on the wire and found in released labels."""
    summary: str
    """What it does and when to use it: the prompt's text, the schema's description, the command line's help."""
    arguments: type[ToolArguments]
    makes: Literal["image", "mask", "cutout", "same", "text"]
    """The kind of asset it makes; `same`: the kind of its `image`; `text`: none."""
    run: Callable[[Call], Outcome]
    example: Mapping[str, Any]
    """Arguments that are valid on a canvas with one input picture (or with `img_1`, a mask `SAM_0` of its
    size and a cut-out `Extract_0`), for the prompt and the conformance checker."""
    check: Callable[[Any, Mapping[str, AssetInfo]], Iterable[str]] = _no_check
    """Specification: what is wrong with well-typed arguments, given the assets they name."""
    asset_arguments: Callable[[Mapping[str, Any]], Mapping[str, tuple[str, ...]]] | None = None
    """Which arguments name assets and the kinds each may have, where that depends on other arguments."""
    output_pixels: Callable[[Any, Mapping[str, AssetInfo]], int] = _largest_input
    """How many pixels the result will have, known before anything runs."""
    default_image: str | None = None
    """The argument that means `img_1` when it is left out on a canvas with exactly one input picture."""
    version: str = "1"
    command_line: bool = field(default=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The wire name and every alias."""
        return (self.name, *self.aliases)

    @property
    def slug(self) -> str:
        """The name as files and the command line write it: `image_generation`, `ocr`."""
        return slug(self.name)

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the call, in the function-calling form that chat endpoints take."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.summary,
                "parameters": _plain(self.arguments.model_json_schema()),
            },
        }

    def references(self, raw: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
        """The arguments of a raw call that name assets, with the kinds that each may have."""
        if self.asset_arguments is not None:
            return self.asset_arguments(raw)
        named: dict[str, tuple[str, ...]] = {}
        for name, info in self.arguments.model_fields.items():
            extra = info.json_schema_extra
            if isinstance(extra, dict) and "asset" in extra:
                named[name] = tuple(str(kind) for kind in extra["asset"])  # type: ignore[union-attr]
        return named

    @property
    def required(self) -> tuple[str, ...]:
        """Req(f): the arguments that a call must have."""
        return tuple(name for name, info in self.arguments.model_fields.items() if info.is_required())


def slug(name: str) -> str:
    """`ImageGeneration` → `image_generation`; `OCR` → `ocr`."""
    parts = [
        ("_" if index and char.isupper() and not name[index - 1].isupper() else "") + char.lower()
        for index, char in enumerate(name)
    ]
    return "".join(parts)


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without pydantic's titles and our own `asset` marks, which no endpoint needs."""
    properties = {
        name: {key: value for key, value in spec.items() if key not in {"title", "asset"}}
        for name, spec in schema.get("properties", {}).items()
    }
    for spec in properties.values():
        options = [option for option in spec.get("anyOf", []) if option != {"type": "null"}]
        if len(options) == 1:
            spec.pop("anyOf")
            spec.update(options[0])
            if spec.get("default", 0) is None:
                spec.pop("default")
    plain = {key: value for key, value in schema.items() if key not in {"title", "description"}}
    plain["properties"] = properties
    return plain


@dataclass(frozen=True)
class Checked:
    """A raw call held against a tool's definition: what the environment runs and the reward scores.

    `schema`, `reference` and `specification` are the scores of the paper's r_schema, r_ref and r_spec: 0 or 1,
    reference being the share of the named assets that exist (1 if none is named).
    """

    tool: Tool
    arguments: Any
    assets: Mapping[str, str]
    """Argument name → id of the asset that it means; aliases resolved, an omitted `image` filled in."""
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
    assets, reference = _resolve(tool, filled, canvas, known, faults)
    if missing_image and str(tool.default_image) not in filled:
        reference = 0.0
    specification = 0.0
    if arguments is not None and reference == 1.0:
        infos = {name: canvas[asset] for name, asset in assets.items()}
        problems = [*_wrong_kinds(tool, filled, infos), *_out_of_grid(arguments)]
        problems += list(tool.check(arguments, infos)) if not problems else []
        faults += [ToolFault(Stage.SPECIFICATION, problem) for problem in problems]
        specification = 0.0 if problems else 1.0
    return Checked(tool, arguments, assets, tuple(faults), schema, reference, specification)


def _validate(tool: Tool, raw: Mapping[str, Any], known: str, faults: list[ToolFault]) -> Any:
    try:
        return tool.arguments.model_validate(raw)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            where = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "missing":
                hint = f" Name a picture: {known}." if where in tool.references(raw) else ""
                text = f"argument '{where}' is missing.{hint}"
            elif problem["type"] == "extra_forbidden":
                text = f"no argument '{where}'; {tool.name} takes {', '.join(tool.arguments.model_fields)}."
            else:
                text = f"argument '{where}': {problem['msg']} (got {_short(problem.get('input'))})."
            faults.append(ToolFault(Stage.SCHEMA, text))
        return None


def _short(value: object) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested very deep, or a number of thousands of digits
        return f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= 80 else text[:77] + "…"


def _resolve(
    tool: Tool, raw: Mapping[str, Any], canvas: Mapping[str, AssetInfo], known: str, faults: list[ToolFault]
) -> tuple[dict[str, str], float]:
    found: dict[str, str] = {}
    named = 0
    for argument in tool.references(raw):
        value = raw.get(argument)
        if value is None:
            continue
        named += 1
        name = value.strip() if isinstance(value, str) else value
        name = "img_1" if name in ("base", "base_image") else name
        if isinstance(name, str) and name in canvas:
            found[argument] = name
        else:
            text = f"argument '{argument}': there is no picture {_short(value)}. There are {known}."
            faults.append(ToolFault(Stage.REFERENCE, text))
    return found, len(found) / named if named else 1.0


def _wrong_kinds(tool: Tool, raw: Mapping[str, Any], infos: Mapping[str, AssetInfo]) -> list[str]:
    wrong = []
    for argument, kinds in tool.references(raw).items():
        if argument in infos and infos[argument].kind.value not in kinds:
            info = infos[argument]
            hint = " SAM makes masks." if kinds == (Kind.MASK.value,) else ""
            wrong.append(f"argument '{argument}': {info.id} is a {info.kind.value}, not a {' or '.join(kinds)}.{hint}")
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
                f"argument '{name}': {list(flat)} lies outside of the picture; "
                f"coordinates run from 0 to {GRID}, whatever the picture's size in pixels."
            )
        elif len(flat) == 4 and (flat[0] >= flat[2] or flat[1] >= flat[3]):
            wrong.append(
                f"argument '{name}': {list(flat)} has no area; a box is [xmin, ymin, xmax, ymax] with "
                "xmin < xmax and ymin < ymax."
            )
    return wrong


COORDINATES = frozenset({"bbox", "position", "quad"})
"""The arguments that hold grid coordinates."""


def text_problems(name: str, text: str) -> list[str]:
    """What is wrong with a text argument: nothing in it, or too long."""
    if not text.strip():
        return [f"argument '{name}' is empty."]
    if len(text) > MAX_TEXT:
        return [f"argument '{name}' has {len(text):,} characters; at most {MAX_TEXT:,} are taken."]
    return []


def canvas_info(canvas: Canvas) -> dict[str, AssetInfo]:
    """What checks may know of a canvas."""
    return {asset.id: AssetInfo(asset.id, asset.kind, asset.size) for asset in canvas}
