"""`canvasagent mcp install`: the entry is added, others stay, a second time changes nothing, undo takes it out."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from canvasagent.cli import main
from canvasagent.cli.mcp import HOSTS as OFFERED
from canvasagent.errors import InputError
from canvasagent.mcp_server import hosts


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "USERPROFILE", "APPDATA", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("CODEX_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def entries(host: hosts.Host) -> dict[str, dict[str, object]]:
    text = host.path().read_text("utf-8")
    found: dict[str, dict[str, object]] = (tomllib.loads if host.toml else json.loads)(text).get(host.key, {})
    return found


@pytest.mark.parametrize("name", OFFERED)
def test_the_entry_comes_and_goes_and_others_stay(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    host = hosts.find_host(name)
    other = (
        '# mine\n[mcp_servers.other]\ncommand = "x"\n' if host.toml else json.dumps({host.key: {"other": {}}, "é": 1})
    )
    host.path().parent.mkdir(parents=True, exist_ok=True)
    host.path().write_text(other, "utf-8")
    assert main(["mcp", "install", name, "--yes"]) == 0
    assert str(host.path()) in capsys.readouterr().out.replace("\n", "")
    assert set(entries(host)) == {"other", "canvasagent"}
    assert entries(host)["canvasagent"]["args"][:4] == ["-m", "canvasagent", "mcp", "stdio"]  # type: ignore[index]
    first = host.path().read_text("utf-8")
    assert main(["mcp", "install", name, "--yes"]) == 0
    assert host.path().read_text("utf-8") == first
    assert main(["mcp", "install", name, "--undo", "--yes"]) == 0
    assert set(entries(host)) == {"other"}
    if host.toml:
        assert "# mine" in host.path().read_text("utf-8")


@pytest.mark.parametrize("name", OFFERED)
def test_a_new_file_is_made_and_a_damaged_one_is_left_alone(name: str) -> None:
    host = hosts.find_host(name)
    assert main(["mcp", "install", name, "--yes"]) == 0
    assert set(entries(host)) == {"canvasagent"}
    host.path().write_text("{ // broken", "utf-8")
    assert main(["mcp", "install", name, "--yes"]) == 2
    assert host.path().read_text("utf-8") == "{ // broken"


def test_an_unknown_host_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="claude-desktop, claude-code, vscode, cursor, codex"):
        hosts.find_host("notepad")
    assert tuple(hosts.HOSTS) == OFFERED


def test_the_registry_entry_is_that_of_this_package() -> None:
    root = Path(hosts.__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    entry = json.loads((Path(hosts.__file__).parent / "server.json").read_text("utf-8"))
    package = entry["packages"][0]
    assert (entry["version"], package["version"], package["identifier"]) == (project["version"],) * 2 + (
        project["name"],
    )
    assert f"mcp-name: {entry['name']}" in (root / "README.md").read_text("utf-8")
    words = [argument["value"] for argument in package["packageArguments"]]
    assert main([*words, "--help"]) == 0
