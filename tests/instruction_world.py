"""A small world that answers a policy's calls in the real tools' own words, and the score of a policy in it.

Every observation is written by the tool that is called: only its backend is stood in for, by lists of what the
pictures show (instruction_scene). The rule of scoring: the policy's calls must hold the expected ones in their
order, with matching arguments, and nothing else but looking (OCR and Grounding). Neighbouring edits of one
picture may be made in one call. Ids of assets are compared by the call that made them, not by their number.

A line of the data: `id`; `kind`; `request`; `inputs`, how many pictures it comes with; `world`, what each of
them shows: `things` (a count or boxes), `text`, `turned` (degrees clockwise that the text stands turned), `size`;
and `expect`: `calls` with the arguments that matter (`{"near": …}`: within NEAR; a list of keywords, `a|b` for
either, that an edit, a prompt or a phrase must hold), `unmet` (whether a part must be told as not done; null:
either way), `answer` and `says` (what the last turn must tell), `final` (the result).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from canvasagent.backends.base import Detection, TextLine
from canvasagent.canvas import Asset, Canvas, Kind
from canvasagent.imaging.geometry import box_to_pixels, point_to_pixels
from canvasagent.prompts import system_prompt
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.turns import ToolCall, Turn, parse, render_error, render_observation, render_request
from canvasagent.tools import all_tools, find_tool
from canvasagent.tools.base import Call, canvas_info
from canvasagent.tools.check import Checked, check_call
from canvasagent.tools.overlayer import color_name
from instruction_scene import (
    WHOLE,
    Picture,
    cropped,
    edited,
    find,
    flipped,
    generated,
    overlaid,
    picture_of,
    readable,
    rotated,
    written,
)

DATA = Path(__file__).parent / "data"
LOOKING = ("OCR", "Grounding")
NEAR = 120
"""Grid units by which a place or an edge may be off."""
MAX_TURNS = 40

Policy = Callable[[Sequence[Message]], str]
Line = dict[str, Any]


def load(name: str = "instructions") -> list[Line]:
    """The lines of `data/NAME.jsonl`."""
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()]


# ── the world ────────────────────────────────────────────────────────────────────────────────────────────


class World:
    """The pictures of one episode; `call` does what a tool would do and gives its observation."""

    def __init__(self, line: Line) -> None:
        self.canvas = Canvas()
        self.shown: dict[str, Picture] = {}
        worlds = line.get("world") or []
        for index in range(line["inputs"]):
            picture = picture_of(worlds[index] if index < len(worlds) else {})
            asset = self.canvas.add_input(Image.new("RGB", picture.size))
            self.shown[asset.id] = picture

    def call(self, call: ToolCall) -> Message:
        """The observation of a call, in the environment's form."""
        tool = find_tool(call.name)
        if tool is None:
            return self._tell(f"Error: there is no tool '{call.name}'; there are {', '.join(all_tools())}.")
        checked = check_call(tool, call.arguments, canvas_info(self.canvas), self.canvas.inputs)
        if checked.faults:
            return self._tell(render_error(checked.faults))
        picture = self._after(checked)
        outcome = tool.run(self._as_call(checked, picture))
        if outcome.picture is None:
            return self._tell(outcome.text)
        name = self.canvas.next_id(tool.name)
        made = self.canvas.add(Asset(name, outcome.kind, outcome.picture, name))
        self.shown[name] = picture
        return self._tell(outcome.text, made)

    def _tell(self, text: str, made: Asset | None = None) -> Message:
        body = render_observation(text, self.canvas.imglist, made.id if made else None)
        return Message("tool", body, (made,) if made else ())

    def _after(self, checked: Checked) -> Picture:
        """What the picture shows that the call makes (or, for the tools that look, the one they look at)."""
        given, name = checked.arguments, checked.tool.name
        if name == "ImageGeneration":
            return generated(given.prompt, given.size)
        subject = self.shown[checked.assets.get("image") or checked.assets["base_image"]]
        if name == "ImageEdit":
            return edited(subject, given.edit_prompt)
        if name in ("Crop", "SAM"):
            left, top, right, bottom = box_to_pixels(given.bbox, subject.size)
            return cropped(subject, given.bbox, (right - left, bottom - top))
        if name == "Extract":
            return self.shown[checked.assets["mask"]]
        if name == "Overlayer":
            if given.overlay_type == "text":
                return written(subject, given.content, given.position)
            return overlaid(subject, self.shown[checked.assets["content"]], given.position)
        if name == "Rotate":
            return rotated(subject, given.angle)
        if name == "SR":
            return cropped(subject, WHOLE, (subject.size[0] * 4, subject.size[1] * 4))
        return flipped(subject) if name == "Flip" else subject

    def _as_call(self, checked: Checked, picture: Picture) -> Call:
        """The call as the tool runs it, with a backend that knows what there is."""
        assets = {argument: self.canvas[name] for argument, name in checked.assets.items()}
        kinds = {argument: asset.kind for argument, asset in assets.items()}
        pictures = {argument: asset.picture for argument, asset in assets.items()}
        first = next(iter(pictures.values()), None)

        def backend(**inputs: Any) -> Any:
            match checked.tool.name:
                case "Grounding":
                    found = find(picture, inputs["phrase"])
                    return [Detection(label, box_on(box, picture), score) for label, box, score in found]
                case "OCR":
                    return [
                        TextLine(item.name, 0.98, quad_on(item.box, item.turned, picture)) for item in readable(picture)
                    ]
                case "SAM":
                    mask = Image.new("L", first.size)  # type: ignore[union-attr]
                    mask.paste(255, tuple(int(edge) for edge in inputs["box"]))
                    return mask
                case "ImageEdit" | "Overlayer" | "Flip":
                    return first
                case "Extract":
                    return Image.new("RGBA", picture.size)
            return Image.new(first.mode if first is not None else "RGB", picture.size)

        return Call(checked.arguments, pictures, kinds, backend)


def box_on(box: Sequence[float], picture: Picture) -> tuple[float, float, float, float]:
    """A grid box in the picture's pixels."""
    (left, top), (right, bottom) = point_to_pixels(box[:2], picture.size), point_to_pixels(box[2:], picture.size)
    return left, top, right, bottom


def quad_on(box: Sequence[float], turned: int, picture: Picture) -> tuple[Any, Any, Any, Any]:
    """A text's corners in pixels, clockwise from its own top left."""
    left, top, right, bottom = box_on(box, picture)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    start = turned // 90
    a, b, c, d = corners[start:] + corners[:start]
    return a, b, c, d


# ── an episode ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Played:
    """What a policy did with a line: its calls with the asset each made (or None), and its last turn."""

    calls: list[tuple[ToolCall, str | None]] = field(default_factory=list)
    end: Turn | None = None
    trouble: str = ""
    canvas: Canvas = field(default_factory=Canvas)

    @property
    def final(self) -> str | None:
        """The result, as the wire contract says: the asset that is named, else the last that is not a mask."""
        if self.end is not None and self.end.final_id is not None:
            return self.end.final_id
        made = [asset for asset in self.canvas if not asset.id.startswith("img_")]
        return next((asset.id for asset in reversed(made) if asset.kind is not Kind.MASK), None)


@cache
def system_message() -> Message:
    """The system prompt with all tools."""
    return Message("system", system_prompt(all_tools().values(), MAX_TURNS))


def play(policy: Policy, line: Line) -> Played:
    """Follow a policy through a line to its end."""
    world = World(line)
    played = Played(canvas=world.canvas)
    request = render_request(line["request"], world.canvas.imglist)
    messages = [system_message(), Message("user", request, tuple(world.canvas))]
    for _ in range(MAX_TURNS):
        turn = parse(policy(messages))
        messages.append(Message("assistant", turn.text))
        if turn.faults:
            played.trouble = f"format fault: {turn.faults[0]}"
        if turn.call is None:
            played.end = turn
            return played
        told = world.call(turn.call)
        messages.append(told)
        played.calls.append((turn.call, told.assets[0].id if told.assets else None))
        if told.text.startswith("Error"):
            played.trouble = told.text.splitlines()[0]
    played.trouble = f"no end after {MAX_TURNS} turns"
    return played


# ── the score ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Result:
    """How a line went; `reason` is empty where it was met."""

    id: str
    kind: str
    request: str
    reason: str

    @property
    def met(self) -> bool:
        """Whether all was as expected."""
        return not self.reason


def score(policy: Policy, lines: Iterable[Line]) -> list[Result]:
    """Play and judge every line."""
    return [Result(line["id"], line["kind"], line["request"], miss(policy, line)) for line in lines]


def miss(policy: Policy, line: Line) -> str:
    """Why a policy misses a line, or nothing."""
    try:
        played = play(policy, line)
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"
    return played.trouble or judge(played, line["expect"])


def judge(played: Played, expect: Mapping[str, Any]) -> str:
    """Why what was played is not what was expected, or nothing."""
    bound: dict[str, str] = {}
    reason = compare(list(expect["calls"]), played.calls, bound)
    if reason:
        return reason
    end = played.end
    assert end is not None
    if expect["unmet"] not in (None, bool(end.not_done)):
        return (
            f"says that parts were not done: {'; '.join(end.not_done)}"
            if end.not_done
            else "does not say what was not done"
        )
    said = (end.reason or "").lower()
    for word in expect.get("says", []):
        if not any(option.lower() in said for option in word.split("|")):
            return f"the answer does not say '{word}': {end.reason}"
    wanted = expect.get("final")
    if wanted is not None and bound.get(wanted, wanted) != played.final:
        return f"the result is {played.final}, not {wanted}"
    return ""


def compare(
    expected: list[Mapping[str, Any]], calls: Sequence[tuple[ToolCall, str | None]], bound: dict[str, str]
) -> str:
    """Go through the calls; `bound` learns which asset stands for which expected one."""
    counts: dict[str, int] = {}
    at = 0
    for call, made in calls:
        taken = matched(expected, at, call, bound)
        if not taken:
            if call.name in LOOKING:
                continue
            wanted = shown(expected[at]) if at < len(expected) else "nothing more"
            return f"calls {call.name} {json.dumps(dict(call.arguments), ensure_ascii=False)}; expected {wanted}"
        for step in expected[at : at + taken]:
            if step["tool"] not in LOOKING and made is not None:
                number = counts.get(step["tool"], 0)
                counts[step["tool"]] = number + 1
                bound[f"{step['tool']}_{number}"] = made
        at += taken
    return f"never calls {shown(expected[at])}" if at < len(expected) else ""


def shown(step: Mapping[str, Any]) -> str:
    """An expected call for a person."""
    return f"{step['tool']} {json.dumps(step['args'], ensure_ascii=False)}"


def matched(expected: Sequence[Mapping[str, Any]], at: int, call: ToolCall, bound: Mapping[str, str]) -> int:
    """How many of the expected calls from `at` on this call is: 0 or 1, or more where edits are made in one."""
    if at >= len(expected) or not fits(expected[at], call, bound):
        return 0
    taken, tool = 1, call.name
    while tool == "ImageEdit" and at + taken < len(expected) and expected[at + taken]["tool"] == tool:
        words = expected[at + taken]["args"].get("edit_prompt", [])
        if not says_all(str(call.arguments.get("edit_prompt", "")), words):
            break
        taken += 1
    return taken


def fits(step: Mapping[str, Any], call: ToolCall, bound: Mapping[str, str]) -> bool:
    """Whether a call is the expected one in all arguments that matter."""
    tool = find_tool(call.name)
    if tool is None or tool.name != step["tool"]:
        return False
    return all(agrees(name, wanted, call.arguments.get(name), bound) for name, wanted in step["args"].items())


def agrees(name: str, wanted: Any, given: Any, bound: Mapping[str, str]) -> bool:
    """Whether an argument is what was expected."""
    if name in ("edit_prompt", "reference_text", "prompt"):
        return says_all(str(given), wanted)
    if name == "position" and given is None:
        given = [500, 500]
    if isinstance(wanted, dict):
        near = wanted["near"]
        numbers = json.loads(given) if isinstance(given, str) else given
        return len(numbers) == len(near) and all(abs(a - b) <= NEAR for a, b in zip(numbers, near, strict=True))
    if name == "angle":
        return isinstance(given, int) and (given - wanted) % 360 == 0
    if name == "color":
        return given is not None and color_name(given).replace("gray", "grey") == color_name(wanted).replace(
            "gray", "grey"
        )
    return bool(given == bound.get(wanted, wanted))


def says_all(text: str, words: Sequence[str]) -> bool:
    """Whether every keyword occurs in a text; `a|b` stands for either."""
    said = text.lower()
    return all(any(option.lower() in said for option in word.split("|")) for word in words)


# ── the player who knows ─────────────────────────────────────────────────────────────────────────────────


def gold(lines: Iterable[Line]) -> Policy:
    """A policy that makes the expected calls of these lines, what they leave open filled in."""
    known = {line["request"]: line["expect"] for line in lines}

    def policy(messages: Sequence[Message]) -> str:
        request = messages[1].text.rsplit("\n[now imglist", 1)[0]
        expect = known[request]
        done = sum(message.role == "assistant" for message in messages)
        if done < len(expect["calls"]):
            step = expect["calls"][done]
            body = {
                "name": step["tool"],
                "arguments": {name: plain(value) for name, value in full_arguments(step, messages).items()},
            }
            return f"<reason>Next.</reason>\n<tool_call>{json.dumps(body)}</tool_call>"
        said = " ".join(word.split("|")[0] for word in expect.get("says", [])) or "Done."
        ending = f"<Terminate>{expect['final']}</Terminate>" if expect.get("final") else "<Terminate>"
        return f"<reason>{said}{' Not done: the rest' if expect['unmet'] else ''}</reason>\n{ending}"

    return policy


def full_arguments(step: Mapping[str, Any], messages: Sequence[Message]) -> dict[str, Any]:
    """The arguments that matter, and any for those that do not."""
    arguments = dict(step["args"])
    if step["tool"] == "SAM":
        arguments.setdefault("bbox", [100, 100, 900, 900])
    if step["tool"] == "Crop":
        arguments.setdefault("bbox", [100, 100, 900, 900])
    if step["tool"] == "Extract" and "mask" not in arguments:
        made = [asset.id for message in messages for asset in message.assets if asset.kind is Kind.MASK]
        arguments["mask"] = made[-1]
    return arguments


def plain(value: Any) -> Any:
    """A value of the data as a tool takes it: a place, or the first of every keyword's options."""
    if isinstance(value, dict):
        return value["near"]
    if isinstance(value, list) and value and isinstance(value[0], str):
        return " ".join(word.split("|")[0] for word in value)
    return value
