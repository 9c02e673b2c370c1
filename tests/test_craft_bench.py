"""CanvasBench-250: what it is made up of, that nothing in it can be changed unseen, and its gold runs."""

from __future__ import annotations

import json
import re
import shutil
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image

import canvasagent.craft.bench as bench_module
from canvasagent.craft.bench import Bench, data, load_bench
from canvasagent.craft.bench.marginals import ASKED, INPUTS_APART, TASKS, astray, marginals
from canvasagent.craft.bench.runs import run_golds, run_task_mutants
from canvasagent.craft.mutants import mutants_of
from canvasagent.errors import InputError
from canvasagent.rewards.checks import Result, hold
from cli_helpers import Shell

KNOWN = sorted((Path(__file__).parent / "data").glob("instructions*.jsonl"))
ALIKE = 0.6
"""Share of runs of four words from which two instructions count as alike."""


@pytest.fixture(scope="module")
def bench() -> Bench:
    return load_bench()


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The benchmark's folder, copied to where it can be edited."""
    folder = tmp_path / "bench"
    shutil.copytree(str(data.folder()), folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr(data, "folder", lambda: folder)
    monkeypatch.setattr(bench_module, "folder", lambda: folder)
    return folder


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


def test_it_is_frozen_and_has_the_asked_marginals(bench: Bench) -> None:
    assert bench.frozen and len(bench.tasks) == TASKS == len({task.id for task in bench.tasks})
    assert astray(bench.tasks) == []
    here = {(line.group, line.name): line.here for line in marginals(bench.tasks)}
    assert {axis: {level: here[axis, level] for level in ASKED[axis]} for axis in ASKED} == ASKED
    for number, share in ((0, 0.27), (1, 0.58), (2, 0.08), (3, 0.06)):
        assert abs(here["inputs", str(number)] / TASKS - share) <= INPUTS_APART
    assert len(bench.failing) <= 0.05 * TASKS and set(bench.failing) <= {task.id for task in bench.tasks}


def test_another_task_fewer_shows_in_the_marginals(bench: Bench) -> None:
    assert any(line.startswith("R ") for line in astray(bench.tasks[1:]))


def test_every_tool_and_every_kind_of_condition_is_in_it_both_ways(bench: Bench) -> None:
    tools = {tool for task in bench.tasks for tool in task.expected_tools}
    assert tools == set(
        (
            "ImageGeneration",
            "ImageEdit",
            "Grounding",
            "OCR",
            "SAM",
            "Extract",
            "Overlayer",
            "Crop",
            "Rotate",
            "Flip",
            "SR",
        )
    )
    turned_out = {
        (branch.condition.kind, branch.condition.holds) for task in bench.tasks for branch in task.plan.branches()
    }
    kinds = {kind for kind, _ in turned_out}
    assert kinds == {"present", "count", "text present", "text says", "upside down"}
    assert turned_out == {(kind, holds) for kind in kinds for holds in (True, False)}
    assert sum("recover" in task.tags for task in bench.tasks) >= 10


def test_gold_plans_have_two_calls_and_turns_to_spare(bench: Bench) -> None:
    for task in bench.tasks:
        steps = len(task.plan.path())
        assert steps >= 2 and task.max_turns == 2 * steps + 4 and len(task.expected_tools) == steps
        assert task.checks and task.difficulty == task.task().difficulty


def test_no_instruction_is_like_another_or_like_one_of_the_test_data(bench: Bench) -> None:
    ours = [(task.id, _runs(task.instruction)) for task in bench.tasks]
    theirs = [
        (row["id"], _runs(row["request"]))
        for file in KNOWN
        for row in map(json.loads, file.read_text("utf-8").splitlines())
    ]
    assert len(theirs) > 300
    pairs = [*combinations(ours, 2), *((one, two) for one in ours for two in theirs)]
    alike = [
        (name, other)
        for (name, words), (other, known) in pairs
        if len(words & known) >= ALIKE * min(len(words), len(known))
    ]
    assert alike == []


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[at : at + 4]) for at in range(max(1, len(words) - 3))}


def test_an_untouched_picture_does_not_pass(bench: Bench) -> None:
    for task in bench.tasks[66:250:23]:
        pictures = task.pictures()
        for picture in pictures:
            result = Result(final=picture, inputs=pictures, answer=None)
            assert not all(hold(check, result).finding.passed for check in task.checks), task.id


def test_an_edited_picture_is_refused(copied: Path) -> None:
    file = copied / "pictures" / "b001_1.webp"
    with Image.open(file) as opened:
        picture = opened.convert("RGB")
    picture.save(file, "WEBP", lossless=True, method=0)
    load_bench()  # other bytes, the same pixels
    red, green, blue = picture.getpixel((5, 5))  # type: ignore[misc]
    picture.putpixel((5, 5), (red, green, blue ^ 1))
    picture.save(file, "WEBP", lossless=True, method=0)
    with pytest.raises(InputError, match="not as it was frozen: b001"):
        load_bench()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Is there a cat in this picture?", "Is there a cat in that picture?", "not as it was frozen: b001"),
        ("ok: color car blue", "ok: color car red", "not as it was frozen: b001"),
        ("?dog y{", "?dog {", "b001: .*is no condition"),
        ("ok: color car blue; present dog", "ok: colour car blue", "b001: .*is no check"),
    ],
)
def test_an_edited_task_is_refused(copied: Path, old: str, new: str, said: str) -> None:
    file = copied / "tasks" / "01.txt"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError, match=said):
        load_bench()


def test_a_missing_picture_is_named(copied: Path) -> None:
    (copied / "pictures" / "b002_1.webp").unlink()
    with pytest.raises(InputError, match="b002_1 is missing"):
        load_bench()


def test_the_command_tells_marginals_and_runs_golds(shell: Shell) -> None:
    told = shell("craft", "bench", "b069", "b074", "--golds", "--out", "here", "--json").object
    assert (told["passed"], told["problems"], told["unlisted"]) == (2, {}, [])
    assert {line["name"]: line["here"] for line in told["marginals"] if line["group"] == "tag"} == {}
    rows = [json.loads(line) for line in Path("here/tasks.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["b069", "b074"] and rows[0]["max_turns"] == 8
    assert all((Path("here") / name).is_file() for row in rows for name in row["images"])


def test_gold_runs_that_fail_are_told_with_why(shell: Shell, bench: Bench) -> None:
    (name, why), *_ = bench.failing.items()
    assert f"{name}: its gold run fails. {why[:30]}" in shell("craft", "bench", name).out
    assert "its gold run fails" not in shell("craft", "bench", "b069").out


@pytest.mark.slow
def test_gold_runs_pass_all_of_their_checks(bench: Bench) -> None:
    """The whole benchmark, some 10 minutes of one core."""
    wrong = {gold.task.id: gold.problems for gold in run_golds(bench.tasks) if gold.problems}
    assert set(wrong) <= set(bench.failing), wrong
    assert len(wrong) <= 0.05 * TASKS


# ── mutants ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_step_that_changes_the_picture_has_a_mutant(bench: Bench) -> None:
    for task in bench.tasks:
        plan = task.plan
        for mutant in mutants_of(plan):
            assert mutant.plan != plan and mutant.plan.pictures == plan.pictures
            ids = {step.id for step in mutant.plan.path()}
            assert (mutant.step not in ids) == (mutant.how == "dropped"), task.id
            used = {
                value.step for step in mutant.plan.path() for value in step.arguments.values() if hasattr(value, "step")
            }
            assert used <= ids, task.id
            assert mutant.plan.result is None or mutant.plan.result in {*ids, "img_1", "img_2", "img_3"}, task.id
        changing = [
            step for step in plan.path() if step.tool in ("Flip", "SR", "ImageEdit", "Crop", "Rotate", "Overlayer")
        ]
        assert {mutant.step for mutant in mutants_of(plan) if mutant.how == "dropped"} >= {step.id for step in changing}


def test_a_check_fails_where_the_only_edit_is_left_out(bench: Bench) -> None:
    short = [task for task in bench.tasks if len(task.plan.path()) <= 2 and task.plan.pictures][:2]
    for score in run_task_mutants(short):
        dropped = [verdict for verdict in score.verdicts if verdict.mutant.how == "dropped"]
        assert dropped and any(verdict.killed_by for verdict in dropped), score.task.id
