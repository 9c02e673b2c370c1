"""Who may use the tool server: programs on this machine, but no web pages there; one key, but not what others do."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from canvasagent.cli import main
from canvasagent.errors import InputError
from canvasagent.serving.gate import names_of, parse_origin
from canvasagent.testing.samples import picture
from tools_server import Answer, ToolsServer

PROFILE = """
name = "few"
[backends]
Crop = "lite/crop"
Rotate = "lite/rotate"
Flip = "backends_for_tests:Echo"
"""
EVIL, APP = "http://evil.example", "https://app.example:8443"
FORM = "multipart/form-data; boundary=xyz"
HEAD = b'--xyz\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("access") / "few.toml"
    path.write_text(PROFILE, "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def keyless(profile: str) -> Iterator[ToolsServer]:
    with ToolsServer(("--profile", profile, "--allow-origin", f"{APP}/", "-q")) as server:
        yield server


@pytest.fixture(scope="module")
def image(keyless: ToolsServer) -> str:
    return str(keyless.put(picture()).json["id"])


def requests_of(server: ToolsServer, image: str) -> list[tuple[str, str, bytes | None, str]]:
    """A request for each operation of the server, none of which fails by itself: method, path, body, media type."""
    more: dict[str, Any] = {"Crop": {"bbox": [0, 0, 500, 500]}, "Rotate": {"angle": 90}, "Flip": {}}
    tiff = server.ask("GET", f"/v1/pictures/{image}", accept="image/tiff").body
    asked: list[tuple[str, str, bytes | None, str]] = [("GET", "/openapi.json", None, "")]
    for path, operations in server.ask("GET", "/openapi.json").json["paths"].items():
        for method in set(operations) & {"get", "put", "post"}:
            body, media = (None, "") if method == "get" else (tiff, "image/tiff")
            if "/tools/" in path:
                arguments = {"image": image, **more[path.rpartition("/")[2]]}
                body, media = json.dumps({"arguments": arguments}).encode(), "application/json"
            asked.append((method.upper(), path.replace("{id}", image), body, media))
    form = HEAD + tiff + b"\r\n--xyz--\r\n"
    return [*asked, ("POST", "/v1/pictures", form, FORM)]


def all_of_them(server: ToolsServer, image: str, **headers: str) -> list[Answer]:
    answers = []
    for method, path, body, media in requests_of(server, image):
        sent = {**headers, **({"content_type": media} if media else {})}
        answers.append(server.ask(method, path, body, **sent))
    return answers


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {"origin": EVIL}),
        (403, {"origin": "null"}),
        (403, {"origin": "http://localhost:{port}"}),
        (403, {"origin": "http://127.0.0.1:1"}),
        (403, {"origin": "http://127.0.0.1:{port}.evil.example"}),
        (403, {"origin": "https://app.example"}),
        (403, {"origin": EVIL, "sec_fetch_site": "same-origin"}),
        (403, {"sec_fetch_site": "cross-site"}),
        (403, {"sec_fetch_site": "same-site"}),
        (421, {"host": "evil.example:{port}"}),
        (421, {"host": "evil.example:{port}", "origin": "http://evil.example:{port}"}),
        (421, {"host": "evil.example", "origin": APP}),
        (421, {"host": "127.0.0.1.evil.example:{port}"}),
        (421, {"host": "127.0.0.1@evil.example"}),
        (421, {"host": "evil@127.0.0.1"}),
        (421, {"host": "[::1"}),
        (421, {"host": "203.0.113.9:{port}"}),
        (421, {"host": ""}),
    ],
)
def test_a_server_without_keys_does_nothing_for_web_pages_of_others(
    keyless: ToolsServer, image: str, status: int, headers: dict[str, str]
) -> None:
    sent = {name: value.replace("{port}", str(keyless.port)) for name, value in headers.items()}
    before = keyless.metric("canvasagent_uploaded_bytes_total")
    for answer in all_of_them(keyless, image, **sent):
        assert answer.status == status and "--allow-origin" in answer.json["error"]["message"]
        assert sent.get("origin") == APP or "access-control-allow-origin" not in answer.headers
    assert keyless.metric("canvasagent_uploaded_bytes_total") == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "localhost:{port}"},
        {"host": "LOCALHOST"},
        {"host": "[::1]:8080"},
        {"origin": "http://127.0.0.1:{port}", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": APP, "sec_fetch_site": "cross-site"},
        {"host": "app.example:8443", "origin": APP},
    ],
)
def test_programs_and_pages_of_allowed_origins_go_on(keyless: ToolsServer, image: str, headers: dict[str, str]) -> None:
    sent = {name: value.replace("{port}", str(keyless.port)) for name, value in headers.items()}
    for answer in all_of_them(keyless, image, **sent):
        assert answer.status in (200, 201)
        assert answer.headers.get("access-control-allow-origin") == (APP if sent.get("origin") == APP else None)


def test_two_hosts_in_one_request_are_refused(keyless: ToolsServer) -> None:
    with keyless.raw() as line:
        line.sendall(b"GET /v1/tools HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert b" 421 " in line.recv(1000)


def test_browsers_are_told_what_pages_of_allowed_origins_may_send(keyless: ToolsServer) -> None:
    asked: dict[str, str] = {
        "access_control_request_method": "POST",
        "access_control_request_headers": "content-type,authorization",
    }
    good = keyless.ask("OPTIONS", "/v1/tools/Crop", origin=APP, **asked)
    assert good.status == 200 and good.headers["access-control-allow-origin"] == APP
    bad = keyless.ask("OPTIONS", "/v1/tools/Crop", origin=EVIL, **asked)
    assert bad.status == 400 and "access-control-allow-origin" not in bad.headers


@pytest.mark.parametrize(
    "text",
    ["", "*", "app.example", "ftp://a", "http://", "http://a/b", "http://u@a", "http://a?b", "http://a:x", "null"],
)
def test_what_is_no_origin_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="such as https://"):
        parse_origin(text)
    assert main(["serve", "tools", "--port", "0", "--allow-origin", text]) == 2
    assert "--allow-origin" in capsys.readouterr().err


def test_origins_are_read_as_browsers_write_them() -> None:
    written = ("HTTP://App.Example:80/", "https://a:443", "https://a:80", "http://[::1]:8750")
    assert [parse_origin(text) for text in written] == ["http://app.example", "https://a", "https://a:80", written[3]]


def test_an_open_server_for_all_addresses_answers_to_addresses_and_its_own_names() -> None:
    import socket

    names = names_of("0.0.0.0", {"http://tools:8750"})
    for host in ("203.0.113.9", "::1", "localhost", "tools", socket.gethostname().lower()):
        assert host in names
    assert "evil.example" not in names and "1.2.3.4.evil.example" not in names
    assert "203.0.113.9" not in names_of("127.0.0.1", ()) and "203.0.113.9" in names_of("203.0.113.9", ())


KEYS = """
[alice]
key = "a-long-key-of-alice"
[bob]
key = "a-long-key-of-bob"
[prometheus]
key = "a-long-key-of-prometheus"
metrics = true
"""
ALICE, BOB, MONITOR = "a-long-key-of-alice", "a-long-key-of-bob", "a-long-key-of-prometheus"
CALLS: dict[str, dict[str, Any]] = {"Crop": {"bbox": [0, 0, 500, 500]}, "Rotate": {"angle": 33}}


@pytest.fixture(scope="module")
def keyed(profile: str) -> Iterator[ToolsServer]:
    folder = Path(profile).parent
    (folder / "keys.toml").write_text(KEYS, "utf-8")
    broken = PROFILE.replace("backends_for_tests:Echo", "backends_for_tests:Nowhere")
    (folder / "broken.toml").write_text(broken, "utf-8")
    files = ("--profile", str(folder / "broken.toml"), "--keys", str(folder / "keys.toml"))
    with ToolsServer((*files, "-q"), metrics_key=MONITOR) as server:
        yield server


def test_why_a_tool_cannot_be_had_is_told_to_holders_of_keys(keyed: ToolsServer) -> None:
    stranger: Any = keyed.ask("GET", "/readyz").json["error"]
    assert stranger["type"] == "not_ready" and "tools" not in stranger and "Nowhere" not in str(stranger)
    assert "Nowhere" in keyed.ask("GET", "/readyz", key=BOB).json["error"]["tools"]["Flip"]


@pytest.mark.parametrize("tool", list(CALLS))
def test_what_one_key_did_is_not_told_to_another(keyed: ToolsServer, tool: str) -> None:
    def cached() -> float:
        return keyed.metric(f'canvasagent_calls_total{{end="cached",tool="{tool}"}}')

    name = keyed.put(picture(), key=ALICE).json["id"]
    assert keyed.put(picture(), key=BOB).json["id"] == name
    arguments = {"image": name, **CALLS[tool]}
    before = cached()
    alice, again, bob, carried = (keyed.call(tool, arguments, key) for key in (ALICE, ALICE, BOB, BOB))
    assert [answer.json["cached"] for answer in (alice, again, bob, carried)] == [False, True, False, True]
    assert cached() == before + 2
    assert set(bob.headers) == set(alice.headers)
    own = {"cached", "seconds"}
    assert {name: value for name, value in bob.json.items() if name not in own} == {
        name: value for name, value in alice.json.items() if name not in own
    }


def test_one_key_cannot_find_out_which_pictures_another_has(keyed: ToolsServer) -> None:
    there, nowhere = picture((33, 44)), picture((44, 33))
    mine = keyed.put(there, key=ALICE).json["id"]
    made = keyed.call("Rotate", {"image": mine, "angle": 12}, ALICE).json["picture"]["id"]
    never = [mine[:-4] + "0000", made[:-4] + "0000"]
    for path in ("/v1/pictures/{}", "/v1/pictures/{}?kind=image"):
        for method in ("GET", "HEAD"):
            found = [keyed.ask(method, path.format(name), key=BOB) for name in (mine, made, *never)]
            assert {(answer.status, answer.body) for answer in found} == {(404, found[0].body)}
    missing = [keyed.call("Crop", {"image": name, "bbox": [0, 0, 9, 9]}, BOB) for name in (mine, made, *never)]
    assert {answer.status for answer in missing} == {404}
    lies = [keyed.put(nowhere, key=BOB, name=name) for name in (mine, made, *never)]
    assert {(answer.status, answer.body) for answer in lies} == {(422, lies[0].body)}, "the pixels are asked for"
    assert keyed.ask("GET", f"/v1/pictures/{mine}", key=BOB).status == 404


def test_names_of_requests_do_not_count_the_requests_of_others(keyed: ToolsServer) -> None:
    names = [int(keyed.ask("GET", "/healthz").headers["x-request-id"], 16) for _ in range(3)]
    assert min(abs(one - other) for one, other in itertools.pairwise(names)) > 1000
