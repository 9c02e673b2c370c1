"""Every option that a message, a docstring or a page names exists, and in the command that it is named with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup

import canvasagent
from canvasagent.cli import command_line

ROOT = Path(canvasagent.__file__).parent
CHECKOUT = Path(__file__).parent.parent
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9_-]*[a-z0-9]")
COMMAND = re.compile(r"\bcanvasagent ((?:[a-z][a-z-]*\b ?)+)([^`\n]*)")
OTHERS = {
    "--index-url": "pip",
    **dict.fromkeys(
        ("--disable-pip-version-check", "--no-deps", "--only-binary", "--dest", "--python-version", "--platform"),
        "pip download",
    ),
    "--query-gpu": "nvidia-smi",
    "--num_processes": "accelerate launch",
    **dict.fromkeys(("--seeds", "--updates"), "benchmarks/grpo_learns.py"),
    "--dataset": "ms-swift",
    "--head": "ray start",
    "--address": "ray start",
    "--table": "benchmarks/scale.py",
    "--tiny": "benchmarks/full.py",
    "--quick": "benchmarks/serving.py",
    "--load": "benchmarks/serving.py",
}
"""Options of other programs."""


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below `command`, hidden ones included, with the words that call it."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, (*path, name))


@pytest.fixture(scope="module")
def options() -> dict[tuple[str, ...], set[str]]:
    """The options of each command, by the words that call it; those of the groups above it included."""
    found: dict[tuple[str, ...], set[str]] = {}
    root: Any = command_line([], every=True)
    assert isinstance(root, TyperGroup)
    for path, command in _commands(root):
        own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        found[path] = own | found.get(path[:-1], set()) | {"--help"}
    return found


def _texts(file: Path) -> Iterator[tuple[int, str]]:
    """What a file says to people, with its line: strings of source, the whole of other files."""
    text = file.read_text("utf-8")
    if file.suffix != ".py":
        css = re.compile(r"<style>.*?</style>|style=\"[^\"]*\"", re.DOTALL)
        yield 1, css.sub("", text)
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr):  # what is filled in stands as one word
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def _files() -> list[Path]:
    inside = [file for file in ROOT.rglob("*") if file.suffix in (".py", ".md", ".html", ".toml", ".txt")]
    beside = [CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *(CHECKOUT / "docs").glob("*.md")]
    return sorted([*inside, *beside, *(CHECKOUT / "examples").rglob("*.md")])


def test_options_that_are_named_exist(options: dict[tuple[str, ...], set[str]]) -> None:
    every = set().union(*options.values()) | set(OTHERS)
    wrong = []
    for file in _files():
        for line, text in _texts(file):
            wrong += [f"{file.name}:{line}: {name}" for name in OPTION.findall(text) if name not in every]
    assert not wrong


def test_options_belong_to_the_command_that_they_are_named_with(options: dict[tuple[str, ...], set[str]]) -> None:
    wrong, seen = [], 0
    for file in _files():
        for line, text in _texts(file):
            for match in COMMAND.finditer(text):
                words = match[1].split()
                path = next((tuple(words[:n]) for n in range(len(words), 0, -1) if tuple(words[:n]) in options), None)
                rest = match[0].partition("canvasagent ")[2].split(";")[0].split("canvasagent ")[0]
                for name in OPTION.findall(rest) if path is not None else ():
                    seen += 1
                    if name not in options[path] and name not in OTHERS:  # type: ignore[index]
                        wrong.append(f"{file.name}:{line}: canvasagent {' '.join(path or ())} has no {name}")
    assert not wrong and seen > 30
