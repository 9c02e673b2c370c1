"""What a tool is: one definition from which schema, prompt text, validator, execution and scoring follow.

A file in `tools/` defines `TOOL = Tool(...)` and is found by its name; a third party registers one through
the entry point group `canvasagent.tools`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from PIL import Image
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)

from canvasagent.canvas import Canvas, Kind
from canvasagent.imaging.geometry import Size
from canvasagent.tools.slots import Named, listed

MAX_TEXT = 4000
"""Characters that a text argument may have."""


class ToolArguments(BaseModel):
    """Base of every model of arguments: an unknown argument is a fault, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    added: ClassVar[frozenset[str]] = frozenset()
    """Optional arguments that the research release does not have. They are left out of what is written down where they
    have their default, so that the keys, seeds and records of calls without them stay what they were."""

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        for name in self.added:
            if getattr(self, name) == type(self).model_fields[name].default:
                written.pop(name, None)
        return written


_BARE = re.compile(r"[\d\s.,+-]*,[\d\s.,+-]*")
"""Coordinates without brackets, as the released data has some: `346,129,535,347`."""


def numbers(value: object) -> object:
    """Accept a coordinate list, its string form with or without brackets, and floats (rounded); anything else is left
    to pydantic.
    """
    if isinstance(value, str):
        try:
            value = json.loads(f"[{value}]" if _BARE.fullmatch(value) else value)
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
    """The facts about an asset for checks, live or from a record, without pixels."""

    id: str
    kind: Kind
    size: Size


@dataclass(frozen=True)
class Call:
    """One execution: validated arguments, the pictures behind the asset arguments, and the backend."""

    arguments: Any
    pictures: Mapping[str, Image.Image]
    """By slot: `image`, and `references.0` for the first of a list."""
    kinds: Mapping[str, Kind]
    backend: Callable[..., Any]
    seed: int = 0
    pixel_boxes: bool = False
    """Write boxes in pixels instead of grid units (the `release` profile, for OCR and Crop), and that of Extract."""

    def several(self, argument: str) -> list[Image.Image]:
        """The pictures behind an argument that is a list of assets, in its order."""
        return [self.pictures[f"{argument}.{place}"] for place in range(len(getattr(self.arguments, argument)))]


@dataclass(frozen=True)
class Outcome:
    """The result of a call: the observation's text, a picture if any, and the finding as words and as data."""

    text: str
    picture: Image.Image | None = None
    kind: Kind = Kind.IMAGE
    words: str | None = None
    """The finding in words, for people: the answer to a question. Only of tools that make text."""
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
    def lists(self) -> frozenset[str]:
        """The arguments that are lists of assets."""
        return _lists(self.arguments)

    def named(self, raw: Mapping[str, Any]) -> list[Named]:
        """Every asset that a raw call names, one for each item of a list. Whether there are such is not asked."""
        named: list[Named] = []
        lists = _lists(self.arguments)
        for name, kinds in self.references(raw).items():
            value = raw.get(name)
            if value is None:
                continue
            if name in lists and isinstance(items := listed(value), list | tuple):
                named += [Named(f"{name}.{place}", item, kinds) for place, item in enumerate(items)]
            else:
                named.append(Named(name, value, kinds))
        return named

    @property
    def required(self) -> tuple[str, ...]:
        """Req(f): the arguments that a call must have."""
        return _required(self.arguments)


@cache
def _lists(arguments: type[ToolArguments]) -> frozenset[str]:
    fields = arguments.model_fields.items()
    extras = {name: info.json_schema_extra for name, info in fields}
    return frozenset(name for name, extra in extras.items() if isinstance(extra, dict) and extra.get("several"))


@cache
def _required(arguments: type[ToolArguments]) -> tuple[str, ...]:
    return tuple(name for name, info in arguments.model_fields.items() if info.is_required())


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
        name: {key: value for key, value in spec.items() if key not in {"title", "asset", "several"}}
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


def text_problems(name: str, text: str) -> list[str]:
    """The problems of a text argument: empty, or too long."""
    if not text.strip():
        return [f"argument '{name}' is empty."]
    if len(text) > MAX_TEXT:
        return [f"argument '{name}' has {len(text):,} characters; at most {MAX_TEXT:,} are taken."]
    return []


def canvas_info(canvas: Canvas) -> dict[str, AssetInfo]:
    """What checks may know of a canvas."""
    return {asset.id: AssetInfo(asset.id, asset.kind, asset.size) for asset in canvas}
