"""The index of sprites as a file: the one of our own sprites comes with the package, others are kept once built.

A file holds for a fingerprint of sprites and code only; where that does not match, the index is built anew.
`python -m canvasagent.sketch.stored` writes the file of the package, to be done after any change of either.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import tempfile
import zipfile
import zlib
from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np

from canvasagent.errors import StorageError
from canvasagent.sketch import points, regions, survey
from canvasagent.sketch.index import Index, Points, Table
from canvasagent.sketch.regions import CELLS, Array, mirrored
from canvasagent.sketch.sprite import FOLDER, all_sprites
from canvasagent.storage.files import write_atomically

SHIPPED = Path(__file__).with_name("index.npz")
"""The index of the package's sprites."""
_FORMAT = 1
_LEVELS = 255
"""Steps in which the cells of signatures are kept."""

log = logging.getLogger(__name__)


@cache
def sprite_index(folder: Path = FOLDER) -> Index:
    """The index of a folder of sprites: read where one is kept, otherwise built, which takes seconds, and kept."""
    key = fingerprint(folder)
    kept = _cache_folder() / f"{key[:32]}.npz"
    for path in (SHIPPED, kept):
        packed = _read(path, key)
        if packed is not None:
            return _unpacked(packed)
    packed = build(folder)
    try:
        write_atomically(kept, as_file(packed, key))
    except StorageError as error:
        log.warning("the index of sprites is not kept: %s", error)
    return _unpacked(packed)


def fingerprint(folder: Path = FOLDER) -> str:
    """A hash over all sprites of a folder and over the code that makes an index of them."""
    code = [Path(str(module.__file__)) for module in (points, regions, survey)]
    digest = hashlib.sha256(str(_FORMAT).encode())
    for path in [*code, *sorted(folder.glob("*.svg"))]:
        digest.update(hashlib.sha256(path.read_text("utf-8").encode()).digest())
    return digest.hexdigest()


def build(folder: Path = FOLDER) -> dict[str, Array]:
    """The index of a folder as it is kept: signatures in whole steps, nothing that follows from the rest."""
    sprites = all_sprites(folder)
    maps = [points.class_map(sprite) for sprite in sprites.values()]
    packed: dict[str, Array] = {
        "names": np.array(list(sprites)),
        "aspects": np.array([sprite.aspect for sprite in sprites.values()], np.float32),
    }
    for name, survey_of in (("regions", survey.regions_of), ("blobs", survey.outlines_of)):
        found = [survey_of(sprite) for sprite in sprites.values()]
        signatures = np.concatenate([rows for rows, _ in found])
        packed[f"{name}.cells"] = np.rint(signatures[:, : CELLS * CELLS] * _LEVELS).astype(np.uint8)
        packed[f"{name}.sizes"] = signatures[:, CELLS * CELLS :]
        packed[f"{name}.parts"] = np.concatenate([rows for _, rows in found]).astype(np.float32)
        packed[f"{name}.sprite"] = np.repeat(np.arange(len(found)), [len(rows) for rows, _ in found]).astype(np.int32)
    places = points.points_of(maps)
    packed |= {f"points.{field.name}": getattr(places, field.name) for field in fields(Points)}
    drawn = [points.filled(classes).astype(np.int8) for classes, _ in maps]
    packed["classes.shapes"] = np.array([classes.shape for classes in drawn])
    packed["classes.pixels"] = np.concatenate([classes.ravel() for classes in drawn])
    layers = [points.layers_of(sprite) for sprite in sprites.values()]
    packed["layers"] = np.ascontiguousarray(np.concatenate([part.reshape(-1, part.shape[2]) for part in layers]).T)
    return packed


def as_file(packed: dict[str, Array], key: str) -> bytes:
    """What a file of an index holds."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, fingerprint=np.array(key), **packed)
    return stream.getvalue()


def _read(path: Path, key: str) -> dict[str, Array] | None:
    """What a file holds; None where there is none, where it is damaged, and where it is of something else."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if str(archive["fingerprint"]) != key:
                return None
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if path.exists():
            log.warning("'%s' is no index of sprites and is passed over: %s", path, error)
        return None


def _unpacked(packed: dict[str, Array]) -> Index:
    shapes = packed["classes.shapes"]
    ends = np.cumsum(shapes.prod(axis=1))[:-1]
    pixels = np.split(packed["classes.pixels"].astype(np.int16), ends)
    layers = np.split(packed["layers"], ends, axis=1)
    return Index(
        tuple(str(name) for name in packed["names"]),
        _table(packed, "regions"),
        _table(packed, "blobs"),
        Points(**{field.name: packed[f"points.{field.name}"] for field in fields(Points)}),
        packed["aspects"],
        tuple(part.reshape(shape) for part, shape in zip(pixels, shapes, strict=True)),
        *(
            tuple(
                np.ascontiguousarray(part[some].T).reshape(*shape, -1)
                for part, shape in zip(layers, shapes, strict=True)
            )
            for some in (slice(4), slice(4, None))
        ),
    )


def _table(packed: dict[str, Array], name: str) -> Table:
    """The signatures and parts of all sprites, and what they are in a mirror."""
    cells, sizes, parts, owners = (packed[f"{name}.{part}"] for part in ("cells", "sizes", "parts", "sprite"))
    signatures = np.concatenate([cells.astype(np.float32) / _LEVELS, sizes], axis=1)
    turned = np.stack([1 - parts[:, 2], parts[:, 1], 1 - parts[:, 0], parts[:, 3]], axis=1)
    return Table(
        np.concatenate([signatures, mirrored(signatures)]),
        np.concatenate([owners, owners]),
        np.arange(2 * len(owners)) >= len(owners),
        np.concatenate([parts, turned]),
    )


def _cache_folder() -> Path:
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without a home
        home = Path(tempfile.gettempdir())
    return home / "canvasagent" / "sprites"


if __name__ == "__main__":
    write_atomically(SHIPPED, as_file(build(), fingerprint()))
