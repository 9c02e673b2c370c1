"""The folder of a dataset: checks, cleanup and recovery for writers."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from canvasagent.craft.records import Kind
from canvasagent.craft.store.index import PictureIndex
from canvasagent.craft.store.layout import CARD, FOLDERS, INDEX, MANIFEST, SHARD_NAME, Manifest, read_manifest
from canvasagent.craft.store.shards import PART
from canvasagent.errors import InputError, StorageError
from canvasagent.storage.files import replace_file
from canvasagent.storage.folders import NEW_FOLDER, entries, is_temporary, refuse_strangers
from canvasagent.storage.names import refuse_link

INDEX_FILES = ("", "-journal", "-wal", "-shm")
"""Suffixes of the files of an SQLite database."""


def refuse_used(folder: Path) -> None:
    """Raise `InputError` if `folder` is neither empty nor a dataset. Writes nothing."""
    if (folder / MANIFEST).exists():
        try:
            read_manifest(folder)
        except InputError as error:
            raise InputError(f"{error} To write a dataset, {NEW_FOLDER}.") from error
    else:
        # A manifest that a killed process had begun to write is no stranger; `sweep` removes it.
        refuse_strangers(folder, NEW_FOLDER, lambda name: is_temporary(name, MANIFEST))
    for name in (*FOLDERS, INDEX):
        refuse_link(folder / name)


def begin(folder: Path, kind: Kind, settings: dict[str, Any], shard_items: int) -> Manifest:
    """The manifest to continue from; a new one is written at once, to mark the folder as a dataset."""
    requested = Manifest(kind=kind, settings=settings, shard_items=shard_items)
    requested = Manifest.model_validate_json(requested.model_dump_json())  # tuples to lists: compared as they are kept
    if not (folder / MANIFEST).exists():
        try:
            replace_file(folder / MANIFEST, requested.model_dump_json(indent=1).encode("utf-8"), durable=True)
        except OSError as error:
            raise StorageError(f"'{folder}' cannot be written: {error.strerror or error}.") from error
        return requested
    manifest = read_manifest(folder)
    old, new = ({"kind": m.kind, "shard_items": m.shard_items, **m.settings} for m in (manifest, requested))
    differ = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if differ:
        words = "; ".join(f"{name} was {old.get(name)!r}, now {new.get(name)!r}" for name in differ[:5])
        raise InputError(f"the dataset in '{folder}' was begun with other settings: {words}. Name another folder.")
    return manifest


def sweep(folder: Path, manifest: Manifest) -> None:
    """Remove the leftovers of a killed process: shards that are not in the manifest, and temporary files.

    Other files stay where they are, whoever put them there.
    """
    known = {shard.path for shard in manifest.shards}
    for below in FOLDERS:
        for name in entries(folder / below):
            whole = name.removeprefix(".").removesuffix(PART) if name.endswith(PART) else name
            if SHARD_NAME.fullmatch(whole) and f"{below}/{name}" not in known:
                (folder / below / name).unlink()
    for name in entries(folder):
        if is_temporary(name, MANIFEST) or is_temporary(name, CARD):
            (folder / name).unlink()
    for shard in manifest.shards:
        file = folder / shard.path
        if not file.is_file() or file.stat().st_size != shard.bytes:
            raise StorageError(f"'{file}' is missing or damaged, so the dataset in '{folder}' cannot be gone on with.")


def open_index(folder: Path, manifest: Manifest) -> PictureIndex:
    """The index of pictures, brought up to date with the manifest; an unreadable one is rebuilt."""
    index = None
    try:
        index = PictureIndex(folder / INDEX)
        index.update(folder, manifest)
    except sqlite3.DatabaseError:
        if index is not None:
            index.close()
        for ending in INDEX_FILES:
            (folder / f"{INDEX}{ending}").unlink(missing_ok=True)
        index = PictureIndex(folder / INDEX)
        index.update(folder, manifest)
    return index
