"""Profiles: named choices of backends.

A profile is a folder in `backends/` (each file named after a tool is that tool's backend; an optional
`profile.toml` says the rest), or a user's TOML file:

    name = "mine"
    extends = "lite"                      # start from this one
    isolate = ["ImageEdit"]               # run these in a process that can be ended
    [backends]
    OCR = "lite/ocr"                      # a built-in, an entry point's name, "package.module:Class" or FILE.py[:Class]
    [options.SR]                          # the fields of the backend's Config
    iterations = 12

`remote:URL` stands for all that the tool server at that address has (`canvasagent serve tools`).

An installed package adds a backend through the entry point group `canvasagent.backends`; one named
`lite/my_tool` is part of the profile `lite`. A FILE.py lies where the profile's file says, relative to it; one of
`CANVASAGENT_PLUGINS` with a `TOOL` and its `Backend` is part of every built-in profile.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.backends import profile_names as profile_names
from canvasagent.backends.base import Backend
from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.plugins import Kind, PluginFile, import_problem, plugin_files
from canvasagent.storage.input_files import regular_file
from canvasagent.tools import all_tools
from canvasagent.weights.sets import find_file, present

REMOTE = "remote:"
_FOLDER = Path(__file__).parent
_SECRET = re.compile(r"(?:^|_)(?:key|apikey|token|secret|password)$", re.IGNORECASE)
"""Names of settings whose values are never recorded."""
_PASSWORD = re.compile(r"^(\w+://)[^/?#]*@")
MAX_EXTENDS = 16
"""How long a chain of profiles that extend each other may be."""


class Profile(BaseModel):
    """Which backend does which tool's work."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Name, as records and reports show it."""
    extends: str | None = None
    """Profile that this one starts from."""
    backends: dict[str, str] = Field(default_factory=dict)
    """Tool (wire name) → backend."""
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Tool (wire name) → fields of its backend's `Config`."""
    isolate: list[str] = Field(default_factory=list)
    """Tools whose backend runs in a process of its own, beside those that ask for it themselves."""
    pixel_boxes: bool = False
    """OCR and Crop write boxes in pixels, as the research release does."""


def built_in_backends() -> list[str]:
    """The names of the backends of this package: `lite/ocr`."""
    return list(_modules())


def _modules() -> dict[str, str]:
    """Built-in backends and their modules."""
    modules = [(name, info.name) for name in profile_names() for info in iter_modules([str(_FOLDER / name)])]
    return {
        f"{name}/{stem}": f"canvasagent.backends.{name}.{stem}" for name, stem in modules if not stem.startswith("_")
    }


BACKENDS = Kind(
    noun="backend",
    modules=_modules,
    attribute="Backend",
    shape="a class",
    is_part=lambda value: isinstance(value, type),
    group="canvasagent.backends",
)


def backends_known() -> dict[str, list[str]]:
    """All backends that a profile can name, by the slug of the tool if the name has it."""
    known: dict[str, list[str]] = {}
    for name in BACKENDS.names():
        known.setdefault(name.rpartition("/")[2], []).append(name)
    return known


def profile_record(profile: Profile) -> dict[str, Any]:
    """The form of a profile in records: without keys, and without passwords in addresses."""
    options = {tool: _without_secrets(settings) for tool, settings in profile.options.items()}
    return {**profile.model_dump(), "options": options}


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_secrets(held) for name, held in value.items() if not _SECRET.search(str(name))}
    if isinstance(value, list | tuple):
        return [_without_secrets(held) for held in value]
    return _PASSWORD.sub(r"\1", value) if isinstance(value, str) else value


def load_profile(spec: str | Path | Profile) -> Profile:
    """The profile of that name, or in that TOML file, with everything it extends merged in.

    Raises `InputError` for an unknown name, a file that cannot be read, or one that makes no sense.
    """
    return _load(spec, ())


def _load(spec: str | Path | Profile, below: tuple[str, ...]) -> Profile:
    """`load_profile`, where `below` are the profiles that extend this one."""
    if isinstance(spec, Profile):
        profile = spec
    elif str(spec) in below or len(below) > MAX_EXTENDS:
        raise InputError(f"profile '{spec}' extends itself: {' → '.join([*below, str(spec)])}.")
    elif str(spec) in profile_names():
        profile = _built_in(str(spec))
    elif Path(spec).suffix == ".toml":
        profile = _from_file(Path(spec))
    elif str(spec).startswith(REMOTE):
        profile = _from_server(str(spec))
    else:
        names = ", ".join(profile_names())
        raise InputError(f"there is no profile '{spec}'; there are {names}, or give a .toml file or remote:URL.")
    for tool in {*profile.backends, *profile.options, *profile.isolate} - set(all_tools()):
        raise InputError(f"profile '{profile.name}': there is no tool '{tool}'; there are {', '.join(all_tools())}.")
    if profile.extends is not None:
        profile = _merge(_load(profile.extends, (*below, str(spec))), profile)
    for tool in {*profile.options, *profile.isolate} - set(profile.backends):
        raise InputError(
            f"profile '{profile.name}' has settings for {tool} but no backend for it; "
            f"add it under [backends], or extend a profile that has it."
        )
    return profile


def _built_in(name: str) -> Profile:
    slugs = {tool.slug: tool.name for tool in all_tools().values()}
    files = {spec.removeprefix(f"{name}/") for spec in BACKENDS.names() if spec.startswith(f"{name}/")}
    described = _FOLDER / name / "profile.toml"
    settings = tomllib.loads(described.read_text("utf-8")) if described.is_file() else {}
    own = {slugs[file]: f"{name}/{file}" for file in sorted(files) if file in slugs}
    return Profile(**{"name": name, **settings, "backends": {**_in_files(), **own, **settings.get("backends", {})}})


def _in_files() -> dict[str, str]:
    """The backends of plug-in files that define a tool and its backend together."""
    modules = {path: PluginFile(path).module() for path in plugin_files()}
    pairs = {
        path: (getattr(module, "TOOL", None), getattr(module, "Backend", None)) for path, module in modules.items()
    }
    return {
        tool.name: path
        for path, (tool, backend) in pairs.items()
        if tool is not None and getattr(backend, "tool", None) == tool.name
    }


def _from_server(spec: str) -> Profile:
    """The profile of a tool server. Raises `InputError` for another server, `BackendFailure` without an answer."""
    from canvasagent.backends import remote

    server = remote.server_at(spec.removeprefix(REMOTE))
    backends = {tool: f"{spec}#{tool}" for tool in server.tools}
    return Profile(name=spec, backends=backends, pixel_boxes=server.pixel_boxes)


def _from_file(path: Path) -> Profile:
    try:
        written = {"name": path.stem, **tomllib.loads(regular_file(path).read_text("utf-8"))}
        profile = Profile(**written)
    except OSError as error:
        raise InputError(f"profile '{path}' cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"profile '{path}' is not valid TOML: {error}.") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        hint = f" A profile has {', '.join(Profile.model_fields)}." if problem["type"] == "extra_forbidden" else ""
        raise InputError(f"profile '{path}': {where}: {problem['msg']}.{hint}") from error
    backends = {tool: _beside(path, spec) for tool, spec in profile.backends.items()}
    extends = profile.extends
    if extends is not None and extends.endswith(".toml"):
        extends = str(path.parent / extends)
    return profile.model_copy(update={"extends": extends, "backends": backends})


def _beside(profile: Path, spec: str) -> str:
    """A backend's `FILE.py[:Class]` as an absolute path: relative ones start from the profile's folder."""
    file = None if spec.startswith(REMOTE) else PluginFile.parse(spec)
    if file is None:
        return spec
    path = str((profile.parent / file.path).resolve())
    return path if file.argument is None else f"{path}:{file.argument}"


def _merge(base: Profile, own: Profile) -> Profile:
    options = dict(base.options)
    for tool in own.backends:
        options.pop(tool, None)  # options belong to a backend, not to its replacement
    options = {tool: {**options.get(tool, {}), **own.options.get(tool, {})} for tool in {*options, *own.options}}
    return Profile(
        name=own.name,
        backends={**base.backends, **own.backends},
        options=options,
        isolate=sorted({*base.isolate, *own.isolate}),
        pixel_boxes=own.pixel_boxes or base.pixel_boxes,
    )


def backend_class(spec: str) -> Any:
    """The `Backend` class that `spec` names. Raises `InputError` if there is none or it cannot be imported.

    A FILE.py and a `package.module:Class` are imported: `spec` comes from the user, or has passed
    `canvasagent.record.trust`.
    """
    if spec.startswith(REMOTE):
        return _remote_class(spec)
    if (file := PluginFile.parse(spec)) is not None:
        return BACKENDS.load_file(file, file.argument)
    module, colon, attribute = spec.partition(":")
    if not colon or spec in BACKENDS.names():
        return BACKENDS.load(spec)
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or module.startswith(error.name):
            raise InputError(f"there is no backend '{spec}': {error}.") from error
        raise InputError(f"the backend '{spec}' needs a module that is not installed: {error}.") from error
    except AttributeError as error:
        raise InputError(f"there is no backend '{spec}': {error}.") from error
    except CanvasAgentError:
        raise
    except Exception as error:
        raise InputError(f"the backend '{spec}' cannot be imported: {import_problem(error)}.") from error


def _remote_class(spec: str) -> Any:
    from canvasagent.backends import remote

    return remote.backend_class(spec.removeprefix(REMOTE))


def make_config(cls: Any, options: dict[str, Any], spec: str) -> Any:
    """The backend's `Config` with `options`; None where it has no settings. Raises `InputError` for a wrong one."""
    config = getattr(import_module(cls.__module__), "Config", None)
    if config is None:
        if options:
            raise InputError(f"backend '{spec}' has no settings, but was given {', '.join(options)}.")
        return None
    for name in options:
        if name not in config.model_fields:
            raise InputError(f"backend '{spec}' has no setting '{name}'; it has {', '.join(config.model_fields)}.")
    try:
        return config(**options)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "settings"
        raise InputError(f"backend '{spec}': {where}: {problem['msg']}.") from error


def make_backend(spec: str, options: dict[str, Any]) -> Backend:
    """The backend that `spec` names, with those settings."""
    cls = backend_class(spec)
    backend: Backend = cls(make_config(cls, options, spec))
    return backend


def fingerprint(spec: str, options: dict[str, Any]) -> str:
    """Identifies a backend by name, version and settings; equal fingerprints give equal results."""
    cls = backend_class(spec)
    if (elsewhere := getattr(cls, "fingerprint", None)) is not None:
        return str(elsewhere)
    config = make_config(cls, options, spec)
    settings = json.dumps(config.model_dump(mode="json"), sort_keys=True) if config is not None else ""
    settings += "".join(_hashes_of(getattr(cls, "networks", ())))
    file = PluginFile.parse(spec)
    if file is None:
        return f"{spec}@{cls.version}+{hashlib.sha256(settings.encode()).hexdigest()[:12]}"
    # A file changes more often than its version, and its folder is of no concern to a record.
    settings += Path(file.path).read_text("utf-8")
    name = Path(file.path).name + (f":{file.argument}" if file.argument is not None else "")
    return f"{name}@{cls.version}+{hashlib.sha256(settings.encode()).hexdigest()[:12]}"


def _hashes_of(names: Iterable[str]) -> list[str]:
    """The hashes of those files of sets that are on this machine: with other weights a backend gives other results."""
    entries = [find_file(name) for name in names]
    return [item.sha256 for entry, item in entries if item in present(entry)]
