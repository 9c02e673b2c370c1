"""An OpenAI-compatible vision model as judge: `--judge endpoint:MODEL`.

Three questions on each run, asked at the same time: alignment sees the request, the inputs, the result, and words as an
auxiliary; aesthetics the request, the inputs and the result; trajectory the request, the expected tools, every turn
with what it made, and a summary of calls and errors. The rubrics are in `prompts/`. Address and key are the judge's own
(CANVASAGENT_JUDGE_BASE_URL, CANVASAGENT_JUDGE_API_KEY), else the general ones.

What the rubric leaves no choice about is not asked: without a picture alignment and aesthetics score 0, and so does the
process of a run of one call. What cannot be read is asked for again, and then is missing.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, replace
from typing import Any

from canvasagent.endpoints.address import Endpoint, endpoint_of
from canvasagent.endpoints.chat import BASE_DELAY, ChatClient, Dialect
from canvasagent.endpoints.settings import EndpointSettings
from canvasagent.errors import CanvasAgentError, PolicyFailure
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.judges._evidence import Evidence
from canvasagent.rewards.judges._pace import Pace
from canvasagent.rewards.judges._prompts import Prompt, load_prompts
from canvasagent.rewards.judges._replies import Kept, Replies, request_key
from canvasagent.rewards.judges._run_stats import run_stats_of
from canvasagent.rewards.judges._score import Unreadable, read_score
from canvasagent.rewards.judges.base import ASPECTS, Aspect, JudgeSettings, Verdict, unfinished

DEFAULT_MODEL = "qwen3.5-plus"


@dataclass(frozen=True)
class Reading:
    """One reply to one question; without a score where none could be had, and `error` then says why."""

    score: float | None
    reply: str = ""
    served: str | None = None
    cost: float | None = None
    error: str | None = None
    cached: bool = False


Messages = list[dict[str, Any]]


class EndpointJudge:
    """A vision model behind an endpoint. One object serves many runs, threads and event loops at once."""

    def __init__(self, model: str, settings: JudgeSettings, base_delay: float = BASE_DELAY) -> None:
        """Raises `InputError` where key, base URL or a prompt is wrong. `base_delay` is in seconds."""
        self.name = f"endpoint:{model}"
        self.model = model
        self.settings = settings
        self.prompts: dict[Aspect, Prompt] = load_prompts(settings.prompts)
        taken = (
            "base_url",
            "api_key",
            "temperature",
            "max_tokens",
            "timeout",
            "retries",
            "input_price",
            "output_price",
        )
        endpoint_settings = EndpointSettings(**{name: getattr(settings, name) for name in taken})
        self.endpoint: Endpoint = endpoint_of(
            endpoint_settings, "CANVASAGENT_JUDGE_BASE_URL", "CANVASAGENT_JUDGE_API_KEY"
        )
        dialect = Dialect(completion_limit=self.endpoint.is_openai)
        pace = Pace(settings.concurrency, settings.requests_per_second)
        self._client = ChatClient(self.name, model, endpoint_settings, self.endpoint, dialect, base_delay, pace.gate)
        self._replies = Replies(settings.cache) if settings.cache is not None else None

    def __repr__(self) -> str:
        return f"<{self.name} at {self.endpoint.url}>"

    async def judge(self, trajectory: Trajectory) -> dict[Aspect, Verdict]:
        """A verdict for every aspect, asked for at the same time. What the endpoint does is in the verdicts."""
        evidence = Evidence(trajectory, self.settings)
        questions = await asyncio.to_thread(self._questions, evidence)
        verdicts = await asyncio.gather(*(self._verdict(aspect, questions[aspect]) for aspect in ASPECTS))
        return {verdict.aspect: verdict for verdict in verdicts}

    def _questions(self, evidence: Evidence) -> dict[Aspect, Messages | Reading]:
        """What to ask for each aspect, or the reading where there is nothing to ask."""
        return {aspect: self._question(evidence, aspect) for aspect in ASPECTS}

    def _question(self, evidence: Evidence, aspect: Aspect) -> Messages | Reading:
        if why := unfinished(evidence.trajectory):
            return Reading(None, error=why)
        if why := _settled(evidence.trajectory, aspect):
            return Reading(0.0, f"{why}; not asked.", cost=0.0)
        try:
            content = evidence.content(aspect)
        except CanvasAgentError as error:
            return Reading(None, error=str(error))
        return [{"role": "system", "content": self.prompts[aspect].text}, {"role": "user", "content": content}]

    async def _verdict(self, aspect: Aspect, question: Messages | Reading) -> Verdict:
        began = time.perf_counter()
        if isinstance(question, Reading):
            readings = [question]
        else:
            tasks = [self._reading(aspect, question, number) for number in range(self.settings.repeats)]
            readings = list(await asyncio.gather(*tasks))
        scores = [reading.score for reading in readings if reading.score is not None]
        whole = len(scores) == len(readings)
        costs = [reading.cost for reading in readings]
        return Verdict(
            aspect=aspect,
            score=sum(scores) / len(scores) if whole else None,
            judge=self.name,
            model=self.model,
            served=next((reading.served for reading in readings if reading.served), None),
            prompt_hash=self.prompts[aspect].hash,
            raw=self._raw(readings),
            seconds=time.perf_counter() - began,
            cost=None if None in costs else sum(cost or 0.0 for cost in costs),
            error=None if whole else _error(readings),
            cached=all(reading.cached for reading in readings),
        )

    async def _reading(self, aspect: Aspect, messages: Messages, number: int) -> Reading:
        """The reply of repeat `number`: kept, or asked for until one can be read."""
        key = ""
        if self._replies is not None:
            key = await asyncio.to_thread(self._key, aspect, messages, number)
            if kept := await asyncio.to_thread(self._kept, key):
                return kept
        reading = await self._ask(messages)
        if self._replies is not None and reading.score is not None:
            await asyncio.to_thread(self._replies.put, key, Kept(reading.reply, reading.served))
        return reading

    async def _ask(self, messages: Messages) -> Reading:
        reading = Reading(None, cost=0.0)
        for tried in range(1, self.settings.retries + 2):
            try:
                completion = await self._client.complete(lambda _: messages)
            except PolicyFailure as error:
                return replace(reading, error=str(error))
            answer, cost = completion.answer, completion.usage.cost
            reading = Reading(
                None,
                _writable(self.endpoint.scrub(answer.text)),
                _writable(answer.model) if answer.model else None,
                None if cost is None or reading.cost is None else reading.cost + cost,
            )
            try:
                return replace(reading, score=read_score(answer.text, answer.finish))
            except Unreadable as error:
                attempts = f" (asked {tried} times)" if tried > 1 else ""
                reading = replace(reading, error=self.endpoint.scrub(f"{self.name}: {error}{attempts}."))
        return reading

    def _key(self, aspect: Aspect, messages: Messages, number: int) -> str:
        return request_key(
            judge=self.name,
            url=self.endpoint.url,
            prompt=self.prompts[aspect].hash,
            temperature=self.settings.temperature,
            max_tokens=self.settings.max_tokens,
            messages=messages,
            number=number,
        )

    def _kept(self, key: str) -> Reading | None:
        kept = self._replies.get(key) if self._replies is not None else None
        if kept is None:
            return None
        try:
            return Reading(read_score(kept.reply), kept.reply, kept.served, cost=0.0, cached=True)
        except Unreadable:  # changed by hand: it is asked for again and replaced
            return None

    @staticmethod
    def _raw(readings: list[Reading]) -> str:
        if len(readings) == 1:
            return readings[0].reply
        entries = [{"score": reading.score, "reply": reading.reply} for reading in readings]
        return json.dumps(entries, ensure_ascii=False)


def _settled(trajectory: Trajectory, aspect: Aspect) -> str | None:
    """Why the score is 0 whatever a judge might say; None where there is something to judge."""
    if aspect == "trajectory":
        calls = len(run_stats_of(trajectory).calls)
        return {0: "no tool was called", 1: "exactly one tool call"}.get(calls)
    if trajectory.final is not None:
        return None
    if aspect == "align" and trajectory.answer is not None:
        return None
    return "there is no picture"


def _error(readings: list[Reading]) -> str:
    """Why there is no score: one missing repeat leaves the mean open."""
    errors = list(dict.fromkeys(reading.error for reading in readings if reading.error))
    joined = " ".join(errors)
    if len(readings) == 1:
        return joined
    read = sum(reading.score is not None for reading in readings)
    return f"only {read} of {len(readings)} repeats gave a score: {joined}"


def _writable(text: str) -> str:
    """`text` as it can be written to a file: half a character pair cannot."""
    return text.encode("utf-8", "replace").decode()


def create(argument: str | None, settings: JudgeSettings) -> EndpointJudge:
    """The judge for the model named `argument`, `qwen3.5-plus` where none is. Raises `InputError` for a missing key."""
    return EndpointJudge((argument or "").strip() or DEFAULT_MODEL, settings)
