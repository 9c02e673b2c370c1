"""The sentence frames of the edit language, as data: how adjectives, nouns, verbs, things and styles ask for an edit.

A frame is a clause with slots. `{word}` is a word of the edit's vocabulary, `{where}` a place, `{amt}` an optional
amount, `{sense}` an optional "more" or "less", everything else in braces a word class of `CLASSES`; `( … )?` is
optional.
"""

from __future__ import annotations

import re

from canvasagent.backends.lite.edits._amounts import AMOUNT_PATTERN
from canvasagent.english.colors import color_pattern

CLASSES: dict[str, str] = {
    "make": r"(?:make|turn|render|get|let|have|set|keep making)",
    "change": r"(?:change|convert|turn|transform|switch|set|make|alter|shift|push|move)",
    "add": r"(?:add|apply|put|use|include|create|overlay|insert|place|introduce|bring in|do)",
    "give": r"(?:give|lend)",
    "should": r"(?:should (?:be|look|become)|needs? to (?:be|look|become)|must (?:be|look)|ought to be|to be|to look|"
    r"(?:to )?become|look|looks|looking)",
    "is": r"(?:is|are|looks?|seems?|appears?)",
    "look": r"(?:look|style|styles|effect|effects|filter|filters|feel|feeling|mood|tone|tones|version|image|picture|"
    r"photo|photograph|treatment|appearance|hue|cast|colou?rs|shade|light|lighting)",
    "whole": r"(?:(?:the |this |my |an? )?(?:image|picture|photo|photograph|shot|scene|version))",
    "into": r"(?:into|to|towards?|to look like|to be|as)",
    "like": r"(?:look like|look|into|to look like|resemble|as|seem like|like|in)",
    "at": r"(?:to|on|onto|over|in|around|for|of|across|into|inside|within)",
    "of": r"(?:of|in|on|for|to|inside|within|across|throughout)",
    "raise": r"(?:increase|raise|boost|enhance|improve|up|add|turn up|bump up|crank up|intensify|strengthen|bring up|"
    r"push|amplify|heighten|pump up|bring out|lift|more)",
    "lower": r"(?:decrease|reduce|lower|turn down|cut|lessen|drop|weaken|tone down|bring down|diminish|tame|less|"
    r"dial down|take down|minimi[sz]e)",
    "more": r"(?:(?:some |a bit |even )?more|added|extra|some|higher|stronger|greater|increased|better|additional)",
    "less": r"(?:less|lower|weaker|reduced|decreased|fewer|not so much|not as much)",
    "needs": r"(?:needs?|has|have|with|wants?|could use|should have|gets?|to have)",
    "the": r"(?:the |its |their |all the |all |more )?(?:overall |general |whole )?",
    "a": r"(?:an? |the |some |in (?:an? )?)?",
    "amt": rf"(?:(?:{AMOUNT_PATTERN}) )?",
    "sense": r"(?:(?P<sense>(?:even |still )?more|less|not so|not as|too) )?",
    "too": r"(?P<sense>(?:(?:far|way|much|a bit|a little|slightly) )?too)",
    "toomuch": r"(?P<sense>(?:far |way )?too much)",
    "color": rf"(?P<color>{color_pattern()})",
    "color2": rf"(?P<color2>{color_pattern()})",
    "where": r"(?P<where>[^,;:]+?)",
    "old": r"(?P<old>.+?)",
    "new": r"(?P<new>.+?)",
    "thing": r"(?P<thing>.+?)",
}
"""Word classes; a later one may not use an earlier one."""

FRAMES: dict[str, tuple[str, ...]] = {
    "adjectives": (
        "{sense}{amt}{word}",
        "(?:in|into|to) {a}{amt}{word}( {look})?",
        "{a}{sense}{amt}{word} {look}",
        "{sense}{word} {whole}",
        "{make} {where} (look |appear |seem |be |become |feel )?{amt}{sense}{amt}{word}( {look})?",
        "{where} {should} {amt}{sense}{amt}{word}",
        "{where} {is} {too} {word}",
        "{where} {is} not {word} enough",
        "{give} {where} {a}{amt}{sense}{amt}{word} {look}",
        "{add} {a}{sense}{amt}{word} {look}( {at} {where})?",
        "{change} {where} {into} {a}{amt}{sense}{word}( {look})?",
        "{change} {into} {a}{amt}{word}( {look})?",
        "{where} in {word}",
        "{where} {amt}{sense}{word}",
    ),
    "nouns": (
        "{sense}{amt}{word}",
        "{raise} {amt}{the}{amt}{word}( {of} {where})?",
        "{lower} (?P<lower>){amt}{the}{amt}{word}( {of} {where})?",
        "{more} {amt}{word}( {of} {where})?",
        "{less} (?P<lower>){word}( {of} {where})?",
        "{word} (?:up|higher)",
        "{the}{word} {should} {amt}(?:higher|stronger|increased|raised|better)",
        "{the}{word} {should} (?P<lower>){amt}(?:lower|weaker|decreased|reduced|less)",
        "{word} (?P<lower>)(?:down|lower)",
        "(?:make|turn|set) {the}{word} {amt}(?:up|higher|stronger|better)( {of} {where})?",
        "(?:make|turn|set) {the}{word} (?P<lower>){amt}(?:down|lower|weaker)( {of} {where})?",
        "{give} {where} {amt}{more} {amt}{word}",
        "{give} {where} {amt}{less} (?P<lower>){word}",
        "{where} {needs} {amt}{more} {amt}{word}",
        "{where} {needs} {amt}{less} (?P<lower>){word}",
        "{where} {needs} {toomuch} {word}",
        "(?:there is |there's ){toomuch} {word}( {of} {where})?",
        "{raise} {where}'s {word}",
        "{lower} (?P<lower>){where}'s {word}",
        "{raise} {where} {word}",
        "{lower} (?P<lower>){where} {word}",
    ),
    "verbs": (
        "{amt}{word}",
        "{amt}{word} {amt}{where}",
        "{word} {where} {amt}",
    ),
    "things": (
        "{a}{sense}{amt}{word}( {look})?( {at} {where})?",
        "{add} {a}{sense}{amt}{word}( {look})?( {at} {where})?",
        "{give} {where} {a}{sense}{amt}{word}( {look})?",
        "{make} {where} have {a}{sense}{amt}{word}",
        "{where} {needs} {a}{sense}{amt}{word}",
    ),
    "styles": (
        "{a}{amt}{word}( {look})?",
        "(?:in|as|like) (?:the style of )?{a}{amt}{word}( {look})?",
        "{make} {where} (?:look like|look|resemble|into|to look like|as|seem like|like|appear like|be|in|to) "
        "{a}{amt}{word}( {look})?",
        "{make} {where} (?:an? )?{amt}{word}( {look})?",
        "{make} {a}{amt}{word} (?:of|from|out of) {where}",
        "{change} {where} {into} {a}{amt}{word}( {look})?",
        "{change} {into} {a}{amt}{word}( {look})?",
        "{give} {where} {a}{amt}{word}( {look})?",
        "{add} {a}{amt}{word} {look}( {at} {where})?",
        "(?:paint|draw|redraw|render|repaint|stylize|stylise|style|show|sketch|illustrate) {where} "
        "(?:as|in|like|into) {a}{amt}{word}( {look})?",
        "{where} (?:as|in|like) {a}{amt}{word}( {look})?",
        "{where} {should} (?:like )?{a}{amt}{word}( {look})?",
    ),
    "patterns": ("{word}",),
}
"""Frames by part of speech."""

KEEP: tuple[str, ...] = (
    "(?:do not|don't|dont|never|not|without|avoid|no) (?:change|changing|touch|touching|alter|altering|edit|editing|"
    "modify|modifying|affect|affecting|mess with|messing with|changes to|recolou?r|recolou?ring) {where}",
    "(?:but )?(?:keep|keeping|leave|leaving|preserve|preserving|maintain|maintaining|retain) {where} "
    "(?:(?:exactly |just )?(?:as|the way|like) (?:it|they|he|she) (?:is|are|was|were)|as is|unchanged|the same|alone|"
    "untouched|intact|unaffected|unedited|in (?:full )?colou?r|original|sharp|in focus|bright|dark|visible|clear|"
    "readable|"
    "legible|clean)",
    "{where} (?:should|must|has to|have to|needs? to|is to|are to) (?:stay|remain|be kept|be left)(?: [a-z]+)?",
    "(?:preserve|preserving|protect|spare) {where}",
    "(?:except|apart from|but not|not)(?: for)? {where}",
)
"""Clauses that forbid: `{where}` stays as it was."""

FORBID = r"(?:please )?(?:do not|don't|dont|never|avoid|without|no need to|no)"
"""What turns the edit after it into a prohibition."""

REST = re.compile(
    r"(?:anything|everything|all|nothing)(?: of)?(?: the)? (?:else|other|rest).*|the (?:rest|others?|remainder)\b.*|"
    r"(?:all )?(?:the )?other (?:things|parts|objects|areas|pixels|elements|colou?rs)|anything|the composition|"
    r"the layout",
    re.IGNORECASE,
)
"""What need not be kept by name: an edit leaves everything but its place as it was."""

LEADING = re.compile(
    r"^(?:please|kindly|hi|hello|hey|ok|okay|now|also|just|then|and|next|first|finally|lastly|so|well|but|while|"
    r"(?:can|could|would|will) (?:you|we)|i (?:want|need|wish|would like|would love)(?: you)?(?: to| for)?|"
    r"i'd (?:like|love|prefer)(?: you)?(?: to| for)?|let's|let us|we (?:want|need)(?: to)?|you should|try to|"
    r"help me(?: to)?|"
    r"go ahead and|i'd like|my wish is to|by|at the same time|after that|edit (?:the|this) (?:image|picture|photo) to|"
    r"edit it to|be sure to|make sure to)\s+",
    re.IGNORECASE,
)
"""Politeness and connectives before a clause."""

TRAILING = re.compile(
    r"(?:(?<!\w)|\s)\s*(?:,?\s*\b(?:please|thanks|thank you|for me|now|too|as well|instead|if possible|if you can|"
    r"again))\s*$",
    re.IGNORECASE,
)
"""Politeness after a clause."""

SEPARATOR = re.compile(
    r"\s*(?:"
    r"[.;!?\n]+(?=\s|$)|,\s*(?:and |but )?(?:then |also |finally )?|\band (?:then |also |finally )?|\bthen\b|"
    r"\bbut (?!not\b)(?:also )?|"
    r"\bwith\b|\bplus\b|\bas well as\b|\bafterwards\b|\bfollowed by\b|&|\+(?!\s*\d)|(?=\bwithout\b)|\bwhile\b|"
    r"(?=\bexcept\b)|(?=\bapart from\b)|(?=\bbut not\b)"
    r")\s*",
    re.IGNORECASE,
)
"""Where a prompt may fall into clauses. It does only where the parts are understood so."""
