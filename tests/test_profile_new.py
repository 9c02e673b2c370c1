"""Models change without code: `profile new`, and classes of one's own behind a dotted path in a profile file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from canvasagent.backends.profile import load_profile, profile_names
from canvasagent.cli.profile_template import commented
from canvasagent.tools import all_tools
from cli_helpers import Shell

OWN = '''
from PIL import Image
from pydantic import BaseModel


class Config(BaseModel):
    colour: str = "red"
    """What everything turns to."""


class Painter:
    tool = "ImageGeneration"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config):
        self.colour = config.colour

    def __call__(self, *, prompt, size, seed):
        return Image.new("RGB", size or (32, 24), self.colour)
'''


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


def uncommented(text: str) -> str:
    """The file with every choice and setting switched on; alternatives and explanations stay comments."""
    choice = re.compile(r"^# (?=(\[options\.\w+\]|\w+ = ))")
    return "\n".join(choice.sub("", line) for line in text.splitlines() if "…" not in line)


@pytest.mark.parametrize("name", ["lite", "release"])
def test_a_new_profile_is_the_one_it_starts_from_as_it_is_and_with_everything_switched_on(name: str) -> None:
    text = commented(name, "mine")
    plain = tomllib.loads(text)
    assert {key: value for key, value in plain.items() if value} == {"name": "mine", "extends": name}
    full = tomllib.loads(uncommented(text))
    assert set(full["backends"]) == set(all_tools()) and full["options"]["OCR"]["min_score"] == 0.5


def test_what_is_written_can_be_used(shell: Shell, tmp_path: Path) -> None:
    said = shell("profile", "new", "mine.toml")
    assert said.code == 0 and said.out == "mine.toml\n"
    assert load_profile(tmp_path / "mine.toml").backends == load_profile("lite").backends
    text = (tmp_path / "mine.toml").read_text("utf-8")
    (tmp_path / "full.toml").write_text(uncommented(text), "utf-8")
    flip = ("tool", "flip", "--image", "a.png", "-o", "b.png", "--profile")
    assert shell(*flip, "mine.toml").code == shell(*flip, "full.toml").code == 0
    for name in profile_names():
        assert shell("profile", "new", f"of-{name}.toml", "--extends", name).code == 0
        assert load_profile(tmp_path / f"of-{name}.toml").name == f"of-{name}"


def test_a_file_that_is_there_stays_unless_told(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("# mine", "utf-8")
    refused = shell("profile", "new", "mine.toml")
    assert refused.code == 2 and "--force replaces it" in refused.err
    assert (tmp_path / "mine.toml").read_text("utf-8") == "# mine"
    assert shell("profile", "new", "mine.toml", "--force").code == 0
    assert shell("profile", "new", "mine.txt").code == 2
    assert shell("profile", "new", "other.toml", "--extends", "nowhere").code == 2
    assert not (tmp_path / "other.toml").exists()


def test_a_class_of_a_package_of_ones_own_does_the_work(shell: Shell, tmp_path: Path) -> None:
    package = tmp_path / "site" / "my_models"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", "utf-8")
    (package / "painter.py").write_text(OWN, "utf-8")
    profile = 'extends = "lite"\n[backends]\nImageGeneration = "my_models.painter:Painter"\n'
    (tmp_path / "mine.toml").write_text(profile + '[options.ImageGeneration]\ncolour = "#0000ff"\n', "utf-8")
    path = str(tmp_path / "site")
    command = ("run", "--policy", shell.turns('<tool_call>{"name": "Gen", "arguments": {"prompt": "x"}}</tool_call>'))
    done = shell.process(*command, "draw", "-o", "out.png", "--json", "--profile", "mine.toml", PYTHONPATH=path)
    assert done.object["final"] == "out.png", done.err
    assert Image.open(tmp_path / "out.png").getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.parametrize("spec", ["my_models.painter:Nobody", "my_models.nothing:Painter", "no_such_package:Painter"])
def test_a_class_that_is_not_there_is_named(spec: str, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text(f'[backends]\nFlip = "{spec}"\n', "utf-8")
    said = shell("tool", "flip", "--image", "a.png", "-o", "b.png", "--profile", "wrong.toml")
    assert said.code != 0 and f"no backend '{spec}'" in " ".join(said.err.split())
