"""What a writer is: it puts plans into words. One file in `writers/`, which defines `create(argument) -> Writer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from canvasagent.craft.plan import Plan, Step
from canvasagent.errors import CanvasAgentError


class WriterFailure(CanvasAgentError):
    """A writer had no words: its endpoint failed or kept answering what cannot be used. The item is set aside."""


@dataclass(frozen=True)
class Seen:
    """What a call of the run at hand came to."""

    step: Step
    text: str
    """The observation, without the asset state."""
    data: Any = None
    """What Grounding and OCR found: list of {label or text, bbox, …}."""
    failed: bool = False
    mishap: bool = False
    """The call was a wrong turn, taken so that the data has recoveries in it; its result is not used."""


class Writer(Protocol):
    """Words for plans. The same plan and key give the same words; a writer can be pickled."""

    name: str
    """As the command line names it: `grammar`, `endpoint:MODEL`."""

    async def instruction(self, plan: Plan, key: str) -> str:
        """The request, as a person would put it. Raises `WriterFailure`."""
        ...

    async def reason(self, plan: Plan, step: Step, seen: tuple[Seen, ...], key: str) -> str:
        """What is thought before `step`, grounded in what was seen: one or two sentences, under 60 words.

        Raises `WriterFailure`.
        """
        ...

    async def farewell(self, plan: Plan, seen: tuple[Seen, ...], key: str) -> str:
        """The last reason, before the end; where the request asks for words it gives the answer."""
        ...
