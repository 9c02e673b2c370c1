"""Names from outside that become paths: ids of tasks, runs, assets and pictures, names of files and policies.

`plain_name` is the one place that admits them. It is called where a record is read (`PlainName` in a pydantic model)
and again where the path is made (`path_below`), so that neither forgets it for the other.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from canvasagent.errors import InputError

MAX_BYTES = 200
"""Length of a name in UTF-8. File systems allow 255; an ending and the mark of a temporary file come on top."""
_SHOWN = 60
"""Characters of a refused name that its message repeats."""

_FORBIDDEN = frozenset('/\\:*?"<>|')
"""Separators, drive letters, and what Windows allows in no name."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\..*)?", re.IGNORECASE)
"""Devices of Windows, with any ending."""
_CONTROL = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories of control characters, halves of characters, and separators of lines and paragraphs."""
_DIRECTION = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Bidirectional classes of the marks that turn text around, which make a name look like another one."""


def name_problem(name: str) -> str | None:
    """Why `name` cannot be the name of a file or folder on every system; None where it can."""
    if not name:
        return "it is empty"
    if any(unicodedata.category(char) in _CONTROL or unicodedata.bidirectional(char) in _DIRECTION for char in name):
        return "it has a control character in it"
    if found := sorted(_FORBIDDEN & set(name)):
        return f"it has {' '.join(found)} in it"
    if name.startswith("."):
        return "it begins with a dot"
    if name.endswith(".") or name != name.strip():
        return "it begins or ends with a space, or ends with a dot"
    if _RESERVED.fullmatch(name):
        return "it is the name of a device on Windows"
    if len(name.encode("utf-8")) > MAX_BYTES:
        return f"it is longer than {MAX_BYTES} bytes"
    return None


def plain_name(name: str, what: str = "name") -> str:
    """`name`, where it can be the name of a file or folder on every system. Raises `InputError` where it cannot.

    `what` says in the message what the name is: "id", "policy", "batch file".
    """
    if (problem := name_problem(name)) is not None:
        raise InputError(
            f"the {what} {_shown(name)} cannot be the name of a file: {problem}; use letters, digits, spaces, "
            "'_', '-' and '.'."
        )
    return name


def _shown(name: str) -> str:
    """A refused name as a message can repeat it: short, with control characters written out."""
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…")


def _admitted(name: str) -> str:
    if (problem := name_problem(name)) is not None:
        raise PydanticCustomError("plain_name", "{shown} cannot be the name of a file: {problem}",
                                  {"shown": _shown(name), "problem": problem})  # fmt: skip
    return name


def _admitted_path(path: str) -> str:
    for part in path.split("/"):
        _admitted(part)
    return path


def path_problem(path: str) -> str | None:
    """Why `path` does not lead to a place inside of a folder: plain names with `/` between them; None where it does."""
    return next((problem for part in path.split("/") if (problem := name_problem(part)) is not None), None)


PlainName = Annotated[str, AfterValidator(_admitted)]
"""A field of a record that holds a name which may become a path."""
PlainPath = Annotated[str, AfterValidator(_admitted_path)]
"""A field of a record that holds a path inside its folder: plain names with `/` between them."""


def same_name(name: str) -> str:
    """What two names have in common that a file system may take for one: upper and lower case, composed accents."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def path_below(folder: Path, *names: str, what: str = "name") -> Path:
    """The path `folder`/names, to be written to. Raises `InputError` for a name that is not plain, and where a part
    below `folder` is a link: whoever made the folder could have pointed it at any other one.
    """
    path = folder
    for name in names:
        path = path / plain_name(name, what)
        refuse_link(path)
    return path


def refuse_link(path: Path) -> None:
    """Raise `InputError` where `path` is a link (on Windows also a junction): what it points at is not ours."""
    if path.is_symlink() or (hasattr(os.path, "isjunction") and os.path.isjunction(path)):
        raise InputError(
            f"'{path}' is a link to '{os.path.realpath(path)}', and nothing is written or removed through links; "
            "remove the link, or name another folder."
        )
