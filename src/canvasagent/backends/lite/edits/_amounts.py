"""Words of degree: "slightly", "a lot", "by 30 %", "twice as"."""

from __future__ import annotations

import re

FACTORS: dict[str, float] = {
    r"(?:very|extremely|really|super) (?:slight(?:ly)?|subtl[ey]|subtly|light(?:ly)?|mild(?:ly)?|faint(?:ly)?|"
    r"gent(?:le|ly))": 0.35,
    r"(?:just )?(?:ever so )?slight(?:ly)?": 0.5,
    r"(?:just )?a (?:tiny |little |wee )?bit(?: of)?(?: more)?(?= |$)": 0.5,
    r"(?:just )?a (?:touch|tad|hint|dash|smidge)(?: of)?": 0.45,
    r"(?:just )?a little(?: bit)?": 0.5,
    r"subtl[ey]|subtly|lightly|mild(?:ly)?|faint(?:ly)?|gent(?:le|ly)": 0.5,
    r"not too (?:much|strong(?:ly)?|heav(?:y|ily))|a fair bit less": 0.6,
    r"somewhat|moderate(?:ly)?|rather": 0.75,
    r"quite|fairly|noticeabl[ey]|clearly": 1.2,
    r"really|considerabl[ey]|significant(?:ly)?|substantial(?:ly)?": 1.5,
    r"(?:very |so )?much|very(?: very)?|strong(?:ly)?|heav(?:y|ily)|way|far|big": 1.6,
    r"a (?:whole )?lot(?: of)?|lots(?: of)?|a (?:great|good) deal(?: of)?|dramatic(?:ally)?|intense(?:ly)?": 1.75,
    r"extreme(?:ly)?|drastic(?:ally)?|massive(?:ly)?|super|ultra|hugely|as much as possible|completely|totally|"
    r"fully": 2.2,
}
"""What a word of degree multiplies an edit's usual strength by."""

SHARES: dict[str, float] = {"double|twice(?: as)?|two times": 1.0, "triple|three times": 2.0, "by half": 0.5}
"""Words that give the strength itself, as a share of what is there."""

_PERCENT = r"(?:by |about |around |of |\+|-)*\d{1,3}(?:\.\d+)? ?(?:%|percent|per cent)"
_TIMES = r"(?:by )?(?:a factor of \d(?:\.\d+)?|\d(?:\.\d+)?(?: ?x| times))"

AMOUNT_PATTERN = "|".join((*(f"(?:{words})" for words in (*FACTORS, *SHARES)), _PERCENT, _TIMES))
"""A regular expression of everything that `strength_of` understands."""

AMOUNT = re.compile(AMOUNT_PATTERN, re.IGNORECASE)
_TABLE = tuple((re.compile(words, re.IGNORECASE), factor) for words, factor in FACTORS.items())
_SHARE_TABLE = tuple((re.compile(words, re.IGNORECASE), share) for words, share in SHARES.items())
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def strength_of(amounts: list[str], usual: float) -> float:
    """The strength that words of degree make of an edit's usual one; a percentage or a multiple stands for itself."""
    strength = usual
    for amount in amounts:
        text = amount.strip().rstrip(",").strip()
        number = _NUMBER.search(text)
        if number:
            value = float(number[0])
            strength = value / 100 if "%" in text or "cent" in text.lower() else max(value - 1.0, 0.0)
            continue
        share = next((share for words, share in _SHARE_TABLE if words.fullmatch(text)), None)
        factor = next((factor for words, factor in _TABLE if words.fullmatch(text)), 1.0)
        strength = share if share is not None else strength * factor
    return strength


def strip_amounts(clause: str) -> tuple[str, list[str]]:
    """`clause` without the words of degree at either end, and those words."""
    amounts: list[str] = []
    while match := _AT_START.match(clause) or _AT_END.search(clause):
        amounts.append(match["amount"])
        clause = (clause[: match.start()] + clause[match.end() :]).strip()
    return clause, amounts


_AT_START = re.compile(rf"(?P<amount>{AMOUNT_PATTERN})(?: |$)", re.IGNORECASE)
_AT_END = re.compile(rf"(?:^|(?:,? but(?: only| just)?| only| just)? )(?P<amount>{AMOUNT_PATTERN})$", re.IGNORECASE)
