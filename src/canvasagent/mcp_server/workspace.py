"""The pictures of a server: what clients named and what tools made, under ids that clients use again."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from canvasagent.canvas import BASE_ALIASES, Asset, Kind, Lineage, input_key
from canvasagent.errors import InputError
from canvasagent.imaging.pictures import memory_of, open_picture, save_picture
from canvasagent.mcp_server.access import Access, shown
from canvasagent.storage.names import path_below
from canvasagent.tools.base import AssetInfo

SCHEME = "canvasagent://asset/"
"""Resource addresses are this and an id."""
KEPT_BYTES = 2**30
"""Memory for decoded pictures; beyond it the oldest ones are given up. Their files stay."""
MAX_DATA = 40_000_000
"""Most characters of a data address."""
_DATA = re.compile(r"data:(?:image/[\w.+-]+)?(?:;[\w=.-]+)*;base64,", re.IGNORECASE)


class Workspace:
    """Assets by id, in the order in which they came. `folder` gets the results and is made with the first one."""

    def __init__(self, folder: Path, access: Access, max_pixels: int, kept_bytes: int = KEPT_BYTES) -> None:
        self.folder, self.access, self.max_pixels, self.kept_bytes = folder, access, max_pixels, kept_bytes
        self._assets: dict[str, Asset] = {}
        self._by_content: dict[tuple[str, Kind], str] = {}
        self._paths: dict[str, Path] = {}
        self._counts: dict[str, int] = {}
        self._bytes = 0

    @property
    def ids(self) -> list[str]:
        """The ids of all pictures, oldest first."""
        return list(self._assets)

    def infos(self) -> Mapping[str, AssetInfo]:
        """What checks may know of the pictures."""
        return {name: AssetInfo(name, asset.kind, asset.size) for name, asset in self._assets.items()}

    def __getitem__(self, name: str) -> Asset:
        asset = self._assets.get(name.removeprefix(SCHEME))
        if asset is None:
            raise InputError(f"there is no picture {shown(name)}; there are: {', '.join(self.ids) or 'none yet'}.")
        return asset

    def path(self, name: str) -> Path | None:
        """The file of a result; None for a picture that a client brought."""
        return self._paths.get(name)

    def take(self, source: object, kinds: Sequence[str], roots: Sequence[Path] | None) -> Asset:
        """The asset that a client names: by id, resource address, path, `file://` or data address.

        Raises `InputError` that says what can be named.
        """
        if not isinstance(source, str) or not source.strip():
            raise InputError(f"name a picture by id, path or address; there are: {', '.join(self.ids) or 'none yet'}.")
        name = source.strip()
        if name.removeprefix(SCHEME) in self._assets or name.startswith(SCHEME) or name in BASE_ALIASES:
            return self["img_1" if name in BASE_ALIASES else name]
        picture = open_picture(self._bytes_of(name, roots), self.max_pixels).picture
        kind = _kind_for(picture, kinds)
        if kind is Kind.MASK:
            picture = picture.convert("L").point(lambda value: 255 if value >= 128 else 0)
        key = input_key(picture)
        if (known := self._by_content.get((key, kind))) in self._assets:
            return self._assets[known]
        return self._keep(Asset(self._next("img", 1), kind, picture, key))

    def add(self, stem: str, kind: Kind, picture: Image.Image, key: str, lineage: Lineage | None) -> Asset:
        """Keep a result as the next `stem_N` and write it to the folder. Raises `StorageError` for a full disk."""
        name = self._next(stem, 0)
        path = path_below(self.folder, f"{name}.png")
        self.folder.mkdir(parents=True, exist_ok=True)
        save_picture(picture, path, fast=True)
        self._paths[name] = path
        return self._keep(Asset(name, kind, picture, key, lineage))

    def _next(self, stem: str, first: int) -> str:
        number = self._counts.get(stem, first)
        self._counts[stem] = number + 1
        return f"{stem}_{number}"

    def _keep(self, asset: Asset) -> Asset:
        self._assets[asset.id] = asset
        self._by_content[asset.key, asset.kind] = asset.id
        self._bytes += memory_of(asset.picture)
        while self._bytes > self.kept_bytes and len(self._assets) > 1:
            oldest = self._assets.pop(next(iter(self._assets)))
            self._by_content.pop((oldest.key, oldest.kind), None)
            self._bytes -= memory_of(oldest.picture)
        return asset

    def _bytes_of(self, name: str, roots: Sequence[Path] | None) -> bytes | Path:
        if name[:5].lower() == "data:":
            return _decoded(name)
        if re.match(r"(?!file:)[A-Za-z][\w+.-]+://", name):
            raise InputError(
                f"{shown(name)} is not fetched: name a picture by path, file:// or data address, or one of the ids "
                f"{', '.join(self.ids) or '(none yet)'}."
            )
        try:
            return self.access.resolve(name, roots)
        except InputError as error:
            raise InputError(f"{error} Ids of pictures: {', '.join(self.ids) or 'none yet'}.") from error


def _decoded(address: str) -> bytes:
    if len(address) > MAX_DATA:
        raise InputError(f"a data address has at most {MAX_DATA:,} characters; name larger pictures by their path.")
    head = _DATA.match(address)
    if head is None:
        raise InputError("a data address begins with data:image/png;base64, (or another format of pictures).")
    try:
        return base64.b64decode(address[head.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"the data address is not valid base64: {error}.") from error


def _kind_for(picture: Image.Image, kinds: Sequence[str]) -> Kind:
    """The kind that a picture from outside has in the place of an argument that takes `kinds`."""
    if tuple(kinds) == (Kind.MASK.value,):
        return Kind.MASK
    if Kind.IMAGE.value not in kinds and Kind.CUTOUT.value in kinds and picture.mode == "RGBA":
        return Kind.CUTOUT
    return Kind.IMAGE
