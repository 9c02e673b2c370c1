"""The loaded models of a process, shared by all backends: loaded on first use, unloaded least recently used first."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from canvasagent.weights.framework import is_out_of_memory


@dataclass
class _Resident:
    """One model in memory."""

    model: Any
    device: str
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Held for the length of a call: pipelines keep state while they run."""
    users: int = 0
    """Number of callers that use it or wait for it."""
    used: float = 0.0
    """When the last call ended, by the monotonic clock."""


class Residents:
    """Loaded models by key. A model in use is never unloaded."""

    def __init__(self) -> None:
        self._held: dict[Hashable, _Resident] = {}
        self._devices: dict[Hashable, str] = {}
        self._changing = threading.RLock()

    def __len__(self) -> int:
        return len(self._held)

    def device_for(self, key: Hashable, choose: Callable[[], str]) -> str:
        """The device of a model: chosen on the first request, and kept, so that equal keys share one model."""
        with self._changing:
            if key not in self._devices:
                self._devices[key] = choose()
            return self._devices[key]

    @contextlib.contextmanager
    def hold(self, key: Hashable, device: str, load: Callable[[], Any]) -> Iterator[Any]:
        """The model, loaded if it is not, for this caller alone until the block ends.

        If `load` runs out of memory, idle models of that device are unloaded one by one, least recently used first.
        """
        with self._changing:
            resident = self._held.get(key)
            if resident is None:
                resident = self._held[key] = _Resident(self._load(device, load), device)
            resident.users += 1
        try:
            with resident.turn:
                yield resident.model
        finally:
            with self._changing:
                resident.users -= 1
                resident.used = time.monotonic()

    def _load(self, device: str, load: Callable[[], Any]) -> Any:
        while True:
            try:
                return load()
            except Exception as error:
                if not is_out_of_memory(error) or not self._idle(device):
                    raise
            self.relieve(device)

    def _idle(self, device: str) -> list[Hashable]:
        idle = [key for key, resident in self._held.items() if not resident.users and resident.device == device]
        return sorted(idle, key=lambda key: self._held[key].used)

    def relieve(self, device: str) -> bool:
        """Unload the least recently used idle model of a device. Returns whether there was one."""
        with self._changing:
            idle = self._idle(device)
            if idle:
                del self._held[idle[0]]
        if idle:
            gc.collect()
        return bool(idle)

    def clear(self) -> None:
        """Unload every idle model."""
        with self._changing:
            for key in [key for key, resident in self._held.items() if not resident.users]:
                del self._held[key]
        gc.collect()


@cache
def residents() -> Residents:
    """The models of this process."""
    return Residents()
