"""Quotations of a request set aside, so that what is quoted is never read as words of the request."""

from __future__ import annotations

import re
from typing import NamedTuple

_MARK = re.compile("⟪(\\d+)⟫")
QUOTED = re.compile(
    r'"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|「([^」]+)」|`([^`]+)`'
    r"|(?<!\w)‘((?:[^’]|’(?=\w))+)’(?!\w)|(?<!\w)'((?:[^']|'(?=\w))+)'(?!\w)"
)
"""Words in quotation marks; an apostrophe within a word ends none."""


class Quotes(NamedTuple):
    """The quotations of a text, exactly as written; marks ⟪0⟫ stand in their place."""

    texts: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    """With their marks of quotation."""

    @classmethod
    def take(cls, text: str, kinds: re.Pattern[str] = QUOTED) -> tuple[str, Quotes]:
        """The text with everything of those kinds replaced by a mark. The first group of a match is what is quoted."""
        found: list[re.Match[str]] = []

        def mark(match: re.Match[str]) -> str:
            found.append(match)
            return f"⟪{len(found) - 1}⟫"

        marked = kinds.sub(mark, re.sub("[⟪⟫]", "", text))
        inner = (next(group for group in match.groups() if group is not None) for match in found)
        return marked, cls(tuple(inner), tuple(match[0] for match in found))

    def restore(self, text: str, bare: bool = False) -> str:
        """The text with the quotations back, `bare` without their marks of quotation."""
        kept = self.texts if bare else self.written
        return _MARK.sub(lambda match: kept[int(match[1])] if int(match[1]) < len(kept) else "", text)

    def of(self, text: str) -> list[str]:
        """The quoted texts that `text` holds, in order."""
        return [self.texts[int(number)] for number in _MARK.findall(text) if int(number) < len(self.texts)]
