"""A plan for a seed: a shape is drawn, pictures are picked that it can be about, and every part is filled in.

What comes out is measured; a plan that is not what its seed asks for is no plan. The same seed, key and picks give the
same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from canvasagent.craft.acts import makes
from canvasagent.craft.asking.pictures import paste_from
from canvasagent.craft.chains.binding import Pick
from canvasagent.craft.chains.spec import wire_name
from canvasagent.craft.difficulty import measure
from canvasagent.craft.pictures import Need, NoPicture, Picture
from canvasagent.craft.plan import Branch, Plan
from canvasagent.craft.plan_checks import checks_of
from canvasagent.craft.rl.blocks import Block, blocks, blocks_of
from canvasagent.craft.rl.conditions import Decision, decide
from canvasagent.craft.rl.criteria import checks_against
from canvasagent.craft.rl.draft import Draft
from canvasagent.craft.rl.seeds import Seed
from canvasagent.craft.rl.shape import Fork, Shape, draw_shape
from canvasagent.craft.slots import Unfit

TRIES = 40
"""Shapes that are tried for one plan."""
ABOUT_IT = 0.75
"""Share of the sides that do something about the very thing that the branch turns on."""
MISSED = 5.0
"""How much more readily a block is taken that has a tool which was not called yet."""


def compose(seed: Seed, pick: Pick, key: str) -> Plan:
    """A plan that is measured as `seed` says, on pictures that `pick` gives. Raises `NoPicture`."""
    random = Random(f"{key}/compose")
    reasons: list[str] = []
    for attempt in range(TRIES):
        try:
            shape = draw_shape(seed, random)
            pictures = tuple(_pictures(shape, pick, f"{key}/{attempt}", random))
            plan = _Composer(shape, Draft.of(pictures, random)).plan(pictures)
        except Unfit as error:
            reasons.append(f"no picture had {error}")
            continue
        except NoPicture as error:
            reasons.append(str(error))
            continue
        if measure(plan) == seed.levels:
            return plan
        reasons.append("what came out was measured otherwise")
    listing = "; ".join(dict.fromkeys(reasons[-6:]))
    raise NoPicture(f"no task of {seed.name} was found in {TRIES} tries: {listing}")


def _pictures(shape: Shape, pick: Pick, key: str, random: Random) -> Iterable[Picture]:
    """The input pictures. Raises `NoPicture`, and `Unfit` where the picture is not turned as it has to be."""
    for number in range(1, shape.inputs + 1):
        texts = 1 if number == 1 and ("OCR" in shape.tools or random.random() < 0.15) else 0
        things = min(5, 2 + shape.length // 3)
        if f"inset {number}" in shape.last:  # a page: its things would be taken for those of the picture below
            need = Need(texts=2, drawn=False)
        elif number > 1:
            need = Need(things=2, drawn=True, steady=True)
        elif not shape.tools & {"Grounding"} and texts and random.random() < 0.6:
            need = Need(texts=3, drawn=False, steady=True, turned=shape.turned)
        else:
            need = Need(things=min(things, 3) if texts else things, texts=texts, drawn=True, steady=True)
            need = need.model_copy(update={"turned": shape.turned, "mirrored": False})
        picture = _picked(need, pick, f"{key}/img_{number}")
        if shape.turned and number == 1 and picture.contents.turned != 180:
            raise Unfit("a picture that stands on its head")
        yield picture


def _picked(need: Need, pick: Pick, key: str) -> Picture:
    """A picture of the drawn world where the source has any, else whichever it has."""
    try:
        return pick(need, key)
    except NoPicture:
        if need.drawn is None:
            raise
        return pick(need.model_copy(update={"drawn": None, "things": min(need.things, 1)}), key)


class _Composer:
    """Fills a shape in."""

    def __init__(self, shape: Shape, draft: Draft) -> None:
        self.shape, self.draft, self.random = shape, draft, draft.random
        self.missed = set(shape.tools)
        """Tools that were not called yet."""
        self.never: list[tuple[Draft, Draft]] = []
        """Sides that are not executed, with the draft that they were begun from."""

    def plan(self, pictures: tuple[Picture, ...]) -> Plan:
        """The plan, with its checks. Raises `Unfit`."""
        shape, draft = self.shape, self.draft
        if not shape.inputs:
            draft.take("generate", scene=draft.draw("scene with text" if "OCR" in shape.tools else "scene"))
        special = list(shape.special)
        for number, gap in enumerate(shape.gaps):
            if special and (number == len(shape.gaps) - 1 or self.random.random() < 0.5) and draft.view.upright:
                for name in special:
                    draft.attempt(paste_from(int(name[6:])) if name.startswith("paste") else blocks()[name].run)
                special = []
            self.fill(draft, gap, last=number == len(shape.gaps) - 1)
            if number < len(shape.forks):
                self.branch(draft, shape.forks[number])
        for name in shape.last:
            draft.attempt(blocks()[name].run)
        nodes = tuple(draft.nodes)
        path = Plan(chain="composed", pictures=pictures, nodes=nodes).path()
        if {step.tool for step in path} != {wire_name(tool) for tool in shape.tools}:
            raise Unfit("a use for every tool")
        pictured = [step.id for step in path if makes(step.tool) not in ("text", "mask")]
        answered = any(step.purpose == "answer" for step in path)
        result = pictured[-1] if pictured else None if answered else "img_1"
        plan = Plan(
            chain="+".join(dict.fromkeys(step.tool for step in path)), pictures=pictures, nodes=nodes, result=result
        )
        checks = checks_of(plan, draft.builder.views, draft.builder.touched)
        return plan.model_copy(update={"checks": checks_against(plan, checks, draft.view)})

    def fill(self, draft: Draft, calls: int, last: bool = False) -> None:
        """Add blocks of so many calls. Raises `Unfit` where there is nothing to ask for any more."""
        while calls:
            done = self._one(draft, blocks_of("early"), calls)
            if done is None and last:
                known = self.shape.last and self.shape.inputs  # how it lies can still be checked
                done = self._one(draft, blocks_of("late")[: None if known else 1], calls)
            if done is None:
                raise Unfit("anything more to ask for")
            calls -= done.calls

    def _one(self, draft: Draft, blocks: Iterable[Block], calls: int) -> Block | None:
        fitting = [block for block in blocks if block.calls <= calls and set(block.tools) <= self.shape.tools]
        weights = {block.name: block.weight * (MISSED if set(block.tools) & self.missed else 1) for block in fitting}
        fitting.sort(key=lambda block: -(self.random.random() ** (1 / weights[block.name])))
        for block in fitting:
            if self._does(draft, block.run):
                self.missed -= set(block.tools)
                return block
        return None

    def _does(self, draft: Draft, run: Callable[[Draft], None]) -> bool:
        try:
            draft.attempt(run)
        except Unfit:
            return False
        return True

    # ── branches ─────────────────────────────────────────────────────────────────────────────────────────────

    def branch(self, draft: Draft, fork: Fork) -> None:
        """Add a look and what hangs on it. Raises `Unfit`."""
        tools = self.shape.tools if not fork.upright else frozenset({"OCR"})
        decision = self._decided(draft, fork, tools)
        side, other = draft.side(), draft.side()
        if decision.supposed is not None:
            other.suppose(decision.supposed)
        taken, untaken = (decision.yes, decision.no) if fork.holds else (decision.no, decision.yes)
        if fork.asks:
            self._carried_out(side, fork, taken, decision.must)
        for inner in fork.within:
            self.branch(side, inner)
        if fork.no if fork.holds else fork.yes:
            self._aside(other, fork, untaken)
        if not side.nodes and not other.nodes:
            raise Unfit("anything that would hang on it")
        yes, no = (side, other) if fork.holds else (other, side)
        draft.adopt(side)
        draft.nodes.append(Branch(condition=decision.condition, yes=tuple(yes.nodes), no=tuple(no.nodes)))

    def _decided(self, draft: Draft, fork: Fork, tools: frozenset[str]) -> Decision:
        looking = tools & {"Grounding", "OCR"}
        if looking == {"Grounding", "OCR"}:
            looking = frozenset({"Grounding" if self.random.random() < 0.7 else "OCR"})
        decision = decide(draft, looking, fork.holds)
        if decision.must != fork.upright:
            raise Unfit("a picture that lies as the request takes it")
        self.missed -= looking
        return decision

    def _carried_out(self, side: Draft, fork: Fork, about: tuple[Callable[[Draft], None], ...], must: bool) -> None:
        calls = fork.budget
        tool = "Rotate" if must else "Edit"
        if calls and about and tool in self.shape.tools and (must or self.random.random() < ABOUT_IT):
            for run in self.random.sample(about, len(about)):
                if self._does(side, run) and side.nodes[-1].tool == wire_name(tool):  # type: ignore[union-attr]
                    self.missed.discard(tool)
                    calls -= 1
                    break
        self.fill(side, calls)

    def _aside(self, other: Draft, fork: Fork, about: tuple[Callable[[Draft], None], ...]) -> None:
        """What would be done if it turned out otherwise: one or two orders, and the branches in them."""
        wanted = self.random.choice((1, 1, 1, 2)) if not fork.aside else 0
        if wanted and about and self.random.random() < ABOUT_IT:
            wanted -= any(self._does(other, run) for run in self.random.sample(about, len(about)))
        asides = [block.name for block in blocks().values() if block.aside]
        names = sorted(asides, key=lambda name: -(self.random.random() ** (1 / blocks()[name].weight)))
        for name in names:
            if wanted > 0:
                wanted -= self._does(other, blocks()[name].run)
        for inner in fork.aside:
            self.branch_aside(other, inner)
        if not other.nodes:
            raise Unfit("anything to ask for otherwise")

    def branch_aside(self, draft: Draft, fork: Fork) -> None:
        """A branch in a side that is not executed; its look may be with any tool that looks."""
        decision = decide(draft, frozenset({"Grounding", "OCR"}), fork.holds)
        if decision.must:
            raise Unfit("a condition of a picture that lies upright")
        side, other = draft.side(), draft.side()
        if decision.supposed is not None:
            other.suppose(decision.supposed)
        taken, untaken = (decision.yes, decision.no) if fork.holds else (decision.no, decision.yes)
        plain = Fork(fork.holds)
        if fork.asks:
            self._aside(side, plain, taken)
        if (fork.no if fork.holds else fork.yes) or not side.nodes:
            self._aside(other, plain, untaken)
        yes, no = (side, other) if fork.holds else (other, side)
        draft.nodes.append(Branch(condition=decision.condition, yes=tuple(yes.nodes), no=tuple(no.nodes)))
