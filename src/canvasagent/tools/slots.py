"""Slots: the places of a call that name an asset, be they an argument or an item of a list: `image`, `references.0`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from canvasagent.canvas import Kind


def listed(value: object) -> object:
    """A list of ids as a list: also from its string form, and from null, which means none. Else the value itself."""
    if value is None:
        return []
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return parsed if isinstance(parsed, list) else value
    return value


def _ids(value: object) -> object:
    value = listed(value)
    if not isinstance(value, list | tuple):
        raise PydanticCustomError("list_of_ids", 'give a list of ids, as ["img_2"]')
    return value


AssetIds = Annotated[tuple[str, ...], BeforeValidator(_ids)]
"""A list of ids; also accepted as its string form."""


def assets_field(description: str, *kinds: Kind, most: int) -> Any:
    """A field of type `AssetIds` that names up to `most` assets of these kinds (none given: any), or none."""
    extra = {"asset": [kind.value for kind in kinds or tuple(Kind)], "several": True}
    return Field(default=(), max_length=most, description=description, json_schema_extra=extra)  # type: ignore[arg-type]


class Named(NamedTuple):
    """An asset that a raw call names."""

    slot: str
    """Its argument; in a list with its place behind it: `references.0`."""
    value: Any
    """What is written there, of whatever type."""
    kinds: tuple[str, ...]
    """The kinds that it may have."""

    @property
    def argument(self) -> str:
        """The argument that it stands in."""
        return self.slot.partition(".")[0]


def in_slots(arguments: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """`arguments` with `values` by slot in the place of what is written there; lists become tuples."""
    filled = dict(arguments)
    for slot, value in values.items():
        if "." in slot:
            name, _, place = slot.partition(".")
            before = filled[name]
            filled[name] = (*before[: int(place)], value, *before[int(place) + 1 :])
        else:
            filled[slot] = value
    return filled
