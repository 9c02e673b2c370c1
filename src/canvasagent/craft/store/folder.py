"""The folder of a dataset as a writer finds and leaves it."""

from __future__ import annotations

import os
import secrets
import sqlite3
from pathlib import Path
from typing import Any

from canvasagent.craft.records import Kind
from canvasagent.craft.store.index import PictureIndex
from canvasagent.craft.store.layout import CARD, FOLDERS, INDEX, LOCK, MANIFEST, Manifest, read_manifest
from canvasagent.craft.store.shards import sync_folder
from canvasagent.errors import InputError, StorageError


def refuse_used(folder: Path) -> None:
    """Raise `InputError` if there is something at `folder` that is no dataset."""
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"'{folder}' is a file; name a folder for the dataset.")
        names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
        # A manifest that a killed process had begun to write is no stranger; `sweep` removes it.
        strange = [name for name in names if name != LOCK and not name.startswith(f".{MANIFEST}.")]
        if strange and MANIFEST not in strange:
            raise InputError(f"'{folder}' holds something else ({min(strange)}, …); name an empty folder.")
    except OSError as error:
        raise StorageError(f"'{folder}' cannot be used: {error.strerror or error}.") from error


def begin(folder: Path, kind: Kind, settings: dict[str, Any], shard_items: int) -> Manifest:
    """The manifest to go on from; a new one is written at once, so that the folder is known for what it is."""
    asked = Manifest(kind=kind, settings=settings, shard_items=shard_items)
    asked = Manifest.model_validate_json(asked.model_dump_json())  # tuples to lists: compared as they are kept
    if not (folder / MANIFEST).exists():
        try:
            replace_file(folder, MANIFEST, asked.model_dump_json(indent=1).encode("utf-8"))
        except OSError as error:
            raise StorageError(f"'{folder}' cannot be written: {error.strerror or error}.") from error
        return asked
    manifest = read_manifest(folder)
    old, new = ({"kind": m.kind, "shard_items": m.shard_items, **m.settings} for m in (manifest, asked))
    differ = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if differ:
        words = "; ".join(f"{name} was {old.get(name)!r}, now {new.get(name)!r}" for name in differ[:5])
        raise InputError(f"the dataset in '{folder}' was begun with other settings: {words}. Name another folder.")
    return manifest


def sweep(folder: Path, manifest: Manifest) -> None:
    """Remove what a killed process left behind: files that the manifest does not know."""
    known = {shard.path for shard in manifest.shards}
    for below in FOLDERS:
        for file in (folder / below).glob("*"):
            if file.is_file() and f"{below}/{file.name}" not in known:
                file.unlink()
    for file in [*folder.glob(f".{MANIFEST}.*"), *folder.glob(f".{CARD}.*")]:
        file.unlink()
    for shard in manifest.shards:
        file = folder / shard.path
        if not file.is_file() or file.stat().st_size != shard.bytes:
            raise StorageError(f"'{file}' is missing or damaged, so the dataset in '{folder}' cannot be gone on with.")


def open_index(folder: Path, manifest: Manifest) -> PictureIndex:
    """The index of pictures as the manifest says; one that cannot be read is made again."""
    try:
        index = PictureIndex(folder / INDEX)
        index.update(folder, manifest)
    except sqlite3.DatabaseError:
        for file in folder.glob(f"{INDEX}*"):
            file.unlink()
        index = PictureIndex(folder / INDEX)
        index.update(folder, manifest)
    return index


def replace_file(folder: Path, name: str, data: bytes) -> None:
    """Write a file so that it holds either what it held or all of `data`, through a loss of power too."""
    temporary = folder / f".{name}.{secrets.token_hex(4)}"
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(folder / name)
        sync_folder(folder)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
