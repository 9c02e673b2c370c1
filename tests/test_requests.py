"""The 120 requests over photographs and drawings that are judged by looking: their data, fixed before the policy was
worked on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data" / "requests.jsonl"
OVER_PHOTOGRAPHS = DATA.with_name("photo_requests.jsonl")
FIELDS = {"id", "kind", "request", "pictures", "done_when"}


@pytest.mark.parametrize("data", (DATA, OVER_PHOTOGRAPHS), ids=lambda data: data.stem)
def test_the_requests_are_those_that_were_fixed(data: Path) -> None:
    promised = data.with_suffix(".sha256").read_text().split()[0]
    assert hashlib.sha256(data.read_bytes()).hexdigest() == promised


def test_the_requests_are_well_formed() -> None:
    lines = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
    assert len(lines) == 120
    assert len({line["id"] for line in lines}) == len({line["request"] for line in lines}) == 120
    assert all(set(line) - {"follow"} == FIELDS for line in lines)
    sources = Counter(picture.partition(":")[0] for line in lines for picture in line["pictures"])
    assert set(sources) == {"photo", "file", "draw"} and min(sources["photo"], sources["draw"]) >= 30


def test_the_requests_over_photographs_are_well_formed() -> None:
    lines = [json.loads(line) for line in OVER_PHOTOGRAPHS.read_text("utf-8").splitlines()]
    assert len(lines) == 60
    assert len({line["id"] for line in lines}) == len({line["request"] for line in lines}) == 60
    assert all(set(line) == FIELDS for line in lines)
    pictures = [picture.partition(":") for line in lines for picture in line["pictures"]]
    assert {source for source, _, _ in pictures} == {"set"} and len({name for _, _, name in pictures}) >= 40
    missing = [name for _, _, name in pictures if not (DATA.parent / "photographs" / f"{name}.jpg").is_file()]
    assert not missing
