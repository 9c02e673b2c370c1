"""The local judge: picture quality falls with every kind of damage, the rubric's caps hold, nothing is made up."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from canvasagent import Trajectory
from canvasagent.errors import InputError, StorageError
from canvasagent.rewards.judges import ASPECTS, JudgeSettings, judge_names, load_judge
from canvasagent.rewards.judges._quality import MEASURES, quality
from canvasagent.rewards.judges._run_stats import run_stats_of
from canvasagent.rewards.judges.local import VERSION
from canvasagent.sketch.draw import draw
from helpers import call, end, photo
from judged import edit, judged, run

LOCAL = load_judge("local")
FLIP, CROP = call("Flip"), call("Crop", image="Flip_0", bbox="[0, 0, 500, 500]")
Damage = Callable[[Image.Image, float], Image.Image]


def process(trajectory: Trajectory) -> tuple[float | None, str]:
    verdict = judged(LOCAL, trajectory)["trajectory"]
    assert (verdict.judge, verdict.model, verdict.prompt_hash) == ("local", VERSION, None)
    return verdict.score, verdict.raw


# Finding judges


def test_judges_are_found_by_file_name() -> None:
    assert {"local", "endpoint"} <= set(judge_names()) and not any(name.startswith("_") for name in judge_names())
    with pytest.raises(InputError, match="there is no judge 'oracle'"):
        load_judge("oracle")
    with pytest.raises(InputError, match="takes no argument"):
        load_judge("local:x", JudgeSettings())


# Aesthetics


def array(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def blurred(picture: Image.Image, level: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1 + 3 * level))


def noisy(picture: Image.Image, level: float) -> Image.Image:
    values = np.asarray(picture, dtype=float)
    return array(values + np.random.default_rng(0).normal(0, 12 + 25 * level, values.shape))


def blocky(picture: Image.Image, level: float) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(22 - 17 * level))
    return Image.open(file).convert("RGB")


def washed_out(picture: Image.Image, level: float) -> Image.Image:
    keep = 0.45 - 0.35 * level
    return array(np.asarray(picture, dtype=float) * keep + 255 * (1 - keep) * 0.8)


def darkened(picture: Image.Image, level: float) -> Image.Image:
    return array(np.asarray(picture, dtype=float) * (0.3 - 0.25 * level))


def seamed(picture: Image.Image, level: float) -> Image.Image:
    values = np.asarray(picture, dtype=float).copy()
    for column in range(1, 2 + int(4 * level)):
        values[:, column * 61 : column * 61 + 30] = values[:, column * 61 : column * 61 + 30] * 0.8 + 45
    return array(values)


def pixelated(picture: Image.Image, level: float) -> Image.Image:
    step = 3 + int(4 * level)
    small = picture.resize((picture.width // step, picture.height // step))
    return small.resize(picture.size, Image.Resampling.NEAREST)


DAMAGES = [blurred, noisy, blocky, washed_out, darkened, seamed]
PICTURES = {
    "astronaut": photo("astronaut", 512),
    "coffee": photo("coffee", 512),
    "drawn": draw("a dog in a park with a tree", (512, 512), 2),
    "room": draw("a cat on a sofa in a living room", (512, 512), 0),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", PICTURES)
def test_damage_lowers_the_score_and_more_damage_lowers_it_more(name: str, damage: Damage) -> None:
    whole = quality(PICTURES[name]).score
    little, much = (quality(damage(PICTURES[name], level)).score for level in (0.0, 1.0))
    assert whole > little > much


@pytest.mark.parametrize("name", PICTURES)
def test_coarse_pixels_lower_the_score(name: str) -> None:
    assert quality(PICTURES[name]).score > quality(pixelated(PICTURES[name], 0.3)).score + 0.05


def test_a_hard_mask_looks_worse_than_a_soft_one() -> None:
    for picture in PICTURES.values():
        mask = Image.new("L", picture.size, 0)
        ImageDraw.Draw(mask).ellipse((90, 90, 400, 380), fill=255)
        other = array(np.asarray(picture, dtype=float) * 0.5)
        soft = quality(Image.composite(other, picture, mask.filter(ImageFilter.GaussianBlur(1))))
        hard = quality(Image.composite(other, picture, mask))
        assert hard.score < soft.score


def test_photographs_and_drawings_score_high() -> None:
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        assert quality(photo(name, 512)).score > 0.85
    for picture in PICTURES.values():
        assert quality(picture).score > 0.85


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (20, 20)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_odd_pictures_are_measured(size: tuple[int, int], mode: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    assert 0 <= quality(Image.fromarray(noise).convert(mode)).score <= 1


def test_a_blank_or_invisible_picture_scores_zero() -> None:
    assert quality(Image.new("RGB", (200, 200), "red")).score == 0
    assert quality(Image.new("RGBA", (200, 200), (0, 0, 0, 0))).score == 0


def test_measures_are_monotone_and_weigh_one() -> None:
    assert sum(measure.weight for measure in MEASURES) == pytest.approx(1)
    for measure in MEASURES:
        ramp = [measure.score(value) for value in np.linspace(measure.bad, measure.good, 20)]
        assert ramp == sorted(ramp) and ramp[0] == 0 and ramp[-1] == 1


def test_no_picture_and_a_mask_score_zero() -> None:
    nothing = judged(LOCAL, run(end(), images=[]))["aesthetics"]
    assert nothing.score == 0 and "no picture" in nothing.raw
    mask = judged(LOCAL, run(call("SAM", bbox="[200, 100, 800, 900]"), end("SAM_0")))["aesthetics"]
    assert mask.score == 0 and "mask" in mask.raw


# Trajectory


def test_an_honest_run_scores_one() -> None:
    assert process(run(FLIP, CROP, end(), expected_tools=("Flip", "Crop")))[0] == 1


def test_exactly_one_call_scores_zero_without_exception() -> None:
    for expected in (("Flip",), ("Flip", "Crop"), None):
        assert process(run(FLIP, end(), expected_tools=expected))[0] == 0
    assert process(run(call("Nope"), end(reason="Not done: all."), expected_tools=("Flip",)))[0] == 0


BAD = call("Crop", image="img_9", bbox="[0, 0, 500, 500]")
READ = call("OCR", image="Flip_0")
CAPPED: list[tuple[float, str, list[str], dict[str, Any]]] = [
    (0.0, "no call", [end()], {}),
    (0.5, "key tools never executed", [FLIP, FLIP, end()], {"expected_tools": ("Flip", "Crop", "Rotate", "SR")}),
    (0.5, "without the verification", [FLIP, CROP, end()], {"instruction": "flip it, crop it and check that it fits"}),
    (0.5, "without the verification", [FLIP, CROP, end()], {"expected_tools": ("Flip", "Crop", "OCR")}),
    (0.5, "never ended", [FLIP] * 40, {}),
    (0.4, "a prompt in place of Crop, Flip", [
        call("ImageEdit", edit_prompt="make it brighter"), call("ImageEdit", edit_prompt="make it warmer"), end(),
    ], {"expected_tools": ("Flip", "Crop")}),
    (0.4, "most of the expected tools", [FLIP, FLIP, end()], {"expected_tools": ("Flip", "Crop", "Rotate")}),
    (0.3, "right after a failed call", [FLIP, BAD, end()], {"expected_tools": ("Flip", "Crop")}),
    (0.3, "Crop only ever failed", [FLIP, BAD, call("OCR"), end()], {"expected_tools": ("Flip", "Crop")}),
    (0.85, "a picture id that does not exist", [FLIP, BAD, CROP, end()], {"expected_tools": ("Flip", "Crop")}),
    (0.85, "needless repeats", [FLIP, FLIP, CROP, end()], {"expected_tools": ("Flip", "Crop")}),
    (0.6, "made again unchanged", [FLIP, BAD, BAD, CROP, end()], {"expected_tools": ("Flip", "Crop")}),
    (0.85, "the key tools are not known", [FLIP, CROP, end()], {}),
    (0.85, "Crop never executed", [FLIP, call("OCR"), end()], {"expected_tools": ("Flip", "Crop", "OCR")}),
]  # fmt: skip


@pytest.mark.parametrize(("limit", "why", "turns", "task"), CAPPED)
def test_the_caps_of_the_rubric(limit: float, why: str, turns: list[str], task: dict[str, Any]) -> None:
    score, raw = process(run(*turns, **task))
    assert score is not None and score <= limit
    assert why in raw and f'"at_most": {limit}' in raw


def test_order_is_free_and_aliases_are_understood() -> None:
    crop, flip = call("Crop", image="img_1", bbox="[0, 0, 500, 500]"), call("Flip", image="Crop_0")
    assert process(run(crop, flip, end(), expected_tools=("ImageFlip", "ImageCrop")))[0] == 1


def test_verification_counts_after_the_last_change_only() -> None:
    task = {"instruction": "flip it and verify the text", "expected_tools": ("Flip", "OCR")}
    assert process(run(FLIP, READ, end(), **task))[0] == 1
    assert process(run(call("OCR"), FLIP, end(), **task))[0] == 0.5


def test_an_error_that_was_told_is_not_a_false_claim() -> None:
    told = run(FLIP, CROP, BAD, end(reason="Not done: the second crop."), expected_tools=("Flip", "Crop"))
    assert "success" not in process(told)[1]


def test_what_the_infrastructure_failed_is_not_blamed(tmp_path: Path) -> None:
    run(FLIP, BAD, CROP, end(), expected_tools=("Flip", "Crop"), folder=tmp_path / "run")

    def ours(data: dict[str, Any]) -> None:
        data["turns"][1]["call"]["faults"] = [{"stage": "infrastructure", "message": "a worker died"}]

    trajectory = edit(tmp_path / "run", ours)
    assert run_stats_of(trajectory).infrastructure == 1
    assert process(trajectory)[0] == 1


# Alignment, and what cannot be judged


def test_without_checks_there_is_no_alignment_score() -> None:
    verdict = judged(LOCAL, run(FLIP, CROP, end()))["align"]
    assert verdict.score is None and "no checks" in (verdict.error or "")


MIRRORED, TURNED = {"check": "mirrored"}, {"check": "orientation", "turned": 90}


def test_alignment_is_the_mean_of_the_checks_with_caps() -> None:
    held = judged(LOCAL, run(FLIP, end(), checks=(MIRRORED,)))["align"]
    assert held.score == json.loads(held.raw)["mean"] > 0.9
    half = judged(LOCAL, run(FLIP, end(), checks=(MIRRORED, TURNED)))["align"]
    assert half.score is not None and half.score <= 0.5
    broken = judged(LOCAL, run(call("Rotate", angle=180), end(), checks=(MIRRORED, TURNED)))["align"]
    assert broken.score is not None and broken.score <= 0.4 and "likeness" in broken.raw
    words = ({"check": "answer_contains", "words": ["7"]}, MIRRORED, MIRRORED)
    wrong = judged(LOCAL, run(FLIP, end(), checks=words))["align"]
    assert wrong.score is not None and wrong.score <= 0.3


def test_no_result_or_a_mask_meets_no_check() -> None:
    for turns in ([end()], [call("SAM", bbox="[200, 100, 800, 900]"), end("SAM_0")]):
        verdict = judged(LOCAL, run(*turns, checks=(MIRRORED,)))["align"]
        assert verdict.score is not None and verdict.score <= 0.4


def test_a_check_that_does_not_exist_is_told() -> None:
    verdict = judged(LOCAL, run(FLIP, end(), checks=({"check": "pretty"},)))["align"]
    assert verdict.score is None and "no check 'pretty'" in (verdict.error or "")


@pytest.mark.parametrize(("status", "why"), [("running", "not finished"), ("failed", "no fault of the policy")])
def test_a_run_that_is_not_whole_is_not_judged(tmp_path: Path, status: str, why: str) -> None:
    run(FLIP, CROP, end(), folder=tmp_path / "run")
    verdicts = judged(LOCAL, edit(tmp_path / "run", lambda data: data.update(status=status)))
    assert set(verdicts) == set(ASPECTS)
    assert all(verdict.score is None and why in (verdict.error or "") for verdict in verdicts.values())


def test_a_missing_or_changed_picture_is_told(tmp_path: Path) -> None:
    run(FLIP, CROP, end(), folder=tmp_path / "run")
    picture = tmp_path / "run" / "assets" / "Crop_0.png"
    Image.open(picture).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(picture)
    verdicts = judged(LOCAL, Trajectory.load(tmp_path / "run"))
    assert "changed since the run" in (verdicts["aesthetics"].error or "")
    picture.unlink()
    verdicts = judged(LOCAL, Trajectory.load(tmp_path / "run"))
    assert "missing or damaged" in (verdicts["aesthetics"].error or "") and verdicts["aesthetics"].score is None
    assert verdicts["trajectory"].score is not None


def test_another_format_version_is_an_error(tmp_path: Path) -> None:
    run(FLIP, CROP, end(), folder=tmp_path / "run")
    with pytest.raises(StorageError, match="format version 99"):
        edit(tmp_path / "run", lambda data: data.update(format_version=99))


def test_a_record_edited_to_nonsense_is_judged_or_told(tmp_path: Path) -> None:
    run(FLIP, CROP, end(), expected_tools=("Flip",), folder=tmp_path / "run")

    def nonsense(data: dict[str, Any]) -> None:
        data["expected_tools"] = ["\ud800", ""]
        data["turns"][0]["call"]["scores"] = {}
        data["turns"][1]["call"]["arguments"] = {"x": [{"y": None}], "\ud800": 1e308}

    score, raw = process(edit(tmp_path / "run", nonsense))
    assert score is not None and 0 <= score <= 1
    raw.encode()


def test_verdicts_are_the_same_every_time_and_say_what_was_found() -> None:
    trajectory = run(FLIP, CROP, end(), expected_tools=("Flip", "Crop"))
    first, second = judged(LOCAL, trajectory), judged(LOCAL, trajectory)
    assert [first[aspect].score for aspect in ASPECTS] == [second[aspect].score for aspect in ASPECTS]
    assert set(json.loads(first["aesthetics"].raw)["measures"]) == {measure.name for measure in MEASURES}
