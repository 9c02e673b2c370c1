"""Writes turns for several conversations at once, each from the keys and values that its earlier turns left.

What is new in each conversation is read by itself; then all of them are continued together, padded on the left. The
conversations' own positions and masks make a row independent of the others, but for the rounding of sums.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from canvasagent.errors import PolicyFailure
from canvasagent.language_models.conversations import Reading
from canvasagent.language_models.key_values import KeyValues, KeyValueStore, layers_of, merged
from canvasagent.language_models.stopping import is_whole
from canvasagent.language_models.tokens import seen, turn_text
from canvasagent.weights.framework import framework

if TYPE_CHECKING:
    from canvasagent.language_models.load import LanguageModel

Ended = Literal["whole", "length", "cancelled"]


class Constraint(Protocol):
    """What may come next in a turn."""

    def restrict(self, scores: Any) -> None:
        """Set the scores (a float32 tensor, one for each token) of all tokens that may not come next to -inf."""

    def accept(self, token: int) -> bool:
        """Take the next token. Returns whether the turn is whole with it."""


@dataclass(eq=False)
class Job:
    """A turn to write."""

    reading: Reading
    most: int
    """Tokens that the turn may have."""
    temperature: float = 0.0
    """0: always the most probable token."""
    seed: int = 0
    """Seed of what is drawn, independent of the other turns of the batch."""
    constrain: Callable[[], Constraint] | None = None
    """Makes what the turn is held to."""
    on_text: Callable[[str], object] | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    """Set where nobody waits for the turn any more."""
    streamed: str = ""
    """What `on_text` was given, so that a turn which is written a second time is not handed on twice."""


@dataclass(frozen=True)
class Written:
    """A turn that was written."""

    ids: list[int]
    text: str
    ended: Ended
    reused: int
    """Tokens of the conversation that did not have to be read again."""


class Writer:
    """Generates turns with a model, with a store of keys and values between turns. For one thread at a time."""

    def __init__(self, model: LanguageModel, view_pixels: int, store: KeyValueStore) -> None:
        self.model, self.view_pixels, self.store = model, view_pixels, store
        control = set(model.control_tokens.values()) | {model.tokenizer.pad_token_id}
        rows = model.model.get_output_embeddings().weight.shape[0]
        never = sorted({*(control - model.end_ids), *range(len(model.tokenizer), rows)})
        self._never = framework().tensor(never, dtype=framework().long, device=model.device)
        """Tokens that no turn has: control tokens but for those that end one, and rows without a token."""

    def write(self, jobs: Sequence[Job]) -> list[Written]:
        """The turns of `jobs`, in their order. Raises `PolicyFailure` where the model's scores are no numbers."""
        torch = framework()
        with torch.inference_mode():
            rows = [self._row(job) for job in jobs]
            self._continue([row for row in rows if row.ended is None])
        return [Written(row.ids, turn_text(self.model, row.ids), row.ended or "length", row.reused) for row in rows]

    def _row(self, job: Job) -> _Row:
        """Read what is new in a conversation, and choose the turn's first token."""
        known = self.store.longest(job.reading.marks)
        values, scores = read(self.model, job.reading, known, self.view_pixels)
        row = _Row(self.model, job, values, 0 if known is None else len(known.marks))
        self.store.put(values)
        row.take(self._choose(row, scores))
        return row

    def _continue(self, rows: list[_Row]) -> None:
        """Write the rest of the turns, one token of each in a step; those that are whole leave the batch."""
        if not rows:
            return
        torch = framework()
        cache, mask = merged([row.values for row in rows])
        for row in rows:
            row.values = replace(row.values, layers=[])  # the cache has a copy
        while rows:
            tokens = torch.tensor([[row.ids[-1]] for row in rows], device=mask.device)
            positions = torch.tensor([[row.position] for row in rows], device=mask.device)
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            scores, cache = _forward(self.model, tokens, positions, cache, mask)
            for row, one in zip(rows, scores, strict=True):
                row.take(self._choose(row, one))
            going = [number for number, row in enumerate(rows) if row.ended is None]
            if len(going) < len(rows):
                self._keep(rows, cache, mask)
                chosen = torch.tensor(going, dtype=torch.long, device=mask.device)
                if going:
                    cache.batch_select_indices(chosen)
                mask, rows = mask[chosen], [rows[number] for number in going]

    def _keep(self, rows: Sequence[_Row], cache: Any, mask: Any) -> None:
        """Store the keys and values of the rows that have ended. The last token of a turn is not among them."""
        for number, row in enumerate(rows):
            if row.ended is not None:
                length = len(row.job.reading.ids) + len(row.ids) - 1
                layers = layers_of(cache, number, mask.shape[1] - length, mask.shape[1])
                self.store.put(row.computed(layers))

    def _choose(self, row: _Row, scores: Any) -> int:
        torch = framework()
        scores = scores.float()
        scores[self._never] = -torch.inf
        job = row.job
        if row.constraint is not None:
            scores = scores.cpu()
            row.constraint.restrict(scores)
        best = int(scores.argmax())  # of scores with a NaN, that one
        if not torch.isfinite(scores[best]):
            raise PolicyFailure(
                f"the scores of '{self.model.source}' are no numbers: its weights are damaged, or its precision "
                "does not suffice (--dtype float32)."
            )
        if job.temperature <= 0:
            return best
        chances = torch.softmax(scores.cpu().double() / job.temperature, dim=-1)
        return int(torch.multinomial(chances, 1, generator=row.generator))


class _Row:
    """One conversation of a batch."""

    def __init__(self, model: LanguageModel, job: Job, values: KeyValues, reused: int) -> None:
        self.model, self.job, self.values, self.reused = model, job, values, reused
        self.ids: list[int] = []
        self.ended: Ended | None = None
        self.constraint = job.constrain() if job.constrain is not None else None
        self.generator = framework().Generator().manual_seed(job.seed)
        self._begin = int(values.following[-1])

    @property
    def position(self) -> int:
        """That of the token which was written last."""
        return self._begin + len(self.ids) - 1

    def computed(self, layers: Any) -> KeyValues:
        """The keys and values of the conversation and of the turn but for its last token."""
        count = len(self.ids) - 1
        marks = np.concatenate([self.values.marks, np.asarray(self.ids[:count], dtype=np.int64)])
        following = np.concatenate([self.values.following, self._begin + 1 + np.arange(count)])
        return KeyValues(marks, following, layers)

    def take(self, token: int) -> None:
        """Add a token to the turn."""
        self.ids.append(token)
        text = turn_text(self.model, self.ids)
        if self.job.cancelled.is_set():
            self.ended = "cancelled"
        elif token in self.model.end_ids or self._is_whole(token, text):
            self.ended = "whole"
        elif len(self.ids) >= self.job.most:
            self.ended = "length"
        self._tell(text)

    def _is_whole(self, token: int, text: str) -> bool:
        return self.constraint.accept(token) if self.constraint is not None else is_whole(text)

    def _tell(self, text: str) -> None:
        """Hand on what is new of the text; the bytes of a character that is not whole yet wait for the others."""
        if self.job.on_text is None or (self.ended is None and text.endswith("\ufffd")):
            return
        if len(text) > len(self.job.streamed):
            self.job.on_text(text[len(self.job.streamed) :])
            self.job.streamed = text


def read(model: LanguageModel, reading: Reading, known: KeyValues | None, view_pixels: int) -> tuple[KeyValues, Any]:
    """Run a model over what is new in a conversation.

    Returns the keys and values of all of it, and the scores of the next token, a tensor of the vocabulary's size.
    """
    torch = framework("transformers")
    begin = 0 if known is None else len(known.marks)
    ids = torch.tensor([reading.ids[begin:]], device=model.device)
    offset = 0 if known is None else int(known.following[-1])
    pictures, positions = _pictures(model, reading, begin, ids, view_pixels)
    positions = positions + offset
    cache, mask = merged([known], ids.shape[1]) if known is not None else (_empty_cache(), None)
    if mask is not None:
        mask = torch.cat([mask, mask.new_ones(1, ids.shape[1])], dim=1)
    scores, cache = _forward(model, ids, positions, cache, mask, **pictures)
    following = torch.cummax(positions.amax(0) if positions.ndim == 3 else positions, dim=-1).values[0] + 1
    earlier = [] if known is None else [known.following]
    ends = np.concatenate([*earlier, following.cpu().numpy()])
    layers = [(layer.keys, layer.values) for layer in cache.layers]
    return KeyValues(reading.marks, ends, layers), scores[0]


def _empty_cache() -> Any:
    from transformers import DynamicCache

    return DynamicCache()


def _pictures(
    model: LanguageModel, reading: Reading, begin: int, ids: Any, view_pixels: int
) -> tuple[dict[str, Any], Any]:
    """The inputs of the pictures among `ids` (the tokens from `begin` on), and the positions of `ids`, from 0."""
    torch = framework()
    plain = torch.arange(ids.shape[1], device=ids.device)[None]
    if not model.vision:
        return {}, plain
    token = model.processor.image_token_id
    before = np.asarray(reading.ids[:begin], dtype=np.int64) == token
    done = int(np.count_nonzero(before & ~np.concatenate([before[1:], [False]]))) if begin else 0
    new = [seen(asset, view_pixels) for asset in reading.assets[done:]]
    if not new:
        return {}, plain[None].expand(3, 1, -1)
    inputs = model.processor.image_processor(images=new, return_tensors="pt").to(ids.device)
    kinds = (ids == token).int()
    positions, _ = model.model.model.get_rope_index(ids, kinds, image_grid_thw=inputs["image_grid_thw"])
    named = {"pixel_values": inputs["pixel_values"], "image_grid_thw": inputs["image_grid_thw"]}
    return {**named, "mm_token_type_ids": kinds}, positions


def _forward(model: LanguageModel, ids: Any, positions: Any, cache: Any, mask: Any, **pictures: Any) -> tuple[Any, Any]:
    """One run of the model. Returns the scores after the last token of each row, and the cache."""
    if model.vision and positions.ndim == 2:
        positions = positions[None].expand(3, -1, -1)
    output = model.model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
        **pictures,
    )
    return output.logits[:, -1], output.past_key_values
