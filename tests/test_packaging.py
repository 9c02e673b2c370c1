"""What the package declares: extras with code behind them, licences, and a README that reads well on PyPI."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from packaging.licenses import canonicalize_license_expression
from packaging.requirements import Requirement

from canvasagent import extras
from canvasagent.errors import MissingExtra

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/canvasagent"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
REPOSITORY = re.compile(
    r"https://(?:raw\.githubusercontent|github)\.com/canvasagent/canvasagent/(?:(?:blob|tree)/)?main/"
)


@dataclass(frozen=True)
class Code:
    """What the package's code says of its dependencies."""

    modules: frozenset[str]
    """Top-level modules that it imports, or names in a string: `framework("diffusers")`."""
    extras: frozenset[str]
    """Extras that it tells a user to install."""


@pytest.fixture(scope="module")
def code() -> Code:
    modules: set[str] = set()
    named: set[str] = set()
    for file in SOURCE.rglob("*.py"):
        text = file.read_text("utf-8")
        named |= _extras_in(text)
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Import(names=names):
                    modules |= {name.name.partition(".")[0] for name in names}
                case ast.ImportFrom(module=str(module), level=0):
                    modules.add(module.partition(".")[0])
                case ast.Constant(value=str(text)):
                    modules.add(text)
                case ast.Call(func=ast.Name(id="MissingExtra"), args=[_, ast.Constant(value=str(extra))]):
                    named.add(extra)
                case ast.Call(func=ast.Name(id="install_command"), args=[ast.Constant(value=str(extra))]):
                    named.add(extra)
    return Code(frozenset(modules), frozenset(named))


def _extras_in(text: str) -> set[str]:
    groups = re.findall(r"canvasagent\[([a-z, ]+)\]", text)
    return {extra.strip() for group in groups for extra in group.split(",")}


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - {"dev"}))
def test_an_extra_has_code_that_uses_it_and_says_when_it_is_missing(extra: str, code: Code) -> None:
    names = [Requirement(line).name for line in EXTRAS[extra]]
    assert {name.replace("-", "_") for name in names} & code.modules, f"nothing imports any of {names}"
    assert extra in code.extras, f"nothing tells a user to install '{extra}'"


def test_every_extra_that_is_named_exists(code: Code) -> None:
    named = set(code.extras)
    for file in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "tests").glob("*.py")]:
        named |= _extras_in(file.read_text("utf-8"))
    assert {"full", "craft", "serve", "ray"} <= named <= set(EXTRAS)


@pytest.mark.parametrize(
    ("platform", "torch", "told"),
    [("linux", False, True), ("linux", True, False), ("darwin", False, False), ("win32", False, False)],
)
def test_who_lacks_torch_is_told_how_to_get_it_without_cuda(
    monkeypatch: pytest.MonkeyPatch, platform: str, torch: bool, told: bool
) -> None:
    monkeypatch.setattr(extras.sys, "platform", platform)
    monkeypatch.setattr(extras, "find_spec", lambda name: object() if torch else None)
    message = str(MissingExtra("a trained model (torch)", "full"))
    assert "pip install 'canvasagent[full]'" in message
    assert (extras.CPU_TORCH in message) == told
    for extra in ("local", "train"):
        assert (extras.CPU_TORCH in str(MissingExtra("a language model", extra))) == told
    assert extras.CPU_TORCH not in str(MissingExtra("the tool server", "serve"))


def test_readme_and_docs_say_how_to_get_torch_without_cuda() -> None:
    for name in ("README.md", "docs/full.md"):
        text = (ROOT / name).read_text("utf-8")
        assert text.index(extras.CPU_TORCH) < text.index("pip install 'canvasagent[full]'"), name


def test_the_licences_of_bundled_things_are_declared() -> None:
    beside = {file.relative_to(ROOT).as_posix() for file in SOURCE.rglob("LICENSE*")}
    assert beside | {"LICENSE"} == set(PROJECT["license-files"])
    assert canonicalize_license_expression(PROJECT["license"]) == PROJECT["license"]
    for font in SOURCE.rglob("*.ttf"):
        assert font.name.startswith("DejaVu") and (font.parent / "LICENSE_DEJAVU").exists()
    assert PROJECT["license"] == "Apache-2.0 AND Bitstream-Vera"


def _targets(file: Path) -> list[str]:
    """Where the links and pictures of a Markdown file lead."""
    found = []
    for block in MarkdownIt("commonmark").enable("table").parse(file.read_text("utf-8")):
        for token in block.children or []:
            found += [str(token.attrs[name]) for name in ("href", "src") if name in token.attrs]
    return found


def test_readme_has_absolute_links_only_and_they_lead_somewhere() -> None:
    targets = _targets(ROOT / "README.md")
    assert sum(target.endswith(".jpg") for target in targets) >= 1
    for target in targets:
        assert target.startswith("https://"), f"{target} leads nowhere on PyPI"
        if REPOSITORY.match(target):
            assert (ROOT / REPOSITORY.sub("", target).partition("#")[0]).exists(), target


@pytest.mark.parametrize("file", sorted((ROOT / "docs").glob("*.md")), ids=lambda file: file.name)
def test_links_of_the_docs_lead_somewhere(file: Path) -> None:
    for target in _targets(file):
        assert "://" in target or (file.parent / target.partition("#")[0]).exists(), target


def test_readme_leaves_no_link_without_a_target() -> None:
    def text(tokens: Any) -> Iterator[str]:
        for token in tokens:
            yield from [token.content] if token.type == "text" else text(token.children or [])

    left = " ".join(text(MarkdownIt("commonmark").enable("table").parse((ROOT / "README.md").read_text("utf-8"))))
    assert not re.findall(r"\[(?:docs/|case )[^\]]*\]", left)
