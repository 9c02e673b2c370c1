"""What the policy says, and the small judgements on words that it makes while it plays."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

from canvasagent.policies._scripted.language import rule


def plain(text: str, most: int = 400) -> str:
    """A text that may stand in a reason: one line, no tags, no 'Not done:' of its own, not too long."""
    text = re.sub(r"(?i)not done:", "not done", " ".join(text.replace("<", "‹").replace(">", "›").split()))
    return text if len(text) <= most else text[: most - 1] + "…"


def resolved(prompt: str, noun: str | None, pronoun: bool) -> str:
    """An edit prompt in which 'it' says what it means, a thing or the picture, and 'one' says one of what."""
    name, one = f"the {noun}" if noun else "the picture", "a" if re.match(r"(?i)add|draw|put|insert", prompt) else "one"
    prompt = rule("one").sub(lambda match: f"{match['of'] or one} {noun}", prompt) if noun else prompt
    for key in ("leading_it", "closing_it") if pronoun else ():
        prompt = rule(key).sub(lambda match: f"{match[1]} {name}", prompt)
    return prompt


def nameable(thing: str) -> bool:
    """Whether Grounding can be asked for a thing: not for a look, a light or a text."""
    return bool(thing) and rule("unnameable").fullmatch(thing) is None


def key(text: str) -> str:
    """Letters and digits only, in one case and without accents, for comparing what was read."""
    return "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if char.isalnum())


def checkable(text: str) -> bool:
    """Whether OCR can be expected to read a text: Latin letters, digits, Chinese or Japanese, and enough of them."""
    known = [char for char in key(text) if char < "\u0250" or "\u3040" <= char <= "\u9fff"]
    return len(known) >= 2 and len(known) == len(key(text))


def says(lines: list[str], text: str) -> bool:
    """Whether lines that were read hold a text, a small share of misread letters allowed; any text, if it is empty."""
    wanted, candidates = key(text), [key(" ".join(lines)), *map(key, lines)]
    if not wanted or any(wanted in candidate for candidate in candidates):
        return bool(lines) if not wanted else True
    ratios = (SequenceMatcher(None, wanted, candidate, autojunk=False).ratio() for candidate in candidates)
    return len(wanted) >= 5 and any(ratio >= 0.85 for ratio in ratios)
