"""Output to terminals: foreign text is made harmless, and any encoding works."""

from __future__ import annotations

import codecs
import contextlib
import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
    from rich.measure import Measurement

_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line feed, line separators, what reorders the text around it, halves of characters."""

_SUBSTITUTES = {
    "→": "->", "←": "<-", "…": "...", "×": "x", "·": "|", "–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "“": '"',
    "”": '"', "•": "*", "✓": "+", "✗": "x", "≥": ">=", "≤": "<=", "≈": "~", "±": "+-", "°": " deg", "α": "a",
    "β": "b", "γ": "g", "λ": "l", "τ": "t", "─": "-", "━": "-", "│": "|",
}  # fmt: skip
"""ASCII replacements for signs in our own messages."""

ENCODING_ERRORS = "canvasagent-substitute"
"""Name of the error handler of streams that lack some characters."""


def harmless(text: str) -> str:
    """`text` as it may be shown on a terminal, whoever wrote it.

    Control characters could move the cursor, change colours or do worse; bidirectional overrides could show a name
    as another one. Each becomes U+FFFD.
    """
    return _HARMFUL.sub("\ufffd", text)


def harmless_json(value: Any, encoding: str) -> str:
    """`value` as one line of JSON that `encoding` can hold. Nothing is lost: harmful characters become escapes."""
    text = _HARMFUL.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """A console on which everything that is printed is made harmless. Text is no markup there."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=soft_wrap)
    made.push_render_hook(_Harmless())  # type: ignore[arg-type]
    return made


class _Harmless:
    """A hook of a console that makes what is printed harmless, after markup and styles were worked out."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_HarmlessText(renderable) for renderable in renderables]


class _HarmlessText:
    """Something to print, with harmless text. Control codes of the console itself, as of a progress bar, stay."""

    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._inner, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        return Measurement.get(console, options, self._inner)


@contextlib.contextmanager
def any_encoding() -> Iterator[None]:
    """Inside, standard output and error replace the characters that their encoding lacks instead of failing."""
    codecs.register_error(ENCODING_ERRORS, _substitute)
    streams: list[Any] = [stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "reconfigure")]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors=ENCODING_ERRORS)
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            stream.reconfigure(errors=errors)


def _substitute(error: UnicodeError) -> tuple[str, int]:
    """ASCII for the characters that an encoding lacks: ours as we choose, letters without accents, else `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_SUBSTITUTES.get(char) or _ascii(char) for char in lacking), error.end


def _ascii(char: str) -> str:
    return unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode() or "?"
