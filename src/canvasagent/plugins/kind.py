"""A kind of part: where its parts are, what a file defines, how a part is loaded by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.plugins.files import PluginFile, import_problem, plugin_files
from canvasagent.storage.foreign_json import excerpt

LISTED = 40
"""Names that a message lists."""


@dataclass(frozen=True)
class Kind:
    """One kind of part."""

    noun: str
    """What messages call a part: `policy`."""
    modules: Callable[[], Mapping[str, str]]
    """The parts of this package: module by name. Imports none of them."""
    attribute: str | None
    """What a file defines (`create`, `TOOL`); None: the module is the part."""
    shape: str
    """What the attribute is, for messages: `a function create(argument, settings)`."""
    is_part: Callable[[Any], bool] = callable
    """Whether a loaded value has that shape."""
    names_of: Callable[[Any], Sequence[str]] | None = None
    """The names that a loaded part goes by, the main one first; None: only the name of its file or entry point."""
    group: str | None = None
    """Entry point group; None: installed packages cannot add parts of this kind."""
    takes_files: bool = True
    """Whether a FILE.py may stand where a name does."""

    def names(self) -> list[str]:
        """The names of all parts but those of files, sorted. Nothing is imported."""
        return sorted({*_modules(self), *_entry_points(self)})

    def load(self, name: str) -> Any:
        """The part of that name. Raises `InputError` for an unknown name and where an import fails."""
        if name in _modules(self):
            return _imported(self, f"the {self.noun} '{name}'", lambda: import_module(_modules(self)[name]))
        if name in _entry_points(self):
            points = _entry_points(self)[name]
            if len(points) > 1:
                packages = " and ".join(sorted(_package(point) for point in points))
                raise InputError(f"the {self.noun} '{name}' is registered by {packages}; uninstall one of them.")
            subject = f"the {self.noun} '{name}' of the installed package '{_package(points[0])}'"
            return _imported(self, subject, points[0].load)
        raise InputError(unknown_name(self.noun, name, self.names(), "give a FILE.py" if self.takes_files else None))

    def load_spec(self, spec: str) -> tuple[Any, str | None]:
        """The part and its argument, from `name`, `name:argument`, `FILE.py` or `FILE.py:argument`.

        A FILE.py is imported: `spec` must come from the user, never from a record. Raises as `load` does.
        """
        name, colon, argument = spec.partition(":")
        file = PluginFile.parse(spec) if self.takes_files and name not in self.names() else None
        if file is not None:
            return self.load_file(file), file.argument
        return self.load(name), argument if colon else None

    def load_file(self, file: PluginFile, attribute: str | None = None) -> Any:
        """The part that a user's file defines, under another name where `attribute` is given.

        Raises `InputError` where there is none.
        """
        kind = self if attribute is None else replace(self, attribute=attribute)
        return _imported(kind, f"the {self.noun} in '{file.path}'", file.module)

    def load_all(self) -> Mapping[str, Any]:
        """Every part by its main name: of this package, of installed packages, of the files in `CANVASAGENT_PLUGINS`.

        A file there that defines no part of this kind is passed over. Raises `InputError` where an import fails and
        where two parts claim one name.
        """
        return _all_parts(self, plugin_files())


def modules_in(package: str, *, dashes: bool = True, helpers: Iterable[str] = ()) -> dict[str, str]:
    """The modules of a package by part's name, without those that begin with `_` and those in `helpers`.

    `one_call` is called `one-call` where `dashes`: names on the command line.
    """
    skipped = set(helpers)
    stems = [info.name for info in iter_modules(import_module(package).__path__)]
    stems = [stem for stem in stems if not stem.startswith("_") and stem not in skipped]
    return {stem.replace("_", "-") if dashes else stem: f"{package}.{stem}" for stem in sorted(stems)}


def unknown_name(noun: str, name: str, names: Iterable[str], otherwise: str | None = None) -> str:
    """The message for a name that is none: the nearest one first, where one is near, then all."""
    known = list(names)
    near = get_close_matches(name, known, 1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    rest = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    more = f", or {otherwise}" if otherwise else ""
    return f"there is no {noun} '{excerpt(name, 60)}'{hint}; there are {', '.join(known[:LISTED])}{rest}{more}."


@cache
def _modules(kind: Kind) -> Mapping[str, str]:
    return kind.modules()


@cache
def _entry_points(kind: Kind) -> Mapping[str, list[EntryPoint]]:
    """Entry points by name. A part of this package hides an entry point of the same name."""
    by_name: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=kind.group) if kind.group is not None else ():
        if point.name not in _modules(kind):
            by_name.setdefault(point.name, []).append(point)
    return by_name


@cache
def _all_parts(kind: Kind, files: tuple[str, ...]) -> Mapping[str, Any]:
    loaded = [(name, kind.load(name)) for name in kind.names()]
    for path in files if kind.attribute is not None else ():
        if hasattr(PluginFile(path).module(), kind.attribute or ""):
            loaded.append((Path(path).stem, kind.load_file(PluginFile(path))))
    parts: dict[str, Any] = {}
    owners: dict[str, str] = {}
    for name, part in loaded:
        names = tuple(kind.names_of(part)) if kind.names_of is not None else (name,)
        for claimed in names:
            if claimed in owners:
                raise InputError(f"the {kind.noun}s {owners[claimed]} and {names[0]} both claim the name '{claimed}'.")
            owners[claimed] = names[0]
        parts[names[0]] = part
    return parts


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _imported(kind: Kind, subject: str, load: Callable[[], Any]) -> Any:
    """What `load` gives, or its attribute. Raises `InputError` about `subject`."""
    try:
        loaded = load()
    except CanvasAgentError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(f"{subject} needs a module that is not installed: {error}.") from error
    except Exception as error:
        raise InputError(f"{subject} cannot be imported: {import_problem(error)}.") from error
    part = loaded if kind.attribute is None else getattr(loaded, kind.attribute, loaded)
    if not kind.is_part(part):
        if isinstance(part, ModuleType):
            missing = f"does not define `{kind.attribute}`, {kind.shape}" if kind.attribute else f"is not {kind.shape}"
            raise InputError(f"{subject} {missing}.")
        raise InputError(f"{subject} is a {type(part).__name__}, not {kind.shape}.")
    return part
