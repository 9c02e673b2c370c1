"""A language model of this machine as policy: `--policy transformers:PATH_OR_ID`.

Any Qwen3-VL checkpoint, and any causal language model without vision whose tokenizer has a chat template. Turns that
are asked for at about the same time are written as one batch. The tokens of a turn are fed back as they were
generated, and the keys and values of earlier turns are kept, so that each turn reads only what is new. What is kept is
bounded, and a turn whose predecessors are forgotten is the same one, only slower.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from canvasagent.concurrency.batching import MicroBatcher
from canvasagent.endpoints.settings import Usage
from canvasagent.errors import InputError, OutOfContext, PolicyFailure
from canvasagent.language_models.constraint import SMALL, TurnGrammars
from canvasagent.language_models.contract import require_same_tools
from canvasagent.language_models.conversations import Transcriber, conversation_keys
from canvasagent.language_models.generate import Job, Writer, Written
from canvasagent.language_models.key_values import KeyValueStore, memory_limit
from canvasagent.language_models.load import LanguageModel, load_model
from canvasagent.policies.base import PolicySettings, Reply
from canvasagent.protocol.conversation import Message
from canvasagent.weights.framework import empty_cache, is_out_of_memory

MAX_TOKENS = 1024
"""Tokens that a turn may have where the user sets no limit."""
WAIT = 0.02
"""Seconds that a turn waits for others to be written with."""


class TransformersPolicy:
    """A loaded model that writes turns. One object serves many episodes, threads and event loops."""

    def __init__(self, model: LanguageModel, settings: PolicySettings) -> None:
        self.name = f"transformers:{model.source}"
        self.model, self.settings = model, settings
        small = model.parameters < SMALL
        self.grammars = TurnGrammars(model) if (small if settings.constrain is None else settings.constrain) else None
        self.transcriber = Transcriber(model, settings.view_pixels)
        self.writer = Writer(model, settings.view_pixels, KeyValueStore(memory_limit(model)))
        self.batcher: MicroBatcher[Job, Written] = MicroBatcher(self._write, settings.batch_size, WAIT)
        # Threads of its own: those that wait for a batch must not take the place of those that run tools.
        self._threads = ThreadPoolExecutor(2 * settings.batch_size, thread_name_prefix="canvasagent-turns")

    def __repr__(self) -> str:
        return f"<{self.name} on {self.model.device}>"

    @property
    def reads_pictures(self) -> bool:
        """Whether the model has vision; pictures are left out of what it reads if not."""
        return self.model.vision

    def record(self) -> dict[str, Any]:
        """What a record keeps: how the model was run."""
        chosen = ("temperature", "max_tokens", "view_pixels", "sampling_seed")
        settings = {name: getattr(self.settings, name) for name in chosen}
        where = {"device": str(self.model.device), "dtype": str(self.model.model.dtype).removeprefix("torch.")}
        about = {"model": self.model.source, "parameters": self.model.parameters, "vision": self.model.vision, **where}
        return {**about, **settings, "constrain": self.grammars is not None}

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The model's next turn; `on_text` gets it piece by piece.

        Raises `OutOfContext` where the conversation does not fit into what the model reads, and `PolicyFailure` where
        memory does not suffice or the model fails.
        """
        loop = asyncio.get_running_loop()
        tell = None if on_text is None else lambda piece: loop.call_soon_threadsafe(on_text, piece)
        job = await loop.run_in_executor(self._threads, self._job, tuple(messages), tell)
        try:
            written = await loop.run_in_executor(self._threads, self.batcher, job)
        except RuntimeError as error:  # of the framework: a lost device, a kernel that does not exist
            raise PolicyFailure(f"{self.name} could not write a turn: {' '.join(str(error).split())[:400]}") from error
        finally:
            job.cancelled.set()
        if written.ended == "length" and job.most < self._most:
            raise OutOfContext(self._context_words(len(job.reading.ids), "which left no room for the turn"))
        self.transcriber.remember(messages, written.text, written.ids)
        return Reply(written.text, Usage(len(job.reading.ids), len(written.ids)))

    @property
    def _most(self) -> int:
        return self.settings.max_tokens or MAX_TOKENS

    def _job(self, messages: Sequence[Message], tell: Callable[[str], object] | None) -> Job:
        reading = self.transcriber.read(messages)
        most, context = self._most, self.model.context
        if context is not None:
            if len(reading.ids) >= context:
                raise OutOfContext(self._context_words(len(reading.ids), "so it cannot go on"))
            most = min(most, context - len(reading.ids))
        *_, key = conversation_keys(messages)
        seed = hashlib.sha256(f"{self.settings.sampling_seed} {key}".encode()).digest()
        return Job(
            reading,
            most,
            temperature=self.settings.temperature or 0.0,
            seed=int.from_bytes(seed[:7], "little"),
            constrain=None if self.grammars is None else partial(self.grammars.for_turn, messages),
            on_text=tell,
        )

    def _context_words(self, tokens: int, end: str) -> str:
        return f"the conversation has {tokens:,} of the {self.model.context:,} tokens that {self.name} reads, {end}."

    def _write(self, jobs: Sequence[Job]) -> list[Written]:
        """Write a batch. Out of memory, the keys and values of earlier turns are given up first; a batch of several
        that fails is then written one by one.
        """
        try:
            return self.writer.write(jobs)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        self.writer.store.clear()
        empty_cache()
        try:
            return self.writer.write(jobs)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self.writer.store.clear()
            raise PolicyFailure(
                f"memory does not suffice for a turn of {self.name} with {max(len(job.reading.ids) for job in jobs):,} "
                "tokens; lower --view-pixels, or take a smaller model."
            ) from error


def create(argument: str | None, settings: PolicySettings) -> TransformersPolicy:
    """The policy for the checkpoint that `argument` names, loaded.

    Raises `InputError` where none is named, `MissingExtra` and `WeightsError` as `load_model` does, and `WeightsError`
    for one that was trained here on other tool definitions.
    """
    if not argument or not argument.strip():
        raise InputError(
            "name the model: transformers:FOLDER, or the id of one that was fetched: transformers:ORG/MODEL."
        )
    model = load_model(argument.strip(), settings.device, settings.dtype)
    require_same_tools(model.source, model.contract)
    return TransformersPolicy(model, settings)
