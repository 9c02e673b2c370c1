"""What a turn of a local model costs: kept keys and values, batches, the grammar; and how many turns are well formed.

    python benchmarks/local_policy.py MODEL [--turns 12]

MODEL is a folder or hub id as for `--policy transformers:MODEL`. Conversations are those of an episode with one
picture under the system prompt of `lite`; a model without vision reads them without the picture. On a processor the
model runs in one thread and seconds are processor time, elsewhere by the clock; the better of two.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from device import device, write_results

from canvasagent import PolicySettings
from canvasagent.language_models.constraint import TurnGrammars
from canvasagent.language_models.conversations import Reading, Transcriber
from canvasagent.language_models.generate import Job, Writer
from canvasagent.language_models.key_values import KeyValueStore
from canvasagent.language_models.load import LanguageModel, load_model
from canvasagent.policies.base import VIEW_PIXELS
from canvasagent.policies.transformers import TransformersPolicy
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.turns import parse
from canvasagent.testing.policies import standard_conversations

TOKENS = 32
"""Tokens of a measured turn."""
REQUESTS = (
    "flip it left to right", "rotate it by 90 degrees", "crop the middle", "what does it say?",
    "make it black and white", "enlarge it", "write SALE at the top", "cut out the face",
    "make the sky orange", "draw a red circle",
    "remove the text", "put a blue border around it",
)  # fmt: skip


def seconds(model: LanguageModel, work: Callable[[], Any]) -> float:
    """Time of a call."""
    clock = time.process_time if model.device.type == "cpu" else time.perf_counter
    times = []
    for _ in range(2):
        started = clock()
        work()
        times.append(clock() - started)
    return min(times)


class _Endless:
    """Lets a turn go on, so that every measured turn has the same length."""

    def __init__(self, model: LanguageModel) -> None:
        self._ends = sorted(model.end_ids)

    def restrict(self, scores: Any) -> None:
        """Everything may come next but the end."""
        scores[self._ends] = -float("inf")

    def accept(self, token: int) -> bool:
        """Never whole."""
        return False


def write(writer: Writer, readings: Sequence[Reading]) -> None:
    """Write a turn of `TOKENS` tokens for each conversation."""
    writer.write([Job(reading, TOKENS, constrain=lambda: _Endless(writer.model)) for reading in readings])


def costs(model: LanguageModel) -> dict[str, Any]:
    """Seconds of turns: the first of an episode, a later one, batches, the grammar's share."""
    writer = Writer(model, VIEW_PIXELS, KeyValueStore(8 * 2**30))
    transcriber = Transcriber(model, VIEW_PIXELS)
    first, *_, later, _ = standard_conversations()
    fresh, third = transcriber.read(first), transcriber.read(later)

    def cold(reading: Reading) -> None:
        writer.store.clear()
        write(writer, [reading])

    def kept() -> None:
        writer.store.clear()
        writer.store.put(before)
        write(writer, [third])

    cold(third)
    whole = writer.store.longest(third.marks)
    assert whole is not None
    turn = model.tokenizer(later[len(first)].text, add_special_tokens=False)["input_ids"]
    before = whole.first(len(fresh.ids) + len(turn) - 1)  # what the first turn left behind
    found: dict[str, Any] = {
        "tokens of the first prompt": len(fresh.ids),
        "tokens of a turn": TOKENS,
        "first turn, s": round(seconds(model, lambda: cold(fresh)), 2),
        "later turn, all read again, s": round(seconds(model, lambda: cold(third)), 2),
        "later turn, keys and values kept, s": round(seconds(model, kept), 2),
    }
    for count in (1, 4, 8):
        write(writer, [fresh])
        spent = seconds(model, lambda count=count: write(writer, [fresh] * count))  # type: ignore[misc]
        found[f"tokens a second in a batch of {count}"] = round(count * TOKENS / spent, 1)
    grammars = TurnGrammars(model)
    started = time.perf_counter()
    constraint = grammars.for_turn(first)
    found["grammar made, ms"] = round((time.perf_counter() - started) * 1000, 1)
    ids, spent = (
        model.tokenizer("<reason>The picture is to be mirrored, as the user asks.</reason>\n")["input_ids"],
        0.0,
    )
    for token in ids:
        scores = torch.zeros(model.model.get_output_embeddings().weight.shape[0])
        started = time.perf_counter()
        constraint.restrict(scores)
        constraint.accept(token)
        spent += time.perf_counter() - started
    found["grammar, ms a token"] = round(spent / len(ids) * 1000, 2)
    return found


def well_formed(model: LanguageModel, count: int, constrain: bool) -> dict[str, Any]:
    """Of the first turns on `count` requests: how many have no format fault, and what they call."""
    policy = TransformersPolicy(model, PolicySettings(constrain=constrain, max_tokens=300))
    opening = standard_conversations()[0]
    asked = [_asking(opening, request) for request in REQUESTS[:count]]

    async def together() -> list[str]:
        return [reply.text for reply in await asyncio.gather(*(policy.act(messages) for messages in asked))]

    turns = [parse(text) for text in asyncio.run(together())]
    acts = Counter(turn.call.name if turn.call else "Terminate" if turn.terminate else "nothing" for turn in turns)
    return {"turns": count, "without a format fault": sum(not turn.faults for turn in turns), "acts": dict(acts)}


def _asking(opening: Sequence[Message], request: str) -> list[Message]:
    system, user = opening
    state = user.text.rpartition("\n")[2]
    return [system, Message("user", f"{request}\n{state}", user.assets)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--turns", type=int, default=len(REQUESTS), help="requests for the share of well-formed turns")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(chosen.model)
    results = {
        "model": Path(chosen.model).name,
        "parameters": model.parameters,
        "vision": model.vision,
        "dtype": str(model.model.dtype),
        "runs on": str(model.device),
        "device": device(),
        **costs(model),
        "held to the grammar": well_formed(model, chosen.turns, True),
        "free": well_formed(model, chosen.turns, False),
    }
    write_results("local_policy", results)


if __name__ == "__main__":
    main()
