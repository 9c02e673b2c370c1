"""The pictures that the server holds: by the key's holder and by id, bounded in memory, the longest unused go first."""

from __future__ import annotations

from collections import Counter, OrderedDict

from PIL import Image

from canvasagent.canvas import Asset, Kind
from canvasagent.serving.wire import picture_id


def memory_of(picture: Image.Image) -> int:
    """Bytes that a decoded picture takes."""
    return picture.width * picture.height * (1 if picture.mode == "L" else 4) + 1024


class Store:
    """Assets by owner and id. One owner's ids mean nothing to another. Used from the event loop only."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._assets: OrderedDict[tuple[str, str], Asset] = OrderedDict()
        self._bytes_of: Counter[str] = Counter()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._assets)

    def get(self, owner: str, name: str) -> Asset | None:
        """The owner's picture of that id, if it is (still) here."""
        asset = self._assets.get((owner, name))
        if asset is not None:
            self._assets.move_to_end((owner, name))
        return asset

    def put(self, owner: str, kind: Kind, key: str, picture: Image.Image, owner_bytes: int | None = None) -> Asset:
        """Keep a picture; `owner_bytes` bounds what this owner's may take together."""
        name = picture_id(kind, key)
        if (held := self.get(owner, name)) is not None:
            return held
        asset = Asset(name, kind, picture, key)
        size = memory_of(picture)
        self._assets[owner, name] = asset
        self._bytes_of[owner] += size
        self.bytes += size
        while owner_bytes is not None and self._bytes_of[owner] > owner_bytes and self._bytes_of[owner] > size:
            self._drop(next(held for held in self._assets if held[0] == owner))
        while self.bytes > self._max_bytes and self.bytes > size:
            self._drop(next(iter(self._assets)))
        return asset

    def _drop(self, held: tuple[str, str]) -> None:
        size = memory_of(self._assets.pop(held).picture)
        self.bytes -= size
        self._bytes_of[held[0]] -= size
        if self._bytes_of[held[0]] <= 0:
            del self._bytes_of[held[0]]
