"""Task specifications: marginals, plans that are what their seed asks for, filters, builds, solvability."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from canvasagent.craft import builder as shared
from canvasagent.craft.builder import build
from canvasagent.craft.difficulty import LEVELS, measure
from canvasagent.craft.model_client import WriterSettings
from canvasagent.craft.pictures import Need, NoPicture, Picture, Split
from canvasagent.craft.plan import Branch, Plan, Step
from canvasagent.craft.quality import judge
from canvasagent.craft.records import RlRecord
from canvasagent.craft.rl.compose import compose
from canvasagent.craft.rl.conditions import KINDS, Kind
from canvasagent.craft.rl.criteria import criteria_of, in_words, untaken
from canvasagent.craft.rl.draft import Draft
from canvasagent.craft.rl.filters import RULES, TaskCandidate, sieve, stages
from canvasagent.craft.rl.model import ModelFilter
from canvasagent.craft.rl.seeds import AXES, Seed, cells, marginals, seed_at
from canvasagent.craft.rl.solving import holds_already
from canvasagent.craft.rl.tasks import TaskRecipe, TaskSettings, settings_for
from canvasagent.craft.slots import Unfit
from canvasagent.craft.sources import load_source
from canvasagent.craft.store import Dataset
from canvasagent.craft.tally import TABLE_3
from canvasagent.craft.worker import WordedPlan, Worker, WorkItem
from canvasagent.craft.writers.grammar import write_instruction
from canvasagent.errors import InputError
from canvasagent.rewards.checks import all_checks, read_check
from chat_server import Answer, ChatServer
from cli_helpers import Shell

SKETCH = load_source("sketch")
CELLS = [
    Seed(R, L, D) for R in LEVELS for L in LEVELS for D in LEVELS if not (L == "easy" and D == "hard")
]  # fmt: skip


def picker(split: Split = "train") -> Callable[[Need, str], Picture]:
    return lambda need, key: SKETCH.pick(need, split, key)


@cache
def plan_for(seed: Seed) -> Plan:
    """A plan for a cell, composed once."""
    return compose(seed, picker(), f"tests:{seed.name}")


# ── seeds ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("n", [1, 3, 200, 10_000])
def test_marginals_are_those_of_table_3_and_no_task_gets_what_cannot_be(n: int) -> None:
    counts = marginals({}, n)
    if n == 10_000:
        assert counts == TABLE_3
    counted = cells(counts, seed=5)
    assert sum(counted.values()) == n
    drawn: dict[str, Counter[str]] = {axis: Counter() for axis in AXES}
    for index in range(n):
        seed = seed_at(counted, 5, index)
        assert not (seed.L == "easy" and seed.D == "hard")
        for axis, level in seed.levels.items():
            drawn[axis][level] += 1
    assert {axis: {level: drawn[axis][level] for level in LEVELS} for axis in AXES} == counts


@pytest.mark.parametrize(
    "weights", [{"R": (1, 1, 1)}, {"L": (1, 0, 0), "D": (2, 1, 0)}, {"L": (3, 7, 0), "D": (0, 3, 7)}]
)
def test_marginals_can_be_steered_and_stay_exact(weights: dict[str, tuple[int, ...]]) -> None:
    n = 97
    counts = marginals(weights, n)
    for axis, given in weights.items():
        assert all(abs(counts[axis][level] - n * w / sum(given)) < 1 for level, w in zip(LEVELS, given, strict=True))
    counted = cells(counts, 1)
    for place, axis in enumerate(AXES):
        for level in LEVELS:
            assert counts[axis][level] == sum(c for name, c in counted.items() if name.split("/")[place] == level)
    assert not any(name.endswith("easy/hard") for name in counted)


def test_the_order_follows_from_the_seed() -> None:
    counted = cells(marginals({}, 300), 1)
    order = [[seed_at(counted, seed, index) for index in range(300)] for seed in (1, 1, 2)]
    assert order[0] == order[1] != order[2]


@pytest.mark.parametrize(
    "weights", [{"R": (1, 2)}, {"R": (1, -2, 3)}, {"D": (0, 0, 0)}, {"L": (9, 1, 0), "D": (0, 0, 1)}]
)
def test_weights_that_cannot_be_are_told(weights: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(InputError, match=r"three weights|do not fit"):
        marginals(weights, 100)


# ── plans ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", CELLS, ids=lambda seed: seed.name)
def test_a_plan_is_measured_as_its_seed_says(seed: Seed) -> None:
    plan = plan_for(seed)
    assert measure(plan) == seed.levels
    assert plan == compose(seed, picker(), f"tests:{seed.name}")
    assert len({step.id for step in plan.path()}) == len(plan.path()) >= 2
    for check in plan.checks:
        read_check(check)
    text = write_instruction(plan, "words")
    assert RULES["ambiguous"](TaskCandidate(seed, plan, text)) in (
        None,
        "it wants words for an answer, but does not ask",
    )
    assert all(criteria_of(plan))


NEEDS = (
    Need(things=4, drawn=True, steady=True),
    Need(things=2, texts=1, drawn=True, steady=True),
    Need(texts=2, drawn=False, turned=True, steady=True),
)


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.make.__name__)
def test_conditions_of_every_kind_turn_out_both_ways(kind: Kind, holds: bool) -> None:
    for number in range(40):
        picture = SKETCH.pick(NEEDS[number % 3], "train", f"condition:{number}")
        draft = Draft.of((picture,), Random(number))
        try:
            decision = kind.make(draft, holds)
        except Unfit:
            continue
        condition, look = decision.condition, draft.nodes[-1]
        assert isinstance(look, Step) and look.id == condition.step and look.tool == kind.tool
        assert condition.holds is holds
        shown = picture.contents
        if condition.kind == "count":
            name, least = condition.facts["thing"], int(condition.facts["at least"])
            assert (max(thing.count for thing in shown.things if thing.name == name) >= least) is holds
        elif condition.kind == "present":
            noun = condition.facts["thing"].split()[-1]
            assert not holds or any(noun in thing.name for thing in shown.things)
        elif condition.kind == "text says":
            assert (condition.facts["text"] in [text.words for text in shown.texts]) is holds
        elif condition.kind == "text present":
            assert bool(shown.texts) is holds
        else:
            assert (shown.turned == 180) is holds
        return
    raise AssertionError("no picture suits it")


def test_what_another_side_adds_must_not_be_there() -> None:
    plans = [compose(Seed("medium", "medium", "easy"), picker(), f"aside:{number}") for number in range(12)]
    added = [(plan, step) for plan in plans for step in untaken(plan.nodes) if step.act == "add"]
    absent = [
        {"check": "object_absent", "object": step.facts["thing"].split()[-1]} in plan.checks for plan, step in added
    ]
    assert added and any(absent)


def test_requests_have_none_to_three_pictures_and_use_them_all() -> None:
    found: Counter[int] = Counter()
    for number in range(50):
        plan = compose(Seed("hard", "hard", "hard" if number % 2 else "medium"), picker(), f"inputs:{number}")
        found[len(plan.pictures)] += 1
        used = {value for step in plan.path() for value in step.arguments.values() if isinstance(value, str)}
        assert {f"img_{at}" for at in range(1, len(plan.pictures) + 1)} <= used
        for step in plan.path():
            if str(step.arguments.get("content", "")).startswith("img_"):
                assert any(check["check"] == "contains_input" for check in plan.checks)
    assert set(found) == {0, 1, 2, 3}, found


def test_a_source_without_pictures_is_told() -> None:
    def nothing(need: Need, key: str) -> Picture:
        raise NoPicture("the shelf is empty")

    with pytest.raises(NoPicture, match=r"R hard, L hard, D easy.*the shelf is empty"):
        compose(Seed("hard", "hard", "easy"), nothing, "none")


# ── filters ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def candidate() -> TaskCandidate:
    """A sound task: R medium, one branch, whose condition speaks of something."""
    seed = Seed("medium", "medium", "medium")
    for number in range(20):
        plan = compose(seed, picker(), f"draught:{number}")
        named = [branch for branch in plan.branches() if branch.condition.facts]
        if len(plan.branches()) == len(named) == 1 and not any(step.purpose == "answer" for step in plan.path()):
            task = TaskCandidate(seed, plan, write_instruction(plan, "draught"))
            assert sieve(task) is None
            return task
    raise AssertionError("no such task")


def with_branch(plan: Plan, **sides: tuple[Step, ...]) -> Plan:
    nodes = tuple(node.model_copy(update=sides) if isinstance(node, Branch) else node for node in plan.nodes)
    return plan.model_copy(update={"nodes": nodes})


def spoilt(task: TaskCandidate, how: str) -> TaskCandidate:
    """The task with one thing wrong."""
    plan, words, seed = task.plan, task.instruction, task.seed
    branch = plan.branches()[0]
    match how:
        case "mark":
            words += " <tool_call>"
        case "seed":
            seed = Seed("hard", seed.L, seed.D)
        case "no checks":
            plan = plan.model_copy(update={"checks": ({"check": "not_blank", "differs_from": 1},)})
        case "unsaid":
            words = words.replace(next(iter(branch.condition.facts.values())).split()[-1], "thing")
        case "same":
            side = branch.yes or branch.no
            plan = with_branch(plan, yes=side, no=side)
        case "several":
            step = Step(
                id="extra", tool="ImageEdit", act="remove", facts={"thing": "dog"},
                arguments={"image": "img_1", "edit_prompt": "remove the dog"},
            )  # fmt: skip
            thing = plan.pictures[0].contents.things[0]
            dogs = thing.model_copy(update={"name": "dog", "phrase": "brown dog", "count": 2})
            contents = plan.pictures[0].contents.model_copy(update={"things": (dogs,)})
            picture = plan.pictures[0].model_copy(update={"contents": contents})
            plan = plan.model_copy(update={"pictures": (picture,), "nodes": (*plan.nodes, step)})
            words += " Remove the dog."
        case "others":
            words += " Put the other one into a corner of the other one."
        case "no question":
            step = Step(id="extra", tool="OCR", act="read", arguments={"image": "img_1"}, purpose="answer")
            plan = plan.model_copy(update={"nodes": (*plan.nodes, step)})
    return TaskCandidate(seed, plan, words)


SPOILT = {
    "mark": ("instruction", "<tool_call>"), "seed": ("inconsistent", "R is medium, not hard"),
    "no checks": ("too simple", "no check"), "unsaid": ("ambiguous", "does not name"),
    "same": ("ambiguous", "whichever way"), "several": ("ambiguous", "2 of 'dog'"),
    "no question": ("ambiguous", "does not ask"), "others": ("ambiguous", "both called the other"),
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILT)
def test_each_filter_fells_what_it_is_for(candidate: TaskCandidate, how: str) -> None:
    rule, why = SPOILT[how]
    task = spoilt(candidate, how)
    said = RULES[rule](task)
    assert said is not None and why in said


def test_a_single_call_is_too_simple(candidate: TaskCandidate) -> None:
    step = next(step for step in candidate.plan.path() if step.tool == "ImageEdit")
    plan = Plan(chain="x", pictures=candidate.plan.pictures, nodes=(step,), checks=candidate.plan.checks)
    assert RULES["too simple"](TaskCandidate(candidate.seed, plan, "Do it.")) == "it takes 1 call"


def test_what_holds_already_needs_no_doing(candidate: TaskCandidate) -> None:
    images = [SKETCH.open(candidate.plan.pictures[0])]
    name = candidate.plan.pictures[0].contents.things[0].name
    easy = candidate.plan.model_copy(update={"checks": ({"check": "not_blank"},)})
    assert holds_already(easy, images)
    flipped = candidate.plan.model_copy(update={"checks": ({"check": "not_blank"}, {"check": "mirrored", "input": 1})})
    assert not holds_already(flipped, images), name


def test_a_model_may_object_and_its_failure_is_told(candidate: TaskCandidate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_WRITER_API_KEY", "key")
    replies = [Answer('{"keep": true, "why": "fine"}'), Answer('{"keep": false, "why": "two cups"}'), Answer("well")]
    with ChatServer(*replies) as server:
        model = ModelFilter("endpoint:m", WriterSettings(base_url=server.url, tries=1))
        images = [SKETCH.open(picture) for picture in candidate.plan.pictures]
        said = [asyncio.run(model.objection(candidate, images)) for _ in range(2)]
        assert said == [None, "two cups"]
        assert candidate.instruction in server.requests[0].texts("user")[0] and server.requests[0].urls()
        with pytest.raises(Exception, match="nothing that can be used"):
            asyncio.run(model.objection(candidate, images))
    with pytest.raises(InputError, match="endpoint:MODEL"):
        ModelFilter("gpt")


def test_every_check_has_words() -> None:
    shown = {"object": "dog", "color": "red", "text": "SALE", "words": ["dog"], "turned": 90, "ratio": 4.0}
    for name in all_checks():
        assert in_words({"check": name, **shown}).endswith(".")


# ── builds ───────────────────────────────────────────────────────────────────────────────────────────────────


SMALL = {"verify": 0.0, "validation": 0.2, "test": 0.2, "seed": 3}


def shards(folder: Path) -> dict[str, str]:
    with Dataset.open(folder) as dataset:
        assert dataset.complete and not dataset.verify()
        return {shard.path: shard.sha256 for shard in dataset.manifest.shards}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Ten tasks, built in one go."""
    folder = tmp_path_factory.mktemp("rl") / "tasks"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "SHARD_ITEMS", (3, 3))
        progress = build(settings_for(10, **SMALL), folder)
    assert progress.made == 10
    yield folder


def test_records_are_whole_and_as_asked(built: Path) -> None:
    with Dataset.open(built) as dataset:
        records = list(dataset.rl())
    drawn = {axis: Counter(record.difficulty[axis] for record in records) for axis in AXES}
    wanted = marginals({}, 10)
    assert {axis: {level: drawn[axis][level] for level in LEVELS} for axis in AXES} == wanted
    for record in records:
        plan = Plan.model_validate(record.plan)
        assert measure(plan) == record.difficulty
        assert record.expected_tools == list(plan.tools()) and record.gold_steps == len(plan.path())
        assert record.criteria and record.solvability is None and record.meta["verified"] is False
        assert len(record.images) == len(plan.pictures)


def test_no_picture_is_in_two_splits(built: Path) -> None:
    of: dict[str, set[str]] = {}
    with Dataset.open(built) as dataset:
        assert len(dataset.splits) > 1
        for record in dataset.rl():
            for key in record.images:
                of.setdefault(key, set()).add(record.split)
    assert all(len(splits) == 1 for splits in of.values())


def test_the_funnel_tells_every_stage(built: Path) -> None:
    told = json.loads((built / "funnel.json").read_text())
    assert [stage["stage"] for stage in told["stages"]] == list(stages())
    assert told["records"] == 10 and told["wanted"] == cells(marginals({}, 10), 3)
    assert "ambiguous" in (built / "funnel.html").read_text()


def test_a_build_that_is_interrupted_goes_on_without_loss(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "SHARD_ITEMS", (3, 3))
    settings = settings_for(10, **SMALL)

    def stop(progress: shared.Progress) -> None:
        if progress.made - progress.existing >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(settings, tmp_path / "tasks", on_progress=stop)
    progress = build(settings, tmp_path / "tasks")
    assert 0 < progress.existing < 10 and progress.made == 10
    assert shards(tmp_path / "tasks") == shards(built)


@pytest.mark.slow
def test_the_number_of_workers_does_not_matter(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "SHARD_ITEMS", (3, 3))
    build(settings_for(10, **SMALL), tmp_path / "tasks", workers=2)
    assert shards(tmp_path / "tasks") == shards(built)


def test_slots_do_not_depend_on_what_was_made_before(built: Path) -> None:
    worker = Worker(settings_for(10, **SMALL))
    try:
        records = {}
        for slot in (7, 2):
            made = worker(WorkItem(slot)).attempts[-1].record
            assert isinstance(made, RlRecord)
            records[made.id] = made
    finally:
        worker.close()
    with Dataset.open(built) as dataset:
        kept = {record.id: record for record in dataset.rl()}
    assert all(kept[name] == record for name, record in records.items())


def test_gold_runs_and_policies_are_measured() -> None:
    """The gold run of a small task passes its checks, and not one that is wrong; a policy's tries are counted."""
    settings = settings_for(
        1, {"L": (1, 0, 0), "D": (1, 0, 0), "R": (1, 0, 0)}, verify=1.0, solve="random-valid", tries=1, seed=1
    )
    worker = Worker(settings)
    try:
        built = worker(WorkItem(0))
        record = built.attempts[-1].record
        assert isinstance(record, RlRecord) and record.meta["verified"] is True
        told = record.solvability
        assert told is not None and told["policy"] == "random-valid" and told["runs"] == 1
        assert told["solved"] <= 1 and told["pass_rate"] == told["solved"] and told["mean_reward"] is not None
        plan = Plan.model_validate(record.plan)
        plan = plan.model_copy(update={"checks": (*plan.checks, {"check": "text_readable", "text": "XYLOPHONE"})})
        images = tuple(worker.sources.open(picture) for picture in plan.pictures)
        assert isinstance(worker.recipe, TaskRecipe)
        wrong = WordedPlan(0, 0, "gold", plan, images, record.instruction, {})
        fallen = judge(asyncio.run(worker.recipe.gold(wrong)))
    finally:
        worker.close()
    assert fallen is not None and fallen.rule == "checks" and "text_readable" in fallen.why


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────

BAD: dict[str, tuple[list[Any], str]] = {
    "weights": (["-R", "1,x,3"], "no three weights"),
    "two weights": (["-L", "1,2"], "three weights"),
    "none": (["-D", "0,0,0"], "three weights"),
    "impossible": (["-L", "1,0,0", "-D", "0,0,1"], "do not fit"),
    "source": (["--images", "film"], "no source of pictures 'film'"),
    "writer": (["--writer", "poet"], "no writer 'poet'"),
    "profile": (["--profile", "huge"], "huge"),
    "policy": (["--solve", "oracle"], "no policy 'oracle'"),
    "model": (["--filter-model", "gpt"], "endpoint:MODEL"),
    "engine": (["--engine", "steam", "--workers", 2], "no engine 'steam'"),
}


@pytest.mark.parametrize("name", BAD)
def test_malformed_settings_are_told(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, why = BAD[name]
    said = Shell(tmp_path, capsys)("craft", "rl", "--n", 4, "--out", tmp_path / "tasks", *arguments)
    assert said.code == 2 and why in " ".join(said.err.split())


def test_a_folder_of_other_settings_is_refused(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = Shell(tmp_path, capsys)("craft", "rl", "--n", 11, "--seed", 3, "--out", built)
    assert said.code == 2 and "begun with other settings" in " ".join(said.err.split())


def test_settings_are_kept_with_the_dataset(built: Path) -> None:
    with Dataset.open(built) as dataset:
        assert TaskSettings.model_validate(dataset.settings) == settings_for(10, **SMALL)


def test_other_commands_work_on_tasks(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Shell(tmp_path, capsys)
    audit = run("craft", "audit", built, "--json")
    assert audit.code == 0, audit.out
    stats = run("craft", "stats", built, "--json").object
    here = {axis: {line["name"]: line["here"] for line in lines} for axis, lines in stats["table_3"].items()}
    assert here == marginals({}, 10)
    for form in ("verl", "trl", "hf"):
        said = run("craft", "export", built, "--format", form, "--out", tmp_path / form, "--json").object
        assert sum(said["records"].values()) == 10
