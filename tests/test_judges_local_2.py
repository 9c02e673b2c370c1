"""The second local judge: progress over the input, quality relative to it, calls against the expected ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from canvasagent import Trajectory
from canvasagent.rewards.judges import Aspect, Verdict, load_judge
from canvasagent.rewards.judges.local_2 import FALSE_CLAIM, VERSION
from helpers import call, end, photo
from judged import judged, run

JUDGE = load_judge("local-2")
FLIP, CROP = call("Flip"), call("Crop", image="Flip_0", bbox="[0, 0, 500, 500]")
READ, MASK = call("OCR", image="Flip_0"), call("SAM", bbox="[200, 100, 800, 900]")
MIRRORED, TURNED = {"check": "mirrored"}, {"check": "orientation", "turned": 90}
UPRIGHT = {"check": "orientation", "turned": 0}
"""Holds on the untouched input."""


def verdict(aspect: Aspect, trajectory: Trajectory) -> Verdict:
    found = judged(JUDGE, trajectory)[aspect]
    assert (found.judge, found.model) == ("local-2", VERSION)
    return found


def test_alignment_is_progress_over_the_input() -> None:
    checks = (MIRRORED, UPRIGHT)
    done = verdict("align", run(FLIP, end(), checks=checks))
    assert done.score == 1 and json.loads(done.raw)["input_share"] == 0.5
    assert verdict("align", run(end("img_1"), checks=checks)).score == 0
    assert verdict("align", run(call("Rotate", angle=180), end(), checks=checks)).score == 0  # worse than the input


def test_the_caps_of_the_rubric_hold_for_progress() -> None:
    half = verdict("align", run(FLIP, end(), checks=(MIRRORED, TURNED)))
    assert half.score == 0.5
    words = ({"check": "answer_contains", "words": ["7"]}, MIRRORED, MIRRORED)
    assert verdict("align", run(FLIP, end(), checks=words)).score == 0.3


@pytest.mark.parametrize(("checks", "why"), [((), "no checks"), ((UPRIGHT,), "the untouched input passes every check")])
def test_what_cannot_be_scored_has_no_alignment(checks: tuple[dict[str, Any], ...], why: str) -> None:
    found = verdict("align", run(FLIP, end(), checks=checks))
    assert found.score is None and why in (found.error or "")


def test_quality_is_relative_to_the_input() -> None:
    assert verdict("aesthetics", run(end("img_1"))).score == 0
    whole = verdict("aesthetics", run(FLIP, end())).score
    assert whole is not None and whole > 0.95
    dark = photo().point([value // 8 for value in range(256)] * 3)
    assert verdict("aesthetics", run(FLIP, end(), images=[dark])).score == pytest.approx(1, abs=0.05)


def test_a_mask_counts_only_where_a_mask_is_expected() -> None:
    assert verdict("aesthetics", run(MASK, end("SAM_0"))).score == 0
    assert verdict("aesthetics", run(MASK, end("SAM_0"), expected_tools=("Grounding", "SAM"))).score == 1
    assert verdict("aesthetics", run(MASK, end("SAM_0"), expected_tools=("SAM", "Extract"))).score == 0


def test_repeated_looks_earn_nothing_and_cost() -> None:
    task = {"expected_tools": ("Flip", "Crop", "OCR"), "instruction": "flip it, crop it and read it"}
    honest = verdict("trajectory", run(FLIP, CROP, call("OCR", image="Crop_0"), end(), **task)).score
    padded = verdict("trajectory", run(*[call("OCR")] * 8, FLIP, CROP, end(), **task)).score
    assert honest == 1 and padded is not None and padded < 0.5


def test_a_look_right_after_a_change_costs_nothing() -> None:
    task = {"expected_tools": ("Flip", "Crop")}
    plain = verdict("trajectory", run(FLIP, CROP, end(), **task)).score
    assert verdict("trajectory", run(FLIP, READ, CROP, end(), **task)).score == plain == 1


def test_an_ending_that_the_checks_contradict_costs_a_fifth() -> None:
    task = {"expected_tools": ("Flip", "Crop")}
    for checks, reason in (((MIRRORED, TURNED), "All is done."), ((MIRRORED,), "Not done: the crop.")):
        turns = [FLIP, CROP, end("Flip_0", reason=reason)]
        found = verdict("trajectory", run(*turns, **task, checks=checks))
        silent = verdict("trajectory", run(*turns, **task))
        assert json.loads(found.raw)["ending_contradicted"] and silent.score
        assert found.score == pytest.approx(FALSE_CLAIM * silent.score)
