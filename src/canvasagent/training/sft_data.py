"""Trajectories as tokens with labels: the loss is on what the policy wrote, and on nothing else.

Each trajectory is rendered as it is at run time (`language_models/tokens.py`), piece by piece, so the labels follow
from the pieces and no chat template has to mark them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canvasagent.canvas import Asset, Kind
from canvasagent.craft.placeholders import PLACEHOLDER
from canvasagent.craft.records import ChatMessage, SftRecord
from canvasagent.craft.store import Dataset
from canvasagent.errors import InputError, StorageError
from canvasagent.language_models.tokens import observation_tokens, prompt_tokens
from canvasagent.protocol.conversation import Message

if TYPE_CHECKING:
    from PIL import Image

    from canvasagent.language_models.load import LanguageModel

IGNORED = -100
"""Label of a token without loss, as torch has it."""
EMPTY_THOUGHT = "<think>\n\n</think>\n\n"
"""What the release's checkpoints begin each turn with."""


@dataclass
class Encoded:
    """A trajectory as a model reads it."""

    ids: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    """The token where the policy wrote it, else `IGNORED`; as long as `ids`."""
    pictures: list[Image.Image] = field(default_factory=list)

    def add(self, ids: Sequence[int], *, learned: bool = False) -> None:
        """Add tokens with or without loss."""
        self.ids += ids
        self.labels += ids if learned else [IGNORED] * len(ids)


def conversation(messages: Sequence[ChatMessage], pictures: Sequence[Image.Image]) -> list[Message]:
    """A record's messages with its pictures in the place of their placeholders.

    Raises `InputError` where there are not as many pictures as placeholders.
    """
    rest = list(pictures)
    read = []
    for message in messages:
        count = message.content.count(PLACEHOLDER)
        if count > len(rest):
            raise InputError("it has fewer pictures than placeholders")
        mine, rest = rest[:count], rest[count:]
        text = message.content.replace(f"{PLACEHOLDER}\n", "").replace(PLACEHOLDER, "")
        assets = tuple(Asset(f"picture_{number}", Kind.IMAGE, one, "", None) for number, one in enumerate(mine))
        read.append(Message(message.role, text, assets))
    if rest:
        raise InputError("it has more pictures than placeholders")
    return read


def encode(model: LanguageModel, messages: Sequence[Message], view_pixels: int, empty_thought: bool = False) -> Encoded:
    """A conversation as tokens and labels. Raises `InputError` for one whose roles are not in the order of a run."""
    first = next((place for place, message in enumerate(messages) if message.role == "assistant"), None)
    if first is None:
        raise InputError("it has no turn of a policy")
    encoded = Encoded()
    ids, encoded.pictures = prompt_tokens(model, messages[:first], view_pixels)
    encoded.add(ids)
    for place in range(first, len(messages), 2):
        turn, observation = messages[place], messages[place + 1] if place + 1 < len(messages) else None
        if turn.role != "assistant" or (observation is not None and observation.role != "tool"):
            raise InputError("its turns and observations do not alternate")
        text = (EMPTY_THOUGHT if empty_thought else "") + turn.text + model.tokenizer.eos_token
        encoded.add(model.tokenizer(text, add_special_tokens=False)["input_ids"], learned=True)
        if observation is not None and place + 2 < len(messages):
            ids, pictures = observation_tokens(model, observation, True, view_pixels)
            encoded.add(ids)
            encoded.pictures += pictures
    return encoded


class Trajectories:
    """The trajectories of a split of a dataset, read by number; pictures are read when they are needed."""

    def __init__(self, folder: Path, split: str) -> None:
        """Raises `InputError` for a dataset of another kind, or one without trajectories in that split."""
        self._dataset = Dataset.open(folder)
        if self._dataset.kind != "sft":
            raise InputError(f"the dataset in '{folder}' is of kind {self._dataset.kind}; SFT trains on trajectories.")
        self.left_out: list[str] = []
        """Records that cannot be used, each with the reason."""
        self._records = [(one.id, one.messages, one.images) for one in self._rows(split)]
        if not self._records:
            raise InputError(f"the dataset in '{folder}' has no trajectory in its split {split}.")

    def _rows(self, split: str) -> Iterator[SftRecord]:
        for record in self._dataset.rows(split, lambda item: self.left_out.append(f"record {item.where}: {item.why}")):
            if isinstance(record, SftRecord):
                missing = [key for key in record.images if key not in self._dataset]
                if missing:
                    self.left_out.append(f"record {record.id}: its picture {missing[0][:12]}… is not in the dataset")
                else:
                    yield record

    def __len__(self) -> int:
        return len(self._records)

    @property
    def splits(self) -> list[str]:
        """The splits of the dataset that have records."""
        return self._dataset.splits

    def id_of(self, number: int) -> str:
        """The record's id."""
        return self._records[number][0]

    def read(self, number: int) -> list[Message]:
        """The conversation. Raises `InputError` where it has another number of pictures than it needs, `StorageError`
        where one is damaged.
        """
        _, messages, images = self._records[number]
        return conversation(messages, [self._dataset.picture(key) for key in images])

    def usable(self, model: LanguageModel, view_pixels: int, most: int, empty_thought: bool) -> Iterator[int | None]:
        """The numbers of the trajectories that can be trained on, one by one; None for one that is left out."""
        for number in range(len(self)):
            try:
                count = len(encode(model, self.read(number), view_pixels, empty_thought).ids)
            except (InputError, StorageError) as error:
                self.left_out.append(f"record {self.id_of(number)}: {error}")
                yield None
                continue
            if count > most:
                self.left_out.append(f"record {self.id_of(number)}: it has {count:,} tokens, more than {most:,}")
            yield number if count <= most else None

    def close(self) -> None:
        """Close the dataset's files."""
        self._dataset.close()


class Collator:
    """Makes a batch of trajectories from their numbers: padded tokens, labels, pixel values."""

    def __init__(
        self, model: LanguageModel, splits: Sequence[Trajectories], view_pixels: int, empty_thought: bool
    ) -> None:
        self._model, self._splits = model, splits
        self._view_pixels, self._empty_thought = view_pixels, empty_thought

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The batch: `input_ids`, `attention_mask`, `labels` of shape (trajectories, tokens); with pictures
        `pixel_values` (patches, values), `image_grid_thw` (pictures, 3) and `mm_token_type_ids`.
        """
        import torch

        encoded = [self._encoded(row) for row in rows]
        longest = max(len(one.ids) for one in encoded)
        pad = self._model.tokenizer.pad_token_id

        def padded(values: Sequence[int], with_: int) -> list[int]:
            return [*values, *[with_] * (longest - len(values))]

        batch = {
            "input_ids": torch.tensor([padded(one.ids, pad) for one in encoded]),
            "attention_mask": torch.tensor([padded([1] * len(one.ids), 0) for one in encoded]),
            "labels": torch.tensor([padded(one.labels, IGNORED) for one in encoded]),
        }
        pictures = [picture for one in encoded for picture in one.pictures]
        if pictures:
            batch |= dict(self._model.processor.image_processor(images=pictures, return_tensors="pt"))
            batch["mm_token_type_ids"] = (batch["input_ids"] == self._model.processor.image_token_id).long()
        return batch

    def _encoded(self, row: dict[str, Any]) -> Encoded:
        split = self._splits[int(row["split"])]
        return encode(self._model, split.read(int(row["number"])), self._view_pixels, self._empty_thought)
