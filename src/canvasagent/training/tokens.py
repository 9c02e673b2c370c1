"""A rollout in tokens: what the trainer reads of an episode, token for token as it was generated.

What the policy wrote is kept as the tokens that it drew, never as text that is tokenised again: the same text can be
written in other tokens, and their probabilities would be those of another policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from canvasagent.language_models.tokens import observation_tokens, prompt_tokens

if TYPE_CHECKING:
    from PIL import Image

    from canvasagent.language_models.load import LanguageModel
    from canvasagent.protocol.conversation import Message


@dataclass
class TokenRecord:
    """The tokens of one episode: the prompt, then turns of the policy and observations in alternation."""

    view_pixels: int
    """Pixels of the copy that the policy sees of a picture."""
    prompt_ids: list[int] = field(default_factory=list)
    completion_ids: list[int] = field(default_factory=list)
    """Turns and observations."""
    mask: list[int] = field(default_factory=list)
    """1 where the policy wrote the token, 0 where the environment did; as long as `completion_ids`."""
    logprobs: list[float] | None = None
    """Log-probabilities of the tokens when they were drawn (0.0 for the environment's), where the engine gives them."""
    turns: list[tuple[int, int]] = field(default_factory=list)
    """Begin and end of each turn in `completion_ids`."""
    images: list[Image.Image] = field(default_factory=list)
    """Pictures in the order of their placeholder tokens in prompt and completion."""

    @property
    def ids(self) -> list[int]:
        """All tokens so far."""
        return self.prompt_ids + self.completion_ids

    def begin(self, model: LanguageModel, messages: Sequence[Message]) -> None:
        """Read the messages before the first turn."""
        self.prompt_ids, self.images = prompt_tokens(model, messages, self.view_pixels)

    def observe(self, model: LanguageModel, message: Message, most: int) -> bool:
        """Read the observation of the last turn, if turns and observations then have fewer than `most` tokens.

        An observation is read as a whole or not at all, since half a picture cannot be.
        """
        closed = bool(self.completion_ids) and self.completion_ids[-1] in model.end_ids
        ids, images = observation_tokens(model, message, closed, self.view_pixels)
        if len(self.completion_ids) + len(ids) >= most:
            return False
        self._extend(ids, 0, None)
        self.images += images
        return True

    def write(self, ids: Sequence[int], logprobs: Sequence[float] | None, most: int) -> list[int]:
        """Add a turn, cut where turns and observations would have more than `most` tokens. Returns its tokens."""
        kept = list(ids[: most - len(self.completion_ids)])
        begin = len(self.completion_ids)
        self._extend(kept, 1, logprobs)
        self.turns.append((begin, len(self.completion_ids)))
        return kept

    def _extend(self, ids: Sequence[int], mask: int, logprobs: Sequence[float] | None) -> None:
        if logprobs is not None and self.logprobs is None:
            self.logprobs = [0.0] * len(self.completion_ids)
        if self.logprobs is not None:
            self.logprobs += list(logprobs[: len(ids)]) if logprobs is not None else [0.0] * len(ids)
        self.completion_ids += ids
        self.mask += [mask] * len(ids)
