"""`--contract release`: a server that answers as a checkpoint of the research release does."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from canvasagent import Agent, Limits, Trajectory, score
from canvasagent.cli import main
from canvasagent.errors import InputError
from canvasagent.policies.base import VIEW_PIXELS, PolicySettings, settings_for
from canvasagent.protocol.release import parse_release
from canvasagent.protocol.turns import parse
from canvasagent.record.replay import replay
from chat_server import Answer, Behaviour, ChatServer, Request
from helpers import ListPolicy, call, end, photo
from reward_runs import verdicts

THINK = "<think>\n\n</think>\n\n"
CROP, FLIP = call("Crop", image="img_1", bbox="100, 100, 900, 900"), call("Flip", image="Crop_0")
STOP = call("Terminate")
NO_CHECKS = (
    "align: local gave no score: the task has no checks, and without them the local judge cannot tell alignment."
)
RELEASE = Limits(contract="release")


def checkpoint(*turns: str) -> object:
    """What a server of a trained checkpoint answers: these turns in order, each after an empty thought."""

    def answer(request: Request) -> Behaviour:
        done = sum(message["role"] == "assistant" for message in request.messages)
        return Answer(THINK + turns[done])

    return answer


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        (THINK + CROP, CROP),
        ("<think></think>" + end(), end()),
        (THINK + STOP, "<reason>Next step.</reason>\n<Terminate>"),
        (THINK + call("Terminate", image="Crop_0"), "<reason>Next step.</reason>\n<Terminate>Crop_0</Terminate>"),
        (THINK + call("Terminate", answer="all done"), "<reason>Next step.</reason>\n<Terminate>"),
        (STOP + CROP, "<reason>Next step.</reason>\n<Terminate>"),
        ("<think>so</think>" + CROP, "<think>so</think>" + CROP),
        (CROP + THINK, CROP + THINK),
        ("I am done.", "I am done."),
    ],
)
def test_a_turn_is_rewritten_into_our_contract(text: str, same_as: str) -> None:
    turn = parse_release(text)
    assert turn == parse(same_as) == parse(turn.text) and parse_release(turn.text) == turn


def test_a_checkpoint_runs_as_it_was_trained(tmp_path: Path) -> None:
    with ChatServer(checkpoint(CROP, FLIP, STOP)) as server:  # type: ignore[arg-type]
        settings = PolicySettings(base_url=server.url, api_key="k")
        agent = Agent("openai:checkpoint", "lite", limits=RELEASE, settings=settings)
        run = agent.run("Crop it and mirror it.", [photo(size=1200)], run_dir=tmp_path / "run")
        (first, *_, last) = server.requests
    assert (run.status, run.tool_calls, run.final) == ("met", ["Crop", "Flip"], "Flip_0")
    assert [turn.format_faults for turn in run.turns] == [[], [], []]
    found = score(run, "paper", verdicts(1, 1, 1))
    assert found.total == 1 and found.parts.format == 1 and not found.penalties.total
    system = first.texts("system")[0]
    block = system.partition("<tools>\n{")[2].partition("\n</tools>")[0]
    names = [json.loads(line)["function"]["name"] for line in ("{" + block).splitlines()]
    assert names[-1] == "Terminate" and {"Crop", "Flip", "SR"} < set(names)
    assert [picture.size for picture in first.pictures()] == [(1200, 1200)]  # up to 2,000,000 pixels
    assert all("think>" not in text for text in last.texts("assistant"))
    loaded = Trajectory.load(tmp_path / "run")
    assert loaded.limits["contract"] == "release" and replay(loaded).identical


def test_under_our_own_contract_the_same_turns_are_faults() -> None:
    run = Agent(ListPolicy([THINK + CROP, THINK + STOP]), "lite", limits=Limits(max_turns=2)).run("x", [photo(size=64)])
    assert all(turn.format_faults for turn in run.turns) and run.status == "truncated"


@pytest.mark.parametrize("text", ["I am done.", "<reason>so</reason>", "<reason>a</reason><tool_call>{bad</tool_call>"])
def test_a_turn_without_an_action_ends_the_run(text: str) -> None:
    run = Agent(ListPolicy([CROP, text, FLIP]), "lite", limits=RELEASE).run("crop it", [photo(size=64)])
    assert (run.status, len(run.turns), run.final) == ("truncated", 2, "Crop_0")
    assert run.why is not None and "no action that can be read" in run.why
    own = Agent(ListPolicy([CROP, text, FLIP]), "lite").run("crop it", [photo(size=64)])
    assert own.tool_calls == ["Crop", "Flip"]


def test_a_failed_call_does_not_end_the_run() -> None:
    run = Agent(ListPolicy([call("Teleport"), CROP, STOP]), "lite", limits=RELEASE).run("crop it", [photo(size=64)])
    assert run.status == "met" and run.tool_calls == ["Teleport", "Crop"]


def test_the_size_of_pictures_is_that_of_the_contract_unless_it_is_given() -> None:
    assert settings_for("release", None).view_pixels == 2_000_000
    assert settings_for("release", PolicySettings(view_pixels=5000)).view_pixels == 5000
    assert settings_for("canvasagent", None).view_pixels == VIEW_PIXELS


def test_an_unknown_contract_is_refused() -> None:
    with pytest.raises(ValueError, match="contract"):
        Limits(contract="other")


def test_eval_uses_the_rows_own_prompt_under_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo(size=64).save(tmp_path / "a.png")
    system = {"role": "system", "content": "The prompt of the row. <tools></tools>"}
    rows = [
        {
            "prompt": [system, {"role": "user", "content": "<image>Mirror it."}],
            "reward_model": {"ground_truth": truth},
            "images": [{"image": "a.png"}],
        }
        for truth in (["Flip"], ["Crop->Flip"])
    ] + [{"prompt": [system], "reward_model": {"ground_truth": ["Flip"]}, "images": [{"image": "a.png"}]}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "test.parquet")
    monkeypatch.setenv("CANVASAGENT_API_KEY", "k")
    with ChatServer(checkpoint(call("Flip", image="img_1"), STOP)) as server:  # type: ignore[arg-type]
        arguments = ["eval", "--policy", "openai:checkpoint", "--base-url", server.url, "--contract", "release"]
        arguments += ["--bench", str(tmp_path / "test.parquet"), "--out", str(tmp_path / "out"), "--json"]
        code = main(arguments)
        assert all(request.texts("system") == [system["content"]] for request in server.requests)
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert code == 3 and found["runs"] == 2 and found["setup"]["contract"] == "release"
    assert set(found["policies"][0]["reasons"]) == {NO_CHECKS} and "left out: row 3: " in said.err


def test_eval_refuses_an_unknown_contract(tmp_path: Path) -> None:
    from canvasagent.cli.eval import evaluate

    with pytest.raises(InputError, match="--contract"):
        evaluate(policy=["scripted"], contract="other", out_dir=tmp_path / "out")
