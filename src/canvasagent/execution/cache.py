"""The exact cache: outcomes by call key, in memory and optionally on disk, each bounded in bytes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from canvasagent.canvas import Kind
from canvasagent.errors import StorageError
from canvasagent.imaging.pictures import OBJECT_BYTES, encode, memory_of, profile_of, with_profile
from canvasagent.storage.files import write_atomically
from canvasagent.storage.names import plain_name
from canvasagent.tools.base import Outcome

log = logging.getLogger(__name__)

MEMORY_BYTES = 256 * 2**20
DISK_BYTES = 4 * 2**30
_ENTRY = re.compile(r"[0-9a-f]{64}\.entry")


@dataclass(frozen=True, slots=True)
class Refused:
    """A cached refusal: the same call is refused again with the same message."""

    message: str


Entry = Outcome | Refused


def entry_bytes(entry: Entry) -> int:
    """Memory of an entry in bytes."""
    picture = entry.picture if isinstance(entry, Outcome) else None
    return OBJECT_BYTES + (memory_of(picture) if picture is not None else 0)


class Cache:
    """A cache that drops the least recently used entries, in memory and on disk. Thread-safe.

    What is on disk is written atomically; a damaged file counts as a miss and is replaced.
    """

    def __init__(
        self, memory_bytes: int = MEMORY_BYTES, folder: Path | None = None, disk_bytes: int = DISK_BYTES
    ) -> None:
        self._limit, self._folder, self._disk_limit = memory_bytes, folder, disk_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._disk_lock = threading.Lock()  # its own: making room takes long, and `in_memory` must not wait
        self._bytes = 0
        self._disk_bytes: int | None = None
        self.hits = 0
        self.misses = 0

    @property
    def keeps_files(self) -> bool:
        """Whether entries go to the disk, too."""
        return self._folder is not None

    def in_memory(self, key: str) -> Entry | None:
        """The entry, if it is in memory: fast enough for the event loop."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                self.hits += 1
            return entry

    def on_disk(self, key: str) -> Entry | None:
        """The entry, if it is on disk, which is then kept in memory. Else counts a miss."""
        entry = self._read(key) if self._folder is not None else None
        with self._lock:
            self.hits += entry is not None
            self.misses += entry is None
        if entry is not None:
            self._remember(key, entry)
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """Store `entry`. A refusal stays in memory only: its reason, such as a missing font, may go away."""
        self._remember(key, entry)
        if self._folder is not None and isinstance(entry, Outcome):
            self._write(key, entry)

    def _remember(self, key: str, entry: Entry) -> None:
        if entry_bytes(entry) > self._limit:
            return
        with self._lock:
            if key in self._entries:
                self._bytes -= entry_bytes(self._entries.pop(key))
            self._entries[key] = entry
            self._bytes += entry_bytes(entry)
            while self._bytes > self._limit and self._entries:
                _, oldest = self._entries.popitem(last=False)
                self._bytes -= entry_bytes(oldest)

    def _path(self, key: str) -> Path:
        assert self._folder is not None
        return self._folder / plain_name(key, "key")[:2] / f"{key}.entry"

    def _files(self) -> list[Path]:
        """The entries on disk. Other files in the folder are neither counted nor removed."""
        assert self._folder is not None
        paths = self._folder.glob("[0-9a-f][0-9a-f]/*.entry")
        return [path for path in paths if _ENTRY.fullmatch(path.name) and not path.parent.is_symlink()]

    def _read(self, key: str) -> Outcome | None:
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        try:
            outcome = _unpack(data)
        except Exception as error:  # whatever a damaged file leads to, it is a miss
            log.warning("the cache entry %s is damaged and will be replaced: %s", path, error)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return outcome

    def _write(self, key: str, outcome: Outcome) -> None:
        data = _pack(outcome)
        with contextlib.suppress(StorageError, OSError):  # a full disk costs the cache, not the run
            write_atomically(self._path(key), data)
            self._make_room(len(data))

    def _make_room(self, added: int) -> None:
        with self._disk_lock:
            if self._disk_bytes is None:
                self._disk_bytes = sum(path.stat().st_size for path in self._files())
            else:
                self._disk_bytes += added
            if self._disk_bytes <= self._disk_limit:
                return
            files = sorted(self._files(), key=lambda path: path.stat().st_mtime)
            for path in files:
                if self._disk_bytes <= self._disk_limit * 0.9:
                    break
                self._disk_bytes -= path.stat().st_size
                path.unlink(missing_ok=True)


def _pack(outcome: Outcome) -> bytes:
    """An outcome as a file: a hash of the rest, a line of JSON, the pixels as PNG."""
    fields = {"text": outcome.text, "kind": outcome.kind.value, "words": outcome.words, "data": outcome.data}
    pixels = encode(outcome.picture, "PNG", fast=True) if outcome.picture is not None else b""
    rest = json.dumps(fields).encode() + b"\n" + pixels
    return hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def _unpack(data: bytes) -> Outcome:
    """The outcome in a file. Raises ValueError for a damaged file."""
    digest, _, rest = data.partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise ValueError("its hash is not that of its content")
    head, _, pixels = rest.partition(b"\n")
    fields = json.loads(head)
    picture = None
    if pixels:
        with Image.open(io.BytesIO(pixels), formats=["PNG"]) as opened:
            opened.load()
            picture = with_profile(opened.copy(), profile_of(opened))
    return Outcome(fields["text"], picture, Kind(fields["kind"]), fields["words"], fields["data"])
