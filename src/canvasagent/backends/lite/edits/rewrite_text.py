"""Other words in the place of written ones, in their colour, size, weight, slant and direction."""

from __future__ import annotations

import re
from collections.abc import Mapping

from canvasagent.backends.lite.edits._lettering import rewrite_line
from canvasagent.backends.lite.edits._lines import lines_that_say
from canvasagent.backends.lite.edits._spec import TEXT, Edit, Job, Pixels, Words
from canvasagent.english.lexicon import lexicon
from canvasagent.errors import ToolRefusal

_QUOTE = re.compile(r"\x02\d+\x03")
_LOOSE = re.compile(r"[^\s,;]+(?: [^\s,;]+){0,3}")
_JOINS = re.compile(r"\b(?:and|then|but|with|to|into|make|add)\b", re.IGNORECASE)


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Rewrite the line that says `old` (or the only line). Raises `ToolRefusal` when it is not there, or not alone."""
    old, new = job.values.get("old", ""), job.values["new"]
    if new.lower() in lexicon()["languages"]["names"] and "noun" in job.values and not old:
        raise ToolRefusal(f"'{new}' is a language, and nothing here translates; give the words: \"make it say '…'\".")
    lines = lines_that_say(job, old)
    if not old and len(lines) > 1:
        said = ", ".join(f"'{line.text}'" for line in lines[:8])
        raise ToolRefusal(
            f"there are {len(lines)} lines of text ({said}); say which to replace: \"replace 'OLD' with 'NEW'\"."
        )
    for line in lines:
        pixels = rewrite_line(pixels, line, old, new, job.seed)
    return pixels


def _makes_sense(values: Mapping[str, str]) -> bool:
    """Words to write are quoted, or, beside a word such as "text", a few plain ones."""
    loose = "noun" in values
    said = [values[slot] for slot in ("old", "new") if slot in values]
    return all(
        _QUOTE.fullmatch(text) or (loose and _LOOSE.fullmatch(text) and not _JOINS.search(text)) for text in said
    )


_CHANGE = "(?:replace|change|swap|rewrite|turn|switch|edit|correct|fix|update|modify|substitute)"
_NOUN = (
    "(?P<noun>(?:text|words?|sign|label|title|caption|headline|lettering|writing|inscription|number|name|price|"
    "letters|line|message|logo text)"
    "(?: on (?:the|it|this)(?: [a-z]+)?)?(?:,? (?:that|which) (?:says|reads)| (?:saying|reading|from))?)"
)
_WITH = "(?:with|to|into|by|for|so that it (?:says|reads)|to (?:say|read))(?: the)?(?: (?:text|words?))?"

EDIT = Edit(
    summary="other words in place of written ones",
    words=(
        Words(
            patterns=(
                f"{_CHANGE} (?:the |a )?{_NOUN} {{old}} {_WITH} {{new}}",
                f"{_CHANGE} {{old}} {_WITH} {{new}}",
                f"{_CHANGE} (?:the |all the )?{_NOUN} {_WITH} {{new}}",
                f"(?:make|let|have) (?:the |a )?{_NOUN} (?:say|read|be|become) {{new}}",
                "(?:write|put) {new} (?:instead of|in place of|over|where it says) {old}",
                "{old} should (?:say|read|be|become) {new}",
                "(?:it|the (?:text|sign|label|title)) should (?:say|read) {new}(?: instead of {old})?",
                "(?:correct|fix) (?:the )?(?:spelling of|typo(?: in)?) {old}(?::| to) {new}",
            ),
        ),
    ),
    examples=("replace the text OPEN with SHUT", "change 'OPEN' to 'CLOSED'", "make the sign say 'EXIT'"),
    apply=apply,
    where=TEXT,
    places=("text",),
    blends=False,
    check=_makes_sense,
)
