"""The HTML pages: one frame, everything inserted is escaped, and a browser may run nothing but a page's own parts."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

import canvasagent
from canvasagent.pages import render, write_page

SOURCE = Path(canvasagent.__file__).parent
TEMPLATES = sorted(path for path in SOURCE.rglob("*.html") if path.parent.name != "pages")
FRAGMENTS = {"card.html"}
"""Templates that are no page of their own."""


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_page_uses_the_frame_and_its_rules(template: Path) -> None:
    """No template switches escaping off, brings a style or script of its own, or takes any from attributes."""
    text = template.read_text("utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape|<script|<style|\son\w+=|https?://", text)
    if template.name not in FRAGMENTS:
        assert text.startswith('{% extends "page.html" %}') and not re.search(r"\sstyle=|<html|<head>", text)


def test_only_one_module_makes_environments_of_templates() -> None:
    makes = re.compile(r"jinja2\.Environment|from jinja2 import [^\n]*Environment")
    users = {
        path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if makes.search(path.read_text("utf-8"))
    }
    assert users == {"pages/__init__.py"}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "one.html"
    path.write_text(
        '{% extends "page.html" %}{% block title %}{{ name }}{% endblock %}{% block main %}{{ name }}{% endblock %}'
    )
    path.with_suffix(".css").write_text("b { color: red; }\n")
    path.with_suffix(".js").write_text("const a = 1 < 2;\n")
    return path


def test_values_are_escaped_and_own_style_and_script_are_allowed(template: Path) -> None:
    text = render(template, name="<script>alert('x')</script>")
    assert text.count("&lt;script&gt;alert(&#39;x&#39;)") == 2
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy and policy[1].startswith("default-src 'none'; img-src data:; ")
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        content = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy[1]
    assert "b { color: red; }" in text and "const a = 1 < 2;" in text


def test_a_page_without_a_script_allows_none(template: Path) -> None:
    template.with_suffix(".js").unlink()
    assert "script" not in render(template, name="a")


def test_a_page_with_half_a_character_is_written(template: Path, tmp_path: Path) -> None:
    write_page(tmp_path / "out.html", render(template, name="half \ud83d"))
    assert "half ?" in (tmp_path / "out.html").read_text("utf-8")
