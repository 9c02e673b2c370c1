"""The shape of a request before it speaks of anything: how many calls, which tools, which branches, where they lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from canvasagent.craft.rl.blocks import blocks, blocks_of
from canvasagent.craft.rl.seeds import Seed
from canvasagent.craft.slots import Unfit

LENGTHS: dict[str, dict[int, int]] = {
    "easy": {2: 2, 3: 4, 4: 4}, "medium": {5: 3, 6: 4, 7: 3, 8: 2}, "hard": {9: 6, 10: 4, 11: 2, 12: 1},
}  # fmt: skip
"""Calls of a task and their weights. No task has a single call: it would be over before there is anything to decide."""
DISTINCT: dict[str, dict[int, int]] = {"easy": {2: 9, 1: 1}, "medium": {3: 5, 4: 5}, "hard": {5: 6, 6: 3, 7: 1}}
OPTIONS: dict[str, float] = {
    "Flip": 2, "SR": 2, "Rotate": 1.6, "Crop": 2.2, "Overlay": 2.4, "OCR": 3, "Grounding": 3, "cut": 1.3, "paste": 1.5,
    "Gen": 1.3,
}  # fmt: skip
"""What is chosen besides edits, and how readily."""
TOGETHER = {"cut": {"Grounding", "SAM", "Extract"}, "paste": {"Grounding", "SAM", "Extract", "Overlay"}}
"""What is chosen only together."""
INSET = 0.4
"""Share of the requests that could lay a whole picture over another one, and do."""
ONE_SIDED = 0.4
"""Share of the branches that may have one side alone."""
NOT_OF_MADE = ("Flip", "Rotate", "Crop")
"""Not chosen where the picture is generated: no input could tell whether it was done right."""
MOST_IN_SIDE = 3
"""Calls that a side asks for, at most, besides branches of its own."""
TRIES = 200


@dataclass
class Fork:
    """A branch to be: how it turns out, which sides ask for something, what lies within them."""

    holds: bool
    yes: bool = True
    no: bool = True
    within: list[Fork] = field(default_factory=list)
    """Branches on the side that is executed."""
    aside: list[Fork] = field(default_factory=list)
    """Branches on the other side."""
    budget: int = 0
    """Calls on the side that is executed, besides looks and the branches within."""
    upright: bool = False
    """It asks whether the picture stands on its head, which it does."""

    @property
    def asks(self) -> bool:
        """Whether the side that is executed asks for anything by itself."""
        return self.yes if self.holds else self.no

    @property
    def looks(self) -> int:
        """Calls that it takes to decide, branches within included."""
        return 1 + sum(fork.looks for fork in self.within)

    def all(self) -> list[Fork]:
        """It and the branches on the side that is executed."""
        return [self, *(inner for fork in self.within for inner in fork.all())]


@dataclass
class Shape:
    """What a request is to be like."""

    length: int
    tools: frozenset[str]
    """As tables print them; every one is called."""
    forks: list[Fork]
    gaps: list[int]
    """Calls before the first branch, between them, and after the last."""
    special: list[str]
    """Blocks that are asked for beside the branches: `paste 2`, `write`."""
    last: list[str]
    """Blocks at the end."""
    inputs: int
    turned: bool = False
    """The picture stands on its head."""


def draw_shape(seed: Seed, random: Random) -> Shape:
    """A shape of the length, the tools and the branches that a seed asks for. Raises `Unfit` where none was found."""
    for _ in range(TRIES):
        length, count = _drawn(LENGTHS[seed.L], random), _drawn(DISTINCT[seed.D], random)
        forks = _forks(seed.R, length, random)
        if count == 1 and forks:
            continue
        tools = _tools(count, bool(forks), length, random)
        shape = _laid_out(length, tools, forks, random) if tools is not None else None
        if shape is not None:
            return shape
    raise Unfit(f"a shape of {seed.name}")


def _drawn(weights: dict[int, int], random: Random) -> int:
    return random.choices(list(weights), list(weights.values()))[0]


def _forks(reasoning: str, length: int, random: Random) -> list[Fork]:
    if reasoning == "easy":
        return [_fork(random, sided=False)] if random.random() < 0.45 else []
    if reasoning == "medium":
        kinds = [[True], [True, True], [False, True], [False, False]] if length > 4 else [[True]]
        return [_fork(random, sided) for sided in random.choice(kinds)]
    outer, inner = _fork(random), _fork(random)
    if length < 4 or random.random() < 0.3:
        outer.yes = outer.no = True
        outer.aside.append(inner)
    else:
        outer.within.append(inner)
    if length > 8 and random.random() < 0.3:
        inner.within.append(_fork(random))
    forks = [outer]
    if length > 6 and random.random() < 0.45:
        forks.append(_fork(random))
        random.shuffle(forks)
    if length > 6 and random.random() < 0.15:
        return [_fork(random, sided=True) for _ in range(3)]
    return forks


def _fork(random: Random, sided: bool | None = None) -> Fork:
    """A branch; `sided`: whether both sides ask for something (None: by lot)."""
    both = sided if sided is not None else random.random() >= ONE_SIDED
    yes = both or random.random() < 0.7
    return Fork(random.random() < 0.5, yes, both or not yes)


def _tools(count: int, forked: bool, length: int, random: Random) -> frozenset[str] | None:
    """Tools for a request; None where they cannot be that many."""
    tools = {"Edit"} if count > 1 or length > 2 else {random.choice(("Edit", "Edit", "Overlay"))}
    if forked:
        tools.add("Grounding" if random.random() < 0.78 else "OCR")
    options = OPTIONS | _further()
    if length > 8 and count < 3 and not tools & {"Grounding", "OCR"}:
        tools.add("Grounding")
    while len(tools) < count:
        options = {name: weight for name, weight in options.items() if name not in tools}
        if length < 5:
            options.pop("cut", None)
            options.pop("paste", None)
        if not options:
            return None
        name = random.choices(list(options), list(options.values()))[0]
        options.pop(name)
        adds = TOGETHER.get(name, {name})
        if len(tools | adds) > count or (name == "paste" and "Gen" in tools):
            continue
        tools |= adds
        for other in NOT_OF_MADE if name == "Gen" else ("Gen",) if name in NOT_OF_MADE else ():
            options.pop(other, None)
    return frozenset(tools) if len(tools) == count else None


def _laid_out(length: int, tools: frozenset[str], forks: list[Fork], random: Random) -> Shape | None:
    inputs = 0 if "Gen" in tools else 1
    special: list[str] = []
    if {"SAM", "Overlay"} <= tools and inputs:
        inputs, special = 2, ["paste 2"]
        if length > 10 and random.random() < 0.3:
            inputs, special = 3, ["paste 2", "paste 3"]
    insets = bool(inputs) and "Overlay" in tools and "Crop" not in tools and inputs < 3 and random.random() < INSET
    inputs += insets
    if "Overlay" in tools and not insets and not special:
        special = ["write, read" if "OCR" in tools and random.random() < 0.6 else "write"]
    last = [*([f"inset {inputs}"] if insets else []), *_last(tools, special, random)]
    turned = _turned(tools, forks, inputs, last, random)
    spent = sum(4 if name.startswith("paste") else blocks()[name].calls for name in (*special, *last))
    free = length - spent - (inputs == 0) - sum(fork.looks for fork in forks)
    places = [fork for fork in (one for outer in forks for one in outer.all()) if fork.asks]
    needed = [fork for fork in places if not fork.within]
    if free < len(needed):
        return None
    for fork in needed:
        fork.budget = 1
    gaps = [0] * (len(forks) + 1)
    for _ in range(free - len(needed)):
        chosen = random.choice(places) if places and random.random() < 0.35 else None
        if chosen is not None and chosen.budget < MOST_IN_SIDE:
            chosen.budget += 1
        else:
            gaps[random.randrange(len(gaps))] += 1
    if turned:
        gaps[0], gaps[-1] = 0, gaps[-1] + gaps[0]
    return Shape(length, tools, forks, gaps, special, last, inputs, turned)


def _last(tools: frozenset[str], special: list[str], random: Random) -> list[str]:
    steps = []
    flip = "Flip" in tools
    if "Crop" in tools:
        name = "crop to a part" if "Grounding" not in tools or random.random() < 0.2 else "crop to a thing"
        if name == "crop to a thing" and flip and random.random() < 0.4:
            name, flip = "find, mirror, crop", False
        steps.append(name)
    if "SAM" in tools and not any(name.startswith("paste") for name in special):
        steps.append("cut out")
    steps += ["enlarge"] * ("SR" in tools) + ["mirror"] * flip + ["turn"] * ("Rotate" in tools)
    return steps + [block.name for block in blocks_of("last") if set(block.tools) <= tools & _further().keys()]


def _further() -> dict[str, float]:
    """Tools of plug-ins that an act asks for by a single call, and how readily they are chosen."""
    known = {"Edit", "SAM", "Extract", *OPTIONS}
    alone = (block for block in blocks().values() if block.calls == 1 and block.tools[0] not in known)
    return {block.tools[0]: block.weight for block in alone}


def _turned(tools: frozenset[str], forks: list[Fork], inputs: int, last: list[str], random: Random) -> bool:
    """Whether the request begins by asking if the picture stands on its head; turning it is part of that branch."""
    if not {"Rotate", "OCR"} <= tools or not forks or inputs != 1 or random.random() < 0.3:
        return False
    first = forks[0]
    if first.holds and first.yes and not first.within:
        first.upright = True
        last.remove("turn")
    return first.upright
