"""Python files that a user names: `FILE.py[:argument]` where a part's name is expected, and `CANVASAGENT_PLUGINS`."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.storage.input_files import regular_file

PLUGINS_VARIABLE = "CANVASAGENT_PLUGINS"
"""Environment variable with files to import, separated as in PATH: worker processes inherit it."""

_FILE = re.compile(r"(?P<path>.+?\.py)(?::(?P<argument>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PluginFile:
    """A file as a user names it, with the argument that follows its colon."""

    path: str
    argument: str | None = None

    @staticmethod
    def parse(spec: str) -> PluginFile | None:
        """`FILE.py` or `FILE.py:argument`; None where `spec` names no file."""
        match = _FILE.fullmatch(spec)
        return PluginFile(match["path"], match["argument"]) if match else None

    def module(self) -> ModuleType:
        """The file as a module, imported once in a process. Raises `InputError` that shows why it cannot be."""
        path = Path(self.path).resolve()
        name = f"canvasagent_file_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
        if name in sys.modules:
            return sys.modules[name]
        if not regular_file(path).is_file():
            raise InputError(f"there is no file '{self.path}'.")
        spec = spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None  # the name ends in .py
        module = module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickle look a class's module up there
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            del sys.modules[name]
            if isinstance(error, CanvasAgentError) or not isinstance(error, Exception | SystemExit):
                raise
            raise InputError(f"'{self.path}' cannot be imported: {import_problem(error, path)}.") from error
        return module


def names_file(spec: str) -> bool:
    """Whether `spec` names a Python file: nothing that a record holds may be loaded where this is so."""
    return PluginFile.parse(spec) is not None


def plugin_files() -> tuple[str, ...]:
    """The files of `CANVASAGENT_PLUGINS`, in order."""
    value = os.environ.get(PLUGINS_VARIABLE, "")
    return tuple(path for path in value.split(os.pathsep) if path)


@contextmanager
def using_plugin_files(paths: Sequence[str | Path]) -> Iterator[None]:
    """Add files to `CANVASAGENT_PLUGINS` of this process, and of those that it starts, as long as the context lasts.

    Raises `InputError` where one is no Python file or cannot be imported.
    """
    before = os.environ.get(PLUGINS_VARIABLE)
    try:
        for path in paths:
            file = PluginFile(str(Path(path).resolve()))
            if Path(path).suffix != ".py":
                raise InputError(f"a plug-in is a Python file (FILE.py), not '{path}'.")
            file.module()
            if file.path not in plugin_files():
                os.environ[PLUGINS_VARIABLE] = os.pathsep.join([*plugin_files(), file.path])
        yield
    finally:
        if before is None:
            os.environ.pop(PLUGINS_VARIABLE, None)
        else:
            os.environ[PLUGINS_VARIABLE] = before


def import_problem(error: BaseException, file: Path | None = None) -> str:
    """What went wrong in an import: the error, and the line of `file` where it was raised."""
    text = f"{type(error).__name__}: {str(error).rstrip('.')}"
    lines, frame = [], error.__traceback__
    while frame is not None and file is not None:
        if Path(frame.tb_frame.f_code.co_filename) == file:
            lines.append(frame.tb_lineno)
        frame = frame.tb_next
    return f"{text} (line {lines[-1]})" if lines else text
