"""How Grounding and OCR write long lists: page by page, with a count of what is left out."""

from __future__ import annotations

from collections.abc import Sequence

PAGE_LINES = 40
"""Findings that one observation lists."""


def page_lines(lines: Sequence[str], page: int) -> list[str]:
    """The lines of a page (from 1), and a last line that counts the rest where there is any."""
    start = (page - 1) * PAGE_LINES
    if start >= len(lines) and lines:
        return [f"Page {page} is empty: there are {-(-len(lines) // PAGE_LINES)} pages."]
    shown = list(lines[start : start + PAGE_LINES])
    left = len(lines) - start - len(shown)
    if left > 0:
        shown.append(f'… {left} more on page {page + 1}: call again with "page": {page + 1}.')
    return shown
