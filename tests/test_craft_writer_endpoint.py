"""The endpoint writer and the filter of requests against a real server on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from canvasagent.craft.model_client import WriterSettings
from canvasagent.craft.pictures import Picture
from canvasagent.craft.plan import Plan
from canvasagent.craft.sources import load_source
from canvasagent.craft.writers import load_writer
from canvasagent.craft.writers.base import Seen, WriterFailure
from canvasagent.craft.writers.endpoint import EndpointWriter, create
from canvasagent.craft.writers.filter import ModelFilter, WordFilter, kept, load_filter
from canvasagent.craft.writers.grammar.farewells import write_farewell
from canvasagent.craft.writers.grammar.reasons import write_reason
from canvasagent.errors import InputError
from chat_server import Answer, Behaviour, ChatServer, Half, Refuse, Request
from writer_plans import random_plan, step

KEY = "sk-writer-secret-1234567890"
YES = Answer(json.dumps({"follows": True, "why": "all of it is there"}))
NO = Answer(json.dumps({"follows": False, "why": "the color is missing"}))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("CANVASAGENT_WRITER_API_KEY", "CANVASAGENT_WRITER_BASE_URL", "CANVASAGENT_API_KEY", "OPENAI_API_KEY")
    for name in (*names, "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def drawn() -> Picture:
    """A picture of the drawn world, with pixels."""
    from canvasagent.craft.pictures import Need

    return load_source("sketch").pick(Need(things=1, drawn=True), "train", "endpoint")


@pytest.fixture(scope="module")
def plan(drawn: Picture) -> Plan:
    """Write on the picture, then mirror it."""
    rng = random.Random(0)
    write = step("w", "write", "img_1", rng).model_copy(update={"facts": {"text": "Open Late", "where": "at the top"}})
    return Plan(chain="Overlay+Flip", pictures=(drawn,), nodes=(write, step("f", "flip", "img_1", rng)), result="f")


def told(text: str) -> Answer:
    """A reply with an instruction."""
    return Answer(json.dumps({"instruction": text}))


GOOD = told("Put 'Open Late' at the top and mirror it, would you?")


def writer_for(server: ChatServer, **settings: Any) -> EndpointWriter:
    return EndpointWriter("m", WriterSettings(**{"base_url": server.url, "api_key": KEY, **settings}), 0.001)


def by_pass(write: Behaviour, check: Behaviour = YES) -> Callable[[Request], Behaviour]:
    """One behaviour for requests to write, one for requests to check."""
    return lambda request: check if "plan follows from a request" in request.texts("system")[0] else write


def instruction(writer: EndpointWriter, plan: Plan) -> str:
    return asyncio.run(writer.instruction(plan, "k"))


# What is asked


def test_the_model_sees_the_picture_and_the_plan_and_its_words_are_checked(plan: Plan, drawn: Picture) -> None:
    with ChatServer(GOOD, YES) as server:
        assert instruction(writer_for(server), plan) == "Put 'Open Late' at the top and mirror it, would you?"
    write, check = server.requests
    pixels = load_source("sketch").open(drawn)
    for request in server.requests:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        (shown,) = request.pictures()
        assert shown.size == pixels.size
        text = request.texts("user")[0]
        assert "img_1:" in text and "Overlayer (write) on img_1 | text: Open Late, where: at the top | asked" in text
    assert "mirror it, would you" in check.texts("user")[0] and "mirror it" not in write.texts("user")[0]


def test_branches_are_told_with_both_sides() -> None:
    plans = (random_plan(f"told/{number}") for number in range(500))
    branched = next(plan for plan in plans if plan.branches()).model_copy(update={"pictures": ()})
    with ChatServer(told("do as I say")) as server, contextlib.suppress(WriterFailure):
        instruction(writer_for(server, check=False, tries=1), branched)  # texts may be missing, which is told
    text = server.requests[0].texts("user")[0]
    assert "branch on" in text and "if so:" in text and "if not:" in text


def test_a_request_from_which_the_plan_does_not_follow_is_written_anew(plan: Plan) -> None:
    with ChatServer(told("'Open Late', please"), NO, GOOD, YES) as server:
        assert instruction(writer_for(server), plan).startswith("Put")
    assert "the color is missing" in server.requests[2].texts("user")[0]


def test_it_is_given_up_after_a_bounded_number_of_tries(plan: Plan) -> None:
    with ChatServer(by_pass(GOOD, NO)) as server, pytest.raises(WriterFailure, match=r"2 tries.*the color is missing"):
        instruction(writer_for(server, tries=2), plan)
    assert len(server.requests) == 4


# Replies that cannot be used


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Answer("Sure! Here is a nice request for you."), "no JSON object"),
        (Answer("<think>hm</think> "), "empty"),
        (Answer('{"instruction": ""}'), "is no text"),
        (Answer('{"instruction": ["a"]}'), "is no text"),
        (Answer('{"instruction": "mirr', finish="length"), "limit of tokens"),
        (told("mirror it <tool_call>{}</tool_call> 'Open Late'"), "<tool_call"),
        (told("'Open Late', mirror, <TERMINATE>"), "<terminate"),
        (told("Write open late at the top"), "letter for letter"),
        (told("'Open Late' " + "and so on " * 60), "words"),
    ],
)
def test_what_cannot_be_used_is_asked_for_again_and_then_given_up(plan: Plan, reply: Answer, why: str) -> None:
    with ChatServer(by_pass(reply)) as server:
        with pytest.raises(WriterFailure, match="nothing that can be used in 2 tries") as failure:
            instruction(writer_for(server, tries=2), plan)
        assert why in str(failure.value) and KEY not in str(failure.value)
        assert len(server.requests) == 2 and "could not be used" in server.requests[1].texts("user")[-1]
    with ChatServer(reply, GOOD, YES) as server:
        assert instruction(writer_for(server), plan).startswith("Put")


def test_prose_fences_and_thoughts_around_the_json_do_no_harm(plan: Plan) -> None:
    text = f'<think>maybe {{"instruction": "no"}}</think>Sure:\n```json\n{GOOD.text}\n```'
    with ChatServer(Answer(text), Answer('Yes. {"follows": true}')) as server:
        assert instruction(writer_for(server), plan).startswith("Put")


# Trouble with the server


def test_an_empty_answer_is_asked_for_again(plan: Plan) -> None:
    with ChatServer(Answer(""), GOOD, YES) as server:
        assert instruction(writer_for(server), plan).startswith("Put")


def test_a_rate_limit_is_waited_for(plan: Plan) -> None:
    limit = Refuse(429, "slow down", headers={"Retry-After": "0"})
    with ChatServer(limit, GOOD, limit, YES) as server:
        assert instruction(writer_for(server), plan).startswith("Put")
    assert len(server.requests) == 4


def test_an_endpoint_that_dies_midway_is_a_failure_of_the_writer(plan: Plan) -> None:
    with ChatServer(GOOD, Half("{")) as server, pytest.raises(WriterFailure, match="gave no answer after 2 tries"):
        instruction(writer_for(server, retries=1), plan)
    with pytest.raises(WriterFailure, match="endpoint:m at"):
        instruction(writer_for(server, retries=0), plan)  # it is gone by now


def test_a_wrong_key_is_a_failure_that_does_not_repeat_it(plan: Plan) -> None:
    with ChatServer(Refuse(401, f"wrong key {KEY}")) as server, pytest.raises(WriterFailure, match="401") as failure:
        instruction(writer_for(server), plan)
    assert KEY not in str(failure.value)


def test_a_picture_that_is_gone_is_a_failure_of_the_writer(plan: Plan, tmp_path: Path) -> None:
    gone = plan.pictures[0].model_copy(update={"source": f"dir:{tmp_path}", "key": "nothing.png"})
    with ChatServer(GOOD) as server, pytest.raises(WriterFailure, match="cannot be shown"):
        instruction(writer_for(server), plan.model_copy(update={"pictures": (gone,)}))


# Reasons


def test_reasons_come_from_the_grammar_or_from_the_endpoint(plan: Plan) -> None:
    one, two = plan.path()
    seen = (Seen(one, "Overlaid text onto image."),)
    thought = Answer(json.dumps({"reason": "The lettering stands at the top, so I mirror the picture now."}))
    with ChatServer(thought) as server:
        writer = writer_for(server)
        assert asyncio.run(writer.reason(plan, two, seen, "k")) == write_reason(plan, two, seen, "k")
        assert asyncio.run(writer.farewell(plan, seen, "k")) == write_farewell(plan, seen, "k")
        assert not server.requests
        writer = writer_for(server, reasons="endpoint")
        assert asyncio.run(writer.reason(plan, two, seen, "k")).startswith("The lettering")
        assert asyncio.run(writer.farewell(plan, seen, "k")).startswith("The lettering")
    first, last = (request.texts("user")[0] for request in server.requests)
    assert "Overlaid text onto image." in first and "Flip (flip)" in first and "the end" in last


def test_reasons_with_marks_of_the_wire_or_too_long_are_refused(plan: Plan) -> None:
    for reason in ("so <reason>I flip it</reason>", "on and on " * 40):
        with ChatServer(Answer(json.dumps({"reason": reason}))) as server, pytest.raises(WriterFailure):
            asyncio.run(writer_for(server, reasons="endpoint", tries=1).reason(plan, plan.path()[0], (), "k"))


# Names and settings


def test_names_carry_model_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_WRITER_BASE_URL", "http://localhost:9/v1")
    writer = load_writer("endpoint:org/model:7b?reasons=endpoint&tries=2&check=false")
    assert isinstance(writer, EndpointWriter) and writer.name == "endpoint:org/model:7b"
    assert (writer.settings.reasons, writer.settings.tries, writer.settings.check) == ("endpoint", 2, False)
    assert pickle.loads(pickle.dumps(writer)).settings == writer.settings
    for wrong, why in (
        ("", "needs a model"),
        ("m?tries=0", "tries"),
        ("m?colour=1", "colour"),
        ("m?api_key=x", "a key"),
        ("m?base_url=http://me:secret@localhost:9/v1", "a password"),
    ):
        with pytest.raises(InputError, match=why):
            create(wrong)


def test_a_missing_key_is_told_with_the_variables_that_hold_one() -> None:
    with pytest.raises(InputError, match="CANVASAGENT_WRITER_API_KEY"):
        load_writer("endpoint:m")


# The filter


def test_the_word_list_finds_words_and_phrases_whatever_their_case(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# mine\nblood*\nred  herring  # a phrase\n\nass\n", "utf-8")
    allowed = load_filter(str(path))
    assert allowed("add a Bloody knife") == "word 'bloody'" and allowed("a Red\nHerring!") == "word 'red herring'"
    assert allowed("a glass of grass") is None and allowed("a red cup") is None
    through, left = kept(["a cup", "an ass", "an ASS", "blood"], allowed)
    assert through == ["a cup"] and left == {"word 'ass'": 2, "word 'blood'": 1}


def test_the_packages_own_list_lets_everyday_requests_through() -> None:
    allowed = load_filter("words")
    assert isinstance(allowed, WordFilter) and allowed("make her naked") and allowed("beheading of the king")
    for number in range(300):
        from canvasagent.craft.writers.grammar import write_instruction

        text = write_instruction(random_plan(f"filter/{number}"), "k")
        assert allowed(text) is None, text


def test_word_lists_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nothing\n * \n", "utf-8")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, why in (("empty", "holds no word"), ("binary", "cannot be read"), ("none", "cannot be read")):
        with pytest.raises(InputError, match=why):
            load_filter(str(tmp_path / name))
    with pytest.raises(InputError, match="needs a model"):
        load_filter("endpoint:")


def test_a_moderation_model_is_asked_about_each_request() -> None:
    def decide(request: Request) -> Behaviour:
        bad = "gun" in request.texts("user")[0]
        return Answer(json.dumps({"allowed": not bad, "why": "weapon"}))

    with ChatServer(decide) as server:
        allowed = load_filter("endpoint:guard", WriterSettings(base_url=server.url))
        assert kept(["a cup", "a gun", "a hat"], allowed) == (["a cup", "a hat"], {"moderation: weapon": 1})

        async def inside() -> str | None:
            return allowed("another gun")

        assert asyncio.run(inside()) == "moderation: weapon"


def test_a_moderation_model_that_says_nothing_of_use_lets_nothing_through() -> None:
    with ChatServer(Answer("it depends")) as server:
        allowed = ModelFilter("guard", WriterSettings(base_url=server.url, tries=2), 0.001)
        with pytest.raises(WriterFailure, match="nothing that can be used"):
            allowed("a cup")
