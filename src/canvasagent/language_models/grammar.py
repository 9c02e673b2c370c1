"""The grammar of a turn, made from the tool definitions and the pictures that exist: nothing else can be written.

A turn is a reason, then a call of one tool with arguments of its schema, or an ending. Where an argument names a
picture, only those that exist and have the right kind are possible; a tool whose picture cannot be named is left out.
The notation is that of llguidance's Lark grammars. Texts are spaced as `protocol.render_turn` spaces them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from canvasagent.canvas import Kind
from canvasagent.protocol.conversation import Message, shown
from canvasagent.protocol.release import PSEUDO_TOOL
from canvasagent.tools import all_tools
from canvasagent.tools.base import Tool
from canvasagent.tools.check import COORDINATES

MAX_REASON = 500
"""Characters of a reason."""
MAX_TEXT = 400
"""Characters of a text that a tool requires."""
MAX_OPTION = 60
"""Characters of a text that a tool does not require."""

Ids = Mapping[str, Kind | None]
"""The pictures that exist, by id, with their kinds where they are known."""

_FIRST, _FURTHER = r"([^\s\"\\\x00-\x1f\x7f]|\\[\"\\])", r"([^\"\\\x00-\x1f\x7f]|\\[\"\\nt])"
"""A character of a JSON string: the first one is no space, since an argument of spaces alone is empty."""
_TERMINALS = rf"""
REASON: /[^<>\s\x00-\x1f\x7f][^<>\x00-\x09\x0b-\x1f\x7f]{{0,{MAX_REASON - 1}}}/
GRID: /0|[1-9][0-9]{{0,2}}|1000/
NATURAL: /[1-9][0-9]{{0,3}}/
INTEGER: /0|-?[1-9][0-9]{{0,3}}/
NUMBER: /0|-?[1-9][0-9]{{0,3}}|-?0\.[0-9]{{0,2}}[1-9]|-?[1-9][0-9]{{0,3}}\.[0-9]{{1,3}}/
TEXT: /"{_FIRST}{_FURTHER}{{0,{MAX_TEXT - 1}}}"/
OPTION: /"{_FIRST}{_FURTHER}{{0,{MAX_OPTION - 1}}}"/
"""


@dataclass(frozen=True)
class Offered:
    """A tool that a conversation's system prompt offers."""

    schema: Mapping[str, Any]
    """Name and parameters, as the system prompt has them."""
    tool: Tool | None
    """Its definition, where it is known here: it says which arguments name pictures."""


def offered_tools(messages: Sequence[Message]) -> list[Offered]:
    """The tools whose schemas stand in the system message, one a line; all that there are where it has none."""
    known = all_tools()
    text = messages[0].text if messages and messages[0].role == "system" else ""
    schemas = list(_schemas_in(text)) or [tool.schema()["function"] for tool in known.values()]
    return [Offered(schema, known.get(str(schema["name"]))) for schema in schemas]


def _schemas_in(text: str) -> Iterator[Mapping[str, Any]]:
    for line in text.splitlines():
        if not line.lstrip().startswith('{"type": "function"'):
            continue
        try:
            schema = json.loads(line)["function"]
            if isinstance(schema["name"], str) and isinstance(schema["parameters"]["properties"], dict):
                yield schema
        except (ValueError, KeyError, TypeError, RecursionError):
            continue


def existing_ids(messages: Sequence[Message]) -> dict[str, Kind | None]:
    """The pictures that exist now, as the last message lists them, with their kinds.

    The kind of a picture that was not shown is that which its tool always makes, else it is not known.
    """
    kinds = {asset.id: asset.kind for message in messages for asset in message.assets}
    for message in reversed(messages):
        if message.role in ("user", "tool") and (ids := shown(message).imglist):
            return {name: kinds.get(name, _made(name)) for name in ids if re.fullmatch(r"[\w.-]+", name)}
    return {}


def _made(name: str) -> Kind | None:
    """The kind of the pictures that the tool makes after which `name` is named, where it makes one kind only."""
    tool = all_tools().get(name.rpartition("_")[0])
    return Kind(tool.makes) if tool is not None and tool.makes in list(Kind) else None


def turn_grammar(offered: Sequence[Offered], ids: Ids) -> str:
    """The grammar of the next turn, with tools of `offered` and pictures of `ids`."""
    release = any(one.schema["name"] == PSEUDO_TOOL for one in offered)
    rules = _Rules(ids)
    calls = [call for one in offered for call in rules.calls(one)]
    actions = [rules.ending(), *calls]
    before = f"{_text('<think>' + chr(10) * 2 + '</think>' + chr(10) * 2)}? " if release else ""
    start = f"start: {before}{_text('<reason>')} REASON {_text('</reason>' + chr(10))} ({' | '.join(actions)})"
    return "\n".join([start, *rules.lines, _TERMINALS])


def _text(literal: str) -> str:
    """A literal in the grammar's notation."""
    return json.dumps(literal)


class _Rules:
    """Collects rules and gives the names by which others refer to them."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        self._names: dict[str, str] = {}

    @property
    def lines(self) -> list[str]:
        """The rules."""
        return [f"{name}: {body}" for body, name in self._names.items()]

    def add(self, body: str) -> str:
        """The name of the rule with this body."""
        return self._names.setdefault(body, f"r{len(self._names)}")

    def ending(self) -> str:
        """`<Terminate>`, alone or with a picture."""
        named = f" ({self._any(self.ids)} {_text('</Terminate>')})?" if self.ids else ""
        return self.add(_text("<Terminate>") + named)

    def calls(self, offered: Offered) -> Iterator[str]:
        """The calls of a tool: one rule, or one for each choice on which it depends what names a picture."""
        parameters = offered.schema["parameters"]
        for fixed in _cases(offered.tool, parameters["properties"]):
            arguments = self._arguments(offered.tool, parameters, fixed)
            if arguments is not None:
                name = json.dumps(offered.schema["name"])
                head = _text(f'<tool_call>{{"name": {name}, "arguments": {{')
                yield self.add(f"{head} {arguments} {_text('}}</tool_call>')}")

    def _arguments(self, tool: Tool | None, parameters: Mapping[str, Any], fixed: Mapping[str, str]) -> str | None:
        """The members of the object of arguments; None where a required one cannot be written."""
        required = set(parameters.get("required", ()))
        names = {} if tool is None else tool.references(fixed)
        several = frozenset() if tool is None else tool.lists
        members: list[tuple[str, bool]] = []
        for name, spec in parameters["properties"].items():
            if name in fixed:
                value: str | None = _text(json.dumps(fixed[name]))
            elif name in names:
                value = self._reference(names[name], spec if name in several else None)
            else:
                value = self._value(name, spec, name in required)
            if value is not None:
                members.append((self.add(f"{_text(json.dumps(name) + ': ')} {value}"), name in required))
            elif name in required:
                return None
        return self._joined(members)

    def _joined(self, members: Sequence[tuple[str, bool]]) -> str:
        """Members in order with commas between them; those that are not required may be left out."""
        later = self.add('""')
        first = later
        for member, required in reversed(members):
            alone = f"{member} {later}"
            first = self.add(alone if required else f"{alone} | {first}")
            later = self.add(f"{_text(', ')} {alone}" + ("" if required else f" | {later}"))
        return first

    def _reference(self, kinds: Sequence[str], several: Mapping[str, Any] | None) -> str | None:
        """The ids of the pictures that have one of `kinds`, or a list of such; None where there is none."""
        fitting = [name for name, kind in self.ids.items() if kind is None or kind.value in kinds]
        if not fitting:
            return None
        one = self._any([json.dumps(name) for name in fitting])
        if several is None:
            return one
        more = int(several.get("maxItems", 3)) - 1
        return self.add(f"{_text('[')} {one} ({_text(', ')} {one}){{0,{more}}} {_text(']')}")

    def _any(self, literals: Sequence[str] | Ids) -> str:
        return self.add(" | ".join(_text(literal) for literal in literals))

    def _value(self, name: str, spec: Mapping[str, Any], required: bool) -> str:
        """What an argument may be by its schema."""
        if "enum" in spec:
            return self._any([json.dumps(value, ensure_ascii=False) for value in spec["enum"]])
        match spec:
            case {"type": "string"} if not spec.keys() & {"pattern", "format", "maxLength"}:
                return "TEXT" if required else "OPTION"
            case {"type": "boolean"}:
                return self._any(["true", "false"])
            case {"type": "integer", "minimum": least, "maximum": most}:
                return self._json({"type": "integer", "minimum": least, "maximum": most})
            case {"type": "integer"} if "maximum" not in spec:
                return "GRID" if name in COORDINATES else "NATURAL" if spec.get("minimum", -1) >= 0 else "INTEGER"
            case {"type": "number"} if not spec.keys() & {"minimum", "maximum"}:
                return "NUMBER"
            case {"type": "array", "items": dict(item), "minItems": int(least), "maxItems": int(most)} if least == most:
                one = self._value(name, item, required)
                rest = f" ({_text(', ')} {one}){{{least - 1}}}" if least > 1 else ""
                return self.add(f"{_text('[')} {one}{rest} {_text(']')}")
        return self._json(spec)

    def _json(self, spec: Mapping[str, Any]) -> str:
        """Whatever the library makes of a schema."""
        spacing = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
        return self.add("%json " + json.dumps({**spec, "x-guidance": spacing}))


def _cases(tool: Tool | None, properties: Mapping[str, Any]) -> list[dict[str, str]]:
    """The values of the argument that decides which others name pictures; one empty case where there is none."""
    if tool is not None and tool.asset_arguments is not None:
        for name, spec in properties.items():
            cases = [{name: value} for value in spec.get("enum", ())]
            if len({tuple(tool.references(case)) for case in cases}) > 1:
                return cases
    return [{}]
