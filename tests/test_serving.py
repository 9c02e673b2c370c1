"""The tool server against whoever reaches it: keys, quotas, lies, stalls, crowds, and an end in good order."""

from __future__ import annotations

import contextlib
import io
import json
import random
import signal
import socket
import struct
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest
import schemathesis
from PIL import Image
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as openapi_checks

import canvasagent.serving
from canvasagent.canvas import Kind
from canvasagent.cli import main
from canvasagent.errors import InputError
from canvasagent.serving.keys import Bucket, Keys
from canvasagent.serving.server import allow_files
from canvasagent.testing.samples import mask, picture
from tools_server import Answer, ToolsServer
from waiting import wait_until

ALICE, BOB, CAROL = "a-long-key-of-alice", "a-long-key-of-bob", "a-long-key-of-carol"
MONITOR = "a-long-key-of-prometheus"
KEYS = f"""
[alice]
key = "{ALICE}"
[bob]
key = "{BOB}"
[carol]
key = "{CAROL}"
requests_per_minute = 6
bytes_per_minute = 40000
pixels_per_minute = 30000
[prometheus]
key = "{MONITOR}"
metrics = true
"""
PROFILE = """
name = "slow-flip"
[backends]
Flip = "backends_for_tests:Echo"
Crop = "lite/crop"
ImageGeneration = "backends_for_tests:Random"
Overlayer = "lite/overlayer"
Extract = "lite/extract"
[options.Flip]
seconds = 1.5
log = "{log}"
"""
BOX = [0, 0, 500, 500]
UPLOAD_BYTES = 300_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ToolsServer]:
    (folder / "keys.toml").write_text(KEYS, "utf-8")
    (folder / "slow.toml").write_text(PROFILE.format(log=folder / "flips"), "utf-8")
    limits = ("--concurrency", "1", "--waiting", "2", "--upload-bytes", str(UPLOAD_BYTES), "--max-pixels", "1000000")
    times = ("--header-seconds", "0.6", "--body-seconds", "0.6", "--progress-seconds", "0.2")
    files = ("--profile", str(folder / "slow.toml"), "--keys", str(folder / "keys.toml"))
    with ToolsServer((*files, *limits, *times), metrics_key=MONITOR) as running:
        yield running


@pytest.fixture(scope="module")
def image(server: ToolsServer) -> str:
    answer = server.put(picture(), key=ALICE)
    assert answer.status == 201 and answer.json["size"] == [96, 80]
    return str(answer.json["id"])


def flip(server: ToolsServer, number: int, **headers: str) -> Answer:
    """A slow call on a picture of its own."""
    name = server.put(Image.new("RGB", (8, 8), (number, 1, 2)), key=ALICE).json["id"]
    return server.call("Flip", {"image": name}, ALICE, **headers)


def at_once(*work: Any) -> list[Any]:
    """Carry out all of `work` in threads, 0.15 s apart; what they gave, in order."""
    with ThreadPoolExecutor(len(work)) as pool:
        futures = []
        for one in work:
            futures.append(pool.submit(one))
            time.sleep(0.15)
        return [future.result() for future in futures]


def wait_for(server: ToolsServer, metric: str, value: float) -> None:
    """Wait until a metric gets that value."""
    wait_until(lambda: server.metric(metric) == value, f"{metric} {value:g}")


@pytest.mark.parametrize("key", [None, "", "wrong", ALICE[:-1], ALICE + "x", "\x00", "sha256:" + "0" * 64])
def test_without_a_known_key_nothing_is_told(server: ToolsServer, image: str, key: str | None) -> None:
    for answer in (
        server.ask("GET", "/v1/tools", key=key),
        server.ask("GET", "/metrics", key=key),
        server.ask("GET", "/openapi.json", key=key),
        server.ask("GET", f"/v1/pictures/{image}", key=key),
        server.call("Crop", {"image": image, "bbox": BOX}, key),
        server.put(picture(), key=key),
    ):
        assert answer.status in (400, 401)
        assert image not in answer.body.decode()


def test_what_all_keys_do_is_for_keys_that_may_see_it(server: ToolsServer) -> None:
    answer = server.ask("GET", "/metrics", key=BOB)
    assert (answer.status, answer.problem) == (403, "forbidden") and "metrics = true" in answer.json["error"]["message"]
    assert b"canvasagent_calls_running" in server.ask("GET", "/metrics", key=MONITOR).body


def test_ids_of_another_key_mean_nothing(server: ToolsServer, image: str) -> None:
    made = server.call("Crop", {"image": image, "bbox": BOX}, ALICE).json["picture"]["id"]
    assert server.ask("GET", f"/v1/pictures/{made}", key=ALICE).status == 200
    for name in (image, made):
        assert server.ask("GET", f"/v1/pictures/{name}", key=BOB).status == 404
        answer = server.call("Crop", {"image": name, "bbox": BOX}, BOB)
        assert (answer.status, answer.problem, answer.json["error"]["missing"]) == (404, "unknown_picture", [name])


def test_quotas_answer_429_with_when_to_come_back(server: ToolsServer) -> None:
    small = server.put(picture(), key=CAROL)
    assert small.status == 201
    over = server.put(picture((110, 90)), key=CAROL)
    assert (over.status, over.problem) == (429, "too_many_requests") and "bytes" in over.json["error"]["message"]
    assert int(over.headers["retry-after"]) >= 1
    whole = {"image": small.json["id"], "bbox": [0, 0, 1000, 1000]}
    assert server.call("Crop", whole, CAROL).status == 200
    assert "pixels" in server.call("Crop", {**whole, "bbox": [0, 0, 1000, 999]}, CAROL).json["error"]["message"]
    answers = [server.ask("GET", "/v1/tools", key=CAROL).status for _ in range(4)]
    assert 429 in answers and server.ask("GET", "/v1/tools", key=BOB).status == 200


def test_hashes_that_lie_are_refused(server: ToolsServer, image: str) -> None:
    for kind in ("image", "cutout", "mask"):
        lie = server.put(picture(), key=BOB, name=f"{kind}-{'0' * 64}")
        assert lie.status == 422 and lie.problem in ("hash_mismatch", "bad_picture")
    right = image.partition("-")[2]
    assert server.put(picture((96, 81)), key=BOB, name=f"image-{right}").problem == "hash_mismatch"
    data = io.BytesIO()
    picture().save(data, "PNG")
    digest = {"content_digest": "sha-256=:AAAA:"}
    answer = server.ask("POST", "/v1/pictures", data.getvalue(), BOB, content_type="image/png", **digest)
    assert (answer.status, answer.problem) == (422, "hash_mismatch")


def test_pictures_of_the_wrong_kind_are_refused_in_words(server: ToolsServer) -> None:
    grey = Image.new("L", (8, 8), 128)
    assert "without greys" in server.put(grey, Kind.MASK, ALICE).json["error"]["message"]
    assert server.put(picture(), Kind.CUTOUT, ALICE).status == 422
    assert server.put(mask(), Kind.MASK, ALICE).status == 201
    name = server.put(picture(), key=ALICE).json["id"]
    answer = server.call("Extract", {"image": name, "mask": name}, ALICE)
    assert (answer.status, answer.problem) == (422, "invalid") and "not a mask" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/pictures/../../../../etc/passwd",
        "/v1/pictures/..%2f..%2fetc%2fpasswd",
        "/v1/pictures/%00",
        "/v1/pictures/image-" + "../" * 21 + "a",
        "/v1/pictures/image-" + "A" * 64,
        "/v1/pictures/" + "a" * 5000,
        "//etc/passwd",
        "/v1/tools/..%2f..%2fhealthz",
        "/v1/tools/__class__",
    ],
)
def test_path_tricks_lead_nowhere(server: ToolsServer, path: str) -> None:
    for method, body in (("GET", None), ("PUT", b"x"), ("POST", b"{}")):
        answer = server.ask(method, path, body, ALICE, content_type="application/json")
        assert answer.status in (404, 405) and b"root:" not in answer.body


def multipart(*parts: tuple[str, bytes], boundary: str = "xyz") -> bytes:
    lines = [f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts]
    return b"".join(lines) + f"--{boundary}--\r\n".encode()


def test_forms_are_taken_and_broken_ones_told(server: ToolsServer) -> None:
    data = io.BytesIO()
    picture().save(data, "JPEG")
    head = 'Content-Disposition: form-data; name="picture"; filename="../../a.jpg"'
    kind = ('Content-Disposition: form-data; name="kind"', b"image")
    form = "multipart/form-data; boundary=xyz"
    good = multipart((head, data.getvalue()), kind)
    answer = server.ask("POST", "/v1/pictures", good, ALICE, content_type=form)
    assert answer.status == 201 and answer.json["size"] == [96, 80]
    broken = {
        good[: len(good) // 2]: form,
        good: "multipart/form-data",
        b"": form,
        b"--xyz\r\n\r\n": form,
        multipart(("Content-Disposition: form-data", b"x")): form,
        multipart(*[(head, b"x")] * 3): form,
        multipart(kind): form,
        multipart((head.replace("picture", "p" * 100_000), b"x")): form,
    }
    for body, content_type in broken.items():
        answer = server.ask("POST", "/v1/pictures", body, ALICE, content_type=content_type)
        assert answer.status in (400, 422) and answer.json["error"]["message"], body[:60]


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is that large, and holds hardly anything."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")


def test_bombs_and_oversized_bodies_are_refused_before_they_are_taken_in(server: ToolsServer) -> None:
    before = psutil.Process(server.process.pid).memory_info().rss
    for size in ((60_000, 60_000), (12_000, 12_000), (1001, 1000)):
        for method, path in (("POST", "/v1/pictures"), ("PUT", f"/v1/pictures/image-{'0' * 64}")):
            answer = server.ask(method, path, bomb(*size), ALICE, content_type="image/png")
            assert (answer.status, answer.problem) == (422, "bad_picture") and "too large" in answer.body.decode()
    assert server.ask("POST", "/v1/pictures", b"", ALICE).status == 422
    with server.raw() as line:  # says so, and sends nothing
        line.sendall(f"POST /v1/pictures HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ALICE}\r\n".encode())
        line.sendall(b"Content-Length: 104857600\r\n\r\n")
        assert b" 413 " in line.recv(1000)
    with server.raw() as line:  # does not say so, and sends on and on
        line.sendall(f"POST /v1/pictures HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ALICE}\r\n".encode())
        line.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(20):
                line.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
        except OSError:
            pass
        wait_for_close(line)
    body = json.dumps({"arguments": {"image": "x" * 300_000}}).encode()
    assert server.ask("POST", "/v1/tools/Crop", body, ALICE, content_type="application/json").status == 413
    assert psutil.Process(server.process.pid).memory_info().rss - before < 40_000_000


def wait_for_close(line: socket.socket) -> None:
    """Wait until the server closes the connection; `TimeoutError` where it does not."""
    with contextlib.suppress(ConnectionError):
        while line.recv(65536):
            pass


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nX-Slow: ",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz",
        f"POST /v1/pictures HTTP/1.1\r\nAuthorization: Bearer {ALICE}\r\nContent-Length: 1000\r\n\r\nabc".encode(),
        b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000,
    ],
)
def test_those_who_stall_are_shown_the_door(server: ToolsServer, said: bytes) -> None:
    with server.raw() as line:
        line.sendall(said)
        wait_for_close(line)
    assert server.ask("GET", "/healthz").status == 200


def test_those_who_trickle_are_shown_the_door(server: ToolsServer) -> None:
    with server.raw() as line:
        line.settimeout(0.05)
        line.sendall(b"GET /healthz HTTP/1.1\r\n")

        def closed() -> bool:
            try:
                line.sendall(b"X: y\r\n")
                return line.recv(1000) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        wait_until(closed, "the connection's end")


def test_a_thousand_connections_keep_nobody_out(server: ToolsServer, image: str) -> None:
    allow_files(2000)
    lines = []
    try:
        for _ in range(1000):
            line = server.raw()
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            lines.append(line)
        assert server.call("Crop", {"image": image, "bbox": BOX}, ALICE).status == 200
        assert all(line.recv(12) == b"HTTP/1.1 200" for line in lines)
    finally:
        for line in lines:
            line.close()


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_a_client_that_leaves_takes_its_waiting_call_along(server: ToolsServer, folder: Path, accept: str) -> None:
    log = folder / "flips"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    left = server.metric('canvasagent_calls_total{end="left",tool="Flip"}')

    def leave() -> None:
        name = server.put(Image.new("RGB", (8, 8), (11, 1, len(accept))), key=ALICE).json["id"]
        body = json.dumps({"arguments": {"image": name}}).encode()
        head = f"POST /v1/tools/Flip HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ALICE}\r\n"
        head += f"Accept: {accept}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        wait_for(server, "canvasagent_calls_running", 1)
        with server.raw() as line:
            line.sendall(head.encode() + body)
            wait_for(server, "canvasagent_calls_waiting", 1)
            if accept != "application/json":
                assert b"queued" in line.recv(4096) + line.recv(4096)
        wait_for(server, 'canvasagent_calls_total{end="left",tool="Flip"}', left + 1)

    first, _ = at_once(lambda: flip(server, 10 + len(accept)), leave)
    assert first.status == 200
    wait_for(server, "canvasagent_calls_running", 0)
    assert server.metric("canvasagent_calls_waiting") == 0
    assert len(log.read_text().splitlines()) == before + 1


def test_a_full_queue_says_when_to_come_back_and_progress_is_told(server: ToolsServer, image: str) -> None:
    def brief() -> int:
        return server.call("Crop", {"image": image, "bbox": BOX}, ALICE).status

    assert brief() == 200  # its backend is there from now on
    lines, events, third, fourth, status = at_once(
        lambda: flip(server, 20, accept="application/x-ndjson"),
        lambda: flip(server, 21, accept="text/event-stream"),
        lambda: flip(server, 22),
        lambda: flip(server, 23),
        brief,
    )
    assert status == 200, "what takes a millisecond waits for nobody"
    assert (fourth.status, fourth.problem) == (429, "too_many_requests") and int(fourth.headers["retry-after"]) >= 1
    assert third.status == 200
    told = [json.loads(line) for line in lines.body.splitlines()]
    assert [event["event"] for event in told[:-1]] == ["running"] * (len(told) - 1) and len(told) > 2
    assert told[-1]["event"] == "done" and told[-1]["result"]["picture"]["size"] == [8, 8]
    assert events.headers["content-type"].startswith("text/event-stream")
    kinds = [line.split(": ")[1] for line in events.body.decode().splitlines() if line.startswith("event")]
    assert kinds[0] == "queued" and kinds[-1] == "done"


def test_the_store_holds_what_it_may_and_drops_the_longest_unused() -> None:
    from canvasagent.imaging.pictures import memory_of
    from canvasagent.serving.store import Store

    each = memory_of(Image.new("RGB", (100, 100)))
    store = Store(4 * each)
    for number in range(10):
        store.put("a", Kind.IMAGE, f"{number:064x}", Image.new("RGB", (100, 100)), 3 * each)
    store.put("b", Kind.IMAGE, f"{0:064x}", Image.new("RGB", (100, 100)))
    assert len(store) == 4 and store.bytes == 4 * each
    assert store.get("a", f"image-{7:064x}") is not None and store.get("a", f"image-{6:064x}") is None
    store.put("b", Kind.IMAGE, f"{1:064x}", Image.new("RGB", (100, 100)))
    assert store.get("a", f"image-{8:064x}") is None and store.get("a", f"image-{7:064x}") is not None


def test_keys_take_turns() -> None:
    import asyncio

    from canvasagent.serving.queueing import Turnstile

    order: list[str] = []

    async def work(turnstile: Turnstile, owner: str, name: str) -> None:
        async with turnstile.turn(owner):
            order.append(name)
            await asyncio.sleep(0)

    async def all_of_them() -> Turnstile:
        turnstile = Turnstile(1, 100, 60.0)
        jobs = [("a", f"a{number}") for number in range(4)] + [("b", "b0"), ("b", "b1"), ("c", "c0")]
        tasks = [asyncio.create_task(work(turnstile, *job)) for job in jobs]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return turnstile

    turnstile = asyncio.run(all_of_them())
    assert order == ["a0", "a1", "b0", "c0", "a3", "b1"] and (turnstile.busy, turnstile.waiting) == (0, 0)


def test_a_bucket_refills_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    bucket = Bucket(60)
    assert bucket.take(60) == 0 and bucket.take(1) == pytest.approx(1)
    now[0] += 30
    assert bucket.take(30) == 0 and bucket.take(1) > 0
    now[0] += 60
    assert bucket.take(600) == 0, "what is larger than a minute's worth is possible at times"
    assert bucket.take(1) == pytest.approx(541)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "hold none"),
        ("[a]", r"\[a\] needs key"),
        ('a = "x"', r"\[a\] needs key"),
        ('[a]\nkey = "short-secret"', "shorter than 16"),
        ('[a]\nkey = "sha256:xyz-secret"', "no SHA-256"),
        (f'[a]\nkey = "{ALICE}"\nrequests = 5', "requests: .* There are requests_per_minute"),
        (f'[a]\nkey = "{ALICE}"\nrequests_per_minute = -5', "requests_per_minute"),
        (f'[a]\nkey = "{ALICE}"\n[b]\nkey = "{ALICE}"', "a and b have the same key"),
        ('[a]\nkey = "a-very-secret-key', "not valid TOML"),
    ],
)
def test_wrong_keys_files_are_told_without_repeating_a_key(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=words) as raised:
        Keys.load(path)
    assert "secret" not in str(raised.value) and ALICE not in str(raised.value)


def test_a_made_key_opens_the_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "key", "dora"]) == 0
    said = capsys.readouterr()
    (tmp_path / "keys.toml").write_text(said.out, "utf-8")
    key = said.err.split()[-1]
    assert Keys.load(tmp_path / "keys.toml").caller(f"Bearer {key}").name == "dora" and key not in said.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "give --keys FILE, or --no-keys"),
        (["--keys", "nowhere.toml"], "cannot be read"),
        (["--concurrency", "0"], "--concurrency"),
        (["--host", "203.0.113.1", "--no-keys"], "cannot listen on"),
        (["--profile", "nowhere"], "no profile 'nowhere'"),
        (["--tls-certificate", "nowhere.pem"], "cannot be used"),
        (["--tls-key", "nowhere.pem"], "belongs to a --tls-certificate"),
    ],
)
def test_a_server_that_cannot_be_is_told(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "tools", "--port", "0", *arguments]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "canvasagent.serving.server", raising=False)
    monkeypatch.delattr(canvasagent.serving, "server", raising=False)
    assert main(["serve", "tools"]) == 2
    assert "pip install 'canvasagent[serve]'" in " ".join(capsys.readouterr().err.split())


CHECKS = [
    not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]


def fuzz(server: ToolsServer, examples: int) -> None:
    """Call every operation of the server's own OpenAPI document with generated requests."""
    schema = schemathesis.openapi.from_dict(server.ask("GET", "/openapi.json", key=BOB).json)
    for found in schema.get_all_operations():
        operation = found.ok()

        @hypothesis.settings(
            max_examples=examples,
            database=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def one(case: Any) -> None:
            case.call_and_validate(base_url=server.url, headers={"Authorization": f"Bearer {BOB}"}, checks=CHECKS)

        one()


def test_the_server_keeps_to_its_openapi(server: ToolsServer) -> None:
    fuzz(server, 4)


@pytest.mark.slow
def test_uploads_of_a_hundred_megabytes_at_once_take_bounded_memory() -> None:
    noise = random.Random(1).randbytes(99_000_000)
    with ToolsServer(("-q",)) as server:
        before = psutil.Process(server.process.pid).memory_info().rss
        assert server.ask("POST", "/v1/pictures", bytes(100_000_001), content_type="image/png").status in (0, 413)
        most = 0
        done = threading.Event()

        def watch() -> None:
            nonlocal most
            while not done.wait(0.05):
                most = max(most, psutil.Process(server.process.pid).memory_info().rss)

        threading.Thread(target=watch).start()
        answers = at_once(*[lambda: server.ask("POST", "/v1/pictures", noise, content_type="image/png")] * 8)
        done.set()
        assert {answer.status for answer in answers} <= {0, 422, 429}
        assert most - before < 1_500_000_000
        assert server.put(picture()).status == 201


@pytest.mark.slow
def test_the_server_keeps_to_its_openapi_for_long(server: ToolsServer) -> None:
    fuzz(server, 300)


def test_the_log_is_json_and_holds_no_key_and_running_calls_are_finished_at_the_end(server: ToolsServer) -> None:
    """The last test of this file: it stops the server."""
    answer, code = at_once(lambda: flip(server, 30), lambda: time.sleep(0.3) or server.stop(signal.SIGTERM))
    assert answer.status == 200 and answer.json["picture"] is not None and code == 0
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert any(line.get("tool") == "Flip" and line["status"] == 200 and line["caller"] == "alice" for line in lines)
    assert not any(key in server.log for key in (ALICE, BOB, CAROL))
    assert not any(line["level"] == "error" for line in lines)
