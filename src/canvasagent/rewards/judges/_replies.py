"""Replies kept in a folder, keyed by everything that was sent, so that nothing is asked and paid for twice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from canvasagent.errors import StorageError
from canvasagent.storage.files import write_atomically
from canvasagent.storage.names import plain_name

FORMAT = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """A reply in which a score could be read."""

    reply: str
    served: str | None


def request_key(**sent: Any) -> str:
    """The key of a request: a hash over all that could change the reply."""
    data = json.dumps({"format": FORMAT, **sent}, sort_keys=True, default=str)
    return hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()


class Replies:
    """A folder of replies. Written atomically; a damaged file counts as a miss and is replaced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> Kept | None:
        """The reply that is kept under `key`."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            entry = json.loads(self._path(key).read_text("utf-8"))
            reply, served = entry["reply"], entry["served"]
            if entry["key"] == key and isinstance(reply, str) and isinstance(served, str | None):
                return Kept(reply, served)
        return None

    def put(self, key: str, kept: Kept) -> None:
        """Keep a reply. A full disk costs the cache, not the verdict."""
        try:
            write_atomically(self._path(key), json.dumps({"key": key, **asdict(kept)}).encode())
        except StorageError as error:
            log.warning("a judge's reply is not kept: %s", error)

    def _path(self, key: str) -> Path:
        return self._folder / plain_name(key, "key")[:2] / f"{key}.json"
