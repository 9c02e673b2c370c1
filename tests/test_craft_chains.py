"""Chains: the tables as printed, plans that hold together, mixes, chains of the user's own, and runs of every chain."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canvasagent.agent import Agent
from canvasagent.backends.lite.edits import understands
from canvasagent.craft.chains import Chain, bind, chain_at, load_chains, mix_chains, mix_counts, user_chains
from canvasagent.craft.chains.load import PRINTED
from canvasagent.craft.chains.spec import ChainSpec, wire_name
from canvasagent.craft.chains.validate import problems
from canvasagent.craft.difficulty import measure
from canvasagent.craft.gold_policy import GoldPolicy
from canvasagent.craft.pictures import Need, NoPicture, Picture
from canvasagent.craft.plan import Found, Made, Plan
from canvasagent.craft.slots import words
from canvasagent.craft.sources import load_source
from canvasagent.environment import Limits
from canvasagent.errors import InputError
from canvasagent.execution.toolbox import ToolBox
from canvasagent.rewards.checks import run_checks
from canvasagent.rewards.checks._registry import read_check
from canvasagent.sketch.grammar import parse
from canvasagent.task import Task
from cli_helpers import Shell
from plain_writer import PlainWriter


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


CHAINS = load_chains()
SKETCH = load_source("sketch")


def pick(need: Need, key: str) -> Picture:
    return SKETCH.pick(need, "train", key)


def test_the_tables_are_as_printed() -> None:
    """Counts, names and sums of Tables 7 and 8."""
    eight = [chain for chain in CHAINS.values() if chain.table == 8]
    assert len(eight) == 46 and sum(chain.count for chain in eight) == PRINTED[8] == 3808
    assert sum(chain.count for chain in CHAINS.values()) == PRINTED[7] == 142_798
    assert len(CHAINS) == 57 and CHAINS["Grounding+Flip+Rotate+OCR"].count == 86
    assert CHAINS["Edit+Grounding+Edit+SR"].count == 180 and CHAINS["SR"].count == 2000


@pytest.mark.parametrize("chain", CHAINS.values(), ids=lambda chain: chain.name)
def test_a_chain_binds(chain: Chain) -> None:
    """For several keys: the printed tools in order, references that resolve, checks that are known; the same again."""
    assert chain.tools == tuple(wire_name(name) for name in chain.name.split("+"))
    spec = ChainSpec(name=chain.name, count=chain.count, way=chain.ways)
    assert problems(spec, chain.groups) == []
    for number in range(3):
        plan = bind(chain, pick, f"test {number}")
        assert plan.tools() == chain.tools and plan.chain == chain.name
        _holds_together(plan)
        assert plan.checks
        for data in plan.checks:
            read_check(data)
        assert bind(chain, pick, f"test {number}") == plan
        assert Plan.model_validate_json(plan.model_dump_json()) == plan


def _holds_together(plan: Plan) -> None:
    there = {f"img_{number}" for number in range(1, len(plan.pictures) + 1)}
    found: set[str] = set()
    for step in plan.path():
        for name, value in step.arguments.items():
            if isinstance(value, Made):
                assert value.step in there, (step, name)
            elif isinstance(value, Found):
                assert value.step in found and set(value.through) <= there, (step, name)
            elif isinstance(value, str) and value.startswith("img_"):
                assert value in there, (step, name)
        (found if step.tool in ("Grounding", "OCR") else there).add(step.id)
        assert all(isinstance(fact, str) and fact for fact in step.facts.values())
        if step.tool == "ImageEdit":
            assert understands(str(step.arguments["edit_prompt"])).ok, step
        if step.act == "generate":
            parse(str(step.arguments["prompt"]))
    assert plan.result is None or plan.result in there


def test_a_box_is_carried_through_a_mirror() -> None:
    """Table 8: found before the mirror, segmented after it; where it is found again, the second finding serves."""
    transform_box = bind(CHAINS["SR+Grounding+Flip+SAM+Extract+Overlay"], pick, "carried").path()
    assert transform_box[3].arguments["bbox"] == Found(step="s2", through=("s3",))
    again = bind(CHAINS["Grounding+Flip+Grounding+SAM+Extract+Overlay"], pick, "again").path()
    assert again[3].arguments["bbox"] == Found(step="s3")


def test_turned_pictures_are_put_right() -> None:
    """The angle undoes the turn of the picture at hand, and the words say why."""
    plan = bind(CHAINS["OCR+Rotate+OCR+Edit"], pick, "turned")
    turned, step = plan.pictures[0].contents.turned, plan.path()[1]
    assert turned and (int(str(step.arguments["angle"])) + turned) % 360 == 0 and step.facts["why"]


def test_every_prompt_is_understood() -> None:
    """Whatever is drawn from the lists, the edit tool knows it."""
    assert all(understands(prompt).ok for prompt in (*words()["styles"].values(), *words()["adjustments"].values()))
    for place in (*words()["places"], *words()["sky_places"]):
        assert understands(f"add a dog {place}").ok


def test_no_picture_says_what_is_missing() -> None:
    def none(need: Need, key: str) -> Picture:
        raise NoPicture("the folder is empty")

    with pytest.raises(NoPicture, match=r"chain 'SR'.*the folder is empty"):
        bind(CHAINS["SR"], none, "x")


# ── mixes ────────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=40)
@given(st.sampled_from(["paper", "uniform"]), st.integers(0, 5000))
def test_counts_add_up(mix: str, n: int) -> None:
    counts = mix_counts(mix, n)
    assert sum(counts.values()) == n and set(counts) <= set(CHAINS) and all(counts.values())
    weights = {name: chain.count / 142_798 if mix == "paper" else 1 / 57 for name, chain in CHAINS.items()}
    assert all(abs(counts.get(name, 0) - n * weight) < 1 for name, weight in weights.items())


def test_the_paper_mix_at_full_size() -> None:
    assert mix_counts("paper", 142_798) == {name: chain.count for name, chain in CHAINS.items()}


@pytest.mark.parametrize("n", [1, 2, 57, 300])
def test_every_chain_comes_up_as_often_as_counted(n: int) -> None:
    counts = mix_counts("paper", n)
    order = [chain_at(counts, 5, index).name for index in range(n)]
    assert Counter(order) == counts and order == [chain_at(counts, 5, index).name for index in range(n)]
    assert n < 50 or order != [chain_at(counts, 6, index).name for index in range(n)]
    with pytest.raises(IndexError):
        chain_at(counts, 5, n)


OWN = """
[[chain]]
name = "find, cut, tell"
count = 3
[[chain.way]]
pictures = [{ things = 1, drawn = true, turned = false }]
slots = { a = "thing apart" }
steps = [
    { tool = "SAM", act = "segment", thing = "$a", box = "given" },
    { id = "cut", tool = "Extract", act = "cut out", thing = "$a" },
    { tool = "SR", act = "enhance" },
]
"""


def test_chains_of_ones_own(tmp_path: Path) -> None:
    """A chain from a file binds; its box is the one that the request names; a mix may name it."""
    (tmp_path / "own.toml").write_text(OWN)
    chain = user_chains(tmp_path / "own.toml")["find, cut, tell"]
    plan = bind(chain, pick, "own")
    key = plan.path()[0].facts["thing"]
    assert plan.path()[0].arguments["bbox"] in [t.box for t in plan.pictures[0].contents.things if t.phrase == key]
    mix = tmp_path / "mix.toml"
    mix.write_text('chains = "own.toml"\n[mix]\n"find, cut, tell" = 3\nOCR = 1\n')
    assert mix_counts(mix, 8) == {"find, cut, tell": 6, "OCR": 2}
    assert chain_at({"find, cut, tell": 1}, 0, 0, mix_chains(mix)) == chain


STEP = 'steps = [{ tool = "Grounding", act = "locate", thing = "$a" }, '
WRONG = {
    "did you mean 'Grounding'": 'steps = [{ tool = "Groundin", act = "locate", thing = "$a" }]',
    "no earlier step finds one": 'steps = [{ tool = "SAM", act = "segment", thing = "$a" }]',
    "which makes none": STEP + '{ tool = "Flip", act = "flip", on = "s1" }]',
    "comes later": STEP + '{ tool = "Flip", act = "flip", on = "s3" }, { tool = "SR", act = "enhance" }]',
    "from itself": 'steps = [{ id = "me", tool = "Flip", act = "flip", on = "me" }]',
    "no such step or input picture": 'steps = [{ tool = "Flip", act = "flip", on = "img_2" }]',
    "box from step 's1', which makes none": 'steps = [{ tool = "Flip", act = "flip" }, '
    '{ tool = "Crop", act = "crop", thing = "$a", box = "s1" }]',
    "there is no such slot": 'steps = [{ tool = "Grounding", act = "locate", thing = "$b" }]',
    "needs a mask": 'steps = [{ tool = "Extract", act = "cut out", thing = "$a" }]',
    "nothing to paste": 'steps = [{ tool = "Overlay", act = "paste", where = "?spot" }]',
    "cannot 'flip'": 'steps = [{ tool = "SR", act = "flip" }]',
    "it needs 'color'": 'steps = [{ tool = "Edit", act = "recolor", thing = "$a" }]',
    "takes no 'angle'": 'steps = [{ tool = "Flip", act = "flip", angle = "90" }]',
    "two steps are called 's2'": 'steps = [{ id = "s2", tool = "Flip", act = "flip" }, '
    '{ tool = "SR", act = "enhance" }]',
    "takes no 'colour'": 'steps = [{ tool = "Flip", act = "flip", colour = "red" }]',
    "has no steps": "steps = []",
    "no type 'thingy'": 'slots = { b = "thingy" }\nsteps = [{ tool = "Flip", act = "flip" }]',
    "filled in order": 'slots = { c = "colour for b", b = "thing" }\nsteps = [{ tool = "Flip", act = "flip" }]',
    "no group 'lok'": 'steps = [{ tool = "Edit", one_of = "lok" }]',
    "the result 's1'": 'result = "s1"\nsteps = [{ tool = "OCR", act = "read" }]',
}


@pytest.mark.parametrize("told", WRONG)
def test_impossible_chains_are_told(told: str, tmp_path: Path) -> None:
    slots = "" if "slots" in WRONG[told] else 'slots = { a = "thing" }\n'
    file = tmp_path / "own.toml"
    file.write_text(f'[[chain]]\nname = "mine"\n[[chain.way]]\npictures = [{{ things = 1 }}]\n{slots}{WRONG[told]}\n')
    with pytest.raises(InputError) as error:
        user_chains(file)
    assert told in str(error.value) and "own.toml" in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[mix]\nOCRR = 1", "did you mean 'OCR'"),
        ("[mix]\nOCR = -1", "0 or more"),
        ("[mix]\nOCR = 0", "all weights are 0"),
        ("[mx]\nOCR = 1", r"table \[mix\]"),
        ("[mix", "not TOML"),
    ],
)
def test_wrong_mixes_are_told(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "mix.toml").write_text(text)
    with pytest.raises(InputError, match=told):
        mix_counts(tmp_path / "mix.toml", 10)


def test_a_mix_that_is_none() -> None:
    with pytest.raises(InputError, match="'paper', 'uniform' or a TOML file"):
        mix_counts("papper", 10)


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_command_lists_them(shell: Shell) -> None:
    told = shell("craft", "chains", "--mix", "paper", "--n", 1000, "--json").object
    assert told["total"] == 142_798 and sum(row["share"] for row in told["chains"]) == 1000
    assert "way 2" in shell("craft", "chains", "ImageEdit").out
    wrong = shell("craft", "chains", "ImageEdt")
    assert wrong.code == 2 and "did you mean 'ImageEdit'" in wrong.err


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────


def _run(plan: Plan, toolbox: ToolBox) -> list[str]:
    """What is wrong with a run of a plan by the performer."""

    async def run() -> list[str]:
        writer = PlainWriter()
        instruction = await writer.instruction(plan, "run")
        if any(step.purpose == "answer" for step in plan.path()):
            instruction += " What does it say, and where is it?"
        policy = GoldPolicy(plan, writer, "run", recovery=0, verify=0)
        images = [SKETCH.open(picture) for picture in plan.pictures]
        agent = Agent(policy, toolbox, limits=Limits(max_turns=20))
        record = await agent.arun(Task(instruction, images, difficulty=measure(plan), checks=plan.checks))
        stuck = policy.progress(record).stuck
        if stuck is not None:
            return [stuck]
        return [outcome.finding.why for outcome in run_checks(record) if not outcome.finding.passed]

    return asyncio.run(run())


SAMPLE = (
    "ImageGeneration", "OCR", "Grounding+SAM+Extract", "Rotate", "OCR+Grounding+Crop+Flip+Grounding+SR",
    "Grounding+Flip+Edit+SAM+Extract+Overlay", "OCR+Rotate+OCR+Edit",
)  # fmt: skip


def _sound(chain: Chain, toolbox: ToolBox) -> None:
    """One of the first plans of a chain is carried out, and what it makes passes its checks."""
    told = []
    for number in range(3):
        plan = bind(chain, pick, f"run {number}")
        wrong = _run(plan, toolbox)
        if not wrong:
            return
        told.append(wrong)
    raise AssertionError(f"{chain.name}: {told}")


@pytest.mark.parametrize("name", SAMPLE)
def test_a_chain_runs(name: str) -> None:
    with ToolBox("lite", workers=1) as toolbox:
        _sound(CHAINS[name], toolbox)


@pytest.mark.slow
def test_every_chain_runs() -> None:
    with ToolBox("lite", workers=1) as toolbox:
        for chain in CHAINS.values():
            _sound(chain, toolbox)
