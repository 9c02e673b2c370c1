"""The chat-completions policy against a real server on this machine, which behaves as real ones do on bad days."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from canvasagent.canvas import Asset, Canvas, Kind
from canvasagent.endpoints import chat, failures
from canvasagent.endpoints.failures import retry_after
from canvasagent.endpoints.messages import PictureCache, wire_messages
from canvasagent.errors import InputError, PolicyFailure
from canvasagent.policies import load_policy, policy_names
from canvasagent.policies.base import PolicySettings, Reply, settings_record
from canvasagent.policies.openai import BROKEN_OFF, OpenAIPolicy
from canvasagent.protocol.conversation import Message
from chat_server import (
    Answer,
    ChatServer,
    Half,
    Hang,
    Raw,
    Refuse,
    Request,
    needs_key,
    no_max_tokens,
    no_stream_options,
    no_tool_pictures,
    tool_needs_call,
)
from waiting import wait_until

KEY = "sk-very-secret-1234567890"
HELLO = [Message("system", "be brief"), Message("user", "hi")]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CANVASAGENT_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def policy_for(server: ChatServer, base_delay: float = 0.001, **settings: Any) -> OpenAIPolicy:
    return OpenAIPolicy("m", PolicySettings(**{"base_url": server.url, "api_key": KEY, **settings}), base_delay)


def ask(policy: OpenAIPolicy, messages: list[Message] | None = None, pieces: list[str] | None = None) -> Reply:
    return asyncio.run(policy.act(messages or HELLO, pieces.append if pieces is not None else None))


def failure(policy: OpenAIPolicy, messages: list[Message] | None = None, pieces: list[str] | None = None) -> str:
    with pytest.raises(PolicyFailure) as caught:
        ask(policy, messages, pieces)
    assert caught.value.__cause__ is None and caught.value.__context__ is None, "the SDK's error holds the request"
    return str(caught.value)


def photo(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def asset(picture: Image.Image, key: str = "k", kind: Kind = Kind.IMAGE) -> Asset:
    return Asset("img_1", kind, picture, key)


def with_tool_picture() -> list[Message]:
    canvas = Canvas()
    canvas.add_input(photo())
    made = canvas.add(Asset("Flip_0", Kind.IMAGE, photo(seed=1), "flip"))
    return [
        Message("system", "be brief"),
        Message("user", "flip it", (canvas["img_1"],)),
        Message("assistant", "<reason>so</reason>"),
        Message("tool", "Flipped", (made,)),
    ]


# What is sent


def test_policy_is_found_by_name() -> None:
    assert {"openai", "replay"} <= set(policy_names())
    assert not any(name.startswith("_") for name in policy_names())
    policy = load_policy("openai:org/model:tag", PolicySettings(base_url="http://localhost:1/v1"))
    assert policy.name == "openai:org/model:tag"


def test_importing_the_policy_does_not_import_the_sdk() -> None:
    code = "import sys, canvasagent.policies.openai; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_plain_request_and_answer() -> None:
    with ChatServer(Answer("<reason>a</reason><Terminate>")) as server:
        reply = ask(policy_for(server, temperature=0.25, max_tokens=77))
    body = server.requests[0].body
    assert reply.text == "<reason>a</reason><Terminate>"
    assert body["messages"] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    assert (body["model"], body["temperature"], body["max_tokens"], body["stream"]) == ("m", 0.25, 77, False)
    assert "tools" not in body
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_unset_settings_are_left_to_the_server() -> None:
    with ChatServer() as server:
        ask(policy_for(server))
    assert {"temperature", "max_tokens", "stream_options"}.isdisjoint(server.requests[0].body)


def test_pictures_come_before_text_in_order_and_within_the_budget() -> None:
    first, second = photo(1200, 900), photo(90, 60, seed=2)
    message = Message("user", "join them", (asset(first, "a"), asset(second, "b")))
    with ChatServer() as server:
        ask(policy_for(server, view_pixels=40_000), [message])
    parts = server.requests[0].parts(0)
    assert [part["type"] for part in parts] == ["image_url", "image_url", "text"]
    one, two = server.requests[0].pictures()
    assert 36_000 < one.width * one.height <= 40_000 and abs(one.width / one.height - 4 / 3) < 0.02
    assert two.size == (90, 60)
    shrunk = np.asarray(first.resize(one.size, Image.Resampling.LANCZOS), float)
    assert np.abs(np.asarray(one.convert("RGB"), float) - shrunk).mean() < 2
    assert np.array_equal(np.asarray(two), np.asarray(second)), "small pictures are sent without loss"


@pytest.mark.parametrize(
    ("picture", "format"),
    [
        (photo(600, 400), "JPEG"),
        (photo(100, 100), "PNG"),
        (Image.new("RGBA", (600, 400), (200, 10, 10, 90)), "PNG"),
        (Image.new("L", (600, 400), 255), "PNG"),
    ],
)
def test_format_of_pictures(picture: Image.Image, format: str) -> None:
    with ChatServer() as server:
        ask(policy_for(server), [Message("user", "look", (asset(picture),))])
    (sent,) = server.requests[0].pictures()
    assert (sent.format, sent.mode, sent.size) == (format, picture.mode, picture.size)
    assert server.requests[0].urls()[0].startswith(f"data:image/{format.lower()};base64,")
    assert np.abs(np.asarray(sent, float) - np.asarray(picture, float)).mean() < 2


def test_pictures_are_sent_in_srgb() -> None:
    """A picture in another colour space would look different to a model, since servers ignore profiles."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"----", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"----", b"bXYZ", 1)
    picture = Image.new("RGB", (32, 32), (250, 20, 20))
    picture.info["icc_profile"] = swapped  # a profile in which red means blue
    with ChatServer() as server:
        ask(policy_for(server), [Message("user", "look", (asset(picture),))])
    (sent,) = server.requests[0].pictures()
    assert "icc_profile" not in sent.info
    red, _, blue = np.asarray(sent)[5, 5]
    assert blue > 200 and red < 60


def test_pictures_are_encoded_once_and_the_cache_is_bounded() -> None:
    cache = PictureCache(10_000, limit=60_000)
    first = asset(Image.fromarray(np.random.default_rng(1).integers(0, 255, (80, 80, 3), dtype=np.uint8)), "0")
    assert cache.url(first) is cache.url(first)
    assert cache.url(asset(first.picture, "0")) is cache.url(first), "the content's key counts, not the object"
    for number in range(1, 6):
        cache.url(asset(first.picture, str(number)))
    assert len(cache) == 2 and 0 < cache.held <= 60_000
    tiny = PictureCache(10_000, limit=10)
    assert tiny.url(first) == cache.url(first) and (len(tiny), tiny.held) == (0, 0)


# Pictures that tools make


def test_tool_messages_keep_their_role_where_the_server_takes_it() -> None:
    with ChatServer() as server:
        ask(policy_for(server), with_tool_picture())
    (request,) = server.requests
    message = request.messages[3]
    assert message["role"] == "tool" and len(message["tool_call_id"]) == 9
    assert [part["type"] for part in message["content"]] == ["image_url", "text"]
    assert request.messages[2] == {"role": "assistant", "content": "<reason>so</reason>"}


@pytest.mark.parametrize(
    "rule",
    [
        no_tool_pictures,
        tool_needs_call,
        lambda r: Refuse(400, "invalid JSON request") if "tool" in str(r.messages) else None,
        lambda r: Refuse(422, body='{"detail": [{"loc": ["body"]}]}') if "'tool'" in str(r.messages) else None,
        lambda r: Refuse(500, "Jinja: Conversation roles must alternate") if "'tool'" in str(r.messages) else None,
    ],
)
def test_auto_goes_over_to_user_messages_at_once_and_remembers_it(rule: Any) -> None:
    def only_tool_role(request: Request) -> Refuse | None:
        return rule(request) if any(message["role"] == "tool" for message in request.messages) else None

    with ChatServer(rules=[only_tool_role]) as server:
        policy = policy_for(server, base_delay=60.0)
        assert ask(policy, with_tool_picture()).usage.retries == 0
        assert ask(policy, with_tool_picture()).text == "hello"
    assert len(server.requests) == 3, "refused once, answered at once, and never tried again"
    request = server.requests[-1]
    assert [message["role"] for message in request.messages] == ["system", "user", "assistant", "user"]
    opening, picture, text = request.parts(3)
    assert (opening["text"], picture["type"], text["text"]) == (
        "<tool_response>\n",
        "image_url",
        "Flipped\n</tool_response>",
    )
    assert len(request.pictures()) == 2


def test_a_text_observation_in_user_form_is_one_string() -> None:
    wire = wire_messages([Message("tool", "No objects")], PictureCache(100), tool_role=False)
    assert wire == [{"role": "user", "content": "<tool_response>\nNo objects\n</tool_response>"}]


def test_a_refusal_for_another_reason_is_not_remembered_as_one_of_tool_messages() -> None:
    with ChatServer(Refuse(400, "temperature must be positive"), Refuse(400, "still"), Answer()) as server:
        policy = policy_for(server)
        assert "still" in failure(policy, with_tool_picture())
        ask(policy, with_tool_picture())
    assert [request.messages[3]["role"] for request in server.requests] == ["tool", "user", "tool"]


def test_tool_form_is_kept_and_user_form_used_where_the_user_says_so() -> None:
    with ChatServer(rules=[no_tool_pictures]) as server:
        assert "only allowed" in failure(policy_for(server, tool_pictures="tool"), with_tool_picture())
        ask(policy_for(server, tool_pictures="user"), with_tool_picture())
    assert len(server.requests) == 2


def test_auto_means_user_for_openai_itself() -> None:
    """It takes pictures in tool messages from some models and does not look at them."""
    assert not OpenAIPolicy("m", PolicySettings(api_key=KEY)).client.dialect.tool_role
    assert OpenAIPolicy("m", PolicySettings(api_key=KEY, tool_pictures="tool")).client.dialect.tool_role


def test_names_of_limits_and_stream_options_follow_the_server() -> None:
    with ChatServer(rules=[no_max_tokens, no_stream_options]) as server:
        policy = policy_for(server, max_tokens=50)
        assert ask(policy, pieces=[]).text == "hello"
        assert ask(policy, pieces=[]).text == "hello"
    last = server.requests[-1].body
    assert (len(server.requests), last["max_completion_tokens"]) == (4, 50)
    assert "max_tokens" not in last and "stream_options" not in last


def test_a_server_that_refuses_both_names_of_the_limit_is_given_up() -> None:
    with ChatServer(Refuse(400, "max_completion_tokens and max_tokens are wrong")) as server:
        assert "are wrong" in failure(policy_for(server, max_tokens=50))
    assert len(server.requests) == 2


# Streams


def test_stream_arrives_in_pieces_with_usage() -> None:
    with ChatServer(Answer("one two three", pieces=4)) as server:
        pieces: list[str] = []
        reply = ask(policy_for(server), pieces=pieces)
    assert server.requests[0].body["stream_options"] == {"include_usage": True}
    assert len(pieces) == 4 and "".join(pieces) == reply.text == "one two three"
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (100, 20)


def test_server_that_ignores_the_wish_to_stream() -> None:
    with ChatServer(Answer("all at once", stream=False)) as server:
        pieces: list[str] = []
        assert ask(policy_for(server), pieces=pieces).text == "all at once"
    assert pieces == ["all at once"]


def test_stream_without_usage_has_unknown_usage() -> None:
    with ChatServer(Answer(usage=None)) as server:
        usage = ask(policy_for(server, input_price=1.0, output_price=1.0), pieces=[]).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cost) == (None, None, None)


@pytest.mark.parametrize("half", [Half(), Half(orderly=True), Half(then="{not json"), Half(then="42")])
def test_half_a_stream_is_asked_for_again(half: Half) -> None:
    with ChatServer(half, Answer("a whole answer")) as server:
        pieces: list[str] = []
        reply = ask(policy_for(server), pieces=pieces)
    assert (reply.text, reply.usage.retries, len(server.requests)) == ("a whole answer", 1, 2)
    assert "".join(pieces) == "half an" + BROKEN_OFF + "a whole answer"


def test_half_a_stream_is_never_an_answer() -> None:
    with ChatServer(Half("<reason>x</reason><Terminate>")) as server:
        pieces: list[str] = []
        assert "gave no answer after 2 tries" in failure(policy_for(server, retries=1), pieces=pieces)
    assert len(server.requests) == 2
    assert pieces.count(BROKEN_OFF) == 1 and pieces[-1] != BROKEN_OFF, "told only where it is asked for again"


def test_half_a_body_is_asked_for_again() -> None:
    with ChatServer(Half(), Answer("whole")) as server:
        assert ask(policy_for(server)).text == "whole"


def test_stream_cut_after_its_finish_is_whole() -> None:
    """Only the token counts were still to come."""
    chunk = {"choices": [{"index": 0, "delta": {"content": " answer"}, "finish_reason": "stop"}]}
    with ChatServer(Half("an", then=json.dumps(chunk))) as server:
        reply = ask(policy_for(server), pieces=[])
    assert (reply.text, reply.usage.retries, reply.usage.input_tokens) == ("an answer", 0, None)


def test_error_told_inside_a_stream() -> None:
    passing = Half("x", then=json.dumps({"error": {"message": "overloaded", "code": 503}}))
    final = Half("x", then=json.dumps({"error": {"message": "no such key", "code": 401}}))
    with ChatServer(passing, Answer("fine"), final) as server:
        policy = policy_for(server)
        assert ask(policy, pieces=[]).text == "fine"
        assert "status 401: no such key" in failure(policy, pieces=[])
    assert len(server.requests) == 3


def test_what_the_listener_raises_is_not_taken_for_the_servers_fault() -> None:
    def listen(piece: str) -> None:
        raise ValueError("a bug of ours")

    with ChatServer() as server, pytest.raises(ValueError, match="a bug of ours"):
        asyncio.run(policy_for(server).act(HELLO, listen))
    assert len(server.requests) == 1


# What passes, and what does not


@pytest.mark.parametrize(
    "trouble",
    [
        Refuse(429, headers={"Retry-After": "0"}),
        Refuse(408),
        Refuse(409),
        Refuse(500),
        Refuse(503, body="<html><body>Bad Gateway</body></html>"),
        Raw(b"<html>welcome</html>", "text/html"),
        Raw(b"{"),
        Raw(b"[]"),
        Raw(b"{}"),
        Raw(b'{"choices": []}'),
        Raw(b'{"choices": [{"message": null, "finish_reason": "stop"}]}'),
        Raw(b'{"choices": "many"}'),
        Raw(b'{"error": {"message": "upstream", "code": 502}}'),
        Raw(b"data: [DONE]\n\n", "text/event-stream"),
        Raw(b"\xff\xfe\x00", "text/event-stream"),
        Answer(""),
        Answer(None),
    ],
    ids=str,
)
@pytest.mark.parametrize("streaming", [False, True])
def test_passing_trouble_is_tried_again(trouble: Any, streaming: bool) -> None:
    with ChatServer(trouble, trouble, Answer("at last")) as server:
        reply = ask(policy_for(server), pieces=[] if streaming else None)
    assert (reply.text, reply.usage.retries, len(server.requests)) == ("at last", 2, 3)


def test_retries_are_counted_and_end() -> None:
    with ChatServer(Refuse(503, "no worker")) as server:
        text = failure(policy_for(server, retries=3))
        assert failure(policy_for(server, retries=0)).count("tries") == 0
    assert len(server.requests) == 4 + 1, "the SDK must not retry on its own"
    assert "gave no answer after 4 tries (status 503: no worker)" in text and server.url in text


def test_back_off_grows_and_retry_after_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(chat, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    with ChatServer(Refuse(500), Refuse(500), Refuse(500), Answer()) as server:
        ask(policy_for(server, base_delay=0.1))
    assert [longest / 2 <= wait <= longest for wait, longest in zip(waits, (0.1, 0.2, 0.4), strict=True)] == [True] * 3
    waits.clear()
    with ChatServer(Refuse(429, headers={"retry-after": "1"}), Answer()) as server:
        ask(policy_for(server, base_delay=0.1))
    assert len(waits) == 1 and 1.05 <= waits[0] <= 1.1


def test_a_server_that_asks_for_a_long_wait_is_given_up() -> None:
    with ChatServer(Refuse(429, headers={"retry-after": "3600"})) as server:
        text = failure(policy_for(server))
    assert len(server.requests) == 1 and "asks to wait 3600 s" in text


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"}, 90.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_its_forms(
    headers: dict[str, str], seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "time", SimpleNamespace(time=lambda: 4102444800.0 - 90))  # before the year 2100
    assert retry_after(headers) == pytest.approx(seconds)


@pytest.mark.parametrize("hang", [Hang(3600), Hang(3600, after="half")])
def test_time_out_covers_the_whole_answer(hang: Hang) -> None:
    with ChatServer(hang, Answer("in time")) as server:
        assert ask(policy_for(server, timeout=0.4), pieces=[]).text == "in time"
    with ChatServer(hang) as server:
        text = failure(policy_for(server, timeout=0.2, retries=1))
    assert "no complete answer within 0.2 s" in text and "longer time-out" in text


def test_nobody_listens() -> None:
    with ChatServer() as server:
        port = server.port
    policy = OpenAIPolicy("m", PolicySettings(base_url=f"http://127.0.0.1:{port}/v1", retries=2), 0.001)
    text = failure(policy)
    assert "after 3 tries (no connection" in text and f"http://127.0.0.1:{port}/v1 is up" in text


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        (Refuse(401, "bad key"), "set CANVASAGENT_API_KEY"),
        (Refuse(403, "not yours"), "set CANVASAGENT_API_KEY"),
        (Refuse(404, "no such model"), "model name 'm' and the base URL"),
        (Refuse(413, "too big"), "too long for the model"),
        (Refuse(400, "This model's maximum context length is 4096 tokens"), "too long for the model"),
        (Refuse(429, "You exceeded your current quota", code="insufficient_quota"), "no credit"),
        (Refuse(400, "what?"), "does not take such a request"),
    ],
)
def test_final_refusals_say_what_to_do_and_are_not_retried(refusal: Refuse, advice: str) -> None:
    with ChatServer(refusal) as server:
        text = failure(policy_for(server))
    assert advice in text and f"status {refusal.status}: {refusal.message}" in text
    assert len(server.requests) == 1


def test_wrong_path_is_told() -> None:
    with ChatServer() as server:
        text = failure(policy_for(server, base_url=f"http://127.0.0.1:{server.port}"))
    assert "status 404: Not Found" in text and "/v1" in text


def test_long_words_of_a_server_are_cut_and_on_one_line() -> None:
    with ChatServer(Refuse(400, body="<html><style>p {}</style><p>" + "oh\nno " * 1000)) as server:
        text = failure(policy_for(server))
    assert "oh no oh no" in text and len(text) < 600 and "\n" not in text and "<" not in text and "{" not in text


# Odd answers are data


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer("cut off he", finish="length"), "cut off he"),
        (Answer("", finish="length"), ""),
        (Answer(None, extra={"refusal": "I can't help with that."}), "I can't help with that."),
        (Answer("<Terminate>", extra={"reasoning_content": "hm"}), "<Terminate>"),
        (Answer("", extra={"reasoning_content": "<reason>all in here</reason>"}), "<reason>all in here</reason>"),
        (Answer("", extra={"reasoning": "all in here"}), "all in here"),
        (Answer("ünïcödé 🖼 \u0000"), "ünïcödé 🖼 \u0000"),
    ],
    ids=str,
)
def test_odd_answers_are_returned(answer: Answer, text: str, streaming: bool) -> None:
    with ChatServer(answer) as server:
        pieces: list[str] = []
        reply = ask(policy_for(server), pieces=pieces if streaming else None)
    assert (reply.text, reply.usage.retries) == (text, 0)
    assert "".join(pieces) == (text if streaming else "")


def test_content_in_parts() -> None:
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    with ChatServer(Answer(parts)) as server:
        assert ask(policy_for(server)).text == "ab"


def test_empty_answer_of_a_tool_call_parser_names_it() -> None:
    with ChatServer(Answer(None, finish="tool_calls", extra={"tool_calls": []})) as server:
        assert "turn the server's tool-call parser off" in failure(policy_for(server, retries=0))


# Usage


@pytest.mark.parametrize("streaming", [False, True])
def test_cost(streaming: bool) -> None:
    with ChatServer(Answer(usage={"prompt_tokens": 2000, "completion_tokens": 100})) as server:
        usage = ask(policy_for(server, input_price=2.5, output_price=10.0), pieces=[] if streaming else None).usage
    assert (usage.input_tokens, usage.output_tokens) == (2000, 100)
    assert usage.cost == pytest.approx(0.006)


@pytest.mark.parametrize(
    ("prices", "counts"),
    [
        ({}, {"prompt_tokens": 5, "completion_tokens": 5}),
        ({"input_price": 1.0}, {"prompt_tokens": 5, "completion_tokens": 5}),
        ({"input_price": 1.0, "output_price": 1.0}, {"prompt_tokens": 5}),
        ({"input_price": 1.0, "output_price": 1.0}, {"prompt_tokens": "5", "completion_tokens": -1}),
    ],
)
def test_unknown_cost_is_none(prices: dict[str, float], counts: dict[str, Any]) -> None:
    with ChatServer(Answer(usage=counts)) as server:
        assert ask(policy_for(server, **prices)).usage.cost is None


# Keys


def test_where_the_key_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    def sent(**settings: Any) -> str:
        with ChatServer() as server:
            ask(policy_for(server, **{"api_key": None, **settings}))
        return server.requests[0].headers["authorization"].removeprefix("Bearer ")

    assert sent() == "none"
    monkeypatch.setenv("OPENAI_API_KEY", "second")
    assert sent() == "second"
    monkeypatch.setenv("CANVASAGENT_API_KEY", "first\n")
    assert sent() == "first"
    assert sent(api_key="given") == "given"


def test_base_url_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with ChatServer(Answer("found")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert ask(OpenAIPolicy("m", PolicySettings())).text == "found"


@pytest.mark.parametrize(
    ("argument", "settings", "message"),
    [
        ("m", {}, "CANVASAGENT_API_KEY"),
        ("", {"api_key": KEY}, "openai:MODEL"),
        (None, {"api_key": KEY}, "openai:MODEL"),
        ("m", {"base_url": "localhost:8000"}, "http://localhost:8000/v1"),
        ("m", {"base_url": "http://localhost:port/v1"}, "http://localhost:8000/v1"),
        ("m", {"base_url": "http://[::1/v1"}, "http://localhost:8000/v1"),
        ("m", {"base_url": f"http://localhost/v1?api-key={KEY}"}, "would end up in logs"),
        ("m", {"api_key": f"{KEY}\x01"}, "copy it again"),
        ("m", {"api_key": "two words"}, "copy it again"),
        ("m", {"api_key": KEY, "tool_pictures": "both"}, "auto, tool, user"),
    ],
)
def test_wrong_settings_are_input_errors(argument: str | None, settings: dict[str, Any], message: str) -> None:
    from canvasagent.policies.openai import create

    with pytest.raises(InputError, match=message) as caught:
        create(argument, PolicySettings(**settings))
    assert KEY not in str(caught.value) and "two words" not in str(caught.value)


def test_key_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rules = [needs_key("another")]
    with ChatServer(rules=rules) as server, ChatServer(Refuse(500, f"cannot use {KEY}")) as failing:
        policy = policy_for(server)
        texts = [failure(policy), failure(policy, pieces=[]), failure(policy_for(failing, retries=1))]
    assert "Incorrect API key provided: Bearer ***" in texts[0]
    shown = [*texts, repr(policy), str(policy.client.endpoint), json.dumps(settings_record(policy)), caplog.text]
    assert "retry 1 of 1" in caplog.text
    assert not [text for text in shown if KEY in text]


def test_password_in_the_base_url_is_used_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ChatServer(Refuse(400, "no entry for p@ssw0rd")) as server:
        url = server.url.replace("http://", "http://me:p%40ssw0rd@") + "?team=blue"
        policy = policy_for(server, base_url=url, api_key=None)
        text = failure(policy)
        record = settings_record(policy)
    pair = base64.b64encode(b"me:p@ssw0rd").decode()
    assert server.requests[0].headers["authorization"] == f"Basic {pair}"
    assert server.requests[0].path == "/v1/chat/completions?team=blue"
    assert record["base_url"] == server.url
    shown = text + repr(policy) + str(policy.client.endpoint) + str(record) + caplog.text
    assert not [secret for secret in ("ssw0rd", "p%40", pair) if secret in shown]


def test_an_empty_user_in_the_base_url_is_no_secret() -> None:
    with ChatServer(Refuse(404, "no such model")) as server:
        url = server.url.replace("http://", "http://@")
        assert "no such model" in failure(policy_for(server, base_url=url, api_key=None))


def test_record() -> None:
    settings = PolicySettings(base_url="http://localhost:1/v1", api_key=KEY, temperature=0.5, max_tokens=9)
    assert settings_record(OpenAIPolicy("a/b", settings)) == {
        "model": "a/b",
        "base_url": "http://localhost:1/v1",
        "temperature": 0.5,
        "max_tokens": 9,
        "view_pixels": 262_144,
        "tool_pictures": "auto",
    }


# Many at once, and many loops


def test_many_turns_at_once() -> None:
    def answer(request: Request) -> Answer:
        return Answer(request.texts("user")[0][::-1], delay=0.2)

    async def turns(policy: OpenAIPolicy) -> list[str]:
        conversations = [[Message("user", f"turn {number}")] for number in range(32)]
        return [reply.text for reply in await asyncio.gather(*map(policy.act, conversations))]

    with ChatServer(answer) as server:
        texts = asyncio.run(turns(policy_for(server)))
    assert texts == [f"turn {number}"[::-1] for number in range(32)]
    assert server.busiest > 16


def test_loops_in_threads_one_after_the_other_and_connections_closed() -> None:
    clients = []
    with ChatServer() as server:
        policy = policy_for(server)

        def turns() -> None:
            async def three() -> None:
                for _ in range(3):
                    await policy.act(HELLO)
                clients.append(await policy.client.clients.get())

            asyncio.run(three())

        threads = [threading.Thread(target=turns) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        turns()
        assert all(client.is_closed() for client in clients)
        assert len(server.requests) == 9
        assert len({request.connection for request in server.requests}) == 3, "one connection for each loop"
        wait_until(lambda: server.open_connections == 0, "the connections' end")
        assert len(policy.client.clients) == 0


def test_a_loop_that_is_not_shut_down_leaves_no_client_behind() -> None:
    with ChatServer() as server:
        policy = policy_for(server)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(policy.act(HELLO))
        loop.close()
        ask(policy)
        assert len(policy.client.clients) == 0


def test_cancelled_turn_lets_go_of_its_connection() -> None:
    async def cancelled(policy: OpenAIPolicy) -> str:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await policy.act(HELLO, lambda piece: None)
        return (await policy.act(HELLO)).text

    with ChatServer(Hang(after="x"), Answer("next")) as server:
        assert asyncio.run(cancelled(policy_for(server))) == "next"


def test_png_decodes_to_the_same_pixels() -> None:
    mask = Image.fromarray((np.indices((50, 70)).sum(0) % 2 * 255).astype(np.uint8))
    url = PictureCache(10_000).url(asset(mask, kind=Kind.MASK))
    decoded = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert np.array_equal(np.asarray(decoded), np.asarray(mask))
