"""The facts of a step as slots of patterns, with all that follows from them."""

from __future__ import annotations

import re
from collections.abc import Callable

from canvasagent.craft.plan import Step
from canvasagent.craft.writers.grammar.lexicon import definite, is_plural, resting, with_article
from canvasagent.craft.writers.grammar.patterns import agreement
from canvasagent.english.nouns import plural

QUOTED_FACTS = {
    "rewrite": ("old", "new"), "erase": ("text",), "write": ("text",), "proofread": ("text",), "crop": ("text",),
    "read": ("text",),
}  # fmt: skip
_COUNTABLE = re.compile(r"(?:sketch|painting|drawing|cartoon|mosaic|poster|comic|negative|print|etching|collage)$")
_AMOUNT = re.compile(
    r"(?:more|less|higher|lower|stronger|softer|better) (?:contrast|saturation|noise|grain|brightness|warmth|colou?rs?|"
    r"details?|light|sharpness|blur|exposure|vibrance|shadows?|clarity|texture)"
    r"|(?:an? )?(?:\w+ )?(?:contrast|saturation|colou?rs|vignette|glow|blur)",
)
_WEATHER = {"rain": "rainy", "snow": "snowy", "fog": "foggy", "mist": "misty", "wind": "windy", "sun": "sunny"}
_TO = re.compile(r"(?:to|towards|into|onto)\b")
_PLACED_PROMPT = re.compile(r"((?:in|on|at|under|near|inside) [^,\"]+), (.+)")


def facts_of(step: Step, keep: Callable[[str], str]) -> dict[str, str]:
    """The facts of `step`; `keep` makes what stands for a text in quotes."""
    facts = {name: value for name, value in step.facts.items() if value}
    for name in QUOTED_FACTS.get(step.act, ()):
        if name in facts:
            facts[name] = keep(facts[name])
    facts |= agreement(is_plural(step.facts.get("thing", "")))
    _with_articles(step, facts)
    if step.act == "adjust":
        adjustment = facts.pop("adjustment")
        facts["amount" if is_amount(adjustment) else "adj"] = adjustment
    elif step.act == "weather" and facts["weather"] in _WEATHER:
        facts["weathery"] = _WEATHER[facts["weather"]]
    elif step.act == "light":
        facts["light_time"] = facts["light"] + ("time" if facts["light"] == "day" else "")
    elif step.act == "generate":
        facts["prompt"] = described(facts["prompt"])
    elif step.act == "crop":
        facts["part"] = _part(step, facts)
    if "where" in facts:
        where = facts["where"]
        facts["to where"] = where if _TO.match(where) else f"so that {facts['they']} {facts['is']} {where}"
        if step.act == "move":
            facts["where"] = resting(where)
    return facts


def _with_articles(step: Step, facts: dict[str, str]) -> None:
    if step.act == "replace":
        facts["a new"] = with_article(facts["new"])
    elif step.act == "recolor":
        facts["a color"] = with_article(facts["color"] + " color").removesuffix(" color")
    elif step.act == "background":
        facts["a setting"] = with_article(facts["setting"])
        facts["a setting*"] = with_article(facts["setting"] + " scene").removesuffix(" scene")
    elif step.act == "style":
        facts["a style"] = with_article(facts["style"] + " look").removesuffix(" look")
        if _COUNTABLE.search(facts["style"]):
            facts["a_style"] = with_article(facts["style"])


def _part(step: Step, facts: dict[str, str]) -> str:
    room = f" {facts['room']}" if "room" in facts else ""
    if "thing" in step.facts:
        return definite(step.facts["thing"]) + room
    if "text" in facts:
        return f"the text {facts['text']}{room}"
    return definite(step.facts.get("region", "centre"))


def described(prompt: str) -> str:
    """A prompt as what a picture shows, its place last: `a dog and a cat in a forest`."""
    placed = _PLACED_PROMPT.fullmatch(prompt)
    if placed:
        return f"{placed[2]} {placed[1]}"
    return prompt if prompt[:1].isupper() else with_article(prompt)


def is_prompt_place(prompt: str) -> bool:
    """Whether a prompt begins with its place, so that it cannot stand after "a picture of"."""
    return bool(re.match(r"(?:in|on|at|under|near|inside)\b", prompt))


def is_amount(adjustment: str) -> bool:
    """Whether an adjustment is something to be given (`more contrast`), not a quality (`brighter`)."""
    return bool(_AMOUNT.fullmatch(adjustment))


def several(phrase: str) -> str:
    """`phrase` as a plural, for counts."""
    return phrase if is_plural(phrase) else plural(phrase)
