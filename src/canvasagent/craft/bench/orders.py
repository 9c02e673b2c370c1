"""What an order to ImageEdit asks for: its act and what the act is about, from the words of the order."""

from __future__ import annotations

import re

from canvasagent.craft.plan import Act

_THE = r"(?:the |my |both |all )?(?P<thing>.+?)"
_WHERE = "(?:on|in|at|next to|to|under|above|behind|beside)"
_TONES = "increase .+|reduce .+|sharpen it|make the colors .+|add a vignette"
_ORDERS: tuple[tuple[str, Act], ...] = (
    (r"(?:replace|change) (?:the text )?'(?P<old>[^']+)' (?:with|to) '(?P<new>[^']+)'", "rewrite"),
    (r"(?:erase|remove) the text '(?P<text>[^']+)'", "erase"),
    (r"(?:erase|remove) the text", "erase"),
    (r"add fog|make it (?P<weather>rain|snow|foggy)|make the weather (?P<clear>clear)", "weather"),
    (r"make it (?P<light>night|dusk|day)", "light"),
    (r"change the background to (?:an? )?(?P<setting>.+)", "background"),
    (rf"(?:add|put|draw) (?:an? )?(?P<thing>.+?)(?: (?P<where>{_WHERE} .+))?", "add"),
    (rf"(?:remove|erase) {_THE}", "remove"),
    (rf"replace {_THE} with (?:an? )?(?P<new>.+)", "replace"),
    (rf"make {_THE} (?P<size>bigger|smaller|twice as large|half its size)", "resize"),
    (rf"move {_THE} (?P<where>(?:to|next to|under|above|between|a bit) .+)", "move"),
    (
        rf"make {_THE} (?P<color>red|orange|yellow|green|blue|purple|pink|turquoise|brown|white|grey|black)",
        "recolor",
    ),
    (rf"make it (?P<adjustment>.+)|(?P<adjust>{_TONES})", "adjust"),
)  # fmt: skip


def act_of(order: str) -> tuple[Act, dict[str, str]]:
    """The act of an order and its facts (`thing`, `color`, …). What is none of the others is a style."""
    for pattern, act in _ORDERS:
        if match := re.fullmatch(pattern, order):
            facts = {name: value for name, value in match.groupdict().items() if value}
            for word, kept in (("clear", "weather"), ("adjust", "adjustment")):
                if word in facts:
                    facts[kept] = facts.pop(word)
            return act, facts
    return "style", {"style": order}
