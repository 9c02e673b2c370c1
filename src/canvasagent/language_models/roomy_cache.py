"""A cache of keys and values that grows in place; the library's own copies all of them for every token."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

ROOM = 256
"""Tokens by which it grows when it is full."""


def roomy_cache(layers: Sequence[tuple[Any, Any]], length: int) -> Any:
    """A `DynamicCache` on buffers of (rows, heads, tokens, size of a head), of which `length` tokens are in use.

    The buffers become the cache's own.
    """
    from transformers import DynamicCache

    made = DynamicCache()
    made.layers = [_layer_class()(keys, values, length) for keys, values in layers]
    return made


@cache
def _layer_class() -> Any:
    from transformers.cache_utils import DynamicLayer

    class RoomyLayer(DynamicLayer):  # type: ignore[misc]
        """A layer whose `keys` and `values` are the used part of larger buffers."""

        def __init__(self, keys: Any, values: Any, length: int) -> None:
            super().__init__()
            self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
            self._use([keys, values], length)

        def _use(self, buffers: list[Any], length: int) -> None:
            self._buffers, self._length = buffers, length
            self.keys, self.values = (buffer[..., :length, :] for buffer in buffers)

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            begin, end = self._length, self._length + key_states.shape[-2]
            missing = end - self._buffers[0].shape[-2]
            if missing > 0:
                self._buffers = [_grown(buffer, missing + ROOM) for buffer in self._buffers]
            for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
                buffer[..., begin:end, :] = states
            self._use(self._buffers, end)
            return self.keys, self.values

        def batch_select_indices(self, indices: Any) -> None:
            self._use([buffer[indices] for buffer in self._buffers], self._length)

    return RoomyLayer


def _grown(buffer: Any, by: int) -> Any:
    rows, heads, tokens, size = buffer.shape
    larger = buffer.new_zeros(rows, heads, tokens + by, size)
    larger[..., :tokens, :] = buffer
    return larger
