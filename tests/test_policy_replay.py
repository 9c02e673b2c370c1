"""A recorded run's texts, written again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from canvasagent.errors import InputError, PolicyFailure
from canvasagent.policies import load_policy
from canvasagent.policies.base import Policy, settings_record
from canvasagent.protocol.conversation import Message

TEXTS = ["<reason>a</reason>first", "second ünïcode\n", "<reason>c</reason><Terminate>"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    turns = [{"text": text, "replies": [], "observation": "…"} for text in TEXTS]
    (tmp_path / "trajectory.json").write_text(json.dumps({"format_version": 99, "turns": turns}), "utf-8")
    return tmp_path


def act(policy: Policy, *roles: str) -> str:
    messages: list[Any] = [Message(role, "…") for role in roles]  # type: ignore[arg-type]
    return asyncio.run(policy.act(messages)).text


@pytest.mark.parametrize("name", ["", "trajectory.json"])
def test_texts_come_in_order_from_folder_or_file(run: Path, name: str) -> None:
    policy = load_policy(f"replay:{run / name}")
    assert act(policy, "system", "user") == TEXTS[0]
    assert act(policy, "system", "user", "assistant", "tool") == TEXTS[1]
    assert act(policy, "system", "user", "assistant", "tool", "assistant", "tool") == TEXTS[2]
    assert policy.name == f"replay:{run / name}" and settings_record(policy) == {"turns": 3}


def test_it_keeps_nothing_between_turns(run: Path) -> None:
    policy = load_policy(f"replay:{run}")
    assert [act(policy, "user", *["assistant", "tool"] * count) for count in (2, 0, 1, 0)] == [
        TEXTS[2],
        TEXTS[0],
        TEXTS[1],
        TEXTS[0],
    ]


def test_turns_are_counted_since_the_last_user_message(run: Path) -> None:
    policy = load_policy(f"replay:{run}")
    assert act(policy, "system", "user", "assistant", "tool", "assistant", "user") == TEXTS[0]
    assert act(policy, "system", "user", "assistant", "user", "assistant", "tool") == TEXTS[1]
    assert act(policy, "system") == TEXTS[0]


def test_text_is_shown_as_it_comes(run: Path) -> None:
    pieces: list[str] = []
    reply = asyncio.run(load_policy(f"replay:{run}").act([Message("user", "go")], pieces.append))
    assert "".join(pieces) == reply.text == TEXTS[0]
    assert (reply.usage.input_tokens, reply.usage.cost) == (None, None)


def test_the_end_of_the_recording_is_told(run: Path) -> None:
    with pytest.raises(PolicyFailure, match="ended after 3 turns"):
        act(load_policy(f"replay:{run}"), "user", *["assistant", "tool"] * 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b"[]", "no list of turns"),
        (b'{"turns": {}}', "no list of turns"),
        (b'{"turns": [{"text": "a"}, {"text": 5}]}', "turn 2 has no text"),
        (b'{"turns": ["a"]}', "turn 1 has no text"),
    ],
)
def test_damaged_recordings(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "trajectory.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_policy(f"replay:{tmp_path}")


def test_missing_recordings(tmp_path: Path) -> None:
    for argument in (f"replay:{tmp_path}", f"replay:{tmp_path / 'nowhere'}"):
        with pytest.raises(InputError, match="cannot be read"):
            load_policy(argument)
    for argument in ("replay", "replay:"):
        with pytest.raises(InputError, match="name the run"):
            load_policy(argument)


def test_replaying_a_real_run_repeats_it(tmp_path: Path) -> None:
    """The whole way: an agent runs, its folder is replayed by another agent, and the same pictures come out."""
    from PIL import Image

    from canvasagent.agent import Agent
    from canvasagent.policies.base import Reply

    call = '<reason>x</reason>\n<tool_call>{"name": "Flip", "arguments": {"image": "img_1"}}</tool_call>'

    class Flips:
        name = "flips"

        async def act(self, messages: Any, on_text: Any = None) -> Reply:
            return Reply(call if messages[-1].role == "user" else "<reason>done</reason>\n<Terminate>")

    picture = Image.linear_gradient("L").rotate(90).convert("RGB")
    first = Agent(Flips()).run("flip it", [picture], run_dir=tmp_path / "one")
    second = Agent(f"replay:{tmp_path / 'one'}").run("flip it", [picture], run_dir=tmp_path / "two")
    assert (first.status, second.status) == ("met", "met")
    assert second.tool_calls == ["Flip"] and second.final == "Flip_0"
    assert second.record_of("Flip_0").pixel_hash == first.record_of("Flip_0").pixel_hash is not None
