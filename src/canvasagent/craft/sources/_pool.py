"""Pictures that a user has, as a source: scanned once, near-duplicates left out, split, what they hold found by tools.

A scan opens every picture once, tells which cannot be used and why, and keeps the rest in an index; pictures that did
not change since are not opened again. Indexes and contents lie in a cache folder of the user's (`CANVASAGENT_CACHE`,
else the system's), never beside the pictures.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

from PIL import Image

from canvasagent.canvas import pixel_hash
from canvasagent.craft.drawings.turning import SMALL, Change, fits
from canvasagent.craft.pictures import Contents, Need, NoPicture, Picture, Split, Text, Thing
from canvasagent.craft.sources._known import VERSION as KNOWN
from canvasagent.craft.sources._known import contents_by_tools
from canvasagent.craft.sources._splits import split_of
from canvasagent.craft.sources.duplicates import fingerprint, groups
from canvasagent.errors import CanvasAgentError, InputError, StorageError
from canvasagent.imaging.geometry import Size, box_to_pixels
from canvasagent.imaging.pictures import open_picture
from canvasagent.storage.files import write_atomically
from canvasagent.storage.names import plain_name

log = logging.getLogger(__name__)

VERSION = 1
SMALLEST = 64
"""Pictures with a shorter side than this are left out."""
LONGEST = 1024
"""Larger pictures are handed out shrunk to this longer side."""
LOOKED_AT = 300
"""Pictures that are looked into for one need before it is given up."""


class Shelf(Protocol):
    """What a kind of source knows of its pictures: which there are, and how to open one. Can be pickled."""

    def entries(self) -> Iterable[tuple[str, str]]:
        """Key and stamp of every picture; the stamp changes whenever the picture does."""
        ...

    def load(self, key: str) -> Image.Image:
        """A picture at full size (RGB or RGBA). Raises `InputError`."""
        ...

    def origin(self, key: str) -> dict[str, Any]:
        """What data sheets should say of it."""
        ...


@dataclass(frozen=True)
class Entry:
    """A picture of the index; `why` tells why it is left out."""

    key: str
    stamp: str
    size: Size = (0, 0)
    pixels: str = ""
    """Hash of its decoded pixels."""
    looks: str = ""
    """Perceptual hash, in hex."""
    why: str = ""


class Pool:
    """A source over a shelf."""

    def __init__(self, name: str, shelf: Shelf) -> None:
        self.name, self.shelf = name, shelf
        kept = _read_index(self._index())
        entries = [_entry(shelf, key, stamp, kept.get(key)) for key, stamp in shelf.entries()]
        _keep(self._index(), json.dumps({"version": VERSION, "entries": [asdict(item) for item in entries]}))
        usable = sorted((item for item in entries if not item.why), key=lambda item: (item.pixels, item.key))
        self.left_out = {item.key: item.why for item in entries if item.why}
        """Key of every picture that is not used, and why, in words."""
        self._by_split: dict[Split, list[Entry]] = {"train": [], "validation": [], "test": []}
        roots = groups([int(item.looks, 16) for item in usable])
        for at, (item, root) in enumerate(zip(usable, roots, strict=True)):
            if at == root:
                self._by_split[split_of(item.pixels)].append(item)
            else:
                self.left_out[item.key] = f"a near-duplicate of {usable[root].key}"
        if not usable:
            raise InputError(f"'{name}' has no picture that can be used. {self._summary()}")
        log.info("%s: %d pictures. %s", name, len(usable), self._summary())

    def pick(self, need: Need, split: Split, key: str) -> Picture:
        """A picture that fits `need`. Raises `NoPicture` that says how many were looked into."""
        random = Random(f"{self.name}:{need.model_dump_json()}:{split}:{key}")
        change, entries = Change.needed(need, random), self._by_split[split]
        for entry in random.sample(entries, min(LOOKED_AT, len(entries))):
            contents = _changed(self._known(entry), change, need.steady, _handed(entry.size))
            if fits(contents, need):
                size = change.size(_handed(entry.size))
                origin = self.shelf.origin(entry.key) | {"pixels": entry.pixels, "changed": change.code}
                name = f"{entry.key}@{change.code}"
                return Picture(source=self.name, key=name, size=size, contents=contents, origin=origin)
        raise NoPicture(
            f"'{self.name}' has no picture in the split {split} for {need.model_dump_json(exclude_defaults=True)}; "
            f"{min(LOOKED_AT, len(entries))} of {len(entries)} were looked into. Add pictures, or use another source."
        )

    def open(self, picture: Picture) -> Image.Image:
        """Its pixels. Raises `InputError` where they are gone or are not those that it was picked for."""
        key, _, code = picture.key.rpartition("@")
        opened = self.shelf.load(key)
        if pixel_hash(opened) != picture.origin.get("pixels", ""):
            raise InputError(f"'{key}' of '{self.name}' is not the picture any more that it was when it was indexed.")
        return Change.of(code).apply(_shrunk(opened))

    def _known(self, entry: Entry) -> Contents:
        """What a picture holds, found by tools when first asked for, and kept."""
        path = cache_folder() / "contents" / plain_name(entry.pixels, "hash")[:2] / f"{entry.pixels}-{KNOWN}.json"
        try:
            return Contents.model_validate_json(path.read_text("utf-8"))
        except (OSError, ValueError):
            contents = contents_by_tools(_shrunk(self.shelf.load(entry.key)))
            _keep(path, contents.model_dump_json())
            return contents

    def _index(self) -> Path:
        name = hashlib.sha256(self.name.encode()).hexdigest()[:16]
        return cache_folder() / "indexes" / f"{name}.json"

    def _summary(self) -> str:
        """What was left out, with the first few by name."""
        if not self.left_out:
            return "None was left out."
        first = "; ".join(f"{key}: {why}" for key, why in list(self.left_out.items())[:5])
        return f"{len(self.left_out)} left out: {first}" + (" …" if len(self.left_out) > 5 else "")


def cache_folder() -> Path:
    """Where indexes and contents are kept: `CANVASAGENT_CACHE`, else the user's cache folder."""
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without a home
        home = Path(tempfile.gettempdir())
    return Path(os.environ.get("CANVASAGENT_CACHE") or home / "canvasagent") / "sources"


def _keep(path: Path, text: str) -> None:
    try:
        write_atomically(path, text.encode())
    except StorageError as error:
        log.warning("what was found out about pictures is not kept: %s", error)


def _read_index(path: Path) -> dict[str, Entry]:
    try:
        read = json.loads(path.read_text("utf-8"))
        entries = read["entries"] if read["version"] == VERSION else []
        found = [Entry(**{**item, "size": tuple(item["size"])}) for item in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {item.key: item for item in found}


def _entry(shelf: Shelf, key: str, stamp: str, kept: Entry | None) -> Entry:
    if kept is not None and kept.stamp == stamp:
        return kept
    try:
        picture = shelf.load(key)
    except CanvasAgentError as error:
        return Entry(key, stamp, why=str(error))
    if min(picture.size) < SMALLEST:
        why = f"too small: {picture.width} × {picture.height}, both sides must have {SMALLEST} pixels"
        return Entry(key, stamp, picture.size, why=why)
    return Entry(key, stamp, picture.size, pixel_hash(picture), f"{fingerprint(picture):064x}")


def _handed(size: Size) -> Size:
    """The size in which a picture is handed out."""
    scale = min(1.0, LONGEST / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _shrunk(picture: Image.Image) -> Image.Image:
    size = _handed(picture.size)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def _changed(contents: Contents, change: Change, steady: bool, size: Size) -> Contents:
    """The contents of a picture once it is changed."""
    steady = steady or bool(change.turned or change.mirrored)
    things: list[Thing] = []
    for thing in contents.things:
        if not steady or not {"left", "right", "leftmost", "rightmost"} & set(thing.phrase.split()):
            things.append(thing.model_copy(update={"box": change.box(box_to_pixels(thing.box, size), size)}))
    texts = [Text(words=text.words, box=change.box(box_to_pixels(text.box, size), size)) for text in contents.texts]
    return contents.model_copy(
        update={
            "things": tuple(things),
            "texts": tuple(texts),
            "turned": change.turned,
            "mirrored": change.mirrored,
            "small": contents.small or change.small or max(change.size(size)) <= SMALL,
            "blurred": contents.blurred or change.blurred,
        }
    )


def opened(data: bytes | Path) -> Image.Image:
    """A picture of a file or its bytes. Raises `InputError` with what is wrong."""
    return open_picture(data).picture
