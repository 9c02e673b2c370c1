"""How large the scripted policy is, and that it plans whatever it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasagent.policies.scripted as scripted
from canvasagent.policies._scripted.plan import make_plan
from canvasagent.task import MAX_INSTRUCTION
from instruction_world import load

MOST = 185_100
"""Characters of code and patterns that the policy may have; what english/ knows is not counted."""


def test_the_policy_stays_small() -> None:
    file = Path(scripted.__file__)
    sources = [file, *(path for path in (file.parent / "_scripted").iterdir() if path.suffix in (".py", ".toml"))]
    assert sum(len(path.read_text("utf-8")) for path in sources) <= MOST


HOSTILE = (
    "make the dog blue ",
    "the other thing by the house of my friend ",
    "the ",
    "(",
    '"',
    "1 ",
    "a",
    "not ",
)


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_long_request_is_planned(unit: str) -> None:
    """Patterns whose time grows with the third power of the text, or faster, would not end within a test's limit."""
    words = (unit * MAX_INSTRUCTION)[: MAX_INSTRUCTION // 2]
    assert next(make_plan(words).steps, None) is not None


def test_all_that_people_ask_in_one_request_is_planned() -> None:
    words = " ".join(line["request"] for line in load())[:MAX_INSTRUCTION]
    assert len(list(make_plan(words).steps)) > 100
