"""Replay: the same run comes out the same; whatever differs is told, and a record that was changed is refused."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from canvasagent import Agent, Limits, Task, ToolBox
from canvasagent.backends.profile import Profile, load_profile
from canvasagent.errors import InputError, PolicyFailure, StorageError, ToolRefusal
from canvasagent.policies.base import Reply
from canvasagent.record.replay import difference, replay
from canvasagent.record.trajectory import Trajectory
from helpers import ListPolicy, call, end, photo

TEXTS = (
    call("Crop", image="img_1", bbox=[100, 100, 700, 700]),
    call("Flip", image="Crop_0"),
    call("Rotate", image="Flip_7", angle=90),
    "nonsense",
    call("Rotate", image="Flip_0", angle=30),
    call("Overlayer", base_image="img_2", overlay_type="object", content="Rotate_0"),
    end(reason="Done. Not done: a giraffe."),
)


class BrightFlip:
    """Flips, and makes what is not white brighter by 3."""

    tool = "Flip"
    version = "9"
    stochastic = False
    may_hang = False

    def __init__(self, config: object) -> None: ...

    def __call__(self, *, image: Image.Image) -> Image.Image:
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).point(lambda value: min(255, value + 3))


class SmallFlip(BrightFlip):
    """Halves the picture."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        return image.reduce(2)


class RefusingFlip(BrightFlip):
    """Flips nothing."""

    def __call__(self, *, image: Image.Image) -> Image.Image:
        raise ToolRefusal("not today.")


class Noise:
    """Draws noise, another one for each seed."""

    tool = "ImageGeneration"
    version = "1"
    stochastic = True
    may_hang = False

    def __init__(self, config: object) -> None: ...

    def __call__(self, *, prompt: str, size: object, seed: int) -> Image.Image:
        return Image.frombytes("RGB", (8, 8), random.Random(seed).randbytes(192))


def lite_with(name: str, tool: str = "Flip") -> Profile:
    """The lite profile with one of the backends above for Flip (or another tool)."""
    lite = load_profile("lite")
    return lite.model_copy(update={"name": "mine", "backends": {**lite.backends, tool: f"{__name__}:{name}"}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "one"
    run = Agent(ListPolicy(TEXTS), limits=Limits(max_turns=20)).run(
        "Do this and that", [photo(size=96), photo("coffee", 128)], seed=3, run_dir=path
    )
    assert (run.status, run.final) == ("unmet", "Overlayer_0")
    return path


def test_the_same_again(folder: Path) -> None:
    report = replay(folder)
    assert report.identical and report.drifts == []
    assert [turn.outcome_now for turn in report.turns] == [
        "ok", "ok", "fault (reference)", "no action", "ok", "ok", "end",
    ]  # fmt: skip
    assert (report.status_now, report.final_now) == ("unmet", "Overlayer_0")
    assert not any(turn.cached for turn in report.turns)


def test_a_run_in_memory_and_a_shared_toolbox(folder: Path) -> None:
    toolbox = ToolBox("lite")
    run = Agent(ListPolicy(TEXTS), toolbox, limits=Limits(max_turns=20)).run(
        "Do", [photo(size=96), photo("coffee", 64)]
    )
    report = replay(run, toolbox)
    assert report.identical
    assert "4 of 7 turns were answered from the cache" in report.notes[0]


def test_what_was_drawn_by_chance_is_drawn_again() -> None:
    profile = lite_with("Noise", "ImageGeneration")
    run = Agent(ListPolicy([call("ImageGeneration", prompt="noise")] * 2), ToolBox(profile)).run("Noise, twice", seed=5)
    assert run.asset("ImageGeneration_0").pixel_hash != run.asset("ImageGeneration_1").pixel_hash
    assert replay(run, profile).identical
    assert not replay(run.model_copy(update={"seed": 6}), profile).identical


def test_works_inside_of_an_event_loop(folder: Path) -> None:
    async def inside() -> bool:
        return replay(folder).identical

    assert asyncio.run(inside())


def test_other_pixels_are_measured_and_followed(folder: Path) -> None:
    report = replay(folder, lite_with("BrightFlip"))
    assert not report.identical
    flip, rotate = report.turns[1], report.turns[4]
    assert flip.pixels is not None and flip.pixels.max == 3 and 2 < (flip.pixels.mean or 0) <= 3
    assert flip.drifts[0].startswith("turn 2 Flip: pixels differ, mean ")
    assert "backend was Flip@1:lite/flip@1+" in flip.drifts[0] and "BrightFlip@9+" in flip.drifts[0]
    assert "its input Flip_0 differed already" in rotate.drifts[0]
    assert report.turns[0].drifts == [] and report.turns[2].drifts == [] and report.turns[6].drifts == []
    assert len(report.changed_backends) == 1 and "replayed with mine" in report.notes[0]


def test_another_size_is_told(folder: Path) -> None:
    report = replay(folder, lite_with("SmallFlip"))
    assert "turn 2 Flip: pixels differ, was RGB 57 × 57, now RGB 29 × 29" in report.drifts[0]


def test_another_outcome_is_told_and_what_follows_from_it(folder: Path) -> None:
    report = replay(folder, lite_with("RefusingFlip"))
    assert report.turns[1].drifts[0].startswith("turn 2 Flip: was ok, now fault (execution) (backend was ")
    assert "made Flip_0, now none" in report.turns[1].drifts[1]
    assert report.turns[4].outcome_now == "fault (reference)"
    assert "result: was Overlayer_0, now Crop_0" in report.drifts


@pytest.mark.parametrize("asset", ["img_1", "Crop_0"])
@pytest.mark.parametrize("harm", ["changed", "cut", "missing"])
def test_a_record_that_was_tampered_with_is_refused(folder: Path, tmp_path: Path, asset: str, harm: str) -> None:
    copy = copied(folder, tmp_path)
    file = copy / "assets" / f"{asset}.png"
    if harm == "changed":
        with Image.open(file) as picture:
            picture.load()
        picture.putpixel((3, 3), (1, 2, 3))
        picture.save(file)
    elif harm == "cut":
        file.write_bytes(file.read_bytes()[:200])
    else:
        file.unlink()
    with pytest.raises(StorageError, match=asset):
        replay(copy)


def test_a_changed_observation_and_a_changed_ending_in_the_record_are_found(folder: Path, tmp_path: Path) -> None:
    copy = copied(folder, tmp_path)
    record = json.loads((copy / "trajectory.json").read_text())
    record["turns"][1]["observation"] = "Flipped it well"
    record["status"], record["unmet"] = "met", []
    (copy / "trajectory.json").write_text(json.dumps(record))
    drifts = replay(copy).drifts
    assert drifts[0].startswith("turn 2 Flip: observation differs: was 'Flipped it well', now 'Flipped image")
    assert "status: was met, now unmet" in drifts


def test_limits_that_make_no_sense_are_a_damaged_record(folder: Path, tmp_path: Path) -> None:
    copy = copied(folder, tmp_path)
    record = json.loads((copy / "trajectory.json").read_text())
    record["limits"] = {"max_turns": "many"}
    (copy / "trajectory.json").write_text(json.dumps(record))
    with pytest.raises(StorageError, match="limits"):
        replay(copy)


def test_unknown_profile_is_told(folder: Path) -> None:
    with pytest.raises(InputError, match="no profile"):
        replay(folder, "nowhere")


def test_truncated_run() -> None:
    run = Agent(ListPolicy([call("Flip", image="img_1")] * 3), limits=Limits(max_turns=2)).run("Flip", [photo(size=32)])
    assert run.status == "truncated"
    report = replay(run)
    assert report.identical and report.status_now == "truncated" and len(report.turns) == 2


class LostPolicy(ListPolicy):
    """Its endpoint is lost after the texts."""

    async def act(self, messages: Sequence[object], on_text: object = None) -> Reply:
        turn = sum(getattr(message, "role", "") == "assistant" for message in messages)
        if turn >= len(self.texts):
            raise PolicyFailure("gone")
        return Reply(self.texts[turn])


def test_run_whose_endpoint_was_lost() -> None:
    run = Agent(LostPolicy([call("Flip", image="img_1")])).run("Flip", [photo(size=32)])
    report = replay(run)
    assert (run.status, report.status_now) == ("failed", "failed")
    assert report.identical


def test_continued_run(folder: Path, tmp_path: Path) -> None:
    first = Trajectory.load(folder)
    task = Task("Now turn the result", (photo("rocket", 48),), carried=first.carry())
    texts = [call("Rotate", image="Overlayer_0", angle=90), call("Flip", image="img_3"), end("Rotate_1")]
    Agent(ListPolicy(texts)).run(task, run_dir=tmp_path / "two")
    report = replay(tmp_path / "two")
    assert report.drifts == []
    assert [turn.asset_now for turn in report.turns] == ["Rotate_1", "Flip_1", None]


def test_difference_figures() -> None:
    was, now = Image.new("RGB", (4, 2)), Image.new("RGB", (4, 2))
    now.putpixel((0, 0), (0, 24, 0))
    found = difference(was, now)
    assert (found.mean, found.max, found.share) == (1.0, 24, 0.125)
    mask = difference(Image.new("L", (2, 2), 255), Image.new("L", (2, 2), 0))
    assert (mask.mean, mask.max, mask.share) == (255.0, 255, 1.0)
    assert difference(was, Image.new("RGBA", (4, 2))).mean is None


def copied(folder: Path, target: Path) -> Path:
    """A copy of a run that a test may harm."""
    copy = target / "copy"
    (copy / "assets").mkdir(parents=True)
    for file in [folder / "trajectory.json", *(folder / "assets").iterdir()]:
        (copy / file.relative_to(folder)).write_bytes(file.read_bytes())
    return copy
