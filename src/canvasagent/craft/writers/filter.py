"""The filter of requests: a word list, or a moderation model behind an endpoint.

    words           the small list of the package
    FILE            a word or phrase a line; `#` begins a comment, a `*` at the end stands for any ending
    endpoint:MODEL  a model that is asked about each request, once

A filter is called with a text and says why it is left out, or None. A model that gives no answer lets nothing through:
`WriterFailure` is raised.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

from canvasagent.craft.model_client import BadReply, ModelClient, WriterSettings, field_of, truth_of
from canvasagent.endpoints.chat import BASE_DELAY
from canvasagent.endpoints.fence import fence_name, fenced
from canvasagent.errors import InputError
from canvasagent.storage.input_files import regular_file

OWN = "words"
"""Name of the package's own list."""


class TextFilter(Protocol):
    """Says why a text is left out; None where it is not."""

    name: str

    def __call__(self, text: str) -> str | None:
        """Why `text` is left out."""
        ...


class WordFilter:
    """Leaves out texts that hold one of certain words or phrases, whatever their case."""

    def __init__(self, name: str, words: Iterable[str]) -> None:
        """Raises `InputError` where there is no word."""
        self.name = name
        self.words = tuple(dict.fromkeys(" ".join(word.lower().split()) for word in words if word.strip(" *\t")))
        if not self.words:
            raise InputError(f"the word list '{name}' holds no word.")
        longest_first = sorted(self.words, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(_pattern, longest_first))})(?!\w)", re.IGNORECASE)

    def __call__(self, text: str) -> str | None:
        """The word that it is left out for: `word 'gore'`."""
        match = self._pattern.search(text)
        return f"word '{' '.join(match.group().lower().split())}'" if match else None


def _pattern(word: str) -> str:
    stem = word.rstrip("*")
    return re.escape(stem).replace(r"\ ", r"\s+") + (r"\w*" if stem != word else "")


class ModelFilter:
    """Asks a model about each text, one after the other; the same text only once in a row."""

    def __init__(self, model: str, settings: WriterSettings, base_delay: float = BASE_DELAY) -> None:
        """Raises `InputError` for a missing key or a bad base URL. `base_delay` is in seconds."""
        self.name = f"endpoint:{model}"
        self.model, self.settings = model, settings
        self._base_delay = base_delay
        self._model = ModelClient(self.name, model, settings, base_delay)
        self._pool = ThreadPoolExecutor(1, "moderation")
        self._runner: asyncio.Runner | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.settings, self._base_delay)

    def __call__(self, text: str) -> str | None:
        """Why the model objects. Raises `WriterFailure`. Can be called with an event loop running or without."""
        return self._pool.submit(self._ask, text).result()

    def _ask(self, text: str) -> str | None:
        if self._runner is None:
            self._runner = asyncio.Runner()
        content = [{"type": "text", "text": fenced(fence_name([text]), "the request", text, 8000)}]
        return self._runner.run(self._model.ask("moderation", content, _objection))


def _objection(reply: str) -> str | None:
    if truth_of(reply, "allowed"):
        return None
    try:
        why = " ".join(str(field_of(reply, "why")).split())[:80]
    except BadReply:
        why = ""
    return f"moderation: {why}" if why else "moderation"


def load_filter(spec: str, settings: WriterSettings | None = None) -> TextFilter:
    """The filter that `spec` names. Raises `InputError`."""
    name, colon, argument = spec.partition(":")
    if name == "endpoint" and colon:
        if not argument.strip():
            raise InputError("the filter 'endpoint' needs a model: endpoint:MODEL.")
        return ModelFilter(argument.strip(), settings or WriterSettings())
    if spec == OWN:
        own = tomllib.loads(files(__package__).joinpath("filter_words.toml").read_text("utf-8"))
        return WordFilter(OWN, own["words"])
    path = Path(spec)
    try:
        lines = regular_file(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        known = f"a filter is '{OWN}', a file with a word a line, or endpoint:MODEL"
        raise InputError(f"the word list '{spec}' cannot be read: {error}; {known}.") from error
    return WordFilter(str(path), (line.split("#", 1)[0] for line in lines))


def kept(texts: Iterable[str], allowed: TextFilter) -> tuple[list[str], Counter[str]]:
    """The texts that are let through, and how many were not, by reason."""
    left: Counter[str] = Counter()
    through = []
    for text in texts:
        reason = allowed(text)
        if reason is None:
            through.append(text)
        else:
            left[reason] += 1
    return through, left
