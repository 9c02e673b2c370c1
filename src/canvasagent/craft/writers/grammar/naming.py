"""What pictures are called as an instruction goes along: "this photo of a dog", "the second one", "the crop"."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from canvasagent.craft.pictures import Picture
from canvasagent.craft.plan import Plan
from canvasagent.craft.writers.grammar.lexicon import data
from canvasagent.craft.writers.grammar.patterns import fill
from canvasagent.craft.writers.grammar.pictures import ORDINALS, Ground, Grounds
from canvasagent.english.phrases import with_article

DESCRIBED = 0.5
"""Share of first mentions that say what the picture shows."""
MORE_DESCRIBED = 0.65
"""The same for single acts, of which there are most and which are shortest."""
WHOLE = 0.15
"""Share of later mentions, as objects, that are "the whole thing"."""


@dataclass
class Naming:
    """Names of the pictures of one instruction."""

    plan: Plan
    rng: random.Random
    tone: str
    grounds: Grounds
    noun: str = field(init=False)
    root: str | None = None
    """The picture that was spoken of last."""

    def __post_init__(self) -> None:
        names = data("extras")["names"]
        kinds = {_kind(picture) for picture in self.plan.pictures}
        kind = kinds.pop() if len(kinds) == 1 else "any"
        self.noun = self.rng.choice(names[kind])

    def name(self, ground: Ground, whole: bool = False) -> str:
        """A name for the picture `ground`, which is spoken of last then. `whole`: it may be "the whole thing"."""
        several = self.grounds.inputs > 1
        first, same = self.root is None, self.root == ground.root
        self.root = ground.root
        if ground.kind in ("mask", "cutout"):
            return self._of(ground.kind)
        if several and ground.original and not same:
            return self._of("numbered", ground).replace("the ", "the original ", 1)
        if ground.original:
            return self._of("original")
        if ground.kind == "crop":
            return self._of("crop")
        if ground.number == 0:
            return self._of("made")
        if several and not same:
            return self._numbered(ground, first)
        if first:
            return self._introduced(ground)
        if whole and not several and self.rng.random() < WHOLE:
            return "the whole thing"
        return self._of("again_several" if several else "again", ground)

    def _of(self, kind: str, ground: Ground | None = None) -> str:
        return self._filled(self.rng.choice(data("extras")["pictures"][kind]), ground)

    def _filled(self, text: str, ground: Ground | None) -> str:
        number = ground.number if ground is not None else 0
        first = ORDINALS[number - 1] if 0 < number <= len(ORDINALS) else f"{number}th"
        return fill(text, {"noun": self.noun, "number": str(number), "first": first})

    def _numbered(self, ground: Ground, first: bool) -> str:
        table = data("extras")["pictures"]
        names = list(table["numbered" if first else "numbered_later"])
        if self.grounds.inputs == 2 and not first:
            names += table["other"]
        if ground.number == self.grounds.inputs:
            names += table["last"]
        return self._filled(self.rng.choice(names), ground)

    def _introduced(self, ground: Ground) -> str:
        if self.rng.random() < (DESCRIBED if len(self.grounds.steps) > 1 else MORE_DESCRIBED) and (
            described := self._described(ground)
        ):
            return described
        return fill(self.rng.choice(data("extras")["pictures"]["introduced"][self.tone]), {"noun": self.noun})

    def _described(self, ground: Ground) -> str | None:
        """By what it shows, where that is known and has nothing to do with the request."""
        if not 0 < ground.number <= len(self.plan.pictures):
            return None
        contents = self.plan.pictures[ground.number - 1].contents
        spoken = " ".join(spoken_facts(self.plan, self.grounds)).lower()
        once = {thing.name for thing in contents.things if thing.count == 1 and thing.name.lower() not in spoken}
        names = self.rng.sample(sorted(once), min(2, len(once)))
        table = data("extras")["pictures"]["introduced"]
        slots = {"noun": self.noun, "setting": contents.setting or ""}
        kinds = ["setting"] if contents.setting and contents.setting.lower() not in spoken else []
        if names:
            slots |= {"thing": names[0], "a thing": with_article(names[0])}
            kinds.append("one")
        if len(names) > 1:
            slots |= {"other": names[1], "an other": with_article(names[1])}
            kinds.append("two")
        return fill(self.rng.choice(table[self.rng.choice(kinds)]), slots) if kinds else None


def spoken_facts(plan: Plan, grounds: Grounds) -> list[str]:
    """Every fact of a plan, those of conditions included."""
    facts = [value for step in grounds.steps.values() for value in step.facts.values()]
    return facts + [value for branch in plan.branches() for value in branch.condition.facts.values()]


def _kind(picture: Picture) -> str:
    """Which names suit a picture: a page is no photograph."""
    if picture.contents.drawn:
        return "drawn"
    return "page" if picture.source == "sketch" else "photo"
