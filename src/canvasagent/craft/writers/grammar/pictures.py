"""Which picture a step works on, and what people call it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from canvasagent.canvas import BASE_ALIASES
from canvasagent.craft.acts import makes
from canvasagent.craft.plan import Branch, Found, Made, Node, Plan, Step

IMAGES = ("image", "base_image")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


def all_steps(nodes: tuple[Node, ...]) -> Iterator[Step]:
    """Every step, of both sides of every branch, in order."""
    for node in nodes:
        if isinstance(node, Branch):
            yield from all_steps(node.yes)
            yield from all_steps(node.no)
        else:
            yield node


@dataclass(frozen=True)
class Ground:
    """What a step works on."""

    root: str
    """The input that it goes back to (`img_1`), or the step that generated it."""
    kind: str = "picture"
    """`picture`, `crop`, `cutout`, `mask`."""
    thing: str | None = None
    """What a cut-out, mask or crop shows."""
    original: bool = False
    """The input itself is meant, though something was made of it before."""

    @property
    def number(self) -> int:
        """1 for `img_1`; 0 for a picture that was made."""
        return int(self.root[4:]) if self.root.startswith("img_") and self.root[4:].isdigit() else 0


class Grounds:
    """What each step of a plan works on."""

    def __init__(self, plan: Plan) -> None:
        self.steps = {step.id: step for step in all_steps(plan.nodes)}
        self.inputs = len(plan.pictures)
        self._of: dict[str, Ground] = {}
        self._walk(plan.nodes, set())

    def of(self, step: Step) -> Ground:
        """What `step` works on."""
        return self._of[step.id]

    def _walk(self, nodes: tuple[Node, ...], altered: set[str]) -> set[str]:
        for node in nodes:
            if isinstance(node, Branch):
                yes, no = self._walk(node.yes, set(altered)), self._walk(node.no, set(altered))
                altered = yes if node.condition.holds else no  # later steps continue from the branch that is executed
                continue
            self._of[node.id] = ground = self._ground(node, altered)
            if makes(node.tool) == "same" and node.purpose == "asked":
                altered.add(ground.root)
        return altered

    def content(self, step: Step) -> Ground | None:
        """What a step lays on its base, where that is a picture."""
        value = step.arguments.get("content")
        if step.arguments.get("overlay_type") == "text":
            return None
        if isinstance(value, Made):
            return self._made(value.step)
        return Ground(str(value)) if isinstance(value, str) and value.startswith("img_") else None

    def _ground(self, step: Step, altered: set[str]) -> Ground:
        for name in IMAGES:
            value = step.arguments.get(name)
            if isinstance(value, Made):
                return self._made(value.step)
            if isinstance(value, str):
                root = "img_1" if value in BASE_ALIASES else value
                return Ground(root, original=root in altered)
        mask = step.arguments.get("mask")
        if isinstance(mask, Made):
            return self._made(mask.step)
        if step.act == "generate":
            return Ground(step.id)
        return Ground("img_1", original="img_1" in altered)

    def _made(self, id_: str) -> Ground:
        step = self.steps.get(id_)
        if step is None or id_ not in self._of:
            return Ground("img_1")
        before = self._of[id_]
        thing = step.facts.get("thing") or step.facts.get("text") or before.thing
        if makes(step.tool) == "image":
            return Ground(id_)
        if makes(step.tool) in ("cutout", "mask"):
            return Ground(before.root, makes(step.tool), thing)
        if step.act == "crop":
            return Ground(before.root, "crop", thing)
        return Ground(before.root, before.kind, before.thing)


def served_by(plan: Plan, step: Step) -> Step | None:
    """The next step that uses what `step` makes or finds."""
    for other in all_steps(plan.nodes):
        for value in other.arguments.values():
            if isinstance(value, Made | Found) and value.step == step.id:
                return other
    return None
