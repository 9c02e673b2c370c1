"""Assets (immutable pictures with an id, a kind and a lineage) and the canvas that holds an episode's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from PIL import Image

from canvasagent.imaging.geometry import Size
from canvasagent.imaging.pictures import profile_of, shrink

BASE_ALIASES = ("base", "base_image")
"""Names that the released data uses for `img_1`."""
_MOST_IDS = 8
"""Ids that the `repr` of a canvas shows."""


class Kind(StrEnum):
    """The kind of an asset. A mask has mode L with the values 0 and 255; a cut-out is RGBA."""

    IMAGE = "image"
    MASK = "mask"
    CUTOUT = "cutout"


MODES = {Kind.IMAGE: ("RGB", "RGBA"), Kind.MASK: ("L",), Kind.CUTOUT: ("RGBA",)}
"""The modes that the pixels of each kind of asset may have."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The call that an asset came from."""

    tool: str
    arguments: Mapping[str, Any]
    parents: tuple[str, ...]
    seed: int
    backend: str


@dataclass(frozen=True, eq=False)
class Asset:
    """An immutable picture. `key` identifies its content by the call that made it, without hashing pixels."""

    id: str
    kind: Kind
    picture: Image.Image
    key: str
    lineage: Lineage | None = None

    def __repr__(self) -> str:
        return f"Asset({self.described()})"

    def _repr_png_(self) -> bytes:
        """A small copy, which notebooks show."""
        from canvasagent.notebook import picture_png

        return picture_png(self.picture, mask=self.kind is Kind.MASK)

    def described(self) -> str:
        """Id, kind and size in one line: `Crop_0: image, 640x480`."""
        return f"{self.id}: {self.kind}, {self.size[0]}x{self.size[1]}"

    @property
    def size(self) -> Size:
        """(width, height) in pixels."""
        return self.picture.size

    @cached_property
    def pixel_hash(self) -> str:
        """SHA-256 of mode, size and decoded pixels, computed on first use."""
        return pixel_hash(self.picture)

    def view(self, max_pixels: int) -> Image.Image:
        """A copy of at most `max_pixels` pixels for a policy to look at; the asset keeps its resolution."""
        views = self.__dict__.setdefault("_views", {})
        if max_pixels not in views:
            views[max_pixels] = shrink(self.picture, max_pixels)
        view: Image.Image = views[max_pixels]
        return view


def pixel_hash(picture: Image.Image) -> str:
    """SHA-256 (hex) of a picture's mode, size and pixels; its metadata does not count."""
    digest = hashlib.sha256(f"{picture.mode} {picture.size[0]} {picture.size[1]}\n".encode())
    digest.update(picture.tobytes())
    return digest.hexdigest()


def input_key(picture: Image.Image) -> str:
    """The key of a picture that no tool made: its pixels and its colour profile."""
    digest = hashlib.sha256(pixel_hash(picture).encode())
    digest.update(profile_of(picture) or b"")
    return digest.hexdigest()


@dataclass
class Canvas:
    """The assets of one episode, in order. Only grows. Ids: `img_1`, `img_2` (inputs); `Crop_0`, `Crop_1` (results)."""

    inputs: int = 0
    """Number of input pictures, which are `img_1` to `img_N`."""
    _assets: dict[str, Asset] = field(default_factory=dict)
    _next: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        ids = self.imglist if len(self) <= _MOST_IDS else [*self.imglist[:2], "...", *self.imglist[2 - _MOST_IDS :]]
        return f"Canvas({', '.join(ids)})"

    def _repr_html_(self) -> str:
        """Small copies of the assets, which notebooks show."""
        from canvasagent.notebook import Tile, card

        tiles = [Tile(asset.described(), asset.picture, asset.kind is Kind.MASK) for asset in self]
        return card(f"Canvas, assets: {len(self)}", tiles=tiles)

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._assets.values())

    def __len__(self) -> int:
        return len(self._assets)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

    def __getitem__(self, name: str) -> Asset:
        asset = self.find(name)
        if asset is None:
            raise KeyError(f"no asset '{name}'; there are {self.imglist_text()}")
        return asset

    @property
    def imglist(self) -> list[str]:
        """The ids, in the order in which the assets came."""
        return list(self._assets)

    def imglist_text(self) -> str:
        """The list of ids in observations: `{img_1, Crop_0}`."""
        return "{" + ", ".join(self._assets) + "}"

    def find(self, name: str) -> Asset | None:
        """The asset that `name` means (`base` and `base_image` mean `img_1`), or None."""
        name = name.strip()
        return self._assets.get("img_1" if name in BASE_ALIASES else name)

    def add_input(self, picture: Image.Image, kind: Kind = Kind.IMAGE) -> Asset:
        """Add an input picture as the next `img_N`."""
        self.inputs += 1
        return self.add(Asset(f"img_{self.inputs}", kind, picture, input_key(picture)))

    def next_id(self, tool: str) -> str:
        """The id that the next output of `tool` gets, counted per tool from 0."""
        return f"{tool}_{self._next.get(tool, 0)}"

    def add(self, asset: Asset) -> Asset:
        """Add `asset` under its own id. Raises ValueError if the id is taken: assets never change."""
        if asset.id in self._assets:
            raise ValueError(f"asset '{asset.id}' exists already")
        self._assets[asset.id] = asset
        tool, _, number = asset.id.rpartition("_")
        if number.isdecimal():
            self._next[tool] = max(self._next.get(tool, 0), int(number) + 1)
        return asset
