"""Plain names: words that say nothing to an engineer are no identifiers, and docstrings cite only what is here."""

from __future__ import annotations

import ast
import builtins
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import canvasagent

SOURCE = Path(canvasagent.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
DENIED = {"felled", "mended", "aught", "draught", "mishaps", "told"}
"""Parts of names, by underscores and capitals: use rejected, fixed, error, message, result."""
NOT_YET = ("policies/",)
"""Places whose names are still to be changed; this list only gets shorter."""
ABSENT = re.compile(r"\b(?:PROTOCOL|DESIGN|FACTS)(?:\.md\b|(?=[:)]))|\bfollow PROTOCOL\b")
"""Citations of documents that are not in the repository: state the rule itself."""


def identifiers(text: str) -> Iterator[tuple[int, str]]:
    """The names in a file, with their lines; names within f-strings only where Python splits those (3.12)."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string


def denied(text: str) -> list[tuple[int, str]]:
    """Identifiers that have a denied part."""
    parts = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
    return [(line, name) for line, name in identifiers(text) if DENIED & {part.lower() for part in parts.findall(name)}]


def docstrings(text: str) -> list[str]:
    """The docstrings of modules, classes, functions and attributes."""
    return [
        node.value.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]


def citations(text: str) -> list[str]:
    """Absent documents that docstrings cite."""
    return [match[0] for string in docstrings(text) for match in ABSENT.finditer(string)]


def test_no_identifier_has_a_denied_word() -> None:
    places = {path.relative_to(SOURCE).as_posix(): path for path in FILES}
    assert len(places) > 100
    found = {
        place: names
        for place, path in places.items()
        if not place.startswith(NOT_YET) and (names := denied(path.read_text("utf-8")))
    }
    assert not found


def test_docstrings_cite_only_documents_that_are_here() -> None:
    found = {str(path): names for path in FILES if (names := citations(path.read_text("utf-8")))}
    assert not found


def raised(text: str) -> set[str]:
    """Exceptions that docstrings say are raised."""
    return {name for string in docstrings(text) for name in re.findall(r"[Rr]aises? (?:only )?`(\w+)`", string)}


def test_docstrings_name_exceptions_that_exist() -> None:
    texts = {str(path): path.read_text("utf-8") for path in FILES}
    known = {name for text in texts.values() for _, name in identifiers(text)} | set(dir(builtins))
    assert raised('"""Raises `NoSuchError`."""') == {"NoSuchError"}
    found = {path: names for path, text in texts.items() if (names := raised(text) - known)}
    assert not found


@pytest.mark.parametrize("text", ["told = 1", "def f(felled: int) -> None: ...", "class BigDraught: ...", "x._told()"])
def test_denied_words_are_noticed(text: str) -> None:
    assert denied(text)


@pytest.mark.parametrize("text", ['"""See PROTOCOL.md."""', 'x = 1\n"""One of three (PROTOCOL: a turn)."""'])
def test_absent_documents_are_noticed(text: str) -> None:
    assert citations(text)


@pytest.mark.parametrize("text", ["untold = 1", "threshold = bold = 1", 'x = "told"', '"""It is told."""'])
def test_other_words_are_allowed(text: str) -> None:
    assert not denied(text) and not citations(text)
