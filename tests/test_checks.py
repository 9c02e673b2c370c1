"""How statements are read and run. That each check keeps its contract is in test_conformance.py."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from canvasagent import Agent, Task
from canvasagent.errors import InputError
from canvasagent.rewards.checks import Check, Example, Result, all_checks, hold, read_check, run_checks
from canvasagent.sketch.sprite import all_sprites, rasterise, shades

CHECKS = list(all_checks().values())
by_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)


@cache
def examples_of(name: str, seed: int) -> tuple[Example, ...]:
    return tuple(all_checks()[name].examples(seed))


@by_check
def test_its_parameters_are_checked(check: Check) -> None:
    first = examples_of(check.name, 1)[0]
    assert hold({"check": check.name, **first.parameters}, first.result).check == check.name
    with pytest.raises(InputError, match="nonsense"):
        read_check({"check": check.name, **first.parameters, "nonsense": 1})


def test_examples_depend_on_the_seed_alone() -> None:
    for one, other in zip(all_checks()["not_blank"].examples(3), all_checks()["not_blank"].examples(3), strict=True):
        assert one.result.final is not None and other.result.final is not None
        assert one.result.final.tobytes() == other.result.final.tobytes()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "key 'check'"),
        ({"check": "text_redable"}, "text_readable|there are"),
        ({"check": "size_ratio"}, "ratio"),
        ({"check": "size_ratio", "ratio": -1}, "greater than 0"),
        ({"check": "orientation", "turned": 45}, "0, 90, 180 or 270"),
        ({"check": "unchanged_outside", "region": [500, 0, 100, 100]}, "left < right"),
        ({"check": "all_of", "checks": [{"check": "size_ratio", "ratio": "x"}]}, "size_ratio"),
        ({"check": "not", "of": {"check": "nothing"}}, "no check 'nothing'"),
    ],
)
def test_a_wrong_check_is_told(data: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_check(data)


def test_an_input_that_is_not_there_is_told() -> None:
    with pytest.raises(InputError, match="input 2, but the task has inputs 1 to 1"):
        hold(
            {"check": "size_ratio", "ratio": 1, "input": 2},
            Result(Image.new("RGB", (4, 4)), (Image.new("RGB", (4, 4)),)),
        )


def test_a_run_is_held_against_its_checks() -> None:
    picture = Image.fromarray(np.random.default_rng(3).integers(0, 255, (30, 40, 3), np.uint8)).resize((160, 120))
    checks = ({"check": "mirrored"}, {"check": "size_ratio", "ratio": 2}, {"check": "answer_contains", "words": ["x"]})
    run = Agent().run(Task("Mirror the picture", images=[picture], checks=checks))
    assert [outcome.finding.passed for outcome in run_checks(run)] == [True, False, False]
    assert [outcome.check for outcome in run_checks(run)] == [data["check"] for data in checks]
    run.checks.append({"check": "mirrored", "input": 2})
    with pytest.raises(InputError, match="input 2"):
        run_checks(run)


# What the means do not reach is missing: neither passed nor failed


PHOTOS = ("chelsea", "astronaut", "coffee", "camera")


@pytest.mark.parametrize("name", PHOTOS)
def test_things_in_photographs_that_no_detector_knows_cannot_be_measured(name: str) -> None:
    photograph = Image.fromarray(getattr(data, name)()).convert("RGB")
    photograph.thumbnail((352, 352))
    present = {"check": "object_present", "object": "lighthouse"}
    statements = (
        present,
        {"check": "object_absent", "object": "lighthouse"},
        {"check": "not", "of": present},
        {"check": "object_count", "object": "lighthouse", "count": 0},
        {"check": "object_color", "object": "lighthouse", "color": "grey"},
        {"check": "object_place", "object": "lighthouse", "where": "left"},
        {"check": "object_relation", "object": "lighthouse", "relation": "left", "other": "face"},
        {"check": "all_of", "checks": [{"check": "size_ratio", "ratio": 1}, present]},
        {"check": "any_of", "checks": [{"check": "size_ratio", "ratio": 9}, present]},
    )
    for statement in statements:
        finding = hold(statement, Result(photograph, (photograph,))).finding
        assert (finding.measured, finding.passed, finding.score) == (False, False, 0), statement
        assert finding.why.startswith("cannot be measured: ")
    assert hold({"check": "object_absent", "object": "face"}, Result(photograph)).finding.measured


def test_what_can_be_measured_beside_it_still_counts() -> None:
    photograph = Image.fromarray(data.chelsea()).resize((300, 200))
    unknown = {"check": "object_absent", "object": "lighthouse"}
    known, wrong = {"check": "size_ratio", "ratio": 1}, {"check": "size_ratio", "ratio": 9}
    both = hold({"check": "all_of", "checks": [unknown, wrong]}, Result(photograph, (photograph,))).finding
    assert both.measured and not both.passed
    either = hold({"check": "any_of", "checks": [unknown, known]}, Result(photograph, (photograph,))).finding
    assert either.measured and either.passed
    sticker = photograph.copy()
    robot = all_sprites()["robot"]
    svg = robot.svg
    for token, tone in shades((51, 102, 204)).items():
        svg = svg.replace("{" + token + "}", tone)
    thing = rasterise(svg, round(120 * robot.aspect), 120)
    sticker.paste(thing, (150, 60), thing)
    found = hold({"check": "object_present", "object": "robot"}, Result(sticker)).finding
    assert found.measured and found.passed, found.why
    absent = hold({"check": "object_absent", "object": "robot"}, Result(sticker)).finding
    assert absent.measured and not absent.passed


def test_pictures_that_look_the_same_both_ways_cannot_be_measured() -> None:
    half = np.asarray(Image.fromarray(data.chelsea()).resize((150, 200)))
    symmetric = Image.fromarray(np.concatenate([half, half[:, ::-1]], axis=1))
    flat = Image.new("RGB", (60, 40), "teal")
    assert not hold({"check": "mirrored"}, Result(symmetric, (symmetric,))).finding.measured
    assert not hold({"check": "contains_input"}, Result(symmetric, (flat,))).finding.measured
    assert not hold({"check": "sharper_than"}, Result(flat, (flat,))).finding.measured


@pytest.mark.slow
def test_checks_agree_with_pictures_labelled_by_looking() -> None:
    labels = Path(__file__).parent / "data" / "checks"
    rows = [json.loads(line) for line in (labels / "labels.jsonl").read_text("utf-8").splitlines()]
    assert len({row["file"] for row in rows}) >= 100
    by_kind = Counter(row["check"] for row in rows)
    assert set(by_kind) == set(all_checks()) and min(by_kind.values()) >= 10
    measured: Counter[str] = Counter()
    agreed: Counter[str] = Counter()
    for row in rows:
        final, *inputs = (Image.open(labels / name) for name in (row["file"], *row["inputs"]))
        found = hold({"check": row["check"], **row["parameters"]}, Result(final, tuple(inputs), row.get("answer")))
        measured[row["check"]] += found.finding.measured
        agreed[row["check"]] += found.finding.measured and found.finding.passed == row["holds"]
    assert agreed.total() >= 0.95 * measured.total() and measured.total() >= 0.95 * len(rows)
    assert all(agreed[kind] >= 0.85 * measured[kind] for kind in by_kind)
