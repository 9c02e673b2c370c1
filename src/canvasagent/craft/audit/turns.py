"""The turns of a trajectory held against the wire contract and the tools' definitions, without running them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from canvasagent.canvas import BASE_ALIASES, Kind
from canvasagent.craft.placeholders import PLACEHOLDER, placeholders
from canvasagent.craft.records import ChatMessage, SftRecord
from canvasagent.craft.store import Dataset
from canvasagent.errors import StorageError
from canvasagent.faults import Stage
from canvasagent.protocol.turns import Turn, parse
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.format import words as count_words
from canvasagent.storage.foreign_json import list_in
from canvasagent.tools import find_tool
from canvasagent.tools.base import AssetInfo, Tool
from canvasagent.tools.check import check_call

Add = Callable[..., None]
MADE = "[Output image saved as: "


@dataclass
class Exchange:
    """A turn and what the environment answered."""

    number: int
    turn: Turn
    tool: Tool | None = None
    observation: str | None = None
    picture: str | None = None
    """Hash of the picture that the observation shows."""
    made: str | None = None
    """Id of the asset that it says was made."""
    before: dict[str, AssetInfo] = field(default_factory=dict)
    """The assets that there were."""

    @property
    def kind(self) -> Kind:
        """What its picture is, as far as the tool tells."""
        makes = self.tool.makes if self.tool is not None else ""
        return Kind(makes) if makes in tuple(Kind) else Kind.IMAGE


def exchanges(record: SftRecord, size_of: Callable[[str], tuple[int, int]]) -> Iterator[Exchange]:
    """The turns of a record in order, each with its answer and the assets before it."""
    first = next((at for at, message in enumerate(record.messages) if message.role == "assistant"), None)
    if first is None:
        return
    shown = iter(record.images[placeholders(record.messages[:first]) :])
    inputs = record.images[: record.inputs]
    canvas = {f"img_{at}": AssetInfo(f"img_{at}", Kind.IMAGE, size_of(key)) for at, key in enumerate(inputs, 1)}
    current: Exchange | None = None
    number = 0
    for message in record.messages[first:]:
        if message.role == "assistant":
            if current is not None:
                yield current
            number += 1
            turn = parse(message.content)
            tool = find_tool(turn.call.name) if turn.call is not None else None
            current = Exchange(number, turn, tool, before=dict(canvas))
        elif message.role == "tool" and current is not None:
            _answer(current, message, [next(shown, "") for _ in range(message.content.count(PLACEHOLDER))])
            if current.made is not None and current.picture:
                kind = _kind(current, canvas)
                canvas[current.made] = AssetInfo(current.made, kind, size_of(current.picture))
    if current is not None:
        yield current


def _kind(exchange: Exchange, canvas: dict[str, AssetInfo]) -> Kind:
    """Most tools keep the kind of what they work on."""
    tool, call = exchange.tool, exchange.turn.call
    if tool is None or call is None or tool.makes != "same" or tool.default_image is None:
        return exchange.kind
    named = call.arguments.get(tool.default_image)
    return canvas[named].kind if isinstance(named, str) and named in canvas else Kind.IMAGE


def _answer(exchange: Exchange, message: ChatMessage, pictures: list[str]) -> None:
    exchange.observation = message.content.replace(PLACEHOLDER, "").lstrip("\n")
    exchange.picture = pictures[-1] if pictures else None
    _, saved, rest = exchange.observation.rpartition(MADE)
    if saved:
        exchange.made = rest.partition(".")[0].strip() or None


def look_at_turns(record: SftRecord, dataset: Dataset, add: Add) -> list[int]:
    """Tell `add` what is wrong with the turns; returns the words of each reason."""
    roles = [message.role for message in record.messages]
    if "user" not in roles or "assistant" not in roles:
        add("schema", "there is no request, or no turn.")
        return []
    turns = roles[roles.index("assistant") :]
    if turns[-1] != "assistant" or any(role != ("assistant", "tool")[at % 2] for at, role in enumerate(turns)):
        add("schema", f"turns and observations do not alternate: {', '.join(turns)}.")
    on_purpose = {at for at in list_in(record.meta, "mishap_turns") if isinstance(at, int)}
    seen = list(exchanges(record, lambda key: _size(dataset, key)))
    for exchange in seen:
        for words in _wrong(exchange, record, on_purpose):
            add(*words)
    called = [_name(exchange) for exchange in seen if exchange.turn.call is not None]
    if called != record.tools:
        add("schema", f"its tools are {', '.join(record.tools)}, its calls {', '.join(called)}.")
    if seen and not seen[-1].turn.terminate:
        add("schema", "the last turn does not end the run.")
    if record.trajectory is not None:
        _look_at_record(record, add)
    return [count_words(exchange.turn.reason or "") for exchange in seen]


def _name(exchange: Exchange) -> str:
    assert exchange.turn.call is not None
    return exchange.tool.name if exchange.tool is not None else exchange.turn.call.name


def _size(dataset: Dataset, key: str) -> tuple[int, int]:
    try:
        return dataset.picture(key).size
    except StorageError:
        return (1, 1)  # already reported as a broken reference


def _wrong(exchange: Exchange, record: SftRecord, on_purpose: set[int]) -> Iterator[tuple[str, str]]:
    """What is wrong with a turn that is not wrong on purpose."""
    if exchange.number - 1 in on_purpose:
        return
    for fault in exchange.turn.faults:
        yield "schema", f"turn {exchange.number}: {fault.value.replace('_', ' ')}."
    if (call := exchange.turn.call) is None:
        named = exchange.turn.final_id
        if named is not None and named not in exchange.before and named not in BASE_ALIASES:
            yield "reference", f"turn {exchange.number} ends with '{named}', which does not exist."
        return
    if exchange.tool is None:
        return  # reported once per record
    for problem in check_call(exchange.tool, call.arguments, exchange.before, record.inputs).faults:
        trouble = "reference" if problem.stage is Stage.REFERENCE else "schema"
        yield trouble, f"turn {exchange.number}, {exchange.tool.name}: {problem.message}"


def _look_at_record(record: SftRecord, add: Add) -> None:
    """The whole record of the run beside the messages."""
    try:
        run = Trajectory.model_validate(record.trajectory)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        add("schema", f"its trajectory is no run's record: {problem['loc']}: {problem['msg']}.")
        return
    if run.instruction != record.instruction:
        add("schema", "its trajectory is of another request.")
    hashes = {asset.id: asset.pixel_hash for asset in run.assets}
    if (hashes.get(run.final) if run.final is not None else None) != record.final:
        add("reference", "its result is not that of its trajectory.")
    shown = [asset.id for asset in run.assets if asset.origin != "tool"]
    shown += [turn.asset for turn in run.turns if turn.asset is not None]
    if [hashes.get(name) for name in shown] != record.images:
        add("reference", "its pictures are not those of its trajectory.")
