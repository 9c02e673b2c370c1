"""No test asserts on a clock: on a machine with other work to do it would fail for no fault of ours.

So no file of the tests reads one, but `waiting.py`, whose `wait_until` waits for what a test wants. What takes how long
is measured in `benchmarks/`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MAY = {"waiting.py"}
CLOCKS = {
    "time": {
        f"{clock}{unit}"
        for clock in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
        for unit in ("", "_ns")
    }
    | {"localtime", "gmtime", "ctime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "os": {"times"},
    "timeit": {"timeit", "repeat", "default_timer", "Timer"},
}
"""By module or class: what reads a clock."""
LOOPS = {"get_event_loop", "get_running_loop", "new_event_loop", "loop"}
"""What gives an event loop, which has a method `time`."""


def readings(source: str) -> list[str]:
    """Each place of a file that reads a clock: its line and what it says."""
    tree = ast.parse(source)
    names = {}  # what a name that was imported stands for
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in CLOCKS:
            names |= {each.asname or each.name: (node.module, each.name) for each in node.names}
        elif isinstance(node, ast.Import):
            names |= {each.asname: (each.name, None) for each in node.names if each.asname and each.name in CLOCKS}
    return [f"{node.lineno}: {ast.unparse(node)}" for node in ast.walk(tree) if _reads(node, names)]


def _reads(node: ast.AST, names: dict[str, tuple[str, str | None]]) -> bool:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        module, name = names.get(node.id, ("", None))
        return name in CLOCKS.get(module, ())
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
        return False
    owner = _last(node.value)
    if node.attr == "time" and owner in LOOPS:
        return True
    module, name = names.get(owner, (owner, None))
    return node.attr in CLOCKS.get(name or module, ())


def _last(node: ast.AST) -> str:
    """The last name of an expression: `datetime` of `datetime.datetime`, `get_running_loop` of a call of it."""
    if isinstance(node, ast.Call):
        return _last(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def written_inside(source: str) -> Iterator[str]:
    """The scripts that stand in a file as text, for a process of their own."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "import" in node.value:
            try:
                ast.parse(node.value)
            except (SyntaxError, ValueError):
                continue
            yield node.value


@pytest.mark.parametrize("file", sorted(TESTS.glob("*.py")), ids=lambda file: file.name)
def test_no_test_reads_a_clock(file: Path) -> None:
    source = file.read_text("utf-8")
    scripts = written_inside(source) if file != Path(__file__) else ()  # here they are examples
    found = [reading for text in (source, *scripts) for reading in readings(text)]
    assert bool(found) == (file.name in MAY), found


@pytest.mark.parametrize(
    "source",
    [
        "import time\nstarted = time.monotonic()",
        "import time\nwork()\nassert time.perf_counter() - 1 < 3",
        "import time as t\nt.process_time_ns()",
        "from time import perf_counter\nperf_counter()",
        "from time import thread_time as spent\nassert timed(spent) < 1",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime as dt\ndt.now()",
        "import asyncio\nasyncio.get_running_loop().time()",
        "import timeit\nassert timeit.timeit(work) < 1",
    ],
)
def test_a_reading_is_found(source: str) -> None:
    assert readings(source)


@pytest.mark.parametrize(
    "source",
    ["import time\ntime.sleep(1)", "file.stat().st_mtime_ns", "time = 3\nassert time < 4", "from datetime import date"],
)
def test_what_reads_no_clock_is_let_be(source: str) -> None:
    assert not readings(source)
