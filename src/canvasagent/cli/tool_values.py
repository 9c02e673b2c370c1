"""What is typed after a tool's option, as the argument's value: lists of numbers without brackets, all else as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from canvasagent.cli.options import flag
from canvasagent.cli.words import short
from canvasagent.errors import InputError
from canvasagent.tools.base import Tool

_KINDS = {"array": "LIST", "integer": "N", "number": "NUMBER", "boolean": "true|false"}
_NUMBER = re.compile(r"[-+]?\d{1,9}(?:\.\d{1,9})?")
_BETWEEN = re.compile(r"\s*[,;xX×*]\s*|\s+")
_EXAMPLES: Mapping[tuple[int, ...], Any] = {
    (2,): [512, 512],
    (4,): [100, 100, 900, 800],
    (4, 2): [[100, 100], [900, 100], [900, 800], [100, 800]],
}
"""By shape, for arguments that the tool's own example does not have."""


def metavar(tool: Tool, name: str) -> str:
    """What stands for the value of the argument `name` in help: `N,N,N,N` for four numbers."""
    schema = _schema(tool, name)
    if name in tool.references({}):
        return "FILE"
    if "enum" in schema:
        return "|".join(map(str, schema["enum"]))
    shape = _shape(schema)
    if shape is not None:
        return "N,N …" if len(shape) > 1 else ",".join("N" * shape[0])
    return _KINDS.get(str(schema.get("type")), "TEXT")


def form_words(tool: Tool, name: str) -> str:
    """What help adds to an argument's description: its default or, for a list of numbers, how it is written."""
    info, shape = tool.arguments.model_fields[name], _shape(_schema(tool, name))
    if not info.is_required() and name != tool.default_image and info.default not in (None, ()):
        return f"Default: {_typed(info.default) if shape else json.dumps(info.default)}."
    return f"Such as {_typed(_example(tool, name, shape))}." if shape else ""


def read_value(tool: Tool, name: str, text: str | list[str]) -> Any:
    """The value of the argument `name` as typed: text stays text, all else may be written as JSON.

    Lists of numbers are also read without brackets: `0,0,500,500`, `512x512`. Raises `InputError` that shows the
    form where such a list has another shape. Other wrong values are left to the tool's own check.
    """
    if isinstance(text, list):
        return text
    schema = _schema(tool, name)
    if schema.get("type") == "string":
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    shape = _shape(schema)
    if shape is None:
        return value
    numbers = value if isinstance(value, list) else _numbers(text, shape)
    if not _fits(numbers, shape):
        count = f"{shape[0]} numbers" if len(shape) == 1 else f"{shape[0]} points of {shape[1]} numbers"
        example = _example(tool, name, shape)
        raise InputError(
            f"{flag(name)} takes {count}: {_typed(example)} or {json.dumps(example)} (got '{short(text, 60)}')."
        )
    return numbers


def _schema(tool: Tool, name: str) -> dict[str, Any]:
    properties: dict[str, dict[str, Any]] = tool.schema()["function"]["parameters"]["properties"]
    return properties.get(name, {})


def _shape(schema: Mapping[str, Any]) -> tuple[int, ...] | None:
    """`(4,)` for a list of four numbers, `(4, 2)` for four points; None for all else."""
    items = schema.get("items") or {}
    count = schema.get("minItems")
    if schema.get("type") != "array" or not count or count != schema.get("maxItems"):
        return None
    if items.get("type") in ("integer", "number"):
        return (count,)
    inner = _shape(items)
    return (count, *inner) if inner is not None and len(inner) == 1 else None


def _numbers(text: str, shape: tuple[int, ...]) -> list[Any] | None:
    """The numbers of a list that is written without brackets; None where it holds anything else."""
    parts = [part for part in _BETWEEN.split(text.strip().strip("()")) if part]
    if not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    numbers: list[Any] = [float(part) if "." in part else int(part) for part in parts]
    if len(shape) == 1:
        return numbers
    return [numbers[start : start + shape[1]] for start in range(0, len(numbers), shape[1])]


def _fits(value: Any, shape: Sequence[int]) -> bool:
    if not isinstance(value, list) or len(value) != shape[0]:
        return False
    if len(shape) > 1:
        return all(_fits(item, shape[1:]) for item in value)
    return not any(isinstance(item, list | dict) for item in value)


def _example(tool: Tool, name: str, shape: tuple[int, ...]) -> Any:
    default = tool.arguments.model_fields[name].default
    known = tool.example.get(name) or (list(default) if isinstance(default, tuple) else None) or _EXAMPLES.get(shape)
    if known is not None:
        return known
    return [100 * number for number in range(shape[0])] if len(shape) == 1 else [[100] * shape[1]] * shape[0]


def _typed(value: Sequence[Any]) -> str:
    """As it is typed: `0,0,500,500`; points are divided by blanks, which need quotes in a shell."""
    if isinstance(value[0], list | tuple):
        return f'"{" ".join(_typed(point) for point in value)}"'
    return ",".join(map(str, value))
