"""What the policy says, and the small judgements on text and places that it makes while it plays."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from typing import Any

from canvasagent.policies._scripted.language import knowledge
from canvasagent.policies._scripted.plan import Step
from canvasagent.policies._scripted.transcript import Finding

_REFUSALS = {
    "unknown": "not understood",
    "condition": "conditions are not understood without a model; try --policy openai:MODEL",
    "foreign": "the built-in policy reads English; another language needs a model: --policy openai:MODEL",
}


def reason(key: str, **parts: Any) -> str:
    """The thought before a call, from patterns.toml."""
    template: str = knowledge()["reasons"][key]
    return template.format(**parts)


def refusal(operation: str) -> str:
    """Why a clause is left undone."""
    return _REFUSALS[operation]


def plain(text: str, most: int = 400) -> str:
    """A text that may stand in a reason: one line, no tags, no 'Not done:' of its own, not too long."""
    text = " ".join(text.replace("<", "‹").replace(">", "›").split())
    text = re.sub(r"(?i)not done:", "not done", text)
    return text if len(text) <= most else text[: most - 1] + "…"


def not_done(parts: list[str]) -> str:
    """The line that tells the environment what was left undone."""
    return "Not done: " + "; ".join(plain(part.replace(";", ",")) for part in parts)


def thing(step: Step) -> str:
    """What a step was to make, for the steps that need it."""
    return f"'{step.details.get('phrase') or step.details.get('prompt') or step.text}', which there is not"


def without_pronoun(prompt: str, phrase: str | None) -> str:
    """An edit prompt in which a leading or closing 'it' says what it means."""
    name = f"the {phrase}" if phrase else "the picture"
    prompt = re.sub(
        r"^(\w+(?: (?:of|up|out|off|to|on))?) (?:it|this|that|them)\b(?! \w+ed\b)", rf"\1 {_literal(name)}", prompt
    )
    return re.sub(r"\b(to|in|into|onto|of|from) (?:it|this)$", rf"\1 {_literal(name)}", prompt)


def _literal(text: str) -> str:
    return text.replace("\\", r"\\")


def key(text: str) -> str:
    """Letters and digits only, in one case and without accents, for comparing what was read."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if char.isalnum())


def checkable(text: str) -> bool:
    """Whether OCR can be expected to read a text: Latin letters, digits, Chinese or Japanese, and enough of them."""
    known = [char for char in key(text) if char < "\u0250" or "\u3040" <= char <= "\u9fff"]
    return len(known) >= 2 and len(known) == len(key(text))


def says(lines: list[str], text: str) -> bool:
    """Whether lines that were read hold a text, a small share of misread letters allowed."""
    wanted = key(text)
    candidates = [key(" ".join(lines)), *map(key, lines)]
    if not wanted:
        return False
    if any(wanted in candidate for candidate in candidates):
        return True
    if len(wanted) < 5:
        return False
    return any(SequenceMatcher(None, wanted, candidate, autojunk=False).ratio() >= 0.85 for candidate in candidates)


def legible(found: list[Finding]) -> float:
    """How much can be read and how surely: the letters of each line, weighed by its confidence."""
    return sum(len(key(line.label)) * line.score for line in found)


def looks(wanted: Any) -> list[dict[str, Any]]:
    """How a text is drawn: as asked, then larger, then larger and (where none was asked for) in another colour."""
    size, colour = wanted["font_size"], wanted["color"]
    larger = min((size or 90) * 1.6, 300)
    return [
        {"font_size": size, "color": colour},
        {"font_size": larger, "color": colour},
        {"font_size": larger if not colour else larger * 1.3, "color": colour or "yellow"},
    ]
