"""Parts from a file that the user names, names that are unknown, and files that a record names."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from PIL import Image

import canvasagent
from canvasagent import Agent, Task
from canvasagent.backends.lite.edits import EDITS, understands
from canvasagent.backends.profile import BACKENDS, Profile, fingerprint, load_profile
from canvasagent.craft.acts import ACTS, all_acts
from canvasagent.craft.bench.notation import read_plan
from canvasagent.craft.chains import user_chains
from canvasagent.craft.engines import ENGINES
from canvasagent.craft.exports import EXPORTS, load_format
from canvasagent.craft.pictures import Need, Picture
from canvasagent.craft.rl.compose import compose
from canvasagent.craft.rl.seeds import Seed
from canvasagent.craft.sources import SOURCES, load_source
from canvasagent.craft.writers import WRITERS, load_writer
from canvasagent.craft.writers.grammar import write_instruction
from canvasagent.errors import InputError
from canvasagent.plugins import Kind, using_plugin_files
from canvasagent.policies import POLICIES, load_policy
from canvasagent.policies.random_valid import draw
from canvasagent.record.trajectory import Trajectory
from canvasagent.record.trust import Named, claims_of, recorded
from canvasagent.rewards.checks import CHECKS, Result, all_checks, hold
from canvasagent.rewards.judges import JUDGES, load_judge
from canvasagent.testing import check_act, check_chain, check_judge
from canvasagent.tools import TOOLS, all_tools
from cli_helpers import Shell
from helpers import ListPolicy, call, end, photo

KINDS = (TOOLS, BACKENDS, EDITS, ACTS, POLICIES, JUDGES, CHECKS, SOURCES, WRITERS, EXPORTS, ENGINES)

POLICY = """
from canvasagent.policies.base import Reply
from canvasagent.protocol.turns import ToolCall, render_turn


class Turner:
    def __init__(self, angle):
        self.name, self.angle = f"turner:{angle}", angle

    async def act(self, messages, on_text=None):
        if any(message.role == "assistant" for message in messages):
            return Reply(render_turn("It is turned."))
        return Reply(render_turn("Turn it.", ToolCall("Rotate", {"image": "img_1", "angle": self.angle})))


def create(argument, settings):
    return Turner(int(argument or 90))
"""
JUDGE = """
from canvasagent.rewards.judges.base import ASPECTS, Verdict


class Fixed:
    def __init__(self, score):
        self.name, self.score = "fixed", score

    async def judge(self, trajectory):
        return {one: Verdict(aspect=one, score=self.score, judge=self.name, model="fixed-1") for one in ASPECTS}


def create(argument, settings):
    return Fixed(float(argument or 1))
"""
WHOLE_TOOL = '''
from PIL import ImageOps

from canvasagent.canvas import Kind
from canvasagent.tools.base import Call, Outcome, Tool, ToolArguments, asset_field


class Arguments(ToolArguments):
    """What Negative takes."""

    image: str = asset_field("id of the picture", Kind.IMAGE)


def run(call: Call) -> Outcome:
    """The negative, of the same size."""
    return Outcome("Made a negative", call.backend(image=call.pictures["image"]), call.kinds["image"])


class Backend:
    """Inverts every channel."""

    tool, version, stochastic, may_hang = "Negative", "1", False, False

    def __init__(self, config):
        pass

    def __call__(self, *, image):
        return ImageOps.invert(image.convert("RGB"))


TOOL = Tool(
    name="Negative", aliases=(), summary="Invert a picture.", arguments=Arguments, makes="same", run=run,
    example={"image": "img_1"}, default_image="image",
)
'''
ACT = """
from canvasagent.craft.acts import Act, Asking, Bound, Verb, Wording


def negate(draft):
    draft.take("negate")


ACT = Act(
    name="negate", tool="Negative", facts=(), verbs={"neg": Verb()},
    bind=lambda context: Bound({"image": context.image}, {}, context.view),
    asking=(Asking("last", negate, weight=1000.0),),
    wording=Wording(
        object="picture", do=("negate |", "turn | into a negative", "invert |"), say=("| should be a negative",),
        note=("negative of |",), orders=("negate the picture",), done=("the picture is a negative now",),
    ),
)
"""
CHECK = """
from canvasagent.rewards.checks import Check, Finding, Parameters


class None_(Parameters):
    pass


def measure(parameters, result):
    wide = result.final is not None and result.final.width > result.final.height
    return Finding(float(wide), wide, "the picture is wide" if wide else "it is not wide")


CHECK = Check(name="is_wide", summary="It is wide.", parameters=None_, measure=measure,
              examples=lambda seed: (), means="Size.")
"""
EDIT = """
from canvasagent.backends.lite.edits import Edit
from canvasagent.backends.lite.edits import Words

EDIT = Edit(
    summary="solarize", words=(Words(verbs=("solari[sz]e",)),), examples=("solarize it",),
    apply=lambda pixels, job: 255 - pixels,
)
"""


def write(folder: Path, text: str, name: str) -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


# Every kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.noun)
def test_names_are_listed_and_an_unknown_one_is_refused_with_the_nearest(kind: Kind) -> None:
    names = kind.names()
    assert names == sorted(names) and not any(name.startswith("_") for name in names)
    with pytest.raises(InputError, match=f"there is no {kind.noun} '{names[0]}x' .did you mean '{names[0]}'"):
        kind.load(names[0] + "x")


def test_every_folder_of_parts_is_read_by_the_one_loader() -> None:
    """Whoever lists modules or entry points, or imports a file by its path, is the loader or is listed here."""
    source = Path(canvasagent.__file__).parent
    ways = ("entry_points(", "iter_modules(", "spec_from_file_location(")
    readers = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if any(way in path.read_text("utf-8") for way in ways)
    }
    assert readers == {
        "plugins/kind.py",
        "plugins/files.py",
        "backends/__init__.py",  # the folders that are profiles
        "backends/profile.py",  # the files of those folders
        "cli/groups.py",  # commands, which nobody else adds
    }


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.takes_files], ids=lambda kind: kind.noun)
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "there is no file"),
        ("x = 1\nraise KeyError('slip')\n", r"cannot be imported: KeyError: 'slip' \(line 2\)"),
        ("import not_installed_here\n", "No module named 'not_installed_here'"),
        ("def broken(:\n", "SyntaxError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ("answer = 42\n", "does not define|is not a module with"),
    ],
)
def test_a_file_that_is_no_part_is_refused(kind: Kind, text: str | None, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text, "utf-8")
    with pytest.raises(InputError, match=problem) as caught:
        kind.load_spec(str(file))
    assert "mine.py" in str(caught.value)


# Kind by kind


def test_a_policy_from_a_file_runs_on_the_command_line(shell: Shell) -> None:
    write(shell.folder, POLICY, "turner.py")
    done = shell("run", "turn it", "-i", "a.png", "-o", "out.png", "--policy", "./turner.py:180", "--json")
    assert done.code == 0, done
    with Image.open("out.png") as made, Image.open("a.png") as given:
        assert made.size == given.size
    [record] = [Trajectory.load(folder) for folder in Path("runs").iterdir()]
    assert record.policy == "turner:180" and record.tool_calls == ["Rotate"]


def test_a_judge_from_a_file_scores_on_the_command_line(shell: Shell) -> None:
    write(shell.folder, JUDGE, "fixed.py")
    run = Agent(ListPolicy([call("Flip"), end()])).run("flip it", [photo(size=64)], run_dir=shell.folder / "run")
    done = shell("score", run.folder, "--judge", "./fixed.py:0.25", "--json")
    assert done.code == 0 and '"fixed"' in done.out and "0.25" in done.out, done
    assert load_judge(str(shell.folder / "fixed.py")).name == "fixed"


def test_the_judge_of_the_documentation_runs_and_keeps_the_contract(shell: Shell) -> None:
    text = (Path(__file__).parent.parent / "docs" / "evaluation.md").read_text("utf-8")
    section = text[text.index("## Your own judge in one file") :]
    write(shell.folder, section.partition("```python\n")[2].partition("```")[0], "my_judge.py")
    [command] = [line.split() for line in section.splitlines() if line.startswith("    canvasagent score")]
    Agent(ListPolicy([call("Flip"), end()]), runs_dir="runs").run("flip it", [photo(size=64)])
    done = shell(*command[1:], "--json")
    assert done.code == 0 and '"brevity:0.2"' in done.out and "0.6" in done.out, done
    check_judge(load_judge("./my_judge.py"))


def test_a_source_a_writer_and_a_format_from_files(tmp_path: Path) -> None:
    source = "from canvasagent.craft.sources.sketch import create\n"
    picture = load_source(str(write(tmp_path, source, "mine.py"))).pick(Need(), "train", "k")
    assert picture == load_source("sketch").pick(Need(), "train", "k")
    writer = "from canvasagent.craft.writers.grammar import create\n"
    assert load_writer(str(write(tmp_path, writer, "words.py"))).name == "grammar"
    form = "KINDS, LOSES = ('sft',), 'all'\n\n\ndef write(view, out):\n    return []\n"
    assert load_format(str(write(tmp_path, form, "form.py"))).LOSES == "all"
    with pytest.raises(InputError, match="no argument"):
        load_format(f"{tmp_path / 'form.py'}:x")


def test_a_backend_from_a_file_beside_the_profile(tmp_path: Path) -> None:
    backend = WHOLE_TOOL.replace('"Negative"', '"Flip"')
    write(tmp_path, backend, "negative.py")
    write(tmp_path, 'extends = "lite"\nisolate = ["Flip"]\n[backends]\nFlip = "negative.py:Backend"\n', "mine.toml")
    profile = load_profile(tmp_path / "mine.toml")
    agent = Agent(ListPolicy([call("Flip"), end()]), profile)
    given = photo(size=32).convert("RGB")
    run = agent.run("flip it", [given])
    agent.toolbox.close()
    assert run.status == "met" and run.final_picture is not None
    assert run.final_picture.getpixel((0, 0)) == tuple(255 - value for value in given.getpixel((0, 0)))
    before = fingerprint(profile.backends["Flip"], {})
    assert str(tmp_path) not in before and before.startswith("negative.py:Backend@1+")
    write(tmp_path, backend + "# changed\n", "negative.py")
    assert fingerprint(profile.backends["Flip"], {}) != before


def test_the_policy_random_valid_calls_a_new_tool(tmp_path: Path) -> None:
    with using_plugin_files([write(tmp_path, WHOLE_TOOL, "negative.py")]):
        drawn = [draw(Random(number), ["img_1"], [], "a request") for number in range(60)]
    assert ("Negative", {"image": "img_1"}) in drawn
    assert "Negative" not in {draw(Random(number), ["img_1"], [], "a request")[0] for number in range(60)}


def test_an_act_of_a_new_tool_appears_in_chains_tasks_and_notation(tmp_path: Path) -> None:
    files = [write(tmp_path, WHOLE_TOOL, "negative.py"), write(tmp_path, ACT, "negate.py")]
    chain = '[[chain]]\nname = "Negative"\n[[chain.way]]\npictures = [{}]\n'
    chain += 'steps = [{ act = "negate" }]\n'
    source = load_source("sketch")

    def pick(need: Need, key: str) -> Picture:
        return source.pick(need, "train", key)

    with using_plugin_files(files):
        check_act(all_acts()["negate"])
        [plan] = check_chain(user_chains(write(tmp_path, chain, "mine.toml"))["Negative"], source)[:1]
        assert plan.tools() == ("Negative",)
        task = compose(Seed("easy", "easy", "easy"), pick, "negatives")
        assert "Negative" in task.tools() and write_instruction(task, "k")
        assert read_plan("neg; flip", "", pictures=plan.pictures).tools() == ("Negative", "Flip")
    assert "negate" not in all_acts()
    with pytest.raises(InputError, match="'neg' is no step"):
        read_plan("neg", "", pictures=plan.pictures)


def test_a_whole_tool_from_one_file(shell: Shell) -> None:
    write(shell.folder, WHOLE_TOOL, "negative.py")
    assert shell("tool", "negative", "--image", "a.png", "-o", "b.png").code != 0
    done = shell("--plugin", "negative.py", "tool", "negative", "--image", "a.png", "-o", "b.png")
    assert done.code == 0, done
    with Image.open("a.png") as given, Image.open("b.png") as made:
        wanted = tuple(255 - value for value in given.convert("RGB").getpixel((9, 9)))
        assert made.convert("RGB").getpixel((9, 9)) == wanted
    assert "Negative" not in all_tools(), "a plug-in is known to its command only"
    refused = shell("--plugin", "negative.txt", "tools")
    assert refused.code == 2 and "FILE.py" in refused.err


def test_checks_and_edits_from_files(tmp_path: Path) -> None:
    check, edit = write(tmp_path, CHECK, "wide.py"), write(tmp_path, EDIT, "solarize.py")
    assert not understands("solarize it").ok
    with using_plugin_files([check, edit]):
        assert hold({"check": "is_wide"}, Result(Image.new("RGB", (9, 3)))).finding.passed
        assert [step.edit for step in understands("solarize it").steps] == ["solarize"]
        run = Agent(ListPolicy([end()])).run(Task("is it wide?", [photo(size=32)], checks=[{"check": "is_wide"}]))
        assert run.checks == [{"check": "is_wide"}]
    assert "is_wide" not in all_checks() and not understands("solarize it").ok
    with (
        using_plugin_files([check, write(tmp_path, CHECK, "again.py")]),
        pytest.raises(InputError, match="both claim the name 'is_wide'"),
    ):
        all_checks()


# Records name no files


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("spec", ["./evil.py", "evil.py:x", "/tmp/evil.py", "C:\\evil.py:x"])
def test_a_record_never_names_a_file_that_is_imported(tmp_path: Path, spec: str, trust: bool) -> None:
    run = Agent(ListPolicy([call("Flip"), end()])).run("flip", [photo(size=32)], run_dir=tmp_path / "run")
    for change in (
        {"policy": spec},
        {"profile_settings": Profile(name="x", extends="lite", backends={"Flip": spec}).model_dump()},
    ):
        record = run.model_copy(update=change)
        assert [claim.trustable for claim in claims_of(record)] == [False]
        with pytest.raises(InputError, match="never taken from a record"):
            recorded(record, Named(), trust=trust)
    named = Named(policy="scripted", profile="lite")
    assert recorded(run.model_copy(update={"policy": spec}), named).policy == "scripted"


def test_resuming_does_not_import_the_policy_that_a_record_names(shell: Shell) -> None:
    write(shell.folder, "raise RuntimeError('imported')\n", "evil.py")
    run = Agent(ListPolicy([call("Flip"), end()])).run("flip", [photo(size=32)], run_dir=shell.folder / "run")
    file = Path(str(run.folder)) / "trajectory.json"
    data = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**data, "status": "running", "policy": "./evil.py"}), "utf-8")
    for trust in ((), ("--trust-record",)):
        done = shell("run", "--resume", run.folder, *trust)
        assert done.code == 2 and "a policy's file" in done.err and "RuntimeError" not in done.err, done


def test_a_registered_name_comes_before_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="Name a run folder"):
        load_policy("replay:missing.py")
