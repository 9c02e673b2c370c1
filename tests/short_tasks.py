"""Eight short tasks of one call each, right trajectories, and noisy ones: the right call is in a quarter of them.

Each trajectory answers one of the eight requests with one of the eight calls. A policy that is trained on the right
ones first and then on the noisy ones writes valid turns and solves a quarter of the tasks at most. What it learns
beyond that, it has from reward alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from canvasagent import Agent, Task, ToolBox
from canvasagent.canvas import pixel_hash
from canvasagent.craft.records import RlRecord, SftRecord
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.craft.trajectories import messages_of
from canvasagent.imaging.pictures import encode
from helpers import ListPolicy, call, end, photo


def _turned(angle: int) -> list[dict[str, Any]]:
    return [{"check": "orientation", "turned": angle, "mirrored": False}]


def _part(box: list[int], side: str) -> list[dict[str, Any]]:
    return [{"check": "size_ratio", "ratio": 0.5, "of": side}, {"check": "contains_input", "region": box}]


SHORT: tuple[tuple[str, str, dict[str, Any], list[dict[str, Any]]], ...] = (
    ("Mirror the picture.", "Flip", {}, [{"check": "mirrored"}]),
    ("Turn it by 90 degrees.", "Rotate", {"angle": 90}, _turned(90)),
    ("Put it upside down.", "Rotate", {"angle": 180}, _turned(180)),
    ("Turn it by 270 degrees.", "Rotate", {"angle": 270}, _turned(270)),
    ("Enlarge it.", "SR", {}, [{"check": "size_ratio", "ratio": 4.0}]),
    ("Keep the left half.", "Crop", {"bbox": [0, 0, 500, 1000]}, _part([0, 0, 500, 1000], "width")),
    ("Keep the right half.", "Crop", {"bbox": [500, 0, 1000, 1000]}, _part([500, 0, 1000, 1000], "width")),
    ("Keep the upper half.", "Crop", {"bbox": [0, 0, 1000, 500]}, _part([0, 0, 1000, 500], "height")),
)
"""Request, tool, arguments, checks."""
SIDE = 96
COPIES, RIGHT_COPIES = 2, 5
"""Copies of the trajectory with a wrong call, and of the one with the right call: 5 of 19 are right."""


def write_tasks(folder: Path) -> Path:
    """The eight tasks as a dataset for GRPO."""
    picture = photo(size=SIDE)
    key = pixel_hash(picture)
    with DatasetWriter(folder, "rl", {"n": len(SHORT)}) as writer:
        for index, (request, tool, _, checks) in enumerate(SHORT):
            record = RlRecord(
                id=f"{index:06d}",
                chain="single",
                instruction=request,
                images=[key],
                expected_tools=[tool],
                checks=checks,
                gold_steps=1,
            )
            writer.add(index, record, {key: encode(picture, "PNG")})
    return folder


def write_trajectories(folder: Path, copies: int = COPIES) -> Path:
    """Pairs of request and call as a dataset for SFT, from real runs; `copies` of each pair with a wrong call."""
    picture, index, pairs = photo(size=SIDE), 0, len(SHORT) * ((len(SHORT) - 1) * copies + RIGHT_COPIES)
    with ToolBox("lite") as box, DatasetWriter(folder, "sft", {"n": pairs}) as writer:
        for request, right, right_arguments, _ in SHORT:
            for _, tool, arguments, _ in SHORT:
                turns = [call(tool, "One step.", image="img_1", **arguments), end(f"{tool}_0", "It is done.")]
                run = Agent(ListPolicy(turns), box).run(Task(request, (picture,)))
                pictures = {run.asset(one.id).pixel_hash: encode(run.picture(one.id), "PNG") for one in run.assets}
                is_right = (tool, arguments) == (right, right_arguments)
                for _ in range(RIGHT_COPIES if is_right else copies):
                    record = SftRecord(
                        id=f"{index:06d}",
                        chain="single",
                        instruction=request,
                        messages=messages_of(run),
                        images=list(pictures),
                        inputs=1,
                        tools=[tool],
                    )
                    writer.add(index, record, pictures)
                    index += 1
    return folder
