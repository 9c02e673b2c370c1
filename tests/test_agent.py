"""The loop: what it tells, what ends it, what stays of a run that is killed, and many runs at once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from canvasagent import Agent, Event, Limits, Task, ToolBox, Trajectory
from canvasagent.backends.profile import Profile
from canvasagent.canvas import Asset
from canvasagent.endpoints.settings import Usage
from canvasagent.errors import InputError, PolicyFailure, StorageError
from canvasagent.policies.base import Reply
from canvasagent.protocol.conversation import Message
from canvasagent.record.run_folder import RunFolder
from helpers import ListPolicy, call, end, photo

TOOLBOX = ToolBox("lite")
SIGN = Image.new("RGB", (40, 30), "white")
TEXTS = [call("Flip"), call("Rotate", image="Flip_0", angle=30), call("Crop", image="Rotate_0", bbox=[0, 0, 500, 500])]
RANDOM = Profile(
    name="test",
    backends={"Flip": "backends_for_tests:Echo", "ImageGeneration": "backends_for_tests:Random"},
)


class FailingPolicy(ListPolicy):
    """Says its texts, then cannot be reached."""

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        if sum(message.role == "assistant" for message in messages) == len(self.texts):
            raise PolicyFailure("the endpoint answered 500 five times.")
        reply = await super().act(messages, on_text)
        if on_text:
            on_text(reply.text)
        return Reply(reply.text, Usage(10, 5, 0.25))


class HangingPolicy(ListPolicy):
    """Says its texts, calls `then`, and thinks for ever."""

    def __init__(self, texts: Sequence[str], then: Callable[[], None] = lambda: None) -> None:
        super().__init__(texts)
        self.then = then

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        if sum(message.role == "assistant" for message in messages) == len(self.texts):
            asyncio.get_running_loop().call_soon(self.then)
            await asyncio.sleep(3600)
        return await super().act(messages, on_text)


def agent(texts: Sequence[str], **options: Any) -> Agent:
    return Agent(ListPolicy([*texts, end()]), TOOLBOX, **options)


def pictures(trajectory: Trajectory) -> dict[str, bytes]:
    return {record.id: trajectory.picture(record.id).tobytes() for record in trajectory.assets}


def test_a_run_and_its_folder(tmp_path: Path) -> None:
    trajectory = agent(TEXTS, runs_dir=tmp_path).run("turn it", [SIGN])
    assert (trajectory.status, trajectory.final) == ("met", "Crop_0")
    assert trajectory.folder is not None and trajectory.folder.parent == tmp_path
    files = sorted(
        str(file.relative_to(trajectory.folder)) for file in trajectory.folder.rglob("*.*") if file.is_file()
    )
    assets = [f"assets/{name}.png" for name in ("Crop_0", "Flip_0", "Rotate_0", "img_1")]
    assert [file for file in files if file != ".canvasagent.lock"] == [*assets, "report.html", "trajectory.json"]
    assert Trajectory.load(trajectory.folder).summary() == trajectory.summary()


def test_a_listener_hears_what_happens() -> None:
    heard: list[Event] = []
    policy = FailingPolicy(TEXTS[:2])
    trajectory = Agent(policy, TOOLBOX).run("turn it", [SIGN], listener=heard.append)
    assert [event.kind for event in heard] == ["started", *["text", "replied", "observed"] * 2, "finished"]
    observed = [event for event in heard if event.kind == "observed"]
    assert [event.asset and event.asset.id for event in observed] == ["Flip_0", "Rotate_0"]
    assert [event.turn and event.turn.index for event in observed] == [0, 1]
    assert all(event.trajectory is trajectory for event in heard)
    for kind in ("text", "replied"):
        assert "".join(event.text for event in heard if event.kind == kind) == "".join(TEXTS[:2])


def test_a_policy_that_cannot_answer_fails_the_run_and_what_was_made_stays(tmp_path: Path) -> None:
    trajectory = Agent(FailingPolicy(TEXTS[:2]), TOOLBOX).run("turn it", [SIGN], run_dir=tmp_path / "run")
    assert (trajectory.status, trajectory.final) == ("failed", "Rotate_0")
    assert trajectory.why == "the endpoint answered 500 five times." and trajectory.cost == 0.5
    loaded = Trajectory.load(tmp_path / "run")
    assert loaded.status == "failed" and loaded.final_picture is not None


def test_a_policy_that_hangs_is_cut_off(tmp_path: Path) -> None:
    agent(TEXTS[:1]).run("turn it", [SIGN])  # loads the tool, so that the time limit is ample for one turn
    hanging = Agent(HangingPolicy(TEXTS[:1]), TOOLBOX, limits=Limits(max_seconds=2.0))
    trajectory = hanging.run("turn it", [SIGN], run_dir=tmp_path / "run")
    assert trajectory.status == "truncated" and trajectory.why == "the limit of 2 seconds was reached."
    assert len(trajectory.turns) == 1 and trajectory.final == "Flip_0"


def test_a_tool_that_takes_too_long_is_cut_off_with_the_run() -> None:
    slow = Profile(name="slow", backends={"Flip": "backends_for_tests:Echo"}, options={"Flip": {"seconds": 1.0}})
    with ToolBox(slow) as toolbox:
        trajectory = Agent(ListPolicy([call("Flip")]), toolbox, limits=Limits(max_seconds=0.2)).run("x", [SIGN])
    assert trajectory.status == "truncated" and trajectory.turns == []


def test_a_policys_own_time_out_is_no_limit_of_the_run() -> None:
    class TimingOut(ListPolicy):
        async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
            raise TimeoutError("read timed out")

    trajectory = Agent(TimingOut([]), TOOLBOX).run("turn it", [SIGN])
    assert (trajectory.status, trajectory.why) == ("failed", "the policy timed out: read timed out")


def test_wrong_input_raises_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        agent(TEXTS).run("turn it", ["nowhere.png"], run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_used_is_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds something else \(note.txt\); name another folder"):
        agent(TEXTS).run("turn it", [SIGN], run_dir=tmp_path)
    with pytest.raises(InputError, match="is a file; name a folder"):
        agent(TEXTS).run("turn it", [SIGN], run_dir=tmp_path / "note.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]
    (tmp_path / "empty").mkdir()
    assert agent(TEXTS).run("turn it", [SIGN], run_dir=tmp_path / "empty").status == "met"


def test_two_runs_at_once_in_one_folder(tmp_path: Path) -> None:
    async def both() -> list[Trajectory | BaseException]:
        runs = (agent(TEXTS).arun("turn it", [SIGN], run_dir=tmp_path / "run") for _ in range(2))
        return await asyncio.gather(*runs, return_exceptions=True)

    outcomes = asyncio.run(both())
    (done,) = [outcome for outcome in outcomes if isinstance(outcome, Trajectory)]
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, InputError | StorageError)]
    assert "holds a run already" in str(refused) or "another run is writing" in str(refused)
    assert done.status == "met" and Trajectory.load(tmp_path / "run").status == "met"


def test_a_run_cannot_be_resumed_while_it_goes_on(tmp_path: Path) -> None:
    Agent(FailingPolicy(TEXTS[:1]), TOOLBOX).run("turn it", [SIGN], run_dir=tmp_path / "run")
    held = RunFolder(tmp_path / "run", resume=True)
    with pytest.raises(StorageError, match="another run is writing"):
        agent(TEXTS).resume(tmp_path / "run")
    held.close()
    assert agent(TEXTS).resume(tmp_path / "run").status == "met"


def test_a_failed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole = agent(TEXTS).run("turn it", [SIGN])
    Agent(FailingPolicy(TEXTS[:2]), TOOLBOX).run("turn it", [SIGN], run_dir=tmp_path / "run")
    resumed = agent(TEXTS).resume(tmp_path / "run")
    assert (resumed.status, resumed.final, resumed.why) == ("met", whole.final, None)
    assert pictures(resumed) == pictures(whole)
    assert [turn.index for turn in resumed.turns] == [0, 1, 2, 3]
    loaded = Trajectory.load(tmp_path / "run")
    assert loaded.model_dump() == resumed.model_dump()
    with pytest.raises(InputError, match="is finished"):
        agent(TEXTS).resume(tmp_path / "run")
    with pytest.raises(InputError, match="no run to resume"):
        agent(TEXTS).resume(tmp_path)


def test_a_resumed_run_draws_what_an_uninterrupted_one_draws(tmp_path: Path) -> None:
    texts = [call("ImageGeneration", prompt="noise")] * 4
    with ToolBox(RANDOM) as toolbox:
        whole = Agent(ListPolicy([*texts, end()]), toolbox).run("draw", seed=3)
        Agent(FailingPolicy(texts[:2]), toolbox).run("draw", seed=3, run_dir=tmp_path / "run")
    with ToolBox(RANDOM) as toolbox:
        resumed = Agent(ListPolicy([*texts, end()]), toolbox).resume(tmp_path / "run")
    assert pictures(resumed) == pictures(whole) and len(set(pictures(whole).values())) == 4


def test_a_truncated_run_goes_on_only_within_new_limits(tmp_path: Path) -> None:
    agent(TEXTS, limits=Limits(max_turns=2)).run("turn it", [SIGN], run_dir=tmp_path / "run")
    again = agent(TEXTS, limits=Limits(max_turns=2)).resume(tmp_path / "run")
    assert (again.status, len(again.turns), again.final) == ("truncated", 2, "Rotate_0")
    more = agent(TEXTS, limits=Limits(max_turns=9)).resume(tmp_path / "run")
    assert (more.status, more.final, len(more.turns)) == ("met", "Crop_0", 4)
    assert more.limits["max_turns"] == 9 and "You have 9 turns" in more.system_prompt


def test_time_and_cost_that_were_used_count_when_a_run_is_resumed(tmp_path: Path) -> None:
    Agent(FailingPolicy(TEXTS[:2]), TOOLBOX).run("turn it", [SIGN], run_dir=tmp_path / "run")
    dear = Agent(FailingPolicy(TEXTS), TOOLBOX, limits=Limits(max_cost=0.5)).resume(tmp_path / "run")
    assert dear.status == "truncated" and dear.why == "the limit of 0.5 on cost was reached."
    assert len(dear.turns) == 2 and dear.seconds > 0


def test_another_policy_or_profile_is_noted_in_a_resumed_record(tmp_path: Path) -> None:
    Agent(FailingPolicy(TEXTS[:1]), TOOLBOX).run("turn it", [SIGN], run_dir=tmp_path / "run")
    other = ListPolicy([*TEXTS, end()])
    other.name = "other"
    with ToolBox("release") as release:
        resumed = Agent(other, release).resume(tmp_path / "run")
    assert (resumed.policy, resumed.profile) == ("other", "release")
    assert [note for note in resumed.notes if "instead of" in note] == [
        "resumed after turn 1 with policy other instead of list.",
        "resumed after turn 1 with profile release instead of lite.",
    ]


_KILLED = """
import asyncio, os, signal, sys
sys.path.insert(0, {tests!r})
from helpers import ListPolicy, end
from test_agent import SIGN, TEXTS, TOOLBOX
from canvasagent import Agent

class Killed(ListPolicy):
    async def act(self, messages, on_text=None):
        if sum(message.role == "assistant" for message in messages) == {turn}:
            await asyncio.sleep(0.3)  # the writer works in the background
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().act(messages, on_text)

Agent(Killed([*TEXTS, end()]), TOOLBOX).run("turn it", [SIGN], run_dir={folder!r}, seed=5)
"""


@pytest.mark.parametrize("turn", [0, 2])
def test_a_killed_run_keeps_what_it_had_and_ends_like_one_that_was_not(tmp_path: Path, turn: int) -> None:
    folder, tests = str(tmp_path / "run"), str(Path(__file__).parent)
    script = _KILLED.format(tests=tests, turn=turn, folder=folder)
    killed = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    left = Trajectory.load(folder)
    assert (left.status, len(left.turns)) == ("running", turn)
    assert all(left.picture(record.id) for record in left.assets), "what the record tells of is there"
    whole = agent(TEXTS).run("turn it", [SIGN], seed=5)
    (tmp_path / "run" / ".trajectory.json.0a1b2c3d").write_text("half of a rec")
    resumed = agent(TEXTS).resume(folder)
    assert (resumed.status, resumed.final) == (whole.status, whole.final)
    assert pictures(resumed) == pictures(whole)
    assert [turn.observation for turn in resumed.turns] == [turn.observation for turn in whole.turns]
    assert [record.key for record in resumed.assets] == [record.key for record in whole.assets]
    assert not list((tmp_path / "run").glob(".trajectory.json.*"))


def interrupt() -> None:
    """What Ctrl-C does; the fixture `stoppable` sees to it that it is not ignored."""
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("stoppable")
def test_an_interrupt_leaves_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Agent(HangingPolicy(TEXTS[:2], interrupt), TOOLBOX).run("turn it", [SIGN], run_dir=tmp_path / "run")
    assert Trajectory.load(tmp_path / "run").status == "running"
    assert agent(TEXTS).resume(tmp_path / "run").final == "Crop_0"


@pytest.mark.usefixtures("stoppable")
def test_an_interrupt_in_a_notebook_ends_the_run_too(tmp_path: Path) -> None:
    async def cell() -> None:
        Agent(HangingPolicy(TEXTS[:2], interrupt), TOOLBOX).run("turn it", [SIGN], run_dir=tmp_path / "run")

    notebook = asyncio.new_event_loop()
    with pytest.raises(KeyboardInterrupt):
        notebook.run_until_complete(cell())
    notebook.close()
    assert len(Trajectory.load(tmp_path / "run").turns) == 2
    assert agent(TEXTS).resume(tmp_path / "run").final == "Crop_0"


def test_a_finished_run_is_continued_with_its_ids_and_counters(tmp_path: Path) -> None:
    first = agent(TEXTS).run("turn it", [SIGN], run_dir=tmp_path / "first")
    carried = Trajectory.load(first.folder or "").carry()
    task = Task("and flip it again", [Image.new("RGB", (9, 9), "red")], carried=carried)
    texts = [call("Flip", image="Crop_0"), call("Flip", image="img_2"), end()]
    second = Agent(ListPolicy(texts), TOOLBOX).run(task, run_dir=tmp_path / "second")
    assert [record.id for record in second.assets] == [
        "img_1",
        "Flip_0",
        "Rotate_0",
        "Crop_0",
        "img_2",
        "Flip_1",
        "Flip_2",
    ]
    assert [record.origin for record in second.assets] == ["carried"] * 4 + ["input"] + ["tool"] * 2
    assert (second.continues, second.continued_result, second.inputs) == ("first", "Crop_0", 2)
    assert "its result is Crop_0" in second.request
    lineage = second.record_of("Flip_1").lineage
    assert lineage is not None and lineage.parents == ["Crop_0"]
    third = Trajectory.load(tmp_path / "second").carry()
    assert (third.inputs, third.result, len(third.assets)) == (2, "Flip_2", 7)


def test_a_continued_run_that_was_cut_off_is_resumed(tmp_path: Path) -> None:
    first = agent(TEXTS[:1]).run("turn it", [SIGN])
    task = Task("again", carried=first.carry())
    texts = [call("Flip", image="Flip_0"), call("Flip", image="Flip_1")]
    Agent(FailingPolicy(texts[:1]), TOOLBOX).run(task, run_dir=tmp_path / "run")
    resumed = agent(texts).resume(tmp_path / "run")
    assert (resumed.status, resumed.final, resumed.inputs) == ("met", "Flip_2", 1)


def test_drawing_again_in_a_continued_run_draws_anew() -> None:
    text = call("ImageGeneration", prompt="noise")
    with ToolBox(RANDOM) as toolbox:
        first = Agent(ListPolicy([text, end()]), toolbox).run("draw")
        second = Agent(ListPolicy([text, end()]), toolbox).run(Task("another one", carried=first.carry()))
    assert second.picture("ImageGeneration_0").tobytes() == first.picture("ImageGeneration_0").tobytes()
    assert second.picture("ImageGeneration_1").tobytes() != first.picture("ImageGeneration_0").tobytes()


def test_a_write_that_fails_stops_the_run_and_the_record_keeps_its_last_good_state(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def fill_the_disk(event: Event) -> None:
        if event.kind == "observed" and event.turn is not None and event.turn.index == 0:
            for _ in range(200):
                if (folder / "trajectory.json").exists() and (folder / "assets").is_dir():
                    break
                time.sleep(0.01)
            time.sleep(0.1)
            (folder / "assets").rename(folder / "assets-away")
            (folder / "assets").write_text("in the way: as little can be written here as on a full disk")

    with pytest.raises(StorageError, match="could not be written"):
        agent(TEXTS).run("turn it", [SIGN], run_dir=folder, listener=fill_the_disk)
    (folder / "assets").unlink()
    (folder / "assets-away").rename(folder / "assets")
    left = Trajectory.load(folder)
    assert left.status == "running" and left.turns == [], "nothing that was not written is told of"
    assert agent(TEXTS).resume(folder).final == "Crop_0"


def test_a_full_disk(tmp_path: Path) -> None:
    """In a subprocess whose files may have no more than some kilobytes, a picture cannot be written."""
    script = """
import resource, signal, sys
sys.path.insert(0, {tests!r})
from helpers import ListPolicy, call, end, photo
from canvasagent import Agent
from canvasagent.errors import StorageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
texts = [call("Crop", bbox=[0, 0, 100, 100]), call("Rotate", angle=33), call("Flip"), end()]
try:
    Agent(ListPolicy(texts), "lite").run("turn it", [photo(size=100)], run_dir={folder!r})
except StorageError as error:
    print(error)
    sys.exit(7)
"""
    text = script.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "run")).replace(
        'call("Rotate", angle=33)', 'call("SR")'
    )
    stopped = subprocess.run([sys.executable, "-c", text], check=False, capture_output=True, text=True, timeout=60)
    assert stopped.returncode == 7, stopped.stderr
    assert "SR_0.png' could not be written: File too large" in stopped.stdout
    left = Trajectory.load(tmp_path / "run")
    assert [record.id for record in left.assets] == ["img_1", "Crop_0"]
    assert all(left.picture(record.id) for record in left.assets)
    assert not [file for file in (tmp_path / "run").rglob("*.png.*")], "nothing half-written"


def test_many_runs_at_once_are_the_same_as_one_by_one() -> None:
    colours = [(number * 7 % 256, number * 31 % 256, 90) for number in range(32)]
    starts = [Image.new("RGB", (24, 18), colour) for colour in colours]

    async def together(shared: Agent) -> list[Trajectory]:
        return await asyncio.gather(*(shared.arun("turn it", [start], seed=n) for n, start in enumerate(starts)))

    with ToolBox("lite") as one, ToolBox("lite") as other:
        at_once = asyncio.run(together(Agent(ListPolicy([*TEXTS, end()]), one)))
        alone = Agent(ListPolicy([*TEXTS, end()]), other)
        in_turn = [alone.run("turn it", [start], seed=n) for n, start in enumerate(starts)]
    for first, second in zip(at_once, in_turn, strict=True):
        assert pictures(first) == pictures(second) and first.final == second.final
        assert [record.key for record in first.assets] == [record.key for record in second.assets]
        assert [turn.observation for turn in first.turns] == [turn.observation for turn in second.turns]


def test_a_run_inside_of_a_running_loop(tmp_path: Path) -> None:
    async def notebook() -> Trajectory:
        return agent(TEXTS).run("turn it", [SIGN], run_dir=tmp_path / "run")

    assert asyncio.run(notebook()).status == "met"

    async def wrong() -> Trajectory:
        return agent(TEXTS).run("turn it", ["nowhere.png"])

    with pytest.raises(InputError):
        asyncio.run(wrong())


def test_the_key_of_an_endpoint_never_gets_into_a_record(tmp_path: Path) -> None:
    from canvasagent.policies.base import PolicySettings

    secret = PolicySettings(api_key="sk-secret", base_url="http://127.0.0.1:9/v1", timeout=0.5, retries=0)
    trajectory = Agent("openai:model", TOOLBOX, settings=secret).run("turn it", [SIGN], run_dir=tmp_path / "run")
    assert trajectory.status == "failed"
    assert "sk-secret" not in (tmp_path / "run" / "trajectory.json").read_text()


def test_pictures_from_files_bytes_and_objects(tmp_path: Path) -> None:
    path = tmp_path / "sign.png"
    photo(size=32).save(path)
    trajectory = agent([]).run("look", [path, str(path), path.read_bytes(), photo(size=32)])
    assert len({trajectory.asset(f"img_{number}").key for number in (1, 2, 3, 4)}) == 1
    assert isinstance(trajectory.asset("img_1"), Asset)
    json.dumps(trajectory.summary())
