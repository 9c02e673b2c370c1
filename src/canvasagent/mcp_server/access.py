"""Which files an MCP client may name: those in the allowed folders and, where the client has roots, in these too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from canvasagent.errors import InputError

SHOWN = 120
"""Most characters of a client's text that a message repeats."""


def shown(text: str) -> str:
    """A client's text as messages repeat it: short, with control characters written out."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")


def default_folders(folder: Path) -> tuple[Path, ...]:
    """The working folder, unless it holds everything: many hosts start servers in `/` or in the home folder."""
    folder = folder.resolve()
    return () if folder == Path(folder.anchor) or Path.home().resolve().is_relative_to(folder) else (folder,)


def path_of_uri(uri: str) -> Path:
    """The path that a `file://` address means. Raises `InputError` for another scheme or host."""
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise InputError(f"{shown(uri)} is no address of a file on this machine (file:///…).")
    return Path(url2pathname(parts.path))


class Access:
    """The folders that may be read. `folders` None: the client's roots; without roots the working folder `here`."""

    def __init__(
        self, folders: Sequence[Path] | None = None, here: Path | None = None, own: Path | None = None
    ) -> None:
        self._given = tuple(folder.resolve() for folder in folders) if folders is not None else None
        self._here = default_folders(here or Path.cwd())
        self._own = own

    def folders(self, roots: Sequence[Path] | None) -> tuple[Path, ...]:
        """The folders that relative paths are looked up in, the first first."""
        resolved = tuple(root.resolve() for root in roots) if roots is not None else None
        if self._given is None:
            return self._here if resolved is None else resolved
        if resolved is None:
            return self._given
        within = [folder for folder in self._given if any(folder.is_relative_to(root) for root in resolved)]
        narrower = [root for root in resolved if any(root.is_relative_to(folder) for folder in self._given)]
        return tuple(dict.fromkeys([*within, *narrower]))

    def resolve(self, name: str, roots: Sequence[Path] | None) -> Path:
        """The file that a client names, links followed. Raises `InputError` outside of the allowed folders."""
        folders = self.folders(roots)
        try:
            path = path_of_uri(name) if name.startswith("file:") else Path(name).expanduser()
            candidates = [path] if path.is_absolute() else [folder / path for folder in folders]
            real = [one.resolve() for one in candidates]
            own = [self._own.resolve()] if self._own is not None else []
            allowed = [one for one in real if any(one.is_relative_to(folder) for folder in [*folders, *own])]
            found = next((one for one in allowed if one.is_file()), None)
        except (OSError, ValueError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not written as one"
            raise InputError(f"{shown(name)} cannot be a path: {reason}.") from error
        if found is not None:
            return found
        places = ", ".join(str(folder) for folder in folders) or "none; start the server with --allow DIR"
        if not allowed:
            raise InputError(f"{shown(name)} is outside of the allowed folders: {places}.")
        raise InputError(f"there is no file {shown(name)} in the allowed folders: {places}.")
