"""How much texts differ: distinct-n, self-BLEU, the share of unique ones.

distinct-n is the number of different n-word sequences over the number of all. Self-BLEU is the mean BLEU of a text
against others of the same set: low where texts differ. Both fall or rise with the number of texts, so figures compare
only at equal numbers. Words are runs of letters and digits in lower case; texts are taken as they are, facts included.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"\w+(?:'\w+)?")
LONGEST = 4
"""BLEU counts sequences of one to so many words."""


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def grams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """The sequences of `n` words, counted."""
    return Counter(zip(*(tokens[start:] for start in range(n)), strict=False))


def distinct(texts: Sequence[str], n: int) -> float:
    """Different n-word sequences over all of them; 0 where there are none."""
    unique: set[tuple[str, ...]] = set()
    total = 0
    for text in texts:
        counted = grams(words(text), n)
        unique.update(counted)
        total += counted.total()
    return len(unique) / total if total else 0.0


def unique_share(texts: Sequence[str]) -> float:
    """Different texts over all of them; case, spaces and punctuation do not make a difference."""
    return len({" ".join(words(text)) for text in texts}) / len(texts) if texts else 0.0


def self_bleu(texts: Sequence[str], sample: int = 1000, seed: int = 0) -> float:
    """Mean BLEU-4 of each text of a sample against all others of the sample.

    As BLEU is defined: matched counts are clipped by the highest count in any one other text, sequences of one to four
    words weigh the same, and a text shorter than the one nearest to it in length is marked down. Precisions are
    smoothed by adding one to matches and total from two words on, so that a short text is not 0 for want of one match.
    """
    chosen = random.Random(f"self-bleu/{seed}").sample(range(len(texts)), min(sample, len(texts)))
    tokens = [found for index in chosen if (found := words(texts[index]))]
    if len(tokens) < 2:
        return 0.0
    logs = [0.0] * len(tokens)
    for n in range(1, LONGEST + 1):
        counted = [grams(each, n) for each in tokens]
        most = _most(counted)
        for index, own in enumerate(counted):
            matched = sum(min(count, _elsewhere(most[gram], index)) for gram, count in own.items()) + int(n > 1)
            share = matched / max(1, own.total() + int(n > 1))
            logs[index] += math.log(share) / LONGEST if share else -math.inf
    shortness = _shortness([len(each) for each in tokens])
    return sum(short * math.exp(log) for short, log in zip(shortness, logs, strict=True)) / len(tokens)


_Most = tuple[int, int, int]
"""The highest count of a sequence, the text that has it, and the highest count in the others."""


def _most(counted: Sequence[Counter[tuple[str, ...]]]) -> dict[tuple[str, ...], _Most]:
    most: dict[tuple[str, ...], _Most] = {}
    for index, own in enumerate(counted):
        for gram, count in own.items():
            best, holder, second = most.get(gram, (0, -1, 0))
            most[gram] = (count, index, best) if count > best else (best, holder, max(second, count))
    return most


def _elsewhere(most: _Most, index: int) -> int:
    best, holder, second = most
    return second if holder == index else best


def _shortness(lengths: Sequence[int]) -> list[float]:
    """BLEU's factor for each text, from the length of the other one nearest to it, the shorter of two as near."""
    counts = Counter(lengths)
    found = []
    for length in lengths:
        others = [each for each, count in counts.items() if count > (each == length)]
        nearest = min(others, key=lambda each: (abs(each - length), each))
        found.append(1.0 if length >= nearest else math.exp(1 - nearest / length))
    return found
