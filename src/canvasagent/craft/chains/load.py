"""Chains from files: those of the paper's Tables 7 and 8, and the user's own."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from canvasagent.craft.chains.spec import Chain, ChainFile
from canvasagent.craft.chains.validate import problems
from canvasagent.errors import InputError
from canvasagent.storage.input_files import regular_file

PRINTED = {7: 142_798, 8: 3_808}
"""Trajectories of each table in all; the row "multi-tool hard" of Table 7 is Table 8."""


@cache
def load_chains() -> dict[str, Chain]:
    """The chains of Table 7 (without its row that is Table 8) and Table 8, by name, as printed."""
    seven, eight = (
        _parsed(files(__package__).joinpath(f"table{n}.toml").read_text("utf-8"), f"table{n}.toml") for n in (7, 8)
    )
    chains = {
        spec.name: Chain(name=spec.name, table=7, count=spec.count, ways=spec.way, groups=seven.group)
        for spec in seven.chain
    }
    for spec in eight.chain:
        chains[spec.name] = Chain(name=spec.name, table=8, count=spec.count, ways=spec.way, groups=seven.group)
    return chains


def user_chains(path: str | Path) -> dict[str, Chain]:
    """The chains of a TOML file (see `spec.py`). Raises `InputError` with all that is wrong with them."""
    path = Path(path)
    try:
        text = regular_file(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the chain file '{path}' cannot be read: {error}.") from error
    file = _parsed(text, str(path))
    groups = {**next(iter(load_chains().values())).groups, **file.group}
    if not file.chain:
        raise InputError(f"the chain file '{path}' has no [[chain]].")
    wrong = [problem for spec in file.chain for problem in problems(spec, groups)]
    names = [spec.name for spec in file.chain]
    wrong += [f"chain '{name}' is there twice." for name in sorted({name for name in names if names.count(name) > 1})]
    wrong += [
        f"chain '{name}': the paper has a chain of that name; choose another."
        for name in names
        if name in load_chains()
    ]
    if wrong:
        raise InputError(f"the chain file '{path}' cannot be used:\n- " + "\n- ".join(wrong))
    return {spec.name: Chain(name=spec.name, count=spec.count, ways=spec.way, groups=groups) for spec in file.chain}


def _parsed(text: str, name: str) -> ChainFile:
    try:
        return ChainFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"'{name}' is not TOML: {error}.") from error
    except ValidationError as error:
        problems = "; ".join(f"{_place(item['loc'])}: {item['msg']}" for item in error.errors()[:6])
        raise InputError(f"'{name}': {problems}.") from error


def _place(path: tuple[Any, ...]) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in path)
