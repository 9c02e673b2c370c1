"""How large the scripted policy is, and how fast it plans."""

from __future__ import annotations

import time
from pathlib import Path

import canvasagent.policies.scripted as scripted
from canvasagent.policies._scripted.plan import make_plan
from instruction_world import load

MOST = 231_000
"""Characters of code and patterns that the policy may have; what english/ knows is not counted."""


def test_the_policy_stays_small() -> None:
    file = Path(scripted.__file__)
    sources = [file, *(path for path in (file.parent / "_scripted").iterdir() if path.suffix in (".py", ".toml"))]
    assert sum(len(path.read_text("utf-8")) for path in sources) <= MOST


def test_no_request_takes_long_to_plan() -> None:
    """A guard against patterns whose time grows with the square of the text, far above what planning takes."""
    asked = [line["request"] for line in load()]
    hostile = [
        "make the dog blue " * 111,
        "and the other thing that was there by the house with words of my friend " * 30,
    ]
    next(make_plan("mirror it").steps)
    for words in [*asked, *hostile, " ".join(asked)[:2000]]:
        make_plan(words)
        make_plan.cache_clear()
        started = time.thread_time()
        next(make_plan(words[:2000]).steps, None)
        assert time.thread_time() - started < 0.05, words[:80]
