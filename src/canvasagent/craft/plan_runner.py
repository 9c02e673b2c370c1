"""Runs a plan: derives each step's arguments from the observations, and injects the error, if any."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from canvasagent.craft.acts import CutOff, box_movers
from canvasagent.craft.error_injection import ErrorKind, InjectedError, corrupted
from canvasagent.craft.observation_history import ALIKE, says
from canvasagent.craft.pictures import Box
from canvasagent.craft.plan import Branch, Condition, Found, Made, Node, Plan, Step, Value
from canvasagent.craft.verifying import in_place, satisfied, shortfall, verification_of
from canvasagent.craft.writers.base import Seen
from canvasagent.imaging.geometry import Size, grown
from canvasagent.protocol.observation_parser import Observation, likeness
from canvasagent.protocol.turns import ToolCall


class PlanBlocked(Exception):
    """The plan does not fit what was found; the message says why."""


@dataclass(frozen=True)
class Move:
    """A call: its step, and whether it is beside the plan."""

    step: Step
    call: ToolCall
    injected: ErrorKind | None = None
    extra: bool = False
    """Not a step of the plan: it verifies a result, or asks again in other words."""


@dataclass
class PlanProgress:
    """The progress of a plan: moves, observations, branches taken, and what stopped it."""

    moves: list[Move] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    branches: list[tuple[Condition, bool]] = field(default_factory=list)
    stuck: str | None = None
    final: str | None = None
    """Id of the result's asset."""
    next: Move | None = None
    """The call that has no observation yet; None once the plan is finished."""

    @property
    def mismatches(self) -> list[str]:
        """The steps whose branch differs from the plan."""
        return [condition.step for condition, held in self.branches if held != condition.holds]


Moves = Generator[Move, Observation, None]
MoveResult = Generator[Move, Observation, Seen]


class PlanRunner:
    """Yields the calls of a plan one by one and takes their observations. Keeps results and findings by step."""

    def __init__(
        self, plan: Plan, injected: InjectedError | None, check: Step | None, sizes: Mapping[str, Size]
    ) -> None:
        self.plan, self.injected, self.check, self.sizes = plan, injected, check, sizes
        self.progress = PlanProgress()
        self._made: dict[str, str] = {}
        self._found: dict[str, list[dict[str, Any]]] = {}
        self._calls: dict[str, ToolCall] = {}
        self._deciding = {branch.condition.step for branch in plan.branches()}
        self._last: str | None = None

    def moves(self) -> Moves:
        """The whole plan. Raises `PlanBlocked`."""
        yield from self._nodes(self.plan.nodes)
        if self.plan.result is not None:
            self.progress.final = self._asset(self.plan.result)

    def _nodes(self, nodes: Sequence[Node]) -> Moves:
        for node in nodes:
            if isinstance(node, Branch):
                held = holds(node.condition, self._found.get(node.condition.step, []))
                self.progress.branches.append((node.condition, held))
                yield from self._nodes(node.yes if held else node.no)
            else:
                yield from self._step(node)

    # ── one step ─────────────────────────────────────────────────────────────────────────────────────────

    def _step(self, step: Step) -> Moves:
        """A step: first the error to inject before it, if any, and afterwards its check, if any."""
        arguments = self._arguments(step)
        if self.injected is not None and self.injected.step == step.id:
            yield from self._inject_error(self.injected, step, arguments)
        seen = yield from self._make(step, arguments)
        if seen.failed:
            raise PlanBlocked(f"{step.tool} failed: {' '.join(seen.text.split())}")
        if not satisfied(step, seen) and step.id not in self._deciding:
            yield from self._again(step, arguments)
        if self.check is not None and self.check.id == f"{step.id}:check":
            after = yield from self._make(self.check, self._arguments(self.check), extra=True)
            if after.failed or not satisfied(self.check, after) or not in_place(self.check, after):
                raise PlanBlocked(shortfall(self.check))

    def _make(
        self, step: Step, arguments: dict[str, Any], injected: ErrorKind | None = None, extra: bool = False
    ) -> MoveResult:
        """One call. Its outcome counts as the step's unless the call was an injected error."""
        call = ToolCall(step.tool, arguments)
        observation = yield Move(step, call, injected, extra)
        seen = Seen(step, observation.text, observation.data, observation.failed, injected is not None)
        self.progress.seen.append(seen)
        self._last = observation.made
        if injected is None and not observation.failed:
            self._calls[step.id], self._found[step.id] = call, observation.data
            if observation.made is not None:
                self._made[step.id] = observation.made
        return seen

    def _again(self, step: Step, arguments: dict[str, Any]) -> Moves:
        """Search once more with another phrase. Raises `PlanBlocked` without another phrase, or if nothing is found."""
        name = self.plan.name_of(step.facts.get("thing", "")) if step.tool == "Grounding" else None
        if name is None or name == arguments["reference_text"] or step.facts.get("expected") == "gone":
            raise PlanBlocked(shortfall(step))
        seen = yield from self._make(step, {**arguments, "reference_text": name}, extra=True)
        if len(seen.data or ()) != 1:
            raise PlanBlocked(shortfall(step))

    def _inject_error(self, injected: InjectedError, step: Step, arguments: dict[str, Any]) -> Moves:
        """The wrong call, and the look at its result if only that reveals it. Raises `PlanBlocked` if nothing does."""
        wrong_step = step.model_copy(update={"facts": {**step.facts, **injected.facts}})
        seen = yield from self._make(wrong_step, corrupted(injected, arguments), injected.kind)
        if injected.kind == "vague phrase" and len(seen.data or ()) < 2:
            raise PlanBlocked("the vague phrase found only one thing")
        if injected.kind not in ("wrong colour", "wrong place"):
            return
        check = verification_of(self.plan, step)
        if self._last is None or check is None:
            raise PlanBlocked("the wrong turn could not be taken")
        looked = {name: value for name, value in check.arguments.items() if isinstance(value, str)}
        after = yield from self._make(check, {"image": self._last, **looked}, injected.kind)
        if satisfied(check, after) and in_place(check, after):
            raise PlanBlocked("the wrong turn was not revealed")

    # ── arguments ────────────────────────────────────────────────────────────────────────────────────────

    def _arguments(self, step: Step) -> dict[str, Any]:
        return {name: self._value(name, value) for name, value in step.arguments.items()}

    def _value(self, name: str, value: Value) -> Any:
        """The argument for the call: an id, a box, a position, a text, or the value itself."""
        if isinstance(value, Made):
            return self._asset(value.step)
        if not isinstance(value, Found):
            return list(value) if isinstance(value, tuple) else value
        item = self._item(value)
        if name == "bbox":
            return list(self._current_box(value, item["bbox"]))
        if name == "position":
            left, top, right, bottom = self._current_box(value, item["bbox"])
            return [(left + right) // 2, (top + bottom) // 2]
        return item.get("text") or item.get("label")

    def _asset(self, name: str) -> str:
        if name in self._made:
            return self._made[name]
        if name in self.sizes:
            return name
        raise PlanBlocked(f"{name} made no picture")

    def _item(self, found: Found) -> dict[str, Any]:
        """What a step found. Raises `PlanBlocked` where it did not find that."""
        items = self._found.get(found.step, [])
        if found.text is not None:
            best = max(items, key=lambda item: likeness(str(item.get("text", "")), str(found.text)), default=None)
            if best is None or likeness(str(best.get("text", "")), found.text) < ALIKE:
                raise PlanBlocked(f"'{found.text}' was not read")
            return best
        if found.nth >= len(items):
            raise PlanBlocked(f"{found.step} found {len(items)}, and number {found.nth + 1} is needed")
        return items[found.nth]

    def _current_box(self, found: Found, box: Sequence[int]) -> Box:
        left, top, right, bottom = box
        now: Box = (left, top, right, bottom)
        for name in found.through:
            if name not in self._calls:
                raise PlanBlocked(f"{name} was not made")
            call = self._calls[name]
            before, after = self.sizes[call.arguments["image"]], self.sizes[self._made[name]]
            move = box_movers()[call.name].move_box
            assert move is not None
            try:
                now = move(now, call.arguments, before, after)
            except CutOff as error:
                raise PlanBlocked("what was found was cut away") from error
        return grown(now, found.margin)


def holds(condition: Condition, data: Sequence[Mapping[str, Any]]) -> bool:
    """The value of a condition, by what its step found."""
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
