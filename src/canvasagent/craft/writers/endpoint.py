"""The writer `endpoint:MODEL`: a vision model that finds the request which a plan carries out.

It sees the input pictures and the plan. A second pass, blind to the first, says whether the plan follows from what was
written; where it does not, the request is written anew, a bounded number of times. Reasons come from the grammar, or
from the endpoint with `endpoint:MODEL?reasons=endpoint`; other settings follow in the same way (`&tries=2`,
`&temperature=0.7`; see `WriterSettings`). What a model writes differs from call to call, so builds with this writer are
not repeated exactly; what was written is in the records.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from pydantic import ValidationError

from canvasagent.craft.model_client import BadReply, ModelClient, WriterSettings, field_of, truth_of, words_of
from canvasagent.craft.pictures import Picture, Source
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.plan_text import plan_text, seen_text, step_text
from canvasagent.craft.writers.base import Seen, WriterFailure
from canvasagent.endpoints.chat import BASE_DELAY
from canvasagent.endpoints.fence import fence_name, fenced
from canvasagent.endpoints.messages import data_url
from canvasagent.errors import CanvasAgentError, InputError

KEPT = 16
"""Pictures whose data URLs are kept: those of the item at hand are sent several times."""
LONGEST_INSTRUCTION = 160
"""Words."""
LONGEST_REASON = 60
"""Words."""
MARKS = ("<tool_call", "</tool_call", "<terminate", "</terminate", "<reason", "</reason", "<image", "<|im_")
"""Of the wire; an instruction or reason that holds one is refused."""
NEEDED_QUOTES = ("old", "new", "text")


class EndpointWriter:
    """A vision model behind an endpoint. One object serves many items and event loops at once."""

    def __init__(self, model: str, settings: WriterSettings, base_delay: float = BASE_DELAY) -> None:
        """Raises `InputError` for a missing key or a bad base URL. `base_delay` is in seconds."""
        self.name = f"endpoint:{model}"
        self.model, self.settings = model, settings
        self._base_delay = base_delay
        self._model = ModelClient(self.name, model, settings, base_delay)
        self._urls: OrderedDict[tuple[str, str], str] = OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.settings, self._base_delay)

    def __repr__(self) -> str:
        return f"<{self.name} at {self._model.endpoint.url}>"

    async def instruction(self, plan: Plan, key: str) -> str:
        """The request. Raises `WriterFailure`."""
        pictures = await self._pictures(plan)
        plan_words = plan_text(plan)
        why = ""
        for _ in range(self.settings.tries):
            earlier = {"what was wrong with an earlier try": why} if why else {}
            content = _content(pictures, {"the plan": plan_words, **earlier})
            text = await self._model.ask("instruction", content, lambda reply: _instruction(reply, plan))
            if not self.settings.check:
                return text
            sections = _content(pictures, {"the request": text, "the plan": plan_words})
            follows, why = await self._model.ask("check", sections, _verdict)
            if follows:
                return text
        raise WriterFailure(
            f"{self.name}: no request was found from which the plan of '{plan.chain}' follows, "
            f"in {self.settings.tries} tries; of the last one was said: {why}"
        )

    async def reason(self, plan: Plan, step: Step, seen: tuple[Seen, ...], key: str) -> str:
        """What is thought before `step`. Raises `WriterFailure`."""
        if self.settings.reasons == "grammar":
            from canvasagent.craft.writers.grammar.reasons import write_reason

            return write_reason(plan, step, seen, key)
        return await self._reason(plan, seen, step_text(step))

    async def farewell(self, plan: Plan, seen: tuple[Seen, ...], key: str) -> str:
        """What is thought at the end. Raises `WriterFailure`."""
        if self.settings.reasons == "grammar":
            from canvasagent.craft.writers.grammar.farewells import write_farewell

            return write_farewell(plan, seen, key)
        return await self._reason(plan, seen, "the end")

    async def _reason(self, plan: Plan, seen: tuple[Seen, ...], coming: str) -> str:
        pictures = await self._pictures(plan)
        sections = {
            "the plan": plan_text(plan),
            "what the calls so far came to": seen_text(seen),
            "the next step": coming,
        }
        return await self._model.ask("reason", _content(pictures, sections), _thought)

    async def _pictures(self, plan: Plan) -> list[str]:
        return [await asyncio.to_thread(self._url, picture) for picture in plan.pictures]

    def _url(self, picture: Picture) -> str:
        """The picture as a data URL. Raises `WriterFailure` where its pixels are gone."""
        from canvasagent.imaging.pictures import shrink

        place = (picture.source, picture.key)
        if place not in self._urls:
            try:
                pixels = _source(picture.source).open(picture)
            except CanvasAgentError as error:
                raise WriterFailure(f"{self.name}: a picture cannot be shown: {error}") from error
            self._urls[place] = data_url(shrink(pixels, self.settings.view_pixels))
            while len(self._urls) > KEPT:
                self._urls.popitem(last=False)
        return self._urls[place]


@cache
def _source(name: str) -> Source:
    from canvasagent.craft.sources import load_source

    return load_source(name)


def _content(pictures: list[str], sections: dict[str, str]) -> list[dict[str, Any]]:
    """The parts of a message: each picture after its id, then all texts in fences."""
    name = fence_name(sections.values())
    parts: list[dict[str, Any]] = []
    for number, url in enumerate(pictures, 1):
        parts += [{"type": "text", "text": f"img_{number}:"}, {"type": "image_url", "image_url": {"url": url}}]
    texts = "\n\n".join(fenced(name, label, text, 8000) for label, text in sections.items())
    return [*parts, {"type": "text", "text": texts}]


def _instruction(reply: str, plan: Plan) -> str:
    text = _unmarked(words_of(reply, "instruction"))
    if len(text.split()) > LONGEST_INSTRUCTION:
        raise BadReply(f"the instruction has {len(text.split())} words; at most 110 were asked for")
    low = _plain(text)
    for step in plan.path():
        for name in NEEDED_QUOTES if step.act in ("rewrite", "erase", "write") else ():
            value = step.facts.get(name)
            if value and _plain(value) not in low:
                raise BadReply(f"the text '{value}' is not in the instruction letter for letter")
    return text


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("’", "'")


def _thought(reply: str) -> str:
    text = _unmarked(words_of(reply, "reason"))
    if len(text.split()) > LONGEST_REASON:
        raise BadReply(f"the reason has {len(text.split())} words; at most 45 were asked for")
    return text


def _unmarked(text: str) -> str:
    found = next((mark for mark in MARKS if mark in text.lower()), None)
    if found is not None:
        raise BadReply(f"it holds '{found}', which belongs to the wire and not to what people say")
    return text


def _verdict(reply: str) -> tuple[bool, str]:
    follows = truth_of(reply, "follows")
    try:
        why = str(field_of(reply, "why"))
    except BadReply:
        why = ""
    return follows, " ".join(why.split())[:300]


def create(argument: str | None, settings: WriterSettings | None = None) -> EndpointWriter:
    """The writer for `MODEL` or `MODEL?name=value&…`. Raises `InputError`."""
    model, mark, query = (argument or "").partition("?")
    if not model.strip():
        raise InputError("the writer 'endpoint' needs a model: endpoint:MODEL.")
    values = (settings or WriterSettings()).model_dump()
    if mark:
        named = dict(parse_qsl(query, keep_blank_values=True))
        values |= named
        if "api_key" in query:
            raise InputError("a key in the writer's name would end up in records; set CANVASAGENT_WRITER_API_KEY.")
        if "@" in named.get("base_url", ""):
            raise InputError(
                "a password in the writer's name would end up in records; set CANVASAGENT_WRITER_BASE_URL."
            )
    try:
        chosen = WriterSettings.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise InputError(f"the settings of the writer '{argument}' are wrong: {problems}.") from error
    return EndpointWriter(model.strip(), chosen)
