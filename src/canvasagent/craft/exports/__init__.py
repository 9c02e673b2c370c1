"""Exports: a dataset in the form that another project reads. One file a format, found by its name.

A file `exports/<name>.py` defines `KINDS`, the kinds of dataset that it takes, `LOSES`, what the form has no room for
("" where an import gives equal records), and `write(view, out)`, which fills an empty folder and returns notes.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from canvasagent.craft.placeholders import placeholders
from canvasagent.craft.records import RlRecord, SftRecord, trajectory_pictures
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.layout import Record
from canvasagent.craft.store.reader import Unreadable
from canvasagent.errors import InputError, StorageError
from canvasagent.plugins import Kind, modules_in
from canvasagent.storage.folders import NEW_FOLDER, refuse_strangers
from canvasagent.storage.names import name_problem

EXPORTS = Kind(
    noun="format",
    modules=lambda: modules_in(__name__),
    attribute=None,
    shape="a module with KINDS, LOSES and a function write(view, out)",
    is_part=lambda module: all(hasattr(module, name) for name in ("KINDS", "LOSES", "write")),
    group="canvasagent.exports",
)

Reject = Callable[[str], str | None]
"""Why a text is not wanted; None where it is."""


class Exported(BaseModel):
    """What an export came to."""

    format: str
    out: str
    records: dict[str, int]
    """By split."""
    filtered: dict[str, int] = {}
    """How many records the filter kept out, by reason."""
    unreadable: int = 0
    """Records that were left out because they, or pictures of theirs, cannot be read."""
    loses: str = ""
    notes: list[str] = []


class View:
    """What an export sees of a dataset: the records that the filter lets through, and their pictures."""

    def __init__(self, dataset: Dataset, reject: Reject | None = None) -> None:
        self.dataset, self.kind, self.splits = dataset, dataset.kind, dataset.splits
        self._reject = reject
        self.records: dict[str, int] = {}
        self.filtered: dict[str, int] = {}
        self.unreadable: list[Unreadable] = []

    def rows(self, split: str) -> Iterator[Record]:
        """The records of a split that can be read and are not filtered."""
        for record in self.dataset.rows(split, skip=self.unreadable.append):
            if (why := self._lacking(record)) is not None:
                self.unreadable.append(Unreadable(record.id, why))
                continue
            reason = self._reject(record.instruction) if self._reject is not None else None
            if reason is None:
                self.records[split] = self.records.get(split, 0) + 1
                yield record
            else:
                self.filtered[reason] = self.filtered.get(reason, 0) + 1

    def _lacking(self, record: Record) -> str | None:
        """Why the record has not all that an export needs; None where it has."""
        needed = self.pictures_of(record)
        for key in needed:
            if (problem := name_problem(key) or name_problem(key[:2])) is not None:  # pictures go to ab/abcd….png
                return f"its picture {key[:12]!r} cannot be the name of a file: {problem}"
        missing = [key for key in needed if key not in self.dataset]
        if missing:
            return f"its picture {missing[0][:12]}… is not in the dataset"
        if isinstance(record, SftRecord) and placeholders(record.messages) != len(record.images):
            return "it has not as many pictures as placeholders"
        return None

    @property
    def written(self) -> list[str]:
        """The splits of which something was let through."""
        return [split for split in self.splits if self.records.get(split)]

    def picture(self, key: str) -> bytes:
        """A picture as PNG."""
        return self.dataset.picture_bytes(key)

    def pictures_of(self, record: Record) -> list[str]:
        """Hashes of all that a record needs: what its messages show, its result, what its trajectory made."""
        named = list(record.images)
        if isinstance(record, SftRecord):
            named += [record.final] if record.final is not None else []
            named += [key for key in trajectory_pictures(record) if key in self.dataset]
        return list(dict.fromkeys(named))


def format_names() -> list[str]:
    """The formats, as the command line names them."""
    return EXPORTS.names()


def load_format(name: str) -> Any:
    """The module of a format, by name or as a FILE.py of the user. Raises `InputError` for an unknown one."""
    form, argument = EXPORTS.load_spec(name)
    if argument is not None:
        raise InputError(f"a format takes no argument (got '{argument}').")
    return form


def export(dataset: Dataset, name: str, out: str | Path, reject: Reject | None = None) -> Exported:
    """Write `dataset` to the folder `out` as `name`: wholly or not at all, but for records that cannot be read.

    Raises `InputError` for an unknown format, a kind that it has no form for, or a folder that holds something.
    """
    form, out = load_format(name), Path(out)
    if dataset.kind not in form.KINDS:
        fitting = ", ".join(other for other in format_names() if dataset.kind in load_format(other).KINDS)
        raise InputError(f"{name} has no form for a dataset of kind {dataset.kind}; {fitting} have.")
    refuse_strangers(out, NEW_FOLDER)
    view = View(dataset, reject)
    place = out.absolute()  # `.` has no name of its own
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise StorageError(f"'{out}' could not be written: {error.strerror or error}.") from error
    try:
        notes = form.write(view, temporary)
        if place.exists():
            place.rmdir()
        temporary.rename(place)
    except OSError as error:
        raise StorageError(f"'{out}' could not be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):  # it is our own, and is gone where all went well
            shutil.rmtree(temporary)
    if view.unreadable:
        first = view.unreadable[0]
        notes = [
            *notes,
            f"{len(view.unreadable)} records cannot be read and were left out ({first.where}: {first.why}).",
        ]
    return Exported(
        format=name,
        out=str(out),
        records=view.records,
        filtered=view.filtered,
        unreadable=len(view.unreadable),
        loses=form.LOSES,
        notes=notes,
    )


def rest_of(record: Record, without: set[str]) -> dict[str, Any]:
    """The fields of a record that a form has no place of its own for."""
    return {name: value for name, value in record.model_dump().items() if name not in without}


__all__ = [
    "EXPORTS",
    "Exported",
    "Reject",
    "RlRecord",
    "SftRecord",
    "View",
    "export",
    "format_names",
    "load_format",
    "rest_of",
]
