"""The edits of the lite profile, one file each: a file `name.py` of this folder with an `EDIT` is an edit.

`understands(prompt)` reads a prompt without any pixels.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path

from canvasagent.backends.lite.edits._grammar import Grammar, compile_grammar, parse
from canvasagent.backends.lite.edits._spec import Edit, Keep, Plan, Step, Where

__all__ = ["Edit", "Keep", "Plan", "Step", "Where", "all_edits", "summaries", "understands"]


@cache
def all_edits() -> dict[str, Edit]:
    """Every edit by its name, in alphabetical order."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    return {name: import_module(f"{__name__}.{name}").EDIT for name in names}


@cache
def _grammar() -> Grammar:
    return compile_grammar(all_edits())


@lru_cache(maxsize=256)
def understands(prompt: str, masked: bool = False) -> Plan:
    """What `prompt` asks for: steps in order, places to keep, and the clauses that are not understood.

    `masked`: a mask comes with it, so that "make it blue" speaks of a thing and not of the whole picture.

    Needs no pixels and never raises. `plan.ok` says whether all of it was understood; whether an object that it
    names is in a picture is found out only when the plan is carried out.
    """
    return parse(prompt, _grammar(), masked)


def summaries() -> list[str]:
    """What each edit does, in a few words."""
    return [edit.summary for edit in all_edits().values()]
