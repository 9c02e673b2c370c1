"""Keys and values of earlier turns, so that a model reads only what is new in a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from canvasagent.language_models.roomy_cache import ROOM, roomy_cache
from canvasagent.weights.framework import framework

if TYPE_CHECKING:
    from canvasagent.language_models.load import LanguageModel

SHARE = 0.25
"""Share of the memory that is free once the model is loaded which keys and values of earlier turns may take."""
MOST_ON_CPU = 2 * 2**30
"""Bytes that they may take in the computer's memory."""

Layers = list[tuple[Any, Any]]
"""Keys and values of each layer, tensors of (1, heads, tokens, size of a head)."""


@dataclass(frozen=True, eq=False)
class KeyValues:
    """What a model has computed for the first tokens of a conversation."""

    marks: NDArray[np.int64]
    """The tokens, as `Reading.marks` has them."""
    following: NDArray[np.int64]
    """After each token the position of the next one."""
    layers: Layers

    @property
    def bytes(self) -> int:
        """Memory of the tensors."""
        return sum(tensor.numel() * tensor.element_size() for pair in self.layers for tensor in pair)

    def first(self, count: int) -> KeyValues:
        """Those of the first `count` tokens, without a copy."""
        layers = [(keys[..., :count, :], values[..., :count, :]) for keys, values in self.layers]
        return KeyValues(self.marks[:count], self.following[:count], layers)


class KeyValueStore:
    """Keeps keys and values within `limit` bytes; the longest unused go first. For one thread at a time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: list[KeyValues] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        """Memory in use, never more than `limit`."""
        return sum(entry.bytes for entry in self._entries)

    def longest(self, marks: NDArray[np.int64]) -> KeyValues | None:
        """The most that is kept of a sequence's beginning: never all of it, never a part of a picture."""
        best, count = None, 0
        for entry in self._entries:
            shared = min(common_length(entry.marks, marks), len(marks) - 1)
            while shared > 0 and marks[shared - 1] < 0 and marks[shared] == marks[shared - 1]:
                shared -= 1
            if shared > count:
                best, count = entry, shared
        if best is None:
            return None
        self._entries.remove(best)
        self._entries.append(best)
        return best.first(count)

    def put(self, entry: KeyValues) -> None:
        """Keep an entry in place of those that it goes on from."""
        kept = [one for one in self._entries if common_length(one.marks, entry.marks) < len(one.marks)]
        self._entries = [*kept, entry]
        while self._entries and self.bytes > self.limit:
            self._entries.pop(0)

    def clear(self) -> None:
        """Forget all."""
        self._entries = []


def common_length(one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """How many of the first items two sequences share."""
    least = min(len(one), len(other))
    differ = np.flatnonzero(one[:least] != other[:least])
    return int(differ[0]) if len(differ) else least


def memory_limit(model: LanguageModel) -> int:
    """Bytes that keys and values of earlier turns may take beside a loaded model."""
    if model.device.type != "cuda":
        return MOST_ON_CPU
    free, _ = framework().cuda.mem_get_info(model.device)
    return int(SHARE * free)


def merged(rows: Sequence[KeyValues], room: int = ROOM) -> tuple[Any, Any]:
    """Keys and values of several conversations as one cache of the library, padded on the left, with `room` for more.

    Returns the cache and a mask (rows, tokens), 0 where it is padded.
    """
    torch = framework("transformers")
    begins = [max(len(row.marks) for row in rows) - len(row.marks) for row in rows]
    length = len(rows[0].marks) + begins[0]

    def joined(number: int, part: int) -> Any:
        _, heads, _, size = rows[0].layers[number][part].shape
        buffer = rows[0].layers[number][part].new_zeros(len(rows), heads, length + room, size)
        for place, (row, begin) in enumerate(zip(rows, begins, strict=True)):
            buffer[place, :, begin:length] = row.layers[number][part][0]
        return buffer

    layers = [(joined(number, 0), joined(number, 1)) for number in range(len(rows[0].layers))]
    mask = torch.ones(len(rows), length, dtype=torch.long, device=layers[0][0].device)
    for place, begin in enumerate(begins):
        mask[place, :begin] = 0
    return roomy_cache(layers, length), mask


def layers_of(cache: Any, row: int, begin: int, end: int) -> Layers:
    """A copy of the keys and values of one row of a cache, from column `begin` to `end`."""
    return [
        (
            layer.keys[row : row + 1, :, begin:end].clone(memory_format=framework().contiguous_format),
            layer.values[row : row + 1, :, begin:end].clone(memory_format=framework().contiguous_format),
        )
        for layer in cache.layers
    ]
