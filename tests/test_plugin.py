"""A third party's package, installed for a subprocess: its tool, backends and policy run, and keep the contract."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import canvasagent

PACKAGE = Path(__file__).parent / "plugin_package"

_EPISODE = """
import json, sys
from PIL import Image, ImageFilter
from canvasagent import Agent
from canvasagent.testing.samples import picture

start = picture((60, 40))
agent = Agent("blurrer:2", sys.argv[1])
run = agent.run("soften it", [start], run_dir=sys.argv[2])
expected = start.filter(ImageFilter.GaussianBlur(3.0 * 2)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
print(json.dumps({
    "status": run.status, "final": run.final, "tools": run.tool_calls, "policy": run.policy, "profile": run.profile,
    "pixels": run.final_picture.tobytes() == expected.tobytes(),
    "known": "SoftBlur" in run.system_prompt,
    "backends": [turn.call.backend.split("+")[0] for turn in run.turns if turn.call],
}))
agent.toolbox.close()
"""

_CONFORMANCE = """
import json, sys
from canvasagent.backends.profile import load_profile
from canvasagent.policies import load_policy, policy_names
from canvasagent.testing import check_backend, check_policy, check_tool
from canvasagent.tools import find_tool

check_tool(find_tool("SoftBlur"))
lite, mine = load_profile("lite"), load_profile(sys.argv[1])
check_backend(lite.backends["SoftBlur"])
for tool in ("SoftBlur", "Flip"):
    check_backend(mine.backends[tool], mine.options.get(tool))
check_policy(load_policy("blurrer:3"))
print(json.dumps({"lite": lite.backends["SoftBlur"], "policies": policy_names()}))
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The package as an installer would lay it out: its modules and a `.dist-info` with its entry points."""
    folder = tmp_path / "site"
    shutil.copytree(PACKAGE / "canvasagent_blur", folder / "canvasagent_blur")
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))["project"]
    info = folder / f"canvasagent_blur-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def python(installed: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(canvasagent.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), source])}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=120)


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_episode_with_its_policy_tool_and_backends(installed: Path, tmp_path: Path) -> None:
    told = answer(python(installed, _EPISODE, str(PACKAGE / "mine.toml"), str(tmp_path / "run")))
    assert told == {
        "status": "met",
        "final": "Flip_0",
        "tools": ["SoftBlur", "Flip"],
        "policy": "blurrer:2",
        "profile": "mine",
        "pixels": True,
        "known": True,
        "backends": ["SoftBlur@1:lite/soft_blur@1", "Flip@1:upside_down@1"],
    }


def test_it_keeps_the_contract(installed: Path) -> None:
    told = answer(python(installed, _CONFORMANCE, str(PACKAGE / "mine.toml")))
    assert told["lite"] == "lite/soft_blur" and "blurrer" in told["policies"]


def test_without_it_nothing_of_it_is_there(tmp_path: Path) -> None:
    done = python(tmp_path, "from canvasagent.tools import find_tool; print(find_tool('Blur'))")
    assert done.stdout.strip() == "None"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("import Field", "import Fields"),
            "the tool 'blur' of the installed package 'canvasagent-blur' cannot be imported",
        ),
        (('name="SoftBlur"', 'name="Soft Blur"'), "must be letters and digits"),
        (('aliases=("Blur",)', 'aliases=("Edit",)'), "both claim the name 'Edit'"),
        (("TOOL = Tool(", "TOOL = dict("), "is a dict, not a canvasagent.tools.Tool"),
    ],
)
def test_a_broken_one_is_named(installed: Path, change: tuple[str, str], told: str) -> None:
    file = installed / "canvasagent_blur" / "tool.py"
    file.write_text(file.read_text("utf-8").replace(*change), "utf-8")
    done = python(installed, "from canvasagent.tools import all_tools; all_tools()")
    assert done.returncode == 1 and "InputError" in done.stderr and told in done.stderr
