"""The edits of the lite profile: a file `name.py` of this folder with an `EDIT` is one.

Installed packages add them in the entry point group `canvasagent.edits`, a user by a file in `CANVASAGENT_PLUGINS`.

`understands(prompt)` reads a prompt without any pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache

from canvasagent.backends.lite.edits._drawn import ONLY_DRAWN, Request, not_on_photographs
from canvasagent.backends.lite.edits._fill import fill
from canvasagent.backends.lite.edits._grammar import Grammar, compile_grammar, parse
from canvasagent.backends.lite.edits._locate import Finder, soft
from canvasagent.backends.lite.edits._sizes import COLOR, LENGTH, bounded, in_pixels, rgba_of
from canvasagent.backends.lite.edits._spec import (
    FULL_SIZE,
    REDUCED,
    Edit,
    Job,
    Keep,
    Mask,
    Pixels,
    Plan,
    Step,
    Where,
    Words,
    Working,
    as_pixels,
)
from canvasagent.backends.lite.edits._things import NotThere, is_drawn_noun, unknown_nouns
from canvasagent.backends.lite.edits._working import applied
from canvasagent.plugins import Kind, modules_in, plugin_files

__all__ = [
    "COLOR",
    "EDITS",
    "FULL_SIZE",
    "LENGTH",
    "ONLY_DRAWN",
    "REDUCED",
    "Edit",
    "Finder",
    "Job",
    "Keep",
    "Mask",
    "NotThere",
    "Pixels",
    "Plan",
    "Request",
    "Step",
    "Where",
    "Words",
    "Working",
    "all_edits",
    "applied",
    "as_pixels",
    "bounded",
    "fill",
    "in_pixels",
    "is_drawn_noun",
    "nearest",
    "not_on_photographs",
    "rgba_of",
    "soft",
    "understands",
    "unknown_nouns",
]


EDITS = Kind(
    noun="edit",
    modules=lambda: modules_in(__name__, dashes=False),
    attribute="EDIT",
    shape="an Edit",
    is_part=lambda value: isinstance(value, Edit),
    group="canvasagent.edits",
)


def all_edits() -> Mapping[str, Edit]:
    """Every edit by its name, in alphabetical order."""
    return EDITS.load_all()


@cache
def _grammar(files: tuple[str, ...]) -> Grammar:
    """What asks for which edit, where `files` are the plug-in files."""
    return compile_grammar(all_edits())


def understands(prompt: str, masked: bool = False) -> Plan:
    """What `prompt` asks for: steps in order, places to keep, and the clauses that are not understood.

    `masked`: a mask comes with it, so that "make it blue" speaks of a thing and not of the whole picture.

    Needs no pixels and never raises. `plan.ok` says whether all of it was understood; whether an object that it
    names is in a picture is found out only when the plan is carried out.
    """
    return _understood(prompt, masked, plugin_files())


@lru_cache(maxsize=256)
def _understood(prompt: str, masked: bool, files: tuple[str, ...]) -> Plan:
    return parse(prompt, _grammar(files), masked)


def nearest(prompt: str, most: int = 3) -> list[str]:
    """The examples of the edits whose words are most like those of a prompt: wordings that are understood."""
    from rapidfuzz import fuzz, process

    examples = [example for edit in all_edits().values() for example in edit.examples]
    return [found[0] for found in process.extract(prompt.lower(), examples, scorer=fuzz.token_set_ratio, limit=most)]
