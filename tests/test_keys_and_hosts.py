"""A key goes to the host that it was given for and nowhere else: no redirect, record or list of processes has it."""

from __future__ import annotations

import asyncio
import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from canvasagent import Agent
from canvasagent.backends import remote
from canvasagent.backends.isolated import IsolatedBackend
from canvasagent.backends.profile import Profile, load_profile, profile_record
from canvasagent.endpoints.images import ImagesEndpoint, ImagesSettings
from canvasagent.endpoints.tool_server import ToolServer
from canvasagent.errors import BackendFailure, InputError
from canvasagent.policies import load_policy
from canvasagent.policies.base import PolicySettings
from canvasagent.protocol.conversation import Message
from chat_server import Answer, ChatServer
from helpers import ListPolicy, end, photo
from images_server import ImagesServer
from local_server import LocalServer, Quiet

SECRET = "sk-mine-alone"


class Redirecting(LocalServer):
    """Sends every request on to the same path of another host, and notes the keys that it was given."""

    def __init__(self, status: int, elsewhere: str) -> None:
        self.keys: list[str | None] = []
        keys = self.keys

        class Handler(Quiet, BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                keys.append(self.headers.get("Authorization"))
                self.send_response(status)
                self.send_header("Location", elsewhere + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = do_PUT = answer  # noqa: N815

        super().__init__(Handler)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("way", ["key", "password"])
def test_a_chat_servers_key_does_not_follow_a_redirect(status: int, way: str) -> None:
    with ChatServer(Answer("there")) as other, Redirecting(status, other.address) as first:
        url = first.address if way == "key" else first.address.replace("//", f"//me:{SECRET}@")
        settings = PolicySettings(base_url=f"{url}/v1", api_key=SECRET, retries=0)
        reply = asyncio.run(load_policy("openai:m", settings).act([Message("system", "s"), Message("user", "u")]))
    assert reply.text == "there" and first.keys[0] is not None
    assert [request.headers.get("authorization") for request in other.requests] == [None]
    assert SECRET not in json.dumps([request.headers for request in other.requests])


def test_an_images_servers_key_does_not_follow_a_redirect() -> None:
    with ImagesServer() as other, Redirecting(307, other.address) as first:
        endpoint = ImagesEndpoint("m", ImagesSettings(base_url=f"{first.address}/v1", api_key=SECRET, retries=0))
        assert isinstance(asyncio.run(endpoint.generate("a boat")), Image.Image)
    assert first.keys == [f"Bearer {SECRET}"]
    assert [request.authorization for request in other.requests] == [None]


def test_a_tool_server_is_not_followed_elsewhere() -> None:
    refused = pytest.raises((InputError, BackendFailure), match="307")
    with Redirecting(307, "http://127.0.0.1:9") as other, Redirecting(307, other.address) as first, refused:
        ToolServer(first.address, SECRET).describe()
    assert first.keys == [f"Bearer {SECRET}"] and other.keys == []


@pytest.mark.parametrize(
    ("address", "without"),
    [
        ("http://a:1", "http://a:1?key=none"),
        ("http://a:1/deep/#Flip", "http://a:1/deep/?key=none#Flip"),
        ("https://a?pictures=png#Flip", "https://a?pictures=png&key=none#Flip"),
        ("http://a:1?key=none", "http://a:1?key=none"),
    ],
)
def test_an_address_without_its_key(address: str, without: str) -> None:
    assert remote.without_key(address) == without


@pytest.mark.parametrize("address", ["http://a:1?key=sk-1", "http://a:1?key=none&x=1", "ftp://a?key=none", "a"])
def test_an_address_that_says_anything_else_of_a_key_is_refused(address: str) -> None:
    with pytest.raises(InputError):
        load_profile(f"remote:{address}")


SETTINGS: dict[str, Any] = {
    "api_key": SECRET,
    "auth_token": SECRET,
    "nested": {"Password": SECRET, "kept": [f"http://me:{SECRET}@a.example/v1", 3]},
    "base_url": f"https://me:{SECRET}@a.example/v1?x=@",
    "max_tokens": 7,
    "text_threshold": 0.5,
}


def test_a_profile_is_recorded_without_its_secrets() -> None:
    profile = Profile(name="x", backends={"Flip": "a:B"}, options={"Flip": SETTINGS})
    kept = profile_record(profile)
    assert kept["options"]["Flip"] == {
        "nested": {"kept": ["http://a.example/v1", 3]},
        "base_url": "https://a.example/v1?x=@",
        "max_tokens": 7,
        "text_threshold": 0.5,
    }
    assert {**kept, "options": profile.options} == profile.model_dump() and profile.options["Flip"] == SETTINGS


def test_no_file_of_a_run_holds_a_key_of_its_profile(tmp_path: Path) -> None:
    url = f"http://me:{SECRET}@127.0.0.1:9/v1"
    edits = {"ImageEdit": "hosted/image_edit"}
    profile = Profile(
        name="x", extends="lite", backends=edits, options={"ImageEdit": {"api_key": SECRET, "base_url": url}}
    )
    Agent(ListPolicy([end()]), profile).run("do nothing", [photo(size=32)], run_dir=tmp_path / "run")
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) >= 3 and not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_the_process_of_a_backend_does_not_show_its_options() -> None:
    backend = IsolatedBackend("hosted/image_generation", {"api_key": SECRET, "base_url": "http://127.0.0.1:9/v1"}, 30)
    try:
        backend._start()
        (child,) = psutil.Process().children()
        assert SECRET not in " ".join(child.cmdline())
    finally:
        backend.close()


def test_an_isolated_backend_gets_its_options() -> None:
    with ImagesServer() as server:
        options = {"api_key": SECRET, "base_url": server.url}
        backend = IsolatedBackend("hosted/image_generation", options, 30)
        try:
            assert backend(prompt="a boat", size=(64, 48), seed=0).size == (64, 48)
        finally:
            backend.close()
    assert [request.authorization for request in server.requests] == [f"Bearer {SECRET}"]
