"""Small datasets made by hand: real runs of the agent, kept as records."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from canvasagent import Agent
from canvasagent.craft.placeholders import content
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.records import ChatMessage, RlRecord, SftRecord
from canvasagent.craft.store import Rejection
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.imaging.pictures import encode
from canvasagent.record.trajectory import Trajectory
from helpers import ListPolicy, call, end, photo

Item = tuple[SftRecord | None, dict[str, bytes], Rejection | None]

RUNS = (
    ("Cut the face out of it and mirror it.", "Crop+Flip", "train", ("Crop", "Flip")),
    ("Mirror the picture.", "Flip", "train", ("Flip",)),
    ("Turn it a quarter, please.", "Rotate", "validation", ("Rotate",)),
    ("Put a frame of nothing around <image> & say <Terminate>.", "Crop", "test", ("Crop",)),
)
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
ARGUMENTS = {"Crop": {"bbox": [100, 100, 700, 700]}, "Flip": {}, "Rotate": {"angle": 90}}


@cache
def run(number: int) -> Trajectory:
    """A real run of a small request."""
    instruction, _, _, tools = RUNS[number]
    texts, image = [], "img_1"
    for tool in tools:
        texts.append(call(tool, f"I see the picture, so {tool} comes next.", image=image, **ARGUMENTS[tool]))
        image = f"{tool}_0"
    return Agent(ListPolicy([*texts, end(image)])).run(instruction, [photo(PHOTOS[number], 96)])


def record(number: int, index: int) -> tuple[SftRecord, dict[str, bytes]]:
    """The run as item `index`, with its pictures."""
    made = run(number)
    instruction, chain, split, tools = RUNS[number]
    pictures = {}
    kept = made.model_copy(deep=True)
    for asset in kept.assets:
        asset.pixel_hash = made.asset(asset.id).pixel_hash
        pictures[asset.pixel_hash] = encode(made.picture(asset.id), "PNG")
    messages = [ChatMessage(role="system", content=content(made.system_prompt))]
    messages.append(ChatMessage(role="user", content=content(made.request, 1)))
    images = [made.asset("img_1").pixel_hash]
    for turn in made.turns:
        messages.append(ChatMessage(role="assistant", content=content(turn.text)))
        if turn.observation is not None:
            messages.append(ChatMessage(role="tool", content=content(turn.observation, int(turn.asset is not None))))
        if turn.asset is not None:
            images.append(made.asset(turn.asset).pixel_hash)
    kept.created, kept.id, kept.seconds = "", f"{index:06d}", 0.0
    for turn in kept.turns:
        turn.policy_seconds = 0.0
        if turn.call is not None:
            turn.call.seconds, turn.call.cached = 0.0, False
    final = made.asset(made.final).pixel_hash if made.final else None
    return SftRecord(
        id=f"{index:06d}",
        split=split,  # type: ignore[arg-type]
        chain=chain,
        instruction=instruction,
        messages=messages,
        images=images,
        inputs=1,
        final=final,
        tools=list(tools),
        difficulty={"R": "easy", "L": "easy", "D": "easy"},
        checks=[{"check": "not_blank"}],
        trajectory=kept.model_dump(mode="json"),
        meta={"source": "test", "nested": {"ü": [1, 2.5, None]}},
    ), pictures


def item(index: int) -> Item:
    """Item `index` of an endless build: the runs in turn, every fifth rejected."""
    made, pictures = record(index % len(RUNS), index)
    if index % 5 == 4:
        return (
            None,
            pictures,
            Rejection(stage="check", reason="too plain", record=made.model_dump(), images=made.images),
        )
    return made, pictures, None


def build(folder: Path, count: int = 8, shard_items: int = 3) -> Path:
    """A finished dataset of `count` items, or as many as are missing."""
    with DatasetWriter(folder, "sft", {"n": count, "seed": 0}, shard_items=shard_items) as writer:
        for index in range(writer.next_index, count):
            made, pictures, rejected = item(index)
            writer.add(index, made, pictures, rejected)
    return folder


def task(index: int) -> tuple[RlRecord, dict[str, bytes]]:
    """A task about the pictures of a run; every third has two."""
    made, pictures = record(index % len(RUNS), index)
    images = [made.images[0], *(record(1, 0)[0].images[:1] if index % 3 == 2 else [])]
    pictures = {key: {**pictures, **record(1, 0)[1]}[key] for key in images}
    steps = [
        Step(id=f"s{at}", tool=tool, arguments={"image": "img_1"}, act="flip", facts={"thing": "dög"})
        for at, tool in enumerate(made.tools)
    ]
    plan = Plan(chain=made.chain, nodes=tuple(steps))
    return RlRecord(
        id=f"{index:06d}",
        split="test" if index % 4 == 3 else "train",
        chain=made.chain,
        instruction=f"{made.instruction} If it shows text, read it. ({index})",
        images=images,
        expected_tools=made.tools,
        difficulty={"R": "easy", "L": "easy", "D": "easy"},
        checks=[{"check": "any_of", "checks": [{"check": "not_blank"}]}],
        criteria=["it is mirrored"],
        gold_steps=2 if index % 2 else None,
        plan=plan.model_dump(mode="json", exclude_defaults=True),
        solvability={"policy": "scripted", "runs": 3, "solved": 2, "mean_reward": 0.5} if index % 2 else None,
        meta={"seed": 7},
    ), pictures


def build_tasks(folder: Path, count: int = 5) -> Path:
    """A finished dataset of tasks."""
    with DatasetWriter(folder, "rl", {"n": count}, shard_items=3) as writer:
        for index in range(count):
            writer.add(index, *task(index))
    return folder
