"""What acts on things have in common: names, looks, and checks that things are there or gone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from canvasagent.craft.acts._base import CheckContext, Data, Look, StepContext
from canvasagent.craft.slots import Entity, Unfit, words
from canvasagent.craft.views import PictureState, ThingState
from canvasagent.english.phrases import with_article
from canvasagent.sketch.lexicon import phrases

THE = r"(?:the |my |both |all )?(?P<thing>.+?)"
WHERE = "(?:on|in|at|next to|to|under|above|behind|beside)"
"""Parts of `Act.prompts`."""
_AMOUNT = re.compile(
    r"(?:more|less|higher|lower|stronger|softer|better) (?:contrast|saturation|noise|grain|brightness|warmth|colou?rs?|"
    r"details?|light|sharpness|blur|exposure|vibrance|shadows?|clarity|texture)"
    r"|(?:an? )?(?:\w+ )?(?:contrast|saturation|colou?rs|vignette|glow|blur)",
)
_PLACED_PROMPT = re.compile(r"((?:in|on|at|under|near|inside) [^,\"]+), (.+)")


def named_color(phrase: str) -> str | None:
    """The color that a phrase begins with."""
    return next((color for color in words()["colours"]["names"] if phrase.startswith(f"{color} ")), None)


def found(phrase: str | None, expected: str = "there", where: str | None = None) -> Look | None:
    """A search that finds the phrase, or does not where it is expected to be gone; None for no phrase."""
    if not phrase:
        return None
    facts = {"thing": phrase, "expected": expected} | ({"where": where} if where is not None else {})
    return Look("verify", {"reference_text": phrase}, facts)


def sought(context: StepContext) -> str:
    """What to look for: the thing, or its text where what it stands on has no name. Raises `Unfit`."""
    entity, phrase = context.facts["thing"], context.words_for("thing")
    if not (isinstance(entity, Entity) and not entity.is_text and context.view.line(entity.key) is not None):
        return phrase
    if context.view.mirrored:
        raise Unfit("a thing that bears the text, since mirrored letters are not found")
    return "text"


def recognisable(context: CheckContext) -> Iterator[ThingState]:
    """The things that a step speaks of and that can be told in the result."""
    for key in sorted(context.touched) if context.items_known else ():
        item = context.view.item(key)
        if item is not None and is_recognisable(item, context.view):
            yield item


def present(context: CheckContext) -> list[Data]:
    """What the step speaks of is there."""
    return [{"check": "object_present", "object": item.name} for item in recognisable(context)]


def absent(context: CheckContext) -> list[Data]:
    """What the step speaks of is not there, where it was the only one of its name in an input."""
    checks: list[Data] = []
    for key in sorted(context.touched) if context.items_known else ():
        before = next((known for shown in context.inputs if (known := shown.item(key))), None)
        if context.view.item(key) is None and before is not None and before.alone and is_known(before.name):
            checks.append({"check": "object_absent", "object": before.name})
    return checks


def is_recognisable(item: ThingState, view: PictureState) -> bool:
    """Whether a thing looks like its template: writing on it makes it look otherwise, and is checked itself."""
    return is_known(item.name) and all(line.bearer != item.key for line in view.lines)


def is_known(name: str) -> bool:
    """Whether the drawn world has a thing of that name."""
    token = phrases().get(name)
    return token is not None and token.sort == "noun"


def is_amount(adjustment: str) -> bool:
    """Whether an adjustment is something to be given (`more contrast`), not a quality (`brighter`)."""
    return bool(_AMOUNT.fullmatch(adjustment))


def described(prompt: str) -> str:
    """A prompt as what a picture shows, its place last: `a dog and a cat in a forest`."""
    placed = _PLACED_PROMPT.fullmatch(prompt)
    if placed:
        return f"{placed[2]} {placed[1]}"
    return prompt if prompt[:1].isupper() else with_article(prompt)


def found_last(rest: str) -> dict[str, str]:
    """The fact `thing` in the notation, which need not name it."""
    return {"thing": rest or "what was found"}
