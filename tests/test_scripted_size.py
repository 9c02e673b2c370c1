"""How large the scripted policy is, and how fast it plans."""

from __future__ import annotations

import ast
import io
import time
import tokenize
from pathlib import Path

import canvasagent.policies.scripted as scripted
from canvasagent.policies._scripted.plan import make_plan
from instruction_world import load

MOST = 799
"""Lines of code that the policy may have: under 800."""
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines_of_code(source: str) -> int:
    """Lines that hold code: no blank ones, no comments, no docstrings."""
    told: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            told |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    held = {line for token in tokens if token.type not in SILENT for line in range(token.start[0], token.end[0] + 1)}
    return len(held - told)


def test_lines_are_counted_as_they_should_be() -> None:
    assert (
        lines_of_code(
            '"""Told."""\n\n# said\nx = (\n    1,\n)\n\n\ndef f():\n    """Told.\n\n    More."""\n    return 1\n'
        )
        == 5
    )


def test_the_policy_stays_small() -> None:
    file = Path(scripted.__file__)
    sources = [file, *sorted((file.parent / "_scripted").glob("*.py"))]
    assert sum(lines_of_code(source.read_text("utf-8")) for source in sources) <= MOST


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
