"""Fences around what others wrote, so that a judge can tell evidence from orders.

A fence is a pair of tags whose name holds a hash of all that is fenced in the request. Content cannot forge one: every
`<`, `>` and `&` in it is escaped, so no tag can occur there at all, and to know the name one would have to write a
text that holds its own hash. Characters that are not seen (control and tag characters, directions of writing) are
written out, so that nothing is said to the judge which a person who reads the record would not see.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable

_JOINERS = "\u200c\u200d"
"""Not seen, but needed to write some languages and emoji."""

_SELECTORS = "\U000e0100\U000e01ef"
"""First and last of the supplementary variation selectors: not seen, though no control characters."""


def fence_name(contents: Iterable[str]) -> str:
    """The tag name for a request with these contents."""
    digest = hashlib.sha256()
    for content in contents:
        data = content.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return f"evidence-{digest.hexdigest()[:32]}"


def fenced(name: str, label: str, content: str, limit: int) -> str:
    """`content` between tags called `name`, escaped, its middle left out where it is longer than `limit`."""
    return f'<{name} of="{_escaped(_visible(label))}">\n{_escaped(_visible(_cut(content, limit)))}\n</{name}>'


def _cut(content: str, limit: int) -> str:
    if len(content) <= limit:
        return content
    half = limit // 2
    return f"{content[:half]}\n[… {len(content) - 2 * half:,} characters left out here …]\n{content[-half:]}"


def _visible(text: str) -> str:
    plain = text.replace("\n", "").replace("\t", "")
    if plain.isprintable() and (text.isascii() or max(text) < _SELECTORS[0]):
        return text  # most texts: seen without going through them one by one
    return "".join(f"\\u{{{ord(one):x}}}" if _hidden(one) else one for one in text)


def _hidden(one: str) -> bool:
    if one in "\n\t" or one in _JOINERS:
        return False
    return unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Cn") or _SELECTORS[0] <= one <= _SELECTORS[1]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
