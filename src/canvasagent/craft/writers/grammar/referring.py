"""What an instruction speaks of: objects of its acts, pronouns where they are clear, texts kept letter for letter."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from canvasagent.craft.acts import act_named
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.writers.grammar.facts import facts_of, is_prompt_place
from canvasagent.craft.writers.grammar.naming import Naming, spoken_facts
from canvasagent.craft.writers.grammar.patterns import LOCATIVES, Pattern
from canvasagent.craft.writers.grammar.pictures import Ground, Grounds
from canvasagent.english.nouns import article
from canvasagent.english.phrases import definite, is_plural, with_article

QUOTES = (('"', '"'), ("“", "”"), ("'", "'"))
_QUOTED = re.compile(r'"([^"]+)"')
_PLACEHOLDER = re.compile(r"[\ue000-\uf8ff]")
_THINGS_PLACE = re.compile(r"(?:sky|water|grass|street|ground|sand|foreground|background|snow|table|middle of)")
PRONOUN = 0.75
"""Share of clear references that are pronouns."""


@dataclass
class Reference:
    """What has been spoken of so far in one instruction."""

    plan: Plan
    rng: random.Random
    tone: str
    grounds: Grounds = field(init=False)
    naming: Naming = field(init=False)
    kept: list[str] = field(default_factory=list)
    """Texts that stay letter for letter; private characters stand for them until the end."""
    focus: tuple[str, str] | None = None
    """What "it" stands for: ("picture", root) or ("thing", phrase)."""
    lifted: bool = False
    """What was spoken of last was the thing in its own picture, not in the one that it is pasted into."""
    pronouns: bool = True

    def __post_init__(self) -> None:
        self.grounds = Grounds(self.plan)
        self.naming = Naming(self.plan, self.rng, self.tone, self.grounds)
        pair = QUOTES[self.rng.choices((0, 1, 2), (70, 15, 15))[0]]
        joined = _QUOTED.sub(r"\1", "\n".join(spoken_facts(self.plan, self.grounds)))
        if any(mark in joined for mark in pair):
            pair = next((other for other in QUOTES if not any(mark in joined for mark in other)), QUOTES[1])
        self.quotes = pair

    @property
    def noun(self) -> str:
        """What pictures are called here."""
        return self.naming.noun

    def keep(self, text: str) -> str:
        """A stand-in for `text` in quotes."""
        self.kept.append(self.quotes[0] + text + self.quotes[1])
        return chr(0xE000 + len(self.kept) - 1)

    def restore(self, text: str) -> str:
        """`text` with what was kept in its place."""
        return _PLACEHOLDER.sub(lambda match: self.kept[ord(match.group()) - 0xE000], text)

    # Slots

    def must_name(self, step: Step) -> bool:
        """Whether the picture has to be named for `step` to be clear."""
        ground = self.grounds.of(step)
        if step.act == "generate":
            return False
        several = self.grounds.inputs + sum(other.act == "generate" for other in self.grounds.steps.values()) > 1
        return (several and self.naming.root != ground.root) or ground.original

    def facts(self, step: Step) -> dict[str, str]:
        """The facts of `step` as slots."""
        facts = facts_of(step, self.keep)
        if "prompt" in facts:
            facts["prompt"] = _QUOTED.sub(lambda match: self.keep(match[1]), facts["prompt"])
        return facts

    def slots(self, step: Step, form: Pattern, named: str | None) -> dict[str, str]:
        """What fills the slots of `form`; `named`: the picture's name, where it is to be said."""
        facts = self.facts(step)
        if "the picture" in form.needs:
            facts["the picture"] = named or self._unstressed(self.grounds.of(step))
        elif named and (slot := next((name for name in LOCATIVES if name in form.takes), None)):
            word = self.place_word(step) if "{where} {" in form.text or "{where?} {" in form.text else None
            facts[slot] = f"{word or slot} {named}"
        return facts

    def _unstressed(self, ground: Ground) -> str:
        if ground.kind != "picture" or (self.naming.root is None and self.rng.random() < 0.6):
            return self.naming.name(ground)
        self.naming.root = ground.root
        return f"the {self.noun}"

    @staticmethod
    def place_word(step: Step) -> str | None:
        """What joins the place of `step` and a picture: "on the left of it", "next to the bench in it"."""
        where = step.facts.get("where")
        if not where:
            return None
        edge = re.fullmatch(r"(?:on|in|at|to|along|near) the [\w ]+", where) and not _THINGS_PLACE.search(where)
        return "of" if edge else "in"

    # Objects

    def object(self, step: Step, slots: Mapping[str, str], named: str | None, orders: bool) -> str:
        """What `step` works on, as the object of an order or of a sentence, or a pronoun."""
        kind = act_named(step.act).wording.object
        rng = self.rng
        if kind == "picture":
            return self._picture(self.grounds.of(step), named)
        if kind == "thing":
            return self._pasted(step) if step.act == "paste" else self._thing(step.facts["thing"], named)
        if kind == "new":
            return with_article(step.facts["thing"])
        if kind == "part":
            return slots["part"]
        if kind == "made":
            return self._made(slots["prompt"])
        if kind in ("old", "text"):
            names = ["{}", "the text {}", "the writing {}"]
            names += ["the words {}"] if step.act != "proofread" and orders else []
            return rng.choice(names).format(slots[kind])
        if kind == "words":
            return rng.choice(["{}", "{}", "the words {}", "the text {}", "the caption {}"]).format(slots["text"])
        return ""

    def _picture(self, ground: Ground, named: str | None) -> str:
        clear = self.pronouns and self.focus == ("picture", ground.root) and not ground.original
        if clear and self.rng.random() < PRONOUN:
            return "it"
        return named or self.naming.name(ground, whole=True)

    def _thing(self, thing: str, named: str | None) -> str:
        if self.pronouns and self.focus == ("thing", thing) and not named and self.rng.random() < PRONOUN:
            return "them" if is_plural(thing) else "it"
        return definite(thing) + (f" in {named}" if named else "")

    def _pasted(self, step: Step) -> str:
        """What is pasted: a picture as it is, a part of one, or a thing that comes from another one."""
        thing = step.facts["thing"]
        content = self.grounds.content(step)
        if content is None:
            return self._thing(thing, None)
        elsewhere = content.root != self.grounds.of(step).root
        if content.kind == "picture" and content.number:
            name = self.naming.name(content)
            return (
                name
                if thing.endswith("picture")
                else f"{name} ({self.rng.choice(['the one with ', ''])}{definite(thing)})"
            )
        if content.kind == "crop":
            names = [
                f"the cropped {thing}",
                f"the crop of {definite(thing)}",
                f"the cut-down {self.noun} of {definite(thing)}",
            ]
            return self.rng.choice(names)
        if not elsewhere or self.lifted:
            return self._thing(thing, None)
        return f"{definite(thing)} from {self.naming.name(Ground(content.root))}"

    def _made(self, prompt: str) -> str:
        noun = f"{article(self.noun)} {self.noun}"
        if is_prompt_place(prompt):
            return self.rng.choice([f"{noun}: {prompt}", f"this scene: {prompt}", f"a new {self.noun}: {prompt}"])
        names = [
            f"{noun} of {prompt}",
            f"{noun} that shows {prompt}",
            f"a scene with {prompt}",
            f"a new {self.noun} of {prompt}",
        ]
        return self.rng.choice([*names, f"{noun} with {prompt}", prompt])

    def after(self, step: Step) -> None:
        """Notes what "it" stands for once `step` has been said."""
        kind = act_named(step.act).wording.object
        root = self.grounds.of(step).root
        act = act_named(step.act)
        self.lifted = act.about == "thing" and act.tool != "ImageEdit"
        if act.about == "picture" or kind == "picture":
            self.focus = ("picture", root)
        elif act.about == "thing":
            self.focus = ("thing", step.facts["thing"])
        else:
            self.focus = None
