"""The 120 requests over photographs and drawings that are judged by looking: their data, fixed before the policy was
worked on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

DATA = Path(__file__).parent / "data" / "requests.jsonl"
FIELDS = {"id", "kind", "request", "pictures", "done_when"}


def test_the_requests_are_those_that_were_fixed() -> None:
    promised = DATA.with_suffix(".sha256").read_text().split()[0]
    assert hashlib.sha256(DATA.read_bytes()).hexdigest() == promised


def test_the_requests_are_well_formed() -> None:
    lines = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
    assert len(lines) == 120
    assert len({line["id"] for line in lines}) == len({line["request"] for line in lines}) == 120
    assert all(set(line) - {"follow"} == FIELDS for line in lines)
    sources = Counter(picture.partition(":")[0] for line in lines for picture in line["pictures"])
    assert set(sources) == {"photo", "file", "draw"} and min(sources["photo"], sources["draw"]) >= 30
