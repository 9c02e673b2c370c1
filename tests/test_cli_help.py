"""Help pages of every command: texts are shown as they are written, and read well on a narrow terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.core import TyperGroup

from canvasagent.cli import command_line, help_pages
from canvasagent.cli.tool import _description
from canvasagent.rewards.judges.base import JudgeSettings
from canvasagent.tools import all_tools


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every visible command below `command`, with the words that call it."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from commands(child, (*path, name))


@pytest.fixture(scope="module")
def root() -> TyperGroup:
    return command_line([], every=True)


@pytest.fixture(scope="module")
def sources() -> dict[tuple[str, ...], dict[str, str]]:
    """What each command and option says of itself, before it is made ready to be shown; `""` is the command's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(help_pages, "escape", lambda text: text)
        plain = command_line([], every=True)
    return {
        path: {"": command.help or "", **{param.name: param.help or "" for param in command.params}}
        for path, command in commands(plain)
    }


class Pages:
    """Help pages as they are printed."""

    def __init__(self, root: TyperGroup, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._root, self._capsys, self._monkeypatch = root, capsys, monkeypatch

    def show(self, path: tuple[str, ...], columns: int) -> str:
        """The page of a command on a terminal of so many columns."""
        self._monkeypatch.setenv("COLUMNS", str(columns))
        self._capsys.readouterr()
        self._root([*path, "--help"], "canvasagent", standalone_mode=False)
        return self._capsys.readouterr().out


@pytest.fixture
def pages(root: TyperGroup, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Pages:
    return Pages(root, capsys, monkeypatch)


def test_every_text_is_shown_as_it_is_written(
    root: TyperGroup, pages: Pages, sources: dict[tuple[str, ...], dict[str, str]]
) -> None:
    shown = 0
    for path, command in commands(root):
        page = pages.show(path, 1000)
        hidden = {param.name for param in command.params if param.hidden}
        for name, text in sources[path].items():
            if name in hidden:
                continue
            assert text, f"{path} {name} has no help"
            for paragraph in text.split("\n\n"):
                assert paragraph in page, f"{path} {name}: {paragraph}"
            shown += 1
    assert shown > 400, "all commands were looked at"


def test_brackets_of_a_tools_argument_are_shown(pages: Pages) -> None:
    for tool in all_tools().values():
        page = pages.show(("tool", tool.slug), 1000)
        for name, info in tool.arguments.model_fields.items():
            assert _description(info.description or "", name in tool.references({})) in page
    assert "[xmin, ymin, xmax, ymax] of the part to keep." in pages.show(("tool", "crop"), 1000)


@pytest.mark.parametrize("columns", [80, 120])
def test_pages_fit_and_lose_nothing(
    root: TyperGroup, pages: Pages, sources: dict[tuple[str, ...], dict[str, str]], columns: int
) -> None:
    for path, command in commands(root):
        page = pages.show(path, columns)
        assert max(map(len, page.splitlines())) <= columns
        told = " ".join(sources[path].values()) + " ".join(str(param.metavar) for param in command.params)
        assert page.count("…") <= told.count("…") + sum(
            child.help.count("…") for child in getattr(command, "commands", {}).values()
        )
        for param in command.params:
            assert all(name in page for name in param.opts if name.startswith("-")) or param.hidden


def test_types_are_words_and_flags_have_none(root: TyperGroup, pages: Pages) -> None:
    for path, command in commands(root):
        page = pages.show(path, 120)
        assert not re.search(r"<(bool|str|int|float|path|list|int range|float range)\b", page), path
        assert "None" not in page and "True" not in page and "False" not in page, path
        for param in command.params:
            if param.param_type_name == "option":
                assert bool(param.metavar) != param.is_flag, f"{path} {param.name}"


def test_commands_are_grouped(pages: Pages) -> None:
    page = pages.show((), 80)
    titles = ["Make pictures", "Build data", "Training", "Reward and evaluation", "Serving and set-up"]
    places = [page.index(f"─ {title} ─") for title in titles]
    assert places == sorted(places) and "─ Commands ─" not in page
    assert (
        places[0]
        < page.index("│ run ")
        < places[1]
        < page.index("│ craft ")
        < places[2]
        < page.index("│ train ")
        < places[3]
        < page.index("│ eval ")
    )


def test_one_word_for_one_thing(root: TyperGroup) -> None:
    """An option of a name takes the same kind of value in every command, and the same thing has one name."""
    kinds: dict[str, set[str]] = {}
    for path, command in commands(root):
        for param in command.params:
            if param.param_type_name != "option":
                continue
            long = max(param.opts, key=len)
            kinds.setdefault(long, set()).add(str(param.metavar))
            shorts = {name for name in param.opts if name[:2] != "--"}
            assert ("-o" in shorts) == (long == "--out") and ("-v" in shorts) == (long == "--verbose"), path
            assert ("-i" in shorts) == (long == "--image") and ("-n" in shorts) == (long == "--n"), path
    several = {name: found for name, found in kinds.items() if len(found) > 1}
    assert several == {"--out": {"FILE", "DIR"}, "--images": {"DIR", "SOURCE"}, "--against": {"NAME", "POLICY"}}
    assert not {"--output", "--outdir", "--out-dir", "--cache", "--prompts", "--samples"} & set(kinds)


def test_every_command_that_judges_has_the_judges_settings(root: TyperGroup) -> None:
    judging = {
        path: {max(param.opts, key=len) for param in command.params}
        for path, command in commands(root)
        if any("--judge" in param.opts for param in command.params)
    }
    assert set(judging) == {("score",), ("eval",), ("judge", "check"), ("train", "grpo")}
    left_out = {"api_key", "result_first", "repeats"}  # the key is never an option; `judge check` varies the others
    for names in judging.values():
        for field in set(JudgeSettings.model_fields) - left_out:
            assert f"--judge-{field.replace('_', '-')}" in names


def test_pages_tell_exit_codes(pages: Pages) -> None:
    for path in (("run",), ("replay",), ("score",), ("eval",), ("doctor",), ("craft", "rl"), ("reward", "audit")):
        assert "Exit code" in pages.show(path, 120), path
