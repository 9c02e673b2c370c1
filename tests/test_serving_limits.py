"""What the tool server takes in, keeps and sends: limits that one picture, one key or one client cannot pass."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from PIL import Image, ImageCms
from starlette.requests import Request

from canvasagent import ToolBox
from canvasagent.backends.profile import Profile
from canvasagent.canvas import Canvas, Kind
from canvasagent.endpoints.wire import unpack, unpack_exactly
from canvasagent.errors import InputError
from canvasagent.faults import Stage
from canvasagent.imaging.pictures import memory_of
from canvasagent.serving.app import Service
from canvasagent.serving.keys import Keys
from canvasagent.serving.problems import Problem
from canvasagent.serving.settings import ServerSettings
from canvasagent.serving.store import Store
from canvasagent.testing.samples import picture
from test_serving_remote import run
from tools_server import Answer, ToolsServer
from waiting import wait_until

ALICE, BOB = "a-long-key-of-alice", "a-long-key-of-bob"
KEYS = f"""
[alice]
key = "{ALICE}"
[bob]
key = "{BOB}"
stored_bytes = 1_000_000
"""
PROFILE = """
name = "few"
[backends]
Crop = "lite/crop"
Rotate = "lite/rotate"
"""
STORED = 2_000_000
FORM = "multipart/form-data; boundary=xyz"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToolsServer]:
    folder = tmp_path_factory.mktemp("limits")
    (folder / "few.toml").write_text(PROFILE, "utf-8")
    (folder / "keys.toml").write_text(KEYS, "utf-8")
    files = ("--profile", str(folder / "few.toml"), "--keys", str(folder / "keys.toml"))
    with ToolsServer((*files, "--stored-bytes", str(STORED), "-q")) as running:
        yield running


@pytest.fixture
def kept(server: ToolsServer) -> Iterator[str]:
    """A picture that is there before and after whatever a test does."""
    name = str(server.put(picture(), key=ALICE).json["id"])
    yield name
    assert server.ask("GET", f"/v1/pictures/{name}", key=ALICE).status == 200, "it was evicted"


def as_file(image: Image.Image, form: str = "PNG", **more: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **more)
    return stream.getvalue()


def in_form(data: bytes, field: bytes = b'name="picture"; filename="a"') -> bytes:
    return b"--xyz\r\nContent-Disposition: form-data; " + field + b"\r\n\r\n" + data + b"\r\n--xyz--\r\n"


def too_large(answer: Answer, limit: str, name: str) -> bool:
    words = answer.json["error"]["message"]
    return (answer.status, answer.problem) == (413, "too_large") and limit in words and name in words


def test_uploads_above_what_may_be_kept_are_refused_before_they_are_read(server: ToolsServer, kept: str) -> None:
    for key, limit in ((ALICE, STORED), (BOB, 1_000_000)):
        for method, path in (("POST", "/v1/pictures"), ("PUT", f"/v1/pictures/image-{'0' * 64}")):
            with server.raw() as line:  # says so, and sends nothing
                head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
                line.sendall(f"{head}Content-Length: {limit + 1}\r\n\r\n".encode())
                said = line.recv(4000)
                assert b" 413 " in said and f"{limit:,}".encode() in said and b"stored" in said
    with server.raw() as line:  # does not say so, and sends on and on
        line.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        with pytest.raises(ConnectionError):
            while True:
                line.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")


def test_who_sends_too_much_sees_the_answer(server: ToolsServer, kept: str) -> None:
    before = psutil.Process(server.process.pid).memory_info().rss
    for key, status in ((ALICE, 413), ("a-key-of-nobody-at-all", 401)):
        for _ in range(10):
            assert server.ask("POST", "/v1/pictures", bytes(20_000_000), key).status == status
    assert psutil.Process(server.process.pid).memory_info().rss - before < 15_000_000


def test_a_client_says_why_its_picture_is_refused(server: ToolsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_TOOLS_KEY", ALICE)
    held = Canvas()
    held.add_input(Image.new("RGB", (3000, 2000), "red"))
    with ToolBox(f"remote:{server.url}") as box:
        fault = run(box, held, "Crop", image="img_1", bbox=[0, 0, 9, 9]).fault
    assert fault is not None and fault.stage is Stage.INFRASTRUCTURE
    assert "413" in fault.message and "2,000,000" in fault.message


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_pictures_that_would_take_more_than_may_be_kept_are_refused(server: ToolsServer, kept: str, form: str) -> None:
    more = {"compression": "tiff_lzw"} if form == "TIFF" else {}
    for key, size, limit, name in (
        (ALICE, (1000, 501), "2,000,000", "--stored-bytes"),
        (BOB, (500, 501), "1,000,000", "stored_bytes"),
    ):
        data = as_file(Image.new("RGB", size, "red"), form, **more)
        assert len(data) < 100_000
        assert too_large(server.ask("POST", "/v1/pictures", data, key), limit, name)
        assert too_large(server.ask("POST", "/v1/pictures", in_form(data), key, content_type=FORM), limit, name)
        if form in ("PNG", "TIFF"):
            assert too_large(server.ask("PUT", f"/v1/pictures/image-{'0' * 64}", data, key), limit, name)
    fits = as_file(Image.new("RGB", (1000, 480), "red"), form, **more)
    assert server.ask("POST", "/v1/pictures", fits, ALICE).status == 201


def test_a_mask_takes_a_byte_a_pixel(server: ToolsServer) -> None:
    large = Image.new("L", (1000, 1500), 255)
    assert server.put(large, Kind.MASK, ALICE).status == 201
    assert server.put(large, Kind.MASK, BOB).status == 413


def test_a_call_whose_result_could_not_be_kept_is_refused_in_words(server: ToolsServer, kept: str) -> None:
    name = server.put(Image.new("RGB", (600, 600), "green"), key=ALICE).json["id"]
    answer = server.call("Rotate", {"image": name, "angle": 45}, ALICE)
    assert (answer.status, answer.problem) == (422, "refused")
    assert "2,000,000" in answer.json["error"]["message"] and "smaller picture" in answer.json["error"]["message"]
    assert server.call("Crop", {"image": name, "bbox": [0, 0, 100, 100]}, ALICE).status == 200


def test_colour_profiles_count(server: ToolsServer, kept: str) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    names = []
    for number in range(2):
        data = as_file(Image.new("RGB", (8, 8), (number, 0, 0)), "TIFF", icc_profile=srgb + bytes(900_000))
        names.append(server.ask("POST", "/v1/pictures", data, BOB).json["id"])
    assert [server.ask("GET", f"/v1/pictures/{name}", key=BOB).status for name in names] == [404, 200], "one has room"
    huge = as_file(Image.new("RGB", (8, 8)), "TIFF", icc_profile=srgb + bytes(5_000_000))
    for unpacked in (unpack, unpack_exactly):
        with pytest.raises(InputError, match=r"colour profile takes 5,.* the limit is 4,194,304"):
            unpacked(huge, Kind.IMAGE)


def test_a_form_is_a_file_and_few_words(server: ToolsServer) -> None:
    for field in (b'name="picture"', b'name="kind"', b'name="other"'):
        answer = server.ask("POST", "/v1/pictures", in_form(bytes(2000), field), ALICE, content_type=FORM)
        assert (answer.status, answer.problem) == (400, "bad_request") and "1KB" in answer.json["error"]["message"]
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(1000))
    many = in_form(as_file(picture()), b'name="picture"; filename="a"\r\n' + lines[:-2])
    assert server.ask("POST", "/v1/pictures", many, ALICE, content_type=FORM).status == 400
    long = in_form(as_file(picture()), b'name="picture"; filename="' + b"a" * 100_000 + b'"')
    assert server.ask("POST", "/v1/pictures", long, ALICE, content_type=FORM).status == 400


def test_the_store_refuses_what_is_larger_than_itself_and_stays_as_it_was() -> None:
    store = Store(1_000_000)
    store.put("a", Kind.IMAGE, f"{0:064x}", Image.new("RGB", (10, 10)))
    for owner_bytes, side, words in ((None, 500, "--stored-bytes"), (100_000, 200, "of this key")):
        with pytest.raises(Problem, match=words) as raised:
            store.put("a", Kind.IMAGE, f"{1:064x}", Image.new("RGB", (side, side)), owner_bytes)
        assert raised.value.status == 413
    assert len(store) == 1 and store.bytes == memory_of(Image.new("RGB", (10, 10)))


def test_who_fills_the_store_evicts_pictures_of_his_own() -> None:
    each = memory_of(Image.new("RGB", (100, 100)))
    store = Store(10 * each)
    for number in range(3):
        store.put("quiet", Kind.IMAGE, f"{number:064x}", Image.new("RGB", (100, 100)))
    for number in range(100):
        store.put("loud", Kind.IMAGE, f"{number:064x}", Image.new("RGB", (100, 100)))
    assert all(store.get("quiet", f"image-{number:064x}") is not None for number in range(3))
    assert len(store) == 10 and store.bytes == 10 * each and store.get("loud", f"image-{99:064x}") is not None
    store.put("late", Kind.IMAGE, f"{0:064x}", Image.new("RGB", (300, 300)))
    assert store.get("late", f"image-{0:064x}") is not None and store.bytes <= 10 * each


def test_uploads_that_wait_to_be_decoded_count_as_under_way() -> None:
    data = as_file(Image.effect_noise((600, 600), 90).convert("RGB"))  # hardly compressed
    settings = ServerSettings(uploads_bytes=int(2.5 * len(data)), upload_bytes=2 * len(data), concurrency=1)

    def request() -> Request:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        scope = {"type": "http", "method": "POST", "path": "/v1/pictures", "query_string": b"", "headers": []}
        return Request(scope, receive)

    async def three(service: Service) -> list[Any]:
        for _ in range(2):
            await service.decoding.acquire()  # as if two others were being decoded
        tasks = [asyncio.create_task(service.post_picture(request())) for _ in range(3)]
        while not tasks[2].done():
            await asyncio.sleep(0)
        for _ in range(2):
            service.decoding.release()
        return await asyncio.gather(*tasks, return_exceptions=True)

    with ToolBox(Profile(name="few", backends={"Crop": "lite/crop"})) as box:
        service = Service(box, settings, Keys())
        first, second, third = asyncio.run(asyncio.wait_for(three(service), 20))
    assert isinstance(third, Problem) and third.status == 429
    assert first.status_code == second.status_code == 201 and service.bodies.held == 0


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToolsServer]:
    """A server that has room for one large answer at a time."""
    folder = tmp_path_factory.mktemp("answers")
    (folder / "few.toml").write_text(PROFILE, "utf-8")
    limits = ("--answers-bytes", "30000000", "--idle-seconds", "0.2", "--connections", "100")
    with ToolsServer(("--profile", str(folder / "few.toml"), *limits, "-q")) as running:
        yield running


def unread(server: ToolsServer, path: str, *headers: str) -> socket.socket:
    """A request whose answer nobody reads."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", server.port))
    line.sendall("\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode())
    return line


def connections(server: ToolsServer) -> int:
    """How many the server has open. What it gave up is the system's to deliver or drop."""
    held = psutil.Process(server.process.pid).net_connections("tcp")
    return sum(one.status == psutil.CONN_ESTABLISHED for one in held)


def test_answers_that_nobody_reads_take_bounded_memory_and_end(patient: ToolsServer) -> None:
    name = patient.put(Image.new("RGB", (3000, 2000), "red")).json["id"]
    path, tiff = f"/v1/pictures/{name}", "Accept: image/tiff"
    whole = patient.ask("GET", path, accept="image/tiff")
    assert whole.status == 200 and len(whole.body) > 18_000_000
    before = psutil.Process(patient.process.pid).memory_info().rss
    closing = ("Connection: close", "Connection: keep-alive")
    lines = [unread(patient, path, tiff, closing[number % 2]) for number in range(6)]
    try:
        assert patient.ask("GET", "/healthz").status == 200  # by now, it has accepted those before

        def given_up() -> bool:
            assert psutil.Process(patient.process.pid).memory_info().rss - before < 80_000_000
            return not connections(patient)

        wait_until(given_up, "the connections' end")
        again = patient.ask("GET", path, accept="image/tiff")
        assert again.status == 200 and again.body == whole.body
    finally:
        for line in lines:
            line.close()
