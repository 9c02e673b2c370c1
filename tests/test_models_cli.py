"""`canvasagent models`: fetching from a real hub server on this machine, going on, checking, damage found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from canvasagent.cli import main
from canvasagent.errors import WeightsError
from canvasagent.weights import hub
from canvasagent.weights.catalogue import find
from canvasagent.weights.files import locate
from hub_server import HubServer
from test_weights import safetensors

huggingface_hub = pytest.importorskip("huggingface_hub", reason="comes with the extra full (or craft)")
pytest.importorskip("huggingface_hub.constants")

SAM = "facebook/sam-vit-huge"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    weights = safetensors(tmp_path / "w", values=5000).read_bytes()
    return {"config.json": b'{"model_type": "sam"}', "model.safetensors": weights, "pytorch_model.bin": b"x" * 200}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = main([*arguments, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def test_fetched_checked_found(cache: Path, files: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    with HubServer(SAM, files) as server:
        code, told, said = run(capsys, "models", "pull", "sam", "--endpoint", server.url)
        assert code == 0 and told["sam"]["licence"] == "Apache-2.0" and "licence Apache-2.0" in said
        fetched = len(server.ranges)
        assert run(capsys, "models", "pull", "sam", "--endpoint", server.url)[0] == 0
        assert len(server.ranges) == fetched == 1  # what is here is not fetched again
    folder = locate(SAM)
    assert folder == Path(told["sam"]["folder"]) and not (folder / "pytorch_model.bin").exists()  # no pickled weights
    code, told, _ = run(capsys, "models", "verify", "sam")
    assert code == 0 and {item["verdict"] for item in told["models"]["sam"]} == {"as fetched"}
    listed = {entry["name"]: entry["here"] for entry in run(capsys, "models", "list")[1]}
    assert listed["sam"] == str(folder) and listed["flux"] is None


def test_what_was_cut_off_goes_on_where_it_stopped(
    cache: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # written so often
    with HubServer(SAM, files, breaks=1) as server:
        hub.pull(find("sam"), server.url)
        first, second = server.ranges
    assert first == "" and 0 < int(second.removeprefix("bytes=").rstrip("-")) <= len(files["model.safetensors"]) // 2
    assert (locate(SAM) / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_damage_is_found(cache: Path, files: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    with HubServer(SAM, files) as server:
        folder = hub.pull(find("sam"), server.url)
    real = (folder / "model.safetensors").resolve()
    data = bytearray(real.read_bytes())
    data[-1] ^= 1
    real.write_bytes(data)
    code, told, _ = run(capsys, "models", "verify")
    bad = [item["file"] for item in told["models"]["sam"] if item["verdict"] == "damaged"]
    assert code == 5 and not told["ok"] and bad == ["model.safetensors"]
    (folder / "model.safetensors").unlink()
    code, told, _ = run(capsys, "models", "verify", "sam")
    assert code == 5 and told["models"]["sam"][-1]["why"] == "it is missing"


def test_a_file_that_is_not_the_published_one_is_refused(cache: Path, files: dict[str, bytes]) -> None:
    entry = find("real-esrgan")
    with (
        HubServer(entry.source, {entry.files[0]: files["model.safetensors"]}) as server,
        pytest.raises(WeightsError, match="not what was published"),
    ):
        hub.pull(entry, server.url)


def test_a_hub_that_does_not_answer_or_has_no_such_model(
    cache: Path, files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    with HubServer("other/model", files) as server:
        code, told, _ = run(capsys, "models", "pull", "sam", "--endpoint", server.url)
        assert code == 5 and "cannot be fetched" in told["error"]
    code, told, _ = run(capsys, "models", "pull", "sam", "--endpoint", "http://127.0.0.1:9")
    assert code == 5 and "copy the hub's cache folder" in told["error"]
    assert run(capsys, "models", "pull", "nothing")[0] == 2
    assert run(capsys, "models", "verify", "sam")[0] == 5


def test_own_files_are_checked_by_their_structure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = safetensors(tmp_path / "mine.safetensors")
    assert run(capsys, "models", "verify", str(path))[1]["models"][str(path)][0]["verdict"] == "whole"
    path.write_bytes(path.read_bytes()[:-3])
    code, told, _ = run(capsys, "models", "verify", str(tmp_path))
    assert code == 5 and "cut short" in told["models"][str(tmp_path)][0]["why"]
    (tmp_path / "none").mkdir()
    assert run(capsys, "models", "verify", str(tmp_path / "none"))[0] == 5
