"""The checks of a tool's definition: names, schema, arguments, faults. Nothing is run."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from typing import Any

from canvasagent.faults import Stage
from canvasagent.testing.errors import require
from canvasagent.testing.samples import canvas
from canvasagent.testing.schema import mismatch
from canvasagent.tools import NAME, all_tools
from canvasagent.tools.base import Tool, ToolArguments, canvas_info
from canvasagent.tools.check import COORDINATES, Checked, check_call

_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 10**400, 1e308, float("nan"), "", " ", "x" * 100_000, "\x00", "\ud800", "[1, 2", "[[[[", "💥",
    "\u202eمرحبا", [], {}, [None] * 4, [1, 2, 3], [[1, 2], [3]], {"a": [1]}, [1e308] * 4, ["1", "2", "3", "4"],
    "[NaN, 1, 2, 3]", "[" * 900 + "]" * 900,
)  # fmt: skip
"""Values that a policy may write where something else belongs."""


def check_tool(tool: Tool) -> None:
    """Hold a tool's definition against the contract. Raises `ConformanceError` for the first thing wrong."""
    subject = f"tool {getattr(tool, 'name', tool)!r}"
    require(isinstance(tool, Tool), subject, f"is a {type(tool).__name__}; make it a canvasagent.tools.Tool.")
    _check_names(tool, subject)
    _check_schema(tool, subject)
    _check_example(tool, subject)
    _check_faults(tool, subject)
    _check_odd_values(tool, subject)
    _check_pickling(tool, subject)


def _check_names(tool: Tool, subject: str) -> None:
    require(
        bool(NAME.fullmatch(tool.name)), subject, f"the name {tool.name!r} must be letters and digits, a letter first."
    )
    for name in tool.aliases:  # released files write Super-Resolution; no id is made of an alias
        plain = bool(NAME.fullmatch(name.replace("-", "")))
        require(plain, subject, f"the alias {name!r} must be letters, digits and hyphens, a letter first.")
    require(len(set(tool.names)) == len(tool.names), subject, f"a name occurs twice in {tool.names}.")
    for other in all_tools().values():
        shared = set(other.names) & set(tool.names) if other.name != tool.name else set()
        require(not shared, subject, f"the names {sorted(shared)} belong to {other.name}; choose others.")
    require(bool(tool.summary.strip()), subject, "has no summary; say what it does and when to use it.")
    require("\n" not in tool.summary, subject, "the summary must be one line: it goes into a JSON line of the prompt.")
    require(bool(tool.version), subject, "has no version; give a string that changes with its results.")


def _check_schema(tool: Tool, subject: str) -> None:
    require(issubclass(tool.arguments, ToolArguments), subject, "its arguments model must be a ToolArguments.")
    require(tool.arguments.model_config.get("extra") == "forbid", subject, "unknown arguments must be forbidden.")
    schema = tool.schema()
    require(json.loads(json.dumps(schema)) == schema, subject, "its schema does not survive JSON.")
    parameters = schema["function"]["parameters"]
    properties, fields = parameters.get("properties", {}), tool.arguments.model_fields
    require(list(properties) == list(fields), subject, f"the schema has {list(properties)}, the model {list(fields)}.")
    listed = set(parameters.get("required", ()))
    require(listed == set(tool.required), subject, f"the schema requires {listed}, the model {set(tool.required)}.")
    for name, spec in properties.items():
        require(bool(spec.get("description")), subject, f"argument '{name}' has no description.")
        require(any(key in spec for key in ("type", "anyOf", "enum", "const")), subject, f"'{name}' has no type.")
        require("$ref" not in json.dumps(spec), subject, f"'{name}' uses $ref, which some endpoints cannot read.")
    for example in ({}, dict(tool.example)):
        unknown = set(tool.references(example)) - set(fields)
        require(not unknown, subject, f"the asset arguments {sorted(unknown)} are not in its model.")
    if tool.default_image is not None:
        required = tool.default_image in tool.required and tool.default_image in tool.references(tool.example)
        require(required, subject, f"default_image '{tool.default_image}' must be a required asset argument.")


def _check_example(tool: Tool, subject: str) -> None:
    example = dict(tool.example)
    require(json.loads(json.dumps(example)) == example, subject, "its example must be plain JSON.")
    wrong = mismatch(example, tool.schema()["function"]["parameters"])
    require(wrong is None, subject, f"its example breaks its own schema: {wrong}.")
    checked = _held(tool, example)
    messages = [fault.message for fault in checked.faults]
    require(not messages, subject, f"its example does not pass its own checks: {messages}.")
    scores = (checked.schema, checked.reference, checked.specification)
    require(scores == (1.0, 1.0, 1.0), subject, f"its example scores {scores}, not 1 throughout.")
    again = tool.arguments.model_validate(checked.arguments.model_dump(mode="json"))
    require(again == checked.arguments, subject, "its arguments change when dumped to JSON and read again.")
    infos = {name: canvas_info(canvas())[asset] for name, asset in checked.assets.items()}
    pixels = tool.output_pixels(checked.arguments, infos)
    require(isinstance(pixels, int) and pixels >= 0, subject, f"output_pixels gives {pixels!r}, not a count.")


def _check_faults(tool: Tool, subject: str) -> None:
    example = dict(tool.example)
    for name in tool.required:
        raw = {key: value for key, value in example.items() if key != name}
        checked = _held(tool, raw, inputs=2)
        require(checked.schema == 0.0, subject, f"a call without the required '{name}' must be a fault.")
    checked = _held(tool, {**example, "no_such_argument": 1})
    require(_stages(checked) == {Stage.SCHEMA}, subject, "an argument that it does not have must be a schema fault.")
    for name in tool.references(example):
        checked = _held(tool, {**example, name: ["Nowhere_7"] if name in tool.lists else "Nowhere_7"})
        messages = " ".join(fault.message for fault in checked.faults)
        named = Stage.REFERENCE in _stages(checked) and "Nowhere_7" in messages and "img_1" in messages
        require(
            named, subject, f"an unknown id in '{name}' must be a fault that names it and lists the ids: {messages}"
        )
    for name in COORDINATES & set(example):
        wrong = [[-5, 0, 10, 10], [0, 0, 10, 1001], [500, 500, 100, 900]] if len(example[name]) == 4 else [[-1, 2000]]
        for value in wrong:
            checked = _held(tool, {**example, name: value})
            require(
                Stage.SPECIFICATION in _stages(checked), subject, f"'{name}': {value} must be a specification fault."
            )
    if tool.default_image is not None:
        raw = {key: value for key, value in example.items() if key != tool.default_image}
        checked = _held(tool, raw, inputs=1)
        filled = not checked.faults and checked.assets.get(tool.default_image) == "img_1"
        require(filled, subject, f"'{tool.default_image}' left out must mean img_1 where there is one input picture.")


def _check_odd_values(tool: Tool, subject: str) -> None:
    """Whatever is written for an argument, on whatever canvas, is a fault at most."""
    for inputs in (0, 1, 2):
        for name in tool.arguments.model_fields:
            for value in _ODD:
                try:
                    _held(tool, {**tool.example, name: value}, inputs)
                except Exception as error:
                    wrong = f"'{name}': {str(value)[:40]!r} raises {type(error).__name__}: {error}; make it a fault."
                    require(False, subject, wrong)


def _check_pickling(tool: Tool, subject: str) -> None:
    try:
        same = pickle.loads(pickle.dumps(tool)) == tool
    except Exception as error:
        require(False, subject, f"cannot be pickled ({error}); use functions of a module, not lambdas.")
    require(same, subject, "is another one after pickling.")


def _held(tool: Tool, raw: Mapping[str, Any], inputs: int = 1) -> Checked:
    drawn = canvas(inputs)
    return check_call(tool, raw, canvas_info(drawn), drawn.inputs)


def _stages(checked: Checked) -> set[Stage]:
    return {fault.stage for fault in checked.faults}
