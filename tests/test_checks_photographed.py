"""Statements on things in photographs: measured by the second detector where it is here and sure, else not measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from canvasagent.backends.lite.photographs import networks
from canvasagent.errors import InputError
from canvasagent.rewards.checks import Result, hold
from canvasagent.rewards.checks._photographed import kind_named
from canvasagent.rewards.checks.base import Finding
from canvasagent.sketch.draw import draw
from test_second_detector import needs_second

ASTRONAUT = Image.fromarray(data.astronaut())


def found(picture: Image.Image, check: str, **parameters: object) -> Finding:
    return hold({"check": check, **parameters}, Result(picture)).finding


@needs_second
@pytest.mark.parametrize(
    ("check", "parameters", "holds"),
    [
        ("object_present", {"object": "person"}, True),
        ("object_absent", {"object": "person"}, False),
        ("object_present", {"object": "fire hydrant"}, False),
        ("object_absent", {"object": "fire hydrant"}, True),
        ("object_count", {"object": "people", "count": 1}, True),
        ("object_count", {"object": "zebra", "count": 2}, False),
        ("object_place", {"object": "person", "where": "left"}, True),
        ("object_place", {"object": "person", "where": "right"}, False),
    ],
)
def test_things_in_a_photograph_are_measured(check: str, parameters: dict[str, object], holds: bool) -> None:
    finding = found(ASTRONAUT, check, **parameters)
    assert finding.measured and finding.passed is holds and (finding.score > 0.55) is holds, finding.why


@needs_second
def test_what_may_be_there_is_not_measured() -> None:
    cat = Image.fromarray(data.chelsea())  # a cat by 0.40: neither sure nor surely not
    for check in ("object_present", "object_absent"):
        finding = found(cat, check, object="cat")
        assert not finding.measured and "not sure" in finding.why
    assert not found(cat, "object_count", object="cat", count=1).measured


def test_without_the_network_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_MODELS", str(tmp_path))
    assert not networks.has(*networks.SECOND)
    for check, more in (("present", {}), ("absent", {}), ("count", {"count": 3}), ("place", {"where": "left"})):
        assert not found(ASTRONAUT, f"object_{check}", object="person", **more).measured


def test_a_kind_that_is_not_drawn_is_not_measured_in_a_drawing() -> None:
    drawing = draw("a red car on a street", (256, 256), 1)
    assert not found(drawing, "object_absent", object="fire hydrant").measured
    assert found(drawing, "object_present", object="car").passed


def test_a_word_means_a_kind_and_no_narrower_one() -> None:
    assert kind_named("person") == "person" and kind_named("man") is None and kind_named("robot") is None
    assert kind_named("cat") == "cat" and kind_named("sofa") == "couch"
    with pytest.raises(InputError, match="nothing that can be found"):
        found(Image.fromarray(np.zeros((64, 64, 3), np.uint8)), "object_present", object="gizmo")
