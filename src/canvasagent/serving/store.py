"""The server's pictures by owner and id, bounded in memory: the least recently used are dropped first."""

from __future__ import annotations

from collections import Counter, OrderedDict

from PIL import Image

from canvasagent.canvas import Asset, Kind
from canvasagent.endpoints.wire import picture_id
from canvasagent.imaging.pictures import OBJECT_BYTES, memory_of
from canvasagent.serving.problems import Problem


def kept_bytes(pixels: int, kind: Kind = Kind.IMAGE) -> int:
    """Memory of a picture in bytes, by its number of pixels and its kind, without a colour profile."""
    return pixels * (1 if kind is Kind.MASK else 4) + OBJECT_BYTES


class Store:
    """Assets by owner and id; owners do not see each other's. Used from the event loop only.

    Where there is no room, pictures of the owner who has most make room, so that none crowds others out.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: dict[str, OrderedDict[str, tuple[Asset, int]]] = {}  # by owner and id, with its size
        self._bytes_of: Counter[str] = Counter()
        self.bytes = 0

    def __len__(self) -> int:
        return sum(map(len, self._held.values()))

    def limit(self, owner_bytes: int | None = None) -> int:
        """Most bytes of one picture: the store's limit, or the owner's if `owner_bytes` is smaller."""
        return self._max_bytes if owner_bytes is None else min(self._max_bytes, owner_bytes)

    def limit_name(self, owner_bytes: int | None = None) -> str:
        """What `limit` applies to, and the setting behind it, for messages."""
        own = owner_bytes is not None and owner_bytes < self._max_bytes
        return "all pictures of this key together (stored_bytes)" if own else "all pictures together (--stored-bytes)"

    def check(self, size: int, owner_bytes: int | None = None) -> None:
        """Raise `Problem` 413 for a picture that is larger than `limit`."""
        if size > (limit := self.limit(owner_bytes)):
            words = f"the picture takes {size:,} bytes of memory; the limit is {limit:,}"
            raise Problem(413, "too_large", f"{words}, for {self.limit_name(owner_bytes)}.")

    def get(self, owner: str, name: str) -> Asset | None:
        """The owner's picture with that id; None if there is none or it was dropped."""
        held = self._held.get(owner)
        if held is None or name not in held:
            return None
        held.move_to_end(name)
        return held[name][0]

    def put(self, owner: str, kind: Kind, key: str, picture: Image.Image, owner_bytes: int | None = None) -> Asset:
        """Store a picture; `owner_bytes` bounds the total of this owner. Raises as `check` does."""
        name = picture_id(kind, key)
        if (held := self.get(owner, name)) is not None:
            return held
        size = memory_of(picture)
        self.check(size, owner_bytes)
        while owner_bytes is not None and self._bytes_of[owner] + size > owner_bytes:
            self._drop(owner)
        while self.bytes + size > self._max_bytes:
            self._drop(max(self._bytes_of, key=self._bytes_of.__getitem__))
        asset = Asset(name, kind, picture, key)
        self._held.setdefault(owner, OrderedDict())[name] = asset, size
        self._bytes_of[owner] += size
        self.bytes += size
        return asset

    def _drop(self, owner: str) -> None:
        """Drop the owner's least recently used picture."""
        _, (_, size) = self._held[owner].popitem(last=False)
        self.bytes -= size
        self._bytes_of[owner] -= size
        if not self._held[owner]:
            del self._held[owner], self._bytes_of[owner]
