"""One passage through a plan: what each step's arguments are, given what was seen, and where wrong turns are taken."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from canvasagent.craft.carrying import CutAway, carried
from canvasagent.craft.mishaps import Kind, Mishap, name_of, spoilt
from canvasagent.craft.observations import ALIKE, says
from canvasagent.craft.pictures import Box
from canvasagent.craft.plan import Branch, Condition, Found, Made, Node, Plan, Step, Value
from canvasagent.craft.verifying import in_place, satisfied, shortfall, verification_of
from canvasagent.craft.writers.base import Seen
from canvasagent.imaging.geometry import Size, grown
from canvasagent.protocol.observation_parser import Observation, likeness
from canvasagent.protocol.turns import ToolCall


class Stuck(Exception):
    """The plan cannot be carried out on what was found; the message says why."""


@dataclass(frozen=True)
class Move:
    """A call: the step that it is for, and whether it stands beside the plan."""

    step: Step
    call: ToolCall
    mishap: Kind | None = None
    extra: bool = False
    """It is no step of the plan: it makes sure, or asks again in other words."""


@dataclass
class Account:
    """What became of a plan: the moves made, what was seen, how branches turned out, and what stopped it."""

    moves: list[Move] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    branches: list[tuple[Condition, bool]] = field(default_factory=list)
    stuck: str | None = None
    final: str | None = None
    """Id of the result's asset."""
    next: Move | None = None
    """The call that has no observation yet; None once the plan is carried out."""

    @property
    def mismatches(self) -> list[str]:
        """The steps whose branch turned out otherwise than the plan says."""
        return [condition.step for condition, held in self.branches if held != condition.holds]


Script = Generator[Move, Observation, None]
Answered = Generator[Move, Observation, Seen]


class Passage:
    """Yields the calls of a plan one by one and takes their observations. What was made and found is kept by step."""

    def __init__(self, plan: Plan, mishap: Mishap | None, check: Step | None, sizes: Mapping[str, Size]) -> None:
        self.plan, self.mishap, self.check, self.sizes = plan, mishap, check, sizes
        self.account = Account()
        self._made: dict[str, str] = {}
        self._found: dict[str, list[dict[str, Any]]] = {}
        self._calls: dict[str, ToolCall] = {}
        self._deciding = {branch.condition.step for branch in plan.branches()}
        self._last: str | None = None

    def script(self) -> Script:
        """The whole plan. Raises `Stuck`."""
        yield from self._nodes(self.plan.nodes)
        if self.plan.result is not None:
            self.account.final = self._asset(self.plan.result)

    def _nodes(self, nodes: Sequence[Node]) -> Script:
        for node in nodes:
            if isinstance(node, Branch):
                held = holds(node.condition, self._found.get(node.condition.step, []))
                self.account.branches.append((node.condition, held))
                yield from self._nodes(node.yes if held else node.no)
            else:
                yield from self._step(node)

    # ── one step ─────────────────────────────────────────────────────────────────────────────────────────

    def _step(self, step: Step) -> Script:
        """A step, after the wrong turn that may come before it, and before the check that may follow it."""
        arguments = self._arguments(step)
        if self.mishap is not None and self.mishap.step == step.id:
            yield from self._wrong_turn(self.mishap, step, arguments)
        seen = yield from self._make(step, arguments)
        if seen.failed:
            raise Stuck(f"{step.tool} failed: {' '.join(seen.text.split())}")
        if not satisfied(step, seen) and step.id not in self._deciding:
            yield from self._again(step, arguments)
        if self.check is not None and self.check.id == f"{step.id}:check":
            after = yield from self._make(self.check, self._arguments(self.check), extra=True)
            if after.failed or not satisfied(self.check, after) or not in_place(self.check, after):
                raise Stuck(shortfall(self.check))

    def _make(self, step: Step, arguments: dict[str, Any], mishap: Kind | None = None, extra: bool = False) -> Answered:
        """One call; what came of it stands for the step unless it was a wrong turn."""
        call = ToolCall(step.tool, arguments)
        observation = yield Move(step, call, mishap, extra)
        seen = Seen(step, observation.text, observation.data, observation.failed, mishap is not None)
        self.account.seen.append(seen)
        self._last = observation.made
        if mishap is None and not observation.failed:
            self._calls[step.id], self._found[step.id] = call, observation.data
            if observation.made is not None:
                self._made[step.id] = observation.made
        return seen

    def _again(self, step: Step, arguments: dict[str, Any]) -> Script:
        """Ask once more in other words where nothing was found. Raises `Stuck` where there are none, or no help."""
        name = name_of(self.plan, step.facts.get("thing", "")) if step.tool == "Grounding" else None
        if name is None or name == arguments["reference_text"] or step.facts.get("expected") == "gone":
            raise Stuck(shortfall(step))
        seen = yield from self._make(step, {**arguments, "reference_text": name}, extra=True)
        if len(seen.data or ()) != 1:
            raise Stuck(shortfall(step))

    def _wrong_turn(self, mishap: Mishap, step: Step, arguments: dict[str, Any]) -> Script:
        """The wrong call, and where only looking can reveal it, the look. Raises `Stuck` where nothing reveals it."""
        told = step.model_copy(update={"facts": {**step.facts, **mishap.facts}})
        seen = yield from self._make(told, spoilt(mishap, arguments), mishap.kind)
        if mishap.kind == "vague phrase" and len(seen.data or ()) < 2:
            raise Stuck("the vague phrase found only one thing")
        if mishap.kind not in ("wrong colour", "wrong place"):
            return
        check = verification_of(self.plan, step)
        if self._last is None or check is None:
            raise Stuck("the wrong turn could not be taken")
        looked = {name: value for name, value in check.arguments.items() if isinstance(value, str)}
        after = yield from self._make(check, {"image": self._last, **looked}, mishap.kind)
        if satisfied(check, after) and in_place(check, after):
            raise Stuck("the wrong turn was not revealed")

    # ── arguments ────────────────────────────────────────────────────────────────────────────────────────

    def _arguments(self, step: Step) -> dict[str, Any]:
        return {name: self._value(name, value) for name, value in step.arguments.items()}

    def _value(self, name: str, value: Value) -> Any:
        """An argument as the call has it: an id, a box, a place, a text, or itself."""
        if isinstance(value, Made):
            return self._asset(value.step)
        if not isinstance(value, Found):
            return list(value) if isinstance(value, tuple) else value
        item = self._item(value)
        if name == "bbox":
            return list(self._carried(value, item["bbox"]))
        if name == "position":
            left, top, right, bottom = self._carried(value, item["bbox"])
            return [(left + right) // 2, (top + bottom) // 2]
        return item.get("text") or item.get("label")

    def _asset(self, name: str) -> str:
        if name in self._made:
            return self._made[name]
        if name in self.sizes:
            return name
        raise Stuck(f"{name} made no picture")

    def _item(self, found: Found) -> dict[str, Any]:
        """What a step found. Raises `Stuck` where it did not find that."""
        items = self._found.get(found.step, [])
        if found.text is not None:
            best = max(items, key=lambda item: likeness(str(item.get("text", "")), str(found.text)), default=None)
            if best is None or likeness(str(best.get("text", "")), found.text) < ALIKE:
                raise Stuck(f"'{found.text}' was not read")
            return best
        if found.nth >= len(items):
            raise Stuck(f"{found.step} found {len(items)}, and number {found.nth + 1} is needed")
        return items[found.nth]

    def _carried(self, found: Found, box: Sequence[int]) -> Box:
        left, top, right, bottom = box
        now: Box = (left, top, right, bottom)
        for name in found.through:
            if name not in self._calls:
                raise Stuck(f"{name} was not made")
            call = self._calls[name]
            before, after = self.sizes[call.arguments["image"]], self.sizes[self._made[name]]
            try:
                now = carried(now, call.name, call.arguments, before, after)
            except CutAway as error:
                raise Stuck("what was found was cut away") from error
        return grown(now, found.margin)


def holds(condition: Condition, data: Sequence[Mapping[str, Any]]) -> bool:
    """How a condition turns out on what its step found."""
    match condition.kind:
        case "count":
            return len(data) >= int(condition.facts.get("at least", "1"))
        case "text says":
            return says([dict(item) for item in data], condition.facts.get("text", ""))
        case "upside down":
            letters = {turned: 0 for turned in (True, False)}
            for item in data:
                letters[item.get("turned") == 180] += len(str(item.get("text", "")))
            return letters[True] > letters[False]
        case _:
            return bool(data)
