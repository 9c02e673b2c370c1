"""A conversation as one sequence of tokens in which every turn has the tokens that the model generated for it.

The text of a turn says too little: the same text can be written in other tokens. So the tokens of turns are kept by
what was said up to them. Where they are gone (another process wrote the turn), the text is tokenised.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from canvasagent.errors import InputError
from canvasagent.language_models.roles import without_control_tokens
from canvasagent.language_models.tokens import between_tokens, prompt_tokens
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.release import without_empty_thought

if TYPE_CHECKING:
    from canvasagent.canvas import Asset
    from canvasagent.language_models.load import LanguageModel

REMEMBERED = 10_000_000
"""Tokens of openings, turns and observations that are kept, 4 bytes each: an opening has some 3,000, a turn 100."""


@dataclass(frozen=True)
class Reading:
    """What a model reads before its next turn."""

    ids: list[int]
    assets: list[Asset]
    """The pictures, in the order of their placeholders in `ids`."""
    marks: NDArray[np.int64]
    """The tokens, those of a picture replaced by one negative number that stands for its pixels: equal marks up to a
    token mean equal inputs up to it."""


class Transcriber:
    """Writes conversations as tokens. Safe in threads; what it keeps is bounded and changes no result but in speed and
    in turns whose text could be tokenised otherwise than they were generated.
    """

    def __init__(self, model: LanguageModel, view_pixels: int, remembered: int = REMEMBERED) -> None:
        self.model, self.view_pixels = model, view_pixels
        self._limit = remembered
        self._kept: OrderedDict[str, array[int]] = OrderedDict()
        self._held = 0
        self._lock = Lock()
        self._making = Lock()
        """Held while a text is tokenised: tokenizers keep settings between two steps of a call."""

    def __len__(self) -> int:
        """The tokens that are kept, never more than `remembered`."""
        return self._held

    def read(self, messages: Sequence[Message]) -> Reading:
        """The tokens of a conversation up to the head of the next turn. Raises `InputError` for one without a start."""
        keys = list(conversation_keys(messages))
        turns = [index for index, message in enumerate(messages) if message.role == "assistant"]
        opening = messages[: turns[0]] if turns else messages
        if not opening or (turns and turns[-1] == len(messages) - 1):
            raise InputError("a conversation begins with a message that is no turn and ends with one that is none.")
        first = partial(prompt_tokens, self.model, opening, self.view_pixels)
        ids = list(self._piece(keys[len(opening) - 1], first))
        for turn, following in zip(turns, [*turns, len(messages)][1:], strict=True):
            written = self._piece(keys[turn], partial(self._tokenised, messages[turn].text))
            ended = bool(written) and written[-1] in self.model.end_ids
            observed = messages[turn + 1 : following]
            between = partial(between_tokens, self.model, observed, ended, self.view_pixels)
            ids += [*written, *self._piece(f"{keys[following - 1]} {ended}", between)]
        assets = [asset for message in messages for asset in message.assets] if self.model.vision else []
        return Reading(ids, assets, _marks(self.model, ids, assets))

    def remember(self, messages: Sequence[Message], text: str, ids: Sequence[int]) -> None:
        """Keep the tokens of the turn that was generated after `messages`."""
        *_, key = conversation_keys([*messages, Message("assistant", text)])
        self._keep(key, array("i", ids))

    def _piece(self, key: str, make: Callable[[], tuple[list[int], Any]]) -> array[int]:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with self._making:
            ids = array("i", make()[0])
        self._keep(key, ids)
        return ids

    def _keep(self, key: str, ids: array[int]) -> None:
        with self._lock:
            self._held += len(ids) - len(self._kept.pop(key, ()))
            self._kept[key] = ids
            while self._held > self._limit:
                self._held -= len(self._kept.popitem(last=False)[1])

    def _tokenised(self, text: str) -> tuple[list[int], None]:
        encoded = self.model.tokenizer(without_control_tokens(self.model, text), add_special_tokens=False)
        return [int(token) for token in encoded["input_ids"]], None


def conversation_keys(messages: Sequence[Message]) -> Iterator[str]:
    """For each message a hash (hex) of all that was said and shown up to it.

    An empty thought before a turn does not count: conversations of the contract `release` are kept without it.
    """
    digest = hashlib.sha256()
    for message in messages:
        text = without_empty_thought(message.text) if message.role == "assistant" else message.text
        for part in (message.role, text, *(asset.key for asset in message.assets)):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
        digest.update(b"end of message")
        yield digest.hexdigest()


def _marks(model: LanguageModel, ids: Sequence[int], assets: Sequence[Asset]) -> NDArray[np.int64]:
    marks = np.asarray(ids, dtype=np.int64)
    if not assets:
        return marks
    of_picture = marks == model.processor.image_token_id
    begins = of_picture & ~np.concatenate([[False], of_picture[:-1]])
    hashes = [hashlib.sha256(asset.key.encode()).digest() for asset in assets]
    values = np.asarray([-1 - (int.from_bytes(one[:8], "little") >> 1) for one in hashes], dtype=np.int64)
    number = np.cumsum(begins) - 1
    return np.where(of_picture, values[np.clip(number, 0, len(values) - 1)], marks)
