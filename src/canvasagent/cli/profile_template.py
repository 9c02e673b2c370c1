"""A profile as a commented TOML file: every tool, what can do its work here, and every setting with its default."""

from __future__ import annotations

import inspect
import json
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from canvasagent.backends.profile import backend_class, backends_known, load_profile
from canvasagent.errors import CanvasAgentError
from canvasagent.tools import all_tools

_HEAD = """\
# A profile of CanvasAgent: which backend does which tool's work.
# Use it:  canvasagent run "…" --profile {name}.toml      Every line that begins with # is optional.

name = "{name}"
extends = "{extends}"            # start from this profile: a name, a file beside this one, or remote:URL
# isolate = ["ImageEdit"]   # run these in processes of their own, ended when they hang and replaced when they die

# What does a tool's work:
#   "lite/ocr"                    a built-in backend
#   "my_package.my_module:Class"  a class of yours, installed or on PYTHONPATH (see canvasagent/backends/base.py)
#   "its-name"                    a backend that an installed package registers (entry points "canvasagent.backends")
[backends]
"""


def commented(extends: str, name: str) -> str:
    """The text of a new profile that starts from `extends`. Raises `InputError` for an unknown profile."""
    base = load_profile(extends)
    lines = [_HEAD.format(name=_plain(name), extends=extends)]
    known = backends_known()
    settings: list[str] = []
    for tool in all_tools().values():
        used = base.backends.get(tool.name)
        others = [spec for spec in known.get(tool.slug, []) if spec != used]
        also = f"   # or {', '.join(json.dumps(spec) for spec in others)}" if others else ""
        lines.append(f"# {tool.name} = {json.dumps(used or 'package.module:Class')}{also}")
        settings += _settings(tool.name, used, base.options.get(tool.name, {})) if used is not None else []
    lines.append("\n# Settings of the backends, with the values that hold if nothing is said.")
    return "\n".join([*lines, *settings]) + "\n"


def _settings(tool: str, spec: str, chosen: dict[str, Any]) -> list[str]:
    """The settings of one backend as comments, each with what its docstring says."""
    from importlib import import_module

    try:
        config = getattr(import_module(backend_class(spec).__module__), "Config", None)
    except CanvasAgentError as error:
        return [f"\n# [options.{tool}]   # {error}"]
    if not (inspect.isclass(config) and issubclass(config, BaseModel)) or not config.model_fields:
        return []
    from canvasagent.cli.options import field_texts

    texts, lines = field_texts(config), [f"\n# [options.{tool}]   # of {spec}"]
    for name, info in config.model_fields.items():
        value = chosen.get(name, info.get_default(call_default_factory=True))
        written = "…" if value is PydanticUndefined or value is None else _toml(value)
        lines.append(f"# {name} = {written}" + (f"   # {texts[name]}" if name in texts else ""))
    return lines


def _toml(value: Any) -> str:
    """A value as TOML writes it: as JSON does, but for tables."""
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_none=True)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value if isinstance(value, str | int | float | bool) else str(value), ensure_ascii=False)


def _plain(name: str) -> str:
    return name.replace("\\", "").replace('"', "")
