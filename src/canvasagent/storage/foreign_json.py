"""JSON from outside: reading within bounds, and converting values to valid JSON."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

MAX_DEPTH = 100
"""Levels of lists and objects that a value may have. What works on a value recurses, and must not run out of stack."""

MAX_ECHO = 200
"""Most characters of bad input that a message quotes."""


def read_json(text: str | bytes) -> Any:
    """The value that `text` holds. Raises ValueError with what is wrong: not UTF-8, not JSON, nested too deep."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise TooDeep from error
    check_depth(value)
    return value


class TooDeep(ValueError):
    """A value is nested deeper than a limit."""

    def __init__(self, limit: int = MAX_DEPTH) -> None:
        super().__init__(f"it is nested deeper than {limit} levels")


def check_depth(value: object, limit: int = MAX_DEPTH) -> None:
    """Raise `TooDeep` where lists and objects in `value` are nested deeper than `limit`."""
    level = [value]
    for _ in range(limit + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise TooDeep(limit)


def _inside(value: object) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def type_word(value: object) -> str:
    """JSON's name of the type of `value`."""
    words = {
        "NoneType": "null",
        "dict": "object",
        "str": "text",
        "int": "number",
        "float": "number",
        "bool": "true/false",
    }
    return words.get(type(value).__name__, type(value).__name__)


def first_problem(error: ValidationError) -> str:
    """The first problem of a validation error with its place: `images.0: Input should be a string`."""
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(excerpt(str(part)) for part in problem["loc"])
    what = "not an object" if problem["type"] == "model_type" else problem["msg"]
    return f"{where}: {what}" if where else what


def dig(value: object, *path: str) -> Any:
    """The value at `path` in nested objects; None if a part of the path is missing or not an object."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def list_in(value: object, *path: str) -> list[Any]:
    """The list at `path`; empty if there is none."""
    items = dig(value, *path)
    return items if isinstance(items, list) else []


def plain(value: Any) -> Any:
    """`value` (at most `MAX_DEPTH` deep) as UTF-8 JSON can hold it: NaN as a word, half characters as `?`."""
    if isinstance(value, dict):
        return {whole(str(name)): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return str(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float) else f"({type(value).__name__})"


def whole(text: str) -> str:
    """`text` with `?` for each half of a character (a lone surrogate), which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


def is_whole(value: object) -> bool:
    """Whether UTF-8 can hold all text in `value`, which JSON can hold."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def shortened(text: str, limit: int = MAX_ECHO) -> str:
    """`text` as it is, or its beginning with `…` where it has more than `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def excerpt(text: str, limit: int = MAX_ECHO) -> str:
    """The beginning of `text` for a message: at most `limit` characters, in one line."""
    line = " ".join(whole(text[: 2 * limit]).split())
    return line if len(line) <= limit and len(text) <= 2 * limit else line[: limit - 1] + "…"
