"""Where a clause says that an edit applies: words to a `Where`."""

from __future__ import annotations

import re

from canvasagent.backends.lite.edits._spec import BACKGROUND, WHOLE, Where

_PICTURE = (
    r"(?:image|picture|photo|photograph|pic|shot|scene|canvas|frame|painting|drawing|composition|footage|artwork)s?"
)
_WHOLE = re.compile(
    rf"it|this|that|them|everything|all|all of it|the (?:whole |entire |full )?(?:thing|lot)|things|"
    rf"(?:the |this |that |my |our |an? )?"
    rf"(?:whole |entire |full |overall |input |original |given |attached )*{_PICTURE}",
    re.IGNORECASE,
)
_QUALITIES = re.compile(
    r"(?:the |its |all )?(?:the )?(?:overall )?(?:colou?rs?|tones?|colou?r tones?|hues?|lighting|light|mood|"
    rf"atmosphere|look|style|details?|edges)(?: (?:of|in) (?:it|(?:the|this) {_PICTURE}))?",
    re.IGNORECASE,
)
_BACKGROUND = re.compile(
    r"(?:the |its |his |her |their )?(?:back ?ground|backdrop|surroundings)"
    r"(?: (?:of|in|behind) .{1,40})?|(?:everything|the area|what(?:'s| is)) (?:behind|around) .{1,40}",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:the |its )?(?:main )?(?:subject|foreground|main object|main thing|central object|object in the "
    r"(?:middle|cent(?:er|re)))|him|her",
    re.IGNORECASE,
)
_MASKED = re.compile(
    r"(?:the )?(?:masked|selected|marked|highlighted|chosen) (?:area|region|part|parts|object|pixels)|(?:inside "
    r")?the (?:mask|selection)",
    re.IGNORECASE,
)
_PART = re.compile(
    r"(?:the )?(?P<side>left|right|top|bottom|upper|lower)(?:[- ]hand)? (?P<share>half|third|quarter|side|part)"
    rf"(?: of (?:it|(?:the |this )?{_PICTURE}))?",
    re.IGNORECASE,
)
_TEXT = re.compile(
    r"(?:(?:the|all|any|all the|all of the|its|every|this) )?(?:\w+ )?(?:text|texts|writing|words?|letters?|"
    r"lettering|caption|captions|"
    r"letterings|inscription|title|headline|label)(?: (?:that (?:says|reads)|saying|reading))?"
    r"(?: (?P<quote>\x02[^\x03]*\x03))?(?: (?:in|on|from) .{1,30})?|(?P<bare>\x02[^\x03]*\x03)",
    re.IGNORECASE,
)
_INVERSE = re.compile(
    r"(?:(?:everything|all|anything)(?: else)?|(?:the )?(?:rest|whole (?:image|picture|photo))|the (?:image|"
    r"picture|photo)) "
    r"(?:except(?: for)?|but|apart from|other than|outside(?: of)?|besides|that is not) (?P<what>.+)",
    re.IGNORECASE,
)
_NOUN_PHRASE = re.compile(r"(?:[\w'’-]+ ){0,8}[\w'’-]+", re.IGNORECASE)
_NOT_A_PLACE = re.compile(
    r"\b(?:and|then|but|make|makes|turn|change|add|remove|replace|give|apply|convert|put|have|has|is|are|be|look|looks|"
    r"smile|smiling|wear|wears|ride|rides|should|please|while|if|so|because|into|don't|not|never|without|except|more|less|"
    r"much|like|by|really|keep|keeping|leave|leaving|stay|remain|"
    r"slightly|very|too|with a|increase|reduce|decrease|lower|raise|boost)\b",
    re.IGNORECASE,
)
_NO_NAME = re.compile(r"\d|it\b|them\b|(?:the|an?|this|that|his|her|its|all|of)$", re.IGNORECASE)
_DETERMINER = re.compile(
    r"(?:the|a|an|his|her|its|my|our|their|your|this|that|these|those|all|both|every|each)\b", re.I
)


def parse_where(words: str) -> Where | None:
    """The place that `words` name, or None if they name none (a clause was cut wrongly, say)."""
    words = re.sub(r"^(?:only|just|solely) ", "", words.strip().removeprefix("of ").strip(), flags=re.IGNORECASE)
    if _WHOLE.fullmatch(words) or _QUALITIES.fullmatch(words):
        return WHOLE
    if match := _INVERSE.fullmatch(words):
        inner = parse_where(match["what"])
        return Where(inner.kind, inner.name, not inner.inverse) if inner and inner != WHOLE else None
    for pattern, place in ((_BACKGROUND, BACKGROUND), (_SUBJECT, Where("subject")), (_MASKED, Where("masked"))):
        if pattern.fullmatch(words):
            return place
    if match := _PART.fullmatch(words):
        side = {"upper": "top", "lower": "bottom"}.get(match["side"].lower(), match["side"].lower())
        share = {"side": "half", "part": "half"}.get(match["share"].lower(), match["share"].lower())
        return Where("part", f"{side} {share}")
    if match := _TEXT.fullmatch(words):
        return Where("text", match["quote"] or match["bare"] or "")
    if _NOUN_PHRASE.fullmatch(words) and not _NOT_A_PLACE.search(words) and not _NO_NAME.match(words):
        return Where("object", words)
    return None


def is_picture(words: str) -> bool:
    """Whether `words` are but a name of the picture ("it", "this photo"), which says nothing about an edit."""
    return bool(_WHOLE.fullmatch(words.strip()))


def is_noun_phrase(words: str) -> bool:
    """Whether a clause is nothing but the name of a place: "… and the text"."""
    place = parse_where(words)
    return place is not None and (place.kind not in {"object", "whole"} or bool(_DETERMINER.match(words)))
