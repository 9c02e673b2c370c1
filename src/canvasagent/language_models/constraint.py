"""Holds what a model generates to a grammar, token by token, with llguidance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from canvasagent.errors import MissingExtra, WeightsError
from canvasagent.language_models.grammar import existing_ids, offered_tools, turn_grammar
from canvasagent.protocol.conversation import Message
from canvasagent.weights.framework import framework

if TYPE_CHECKING:
    from canvasagent.language_models.load import LanguageModel

SMALL = 1_000_000_000
"""Models with fewer parameters are held to the grammar where the user does not say."""


class TurnGrammars:
    """The grammars of turns for one model's tokenizer."""

    def __init__(self, model: LanguageModel) -> None:
        """Raises `MissingExtra` where llguidance is not installed, `WeightsError` for a tokenizer it cannot read."""
        try:
            from llguidance.hf import from_tokenizer
        except ImportError as error:
            raise MissingExtra("holding a model to the grammar of the tools (--constrain)", "local") from error
        rows = model.model.get_output_embeddings().weight.shape[0]
        try:
            self._tokenizer = from_tokenizer(model.tokenizer, n_vocab=rows, eos_token=sorted(model.end_ids))
        except ValueError as error:
            raise WeightsError(
                f"the tokenizer of '{model.source}' cannot be held to a grammar ({error}); use --no-constrain."
            ) from error

    def for_turn(self, messages: Sequence[Message]) -> GrammarConstraint:
        """What may be written as the next turn of a conversation."""
        from llguidance import LLMatcher

        grammar = turn_grammar(offered_tools(messages), existing_ids(messages))
        return GrammarConstraint(LLMatcher(self._tokenizer, grammar, log_level=0), self._tokenizer.vocab_size)


class GrammarConstraint:
    """The state of a grammar in a turn that is being written."""

    def __init__(self, matcher: Any, vocabulary: int) -> None:
        self._matcher = matcher
        self._mask = np.zeros((vocabulary + 31) // 32, dtype=np.int32)
        self._vocabulary = vocabulary
        self._check()

    def restrict(self, scores: Any) -> None:
        """Set the scores (a tensor on the processor, one for each token) of what may not come next to -inf."""
        self._matcher.unsafe_compute_mask_ptr(self._mask.ctypes.data, self._mask.nbytes)
        self._check()
        allowed = np.unpackbits(self._mask.view(np.uint8), bitorder="little")[: self._vocabulary].astype(bool)
        torch = framework()
        scores[: self._vocabulary].masked_fill_(torch.from_numpy(~allowed), -torch.inf)
        scores[self._vocabulary :] = -torch.inf

    def accept(self, token: int) -> bool:
        """Take the next token. Returns whether the turn is whole with it."""
        self._matcher.consume_token(token)
        self._check()
        return bool(self._matcher.is_stopped())

    def _check(self) -> None:
        if self._matcher.is_error():
            raise RuntimeError(f"llguidance: {self._matcher.get_error()}")
