"""The answer in words contains what it should: words, numbers; any of them or all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from pydantic import Field

from canvasagent.rewards.checks._pixels import share
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
NUMBERS = {word: number for number, word in enumerate(_NUMBERS)}
"""Numbers that are read when they are written as words."""


class AnswerContains(Parameters):
    """What `answer_contains` takes."""

    words: tuple[str, ...] = Field(min_length=1)
    """Words, phrases or numbers, each found as whole words; capitals, accents and punctuation do not matter."""
    all: bool = True
    """Whether every one is needed, or any one is enough."""
    absent: tuple[str, ...] = ()
    """What must not be in the answer."""


def _plain(text: str) -> str:
    """Lower case without accents; punctuation as spaces except inside numbers; number words as digits."""
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(char for char in text if not unicodedata.combining(char))
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"(?<=\d)\.0+(?!\d)", "", text)
    pieces = re.findall(r"-?\d+(?:\.\d+)?|\w+|[^\w\s]", text)
    words = [str(NUMBERS.get(piece, piece)) for piece in pieces if re.search(r"\w", piece)]
    return " " + " ".join(words) + " "


def measure(parameters: AnswerContains, result: Result) -> Finding:
    """The score is the share of the wanted words that are there; 0 where an unwanted one is."""
    if result.answer is None or not result.answer.strip():
        return Finding(0.0, False, "there is no answer in words")
    answer = _plain(result.answer)
    present = [word for word in parameters.words if _plain(word) in answer]
    unwanted = [word for word in parameters.absent if _plain(word) in answer]
    missing = [word for word in parameters.words if word not in present]
    passed = not unwanted and (not missing if parameters.all else bool(present))
    if unwanted:
        return Finding(0.0, False, f"the answer contains {unwanted}")
    if passed:
        return Finding(1.0, True, f"the answer contains {present}")
    return Finding(share(len(present) / len(parameters.words)), False, f"the answer lacks {missing}")


def examples(seed: int) -> Iterable[Example]:
    """Answers with the words in other case, order and punctuation; answers that only nearly have them."""
    number = 3 + seed % 5
    words = "SALE", "50% off"
    cases: list[tuple[dict[str, Any], str, bool, float]] = [
        ({"words": [str(number)]}, f"There are {number} cars.", True, 1.0),
        ({"words": [str(number)]}, f"There are {number}{number} cars.", False, 0.3),
        ({"words": ["three"]}, "I count 3 of them.", True, 0.5),
        ({"words": list(words)}, 'The sign says "Sale: 50% off!"', True, 0.6),
        ({"words": list(words)}, "It says SALE.", False, 0.5),
        ({"words": list(words), "all": False}, "It says SALE.", True, 0.8),
        ({"words": ["cat"]}, "A catalogue lies there.", False, 0.2),
        ({"words": ["café"]}, "CAFE OPEN", True, 0.4),
        ({"words": ["1,200"]}, "The price is 1200.", True, 0.4),
        ({"words": ["1.5"]}, "The price is 15.", False, 0.2),
        ({"words": ["open"], "absent": ["closed"]}, "open, not closed", False, 0.5),
        ({"words": ["red", "blue"], "all": False}, "It is green.", False, 1.0),
        ({"words": ["two"]}, "", False, 1.0),
        ({"words": ["no text"]}, "No text was found.", True, 1.0),
    ]
    for parameters, answer, holds, severity in cases:
        yield Example(parameters, Result(None, (), answer), holds, severity)


CHECK = Check(
    name="answer_contains",
    summary="The answer in words contains certain words or numbers.",
    parameters=AnswerContains,
    measure=measure,
    examples=examples,
    means="Whole words of the answer, compared; what is in the picture is not looked at.",
    about="answer",
)
