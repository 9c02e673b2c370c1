"""As much of JSON Schema as the schemas of tools use, to hold a value against one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list, tuple),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def mismatch(value: Any, schema: Mapping[str, Any], where: str = "arguments") -> str | None:
    """What about `value` breaks `schema`, or None where it holds."""
    if "anyOf" in schema and all(mismatch(value, option, where) for option in schema["anyOf"]):
        return f"{where}: {value!r} fits none of {schema['anyOf']}"
    if "type" in schema and not _is(value, schema["type"]):
        return f"{where}: {value!r} is no {schema['type']}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        return f"{where}: {value!r} is not {schema['const']!r}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value, schema, where)
    if isinstance(value, list | tuple):
        return _array(list(value), schema, where)
    return _object(value, schema, where) if isinstance(value, Mapping) else None


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES.get(name, (object,)))


def _number(value: float, schema: Mapping[str, Any], where: str) -> str | None:
    low, high = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    return None if low <= value <= high else f"{where}: {value} is not from {low} to {high}"


def _array(value: list[Any], schema: Mapping[str, Any], where: str) -> str | None:
    low, high = schema.get("minItems", 0), schema.get("maxItems", len(value))
    if not low <= len(value) <= high:
        return f"{where}: {len(value)} items, not {low} to {high}"
    wrong = (mismatch(item, schema.get("items", {}), f"{where}[{index}]") for index, item in enumerate(value))
    return next((text for text in wrong if text), None)


def _object(value: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> str | None:
    properties = schema.get("properties", {})
    if missing := [name for name in schema.get("required", ()) if name not in value]:
        return f"{where}: {', '.join(missing)} missing"
    if schema.get("additionalProperties") is False and (extra := [name for name in value if name not in properties]):
        return f"{where}: {', '.join(extra)} not known"
    wrong = (mismatch(item, properties.get(name, {}), f"{where}.{name}") for name, item in value.items())
    return next((text for text in wrong if text), None)
