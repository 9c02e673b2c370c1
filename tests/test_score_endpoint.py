"""`canvasagent score --judge endpoint:MODEL` against a real server here: replies, refusals, a dead server."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat_server import Answer, Behaviour, ChatServer, Refuse, Request, needs_key
from cli_helpers import CROP, FLIP, Said, Shell
from helpers import end

KEY = "sk-judge-of-the-tests-42"
SCORES = {"align": 0.8, "aesthetics": 0.6, "trajectory": 0.5}
MARKS = {"align": "asked for. You", "aesthetics": "how good a finished", "trajectory": "worked"}
"""What the system message of each question holds."""


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name in ("CANVASAGENT_JUDGE_BASE_URL", "CANVASAGENT_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CANVASAGENT_JUDGE_API_KEY", KEY)
    return Shell(tmp_path, capsys)


def made(shell: Shell, request: str = "do it") -> str:
    """A run of two calls; its folder."""
    policy = shell.turns(CROP, FLIP, end())
    return str(shell("run", request, "-i", "a.png", "--policy", policy, "--json").object["run_dir"])


def aspect_of(request: Request) -> str:
    system = request.texts("system")[0]
    return next(aspect for aspect, mark in MARKS.items() if mark in system)


def told(form: str) -> Callable[[Request], Behaviour]:
    """A judge that knows the scores and writes them in a `form`, which holds `%s`."""
    return lambda request: Answer(form % SCORES[aspect_of(request)])


def asked(shell: Shell, server: ChatServer | str, *arguments: object) -> Said:
    url = server if isinstance(server, str) else server.url
    return shell("score", *arguments, "--judge", "endpoint:looker", "--judge-base-url", url)


def total(one: dict[str, Any]) -> float:
    """Equation 1, by hand."""
    return 0.3 * 0.8 + 0.1 * 0.6 + 0.2 * 0.5 + 0.4 * float(one["parts"]["rule"])


@pytest.mark.parametrize(
    "form",
    [
        '{"score": %s}',
        'The crop is as asked.\n\n{"remark": "see below"}\n```json\n{"score": %s}\n```\nThat is all.',
        '<think>{"score": 0.1} is too low.</think>{"score": "%s"}',
    ],
    ids=["plain", "prose around it", "thoughts before it"],
)
def test_a_run_gets_its_total(shell: Shell, form: str) -> None:
    run = made(shell)
    with ChatServer(told(form), rules=[needs_key(KEY)]) as server:
        said = asked(shell, server, run, "--json")
    (one,) = said.object["scores"]
    assert (said.code, said.object["status"], said.object["judge"]) == (0, "met", "endpoint:looker")
    assert {aspect: one["parts"][aspect] for aspect in SCORES} == SCORES
    assert one["total"] == pytest.approx(total(one)) and one["unscored"] == [] and one["run_dir"] == run
    assert set(one["judges"].values()) == {"endpoint:looker (looker)"}
    verdict = one["verdicts"]["align"]
    assert verdict["raw"] == form % 0.8 and len(verdict["prompt_hash"]) == 64 and not verdict["cached"]
    assert sorted(map(aspect_of, server.requests)) == sorted(SCORES)
    assert {request.body["model"] for request in server.requests} == {"looker"}


def test_several_runs_for_a_person(shell: Shell) -> None:
    runs = [made(shell) for _ in range(3)]
    with ChatServer(told('{"score": %s}')) as server:
        said = asked(shell, server, *runs)
    assert said.code == 0 and said.out.count("R = ") == 3 and said.out.count("Judged by endpoint:looker") == 3
    assert "0.800" in said.out and "0.600" in said.out and "0.500" in said.out
    assert len(server.requests) == 9 and KEY not in said.out + said.err


def test_one_of_several_runs_that_is_refused_is_the_only_one_unscored(shell: Shell) -> None:
    runs = [made(shell) for _ in range(3)]
    odd = made(shell, "leave it, please")

    def picky(request: Request) -> Behaviour:
        if "leave it, please" in json.dumps(request.body) and aspect_of(request) == "align":
            return Answer("I'm sorry, but I can't assist with that.")
        return told('{"score": %s}')(request)

    with ChatServer(picky) as server:
        said = asked(shell, server, runs[0], odd, *runs[1:], "--json", "--judge-retries", 1)
        again = asked(shell, server, odd, "--judge-retries", 0)
    assert said.code == 3 and said.object["status"] == "unmet" and said.object["errors"] == {}
    scores = said.object["scores"]
    assert [one["total"] is None for one in scores] == [False, True, False, False]
    one = scores[1]
    assert one["parts"]["align"] is None and one["parts"]["aesthetics"] == 0.6  # missing, and no default
    assert "can't assist" in one["verdicts"]["align"]["raw"] and "asked 2 times" in one["verdicts"]["align"]["error"]
    assert len(one["unscored"]) == 1 and one["unscored"][0].startswith("align: endpoint:looker gave no score")
    assert again.code == 3 and "unscored" in again.out and "Unscored: align: endpoint:looker gave no score" in again.out
    assert "R = " not in again.out


def test_a_server_that_is_busy_is_asked_again(shell: Shell) -> None:
    busy = Refuse(429, "too many requests", headers={"Retry-After": "0"})
    with ChatServer(busy, busy, told('{"score": %s}')) as server:
        said = asked(shell, server, made(shell), "--json")
    (one,) = said.object["scores"]
    assert said.code == 0 and one["total"] == pytest.approx(total(one)) and len(server.requests) == 5


def test_a_server_that_stays_busy_leaves_the_run_unscored(shell: Shell) -> None:
    with ChatServer(Refuse(429, "quota is used up", headers={"Retry-After": "0"})) as server:
        said = asked(shell, server, made(shell), "--json", "--judge-retries", 0)
    (one,) = said.object["scores"]
    assert said.code == 3 and one["total"] is None and len(one["unscored"]) == 3
    assert all("quota is used up" in why and "429" in why for why in one["unscored"])


def test_a_dead_server_is_told(shell: Shell) -> None:
    runs = [made(shell), made(shell)]
    with socket.socket() as taken:  # nobody listens here
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        said = asked(shell, url, *runs, "--json", "--judge-retries", 0)
        shown = asked(shell, url, runs[0], "--judge-retries", 0)
    assert said.code == shown.code == 3
    for one in said.object["scores"]:
        assert one["total"] is None and one["parts"]["rule"] == 1  # the rules need no judge
        assert [one["parts"][aspect] for aspect in SCORES] == [None] * 3
        assert all(url in why for why in one["unscored"])
    assert shown.out.count("Unscored:") == 3 and "127.0.0.1" in shown.out


def test_a_wrong_key_is_told_and_not_shown(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(shell)
    monkeypatch.setenv("CANVASAGENT_JUDGE_API_KEY", "sk-another-one-0815")
    with ChatServer(told('{"score": %s}'), rules=[needs_key(KEY)]) as server:
        said = asked(shell, server, run, "--json")
    assert said.code == 3 and "401" in said.out and "sk-another-one-0815" not in said.out + said.err


def test_a_process_of_its_own_and_a_cache(shell: Shell) -> None:
    run = made(shell)
    with ChatServer(told('Here you are: {"score": %s}')) as server:
        command = ("score", run, "--judge", "endpoint:looker", "--judge-cache", "kept", "--json")
        address = {"CANVASAGENT_JUDGE_BASE_URL": server.url, "CANVASAGENT_JUDGE_API_KEY": KEY}
        said = shell.process(*command, **address)
        first = len(server.requests)
        again = shell.process(*command, **address)
    (one,), (two,) = said.object["scores"], again.object["scores"]
    assert said.code == again.code == 0 and first == len(server.requests) == 3
    assert one["total"] == two["total"] == pytest.approx(total(one))
    assert all(verdict["cached"] for verdict in two["verdicts"].values())
