"""The exact cache: outcomes by call key, in memory and optionally on disk, each bounded in bytes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from canvasagent.canvas import Kind
from canvasagent.errors import StorageError
from canvasagent.pictures import encode, profile_of, with_profile, write_atomically
from canvasagent.tools.base import Outcome

MEMORY_BYTES = 256 * 2**20
DISK_BYTES = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal, remembered like a result: the same call is refused again in the same words."""

    message: str


Entry = Outcome | Refused


def entry_bytes(entry: Entry) -> int:
    """What an entry takes in memory."""
    picture = entry.picture if isinstance(entry, Outcome) else None
    return 1024 + (picture.width * picture.height * (4 if picture.mode != "L" else 1) if picture else 0)


class Cache:
    """Least recently used entries go first, in memory and on disk. Safe to use from several threads.

    What is on disk is written atomically; a damaged file counts as a miss and is replaced.
    """

    def __init__(
        self, memory_bytes: int = MEMORY_BYTES, folder: Path | None = None, disk_bytes: int = DISK_BYTES
    ) -> None:
        self._limit, self._folder, self._disk_limit = memory_bytes, folder, disk_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = 0
        self._disk_bytes: int | None = None
        self.hits = 0
        self.misses = 0

    def in_memory(self, key: str) -> Entry | None:
        """The entry, if memory holds it: quick enough for the event loop."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                self.hits += 1
            return entry

    def on_disk(self, key: str) -> Entry | None:
        """The entry, if the disk holds it; takes it into memory. Counts the miss if not."""
        entry = self._read(key) if self._folder is not None else None
        with self._lock:
            self.hits += entry is not None
            self.misses += entry is None
        if entry is not None:
            self._remember(key, entry)
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """Keep `entry`, in memory and on disk."""
        self._remember(key, entry)
        if self._folder is not None:
            self._write(key, entry)

    def _remember(self, key: str, entry: Entry) -> None:
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
        return self._folder / key[:2] / f"{key}.entry"

    def _read(self, key: str) -> Entry | None:
        path = self._path(key)
        try:
            data = path.read_bytes()
            head, _, body = data.partition(b"\n")
            fields = json.loads(head)
            os.utime(path)
            if "refused" in fields:
                return Refused(fields["refused"])
            picture = None
            if body:
                with Image.open(io.BytesIO(body)) as opened:
                    opened.load()
                    picture = with_profile(opened.copy(), profile_of(opened))
            return Outcome(fields["text"], picture, Kind(fields["kind"]), fields["words"], fields["data"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, SyntaxError):
            path.unlink(missing_ok=True)
            return None

    def _write(self, key: str, entry: Entry) -> None:
        body = b""
        if isinstance(entry, Refused):
            fields: dict[str, object] = {"refused": entry.message}
        else:
            fields = {"text": entry.text, "kind": entry.kind.value, "words": entry.words, "data": entry.data}
            body = encode(entry.picture, "PNG", fast=True) if entry.picture is not None else b""
        data = json.dumps(fields).encode() + b"\n" + body
        with contextlib.suppress(StorageError):  # a full disk costs the cache, not the run
            write_atomically(self._path(key), data)
            self._make_room(len(data))

    def _make_room(self, added: int) -> None:
        assert self._folder is not None
        with self._lock:
            if self._disk_bytes is None:
                self._disk_bytes = sum(path.stat().st_size for path in self._folder.glob("*/*.entry"))
            else:
                self._disk_bytes += added
            if self._disk_bytes <= self._disk_limit:
                return
            files = sorted(self._folder.glob("*/*.entry"), key=lambda path: path.stat().st_mtime)
            for path in files:
                if self._disk_bytes <= self._disk_limit * 0.9:
                    break
                self._disk_bytes -= path.stat().st_size
                path.unlink(missing_ok=True)
