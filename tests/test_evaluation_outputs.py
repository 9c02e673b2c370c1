"""What researchers take from an evaluation: chosen tasks, files of their own, flat tables, corrected p values."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from canvasagent.cli import main
from canvasagent.evaluation.flat import COLUMNS
from canvasagent.evaluation.runner import read_rows
from canvasagent.evaluation.statistics import holm
from helpers import photo

POLICY = """
from canvasagent.policies.base import without_argument

FLIP = '<reason>Mirror it.</reason><tool_call>{"name": "Flip", "arguments": {"image": "img_1"}}</tool_call>'
END = "<reason>Done.</reason><Terminate>"
create = without_argument("mirror", lambda messages: END if messages[-1].role == "tool" else FLIP)
"""
JUDGE = """
from canvasagent.rewards.judges.base import ASPECTS, Verdict


class Half:
    name = "half"

    async def judge(self, trajectory):
        return {aspect: Verdict(aspect=aspect, score=0.5, judge="half", model="1") for aspect in ASPECTS}


def create(argument, settings):
    return Half()
"""
CHECK = """
from canvasagent.rewards.checks.base import Check, Finding, Parameters


class Wide(Parameters):
    pixels: int


def measure(parameters, result):
    wide = result.final is not None and result.final.width >= parameters.pixels
    return Finding(float(wide), wide, "measured")


CHECK = Check("wide", "The result has a width.", Wide, measure, lambda seed: (), "its size")
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    photo(size=64).save(tmp_path / "a.png")
    tasks = [
        {"id": name, "instruction": "mirror it", "images": ["a.png"], "expected_tools": ["Flip"], "checks": checks}
        for name, checks in (("one", [{"check": "mirrored"}]), ("two", [{"check": "mirrored"}]), ("three", []))
    ]
    (tmp_path / "bench.jsonl").write_text("\n".join(json.dumps(task) for task in tasks))
    (tmp_path / "mine.py").write_text(POLICY)
    (tmp_path / "half.py").write_text(JUDGE)
    return tmp_path


def run(work: Path, *more: str) -> int:
    return main(["eval", "--bench", str(work / "bench.jsonl"), "--out", str(work / "out"), "--json", *more])


def test_a_policy_and_a_judge_from_files_and_chosen_tasks(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--policy", str(work / "mine.py"), "--judge", str(work / "half.py"), "--task", "three", "--task", "one"]
    assert run(work, *options) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["runs"] == 2 and found["setup"]["only"] == ["one", "three"]
    rows = read_rows(work / "out")
    assert {row.task for row in rows} == {"one", "three"} and {row.judges["align"] for row in rows} == {"half (1)"}
    assert all(row.length == 1 and row.alignment == 0.5 for row in rows)


def test_a_check_from_a_file(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = {"id": "wide", "instruction": "mirror it", "images": ["a.png"], "checks": [{"check": "wide", "pixels": 64}]}
    (work / "bench.jsonl").write_text(json.dumps(task))
    (work / "checks.py").write_text(CHECK)
    assert run(work, "--policy", "scripted") == 2 and "there is no check 'wide'" in capsys.readouterr().err
    assert run(work, "--policy", "scripted", "--checks", str(work / "checks.py")) == 0
    (row,) = read_rows(work / "out")
    assert row.checks is not None and [(one.check, one.passed) for one in row.checks] == [("wide", True)]
    assert run(work, "--policy", "scripted", "--task", "wide") == 2  # the file counted for that evaluation alone


def test_a_check_from_a_file_that_raises_measures_nothing(work: Path) -> None:
    task = {"id": "wide", "instruction": "mirror it", "images": ["a.png"], "checks": [{"check": "wide", "pixels": 64}]}
    (work / "bench.jsonl").write_text(json.dumps(task))
    (work / "raises.py").write_text(CHECK.replace("    return ", "    raise ValueError('boom')\n    return ", 1))
    assert run(work, "--policy", "scripted", "--checks", str(work / "raises.py")) == 3  # not scored
    (row,) = read_rows(work / "out")
    assert row.checks is not None and [one.passed for one in row.checks] == [False]
    assert "the check 'wide' raised ValueError: boom" in row.checks[0].why and row.alignment is None


def test_an_unknown_task_is_refused(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(work, "--policy", "scripted", "--task", "ones") == 2
    assert "there is no task 'ones'" in capsys.readouterr().err.replace("\n", " ")


def test_results_as_csv_parquet_and_dataset(work: Path) -> None:
    run(work, "--policy", "scripted", "--policy", "one-call")
    out = work / "out"
    rows = {(row.policy, row.task): row for row in read_rows(out)}
    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    data = pq.read_table(out / "results.parquet").to_pylist()
    assert len(table) == len(data) == len(rows) == 6
    assert list(table[0]) == list(data[0]) == list(COLUMNS)
    for line, item in zip(table, data, strict=True):
        row = rows[item["policy"], item["task"]]
        assert (line["policy"], line["task"]) == (row.policy, row.task)
        assert item["overall"] == row.overall and item["all_checks_pass"] == row.passed
        assert line["overall"] == ("" if row.overall is None else str(row.overall))
        assert json.loads(item["tools"]) == row.tools
    assert any(item["overall"] is None for item in data)
    card = (out / "README.md").read_text()
    assert card.startswith("---\nconfigs:\n") and "path: results.parquet" in card


def test_the_folder_is_a_dataset(work: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    run(work, "--policy", "scripted", "--task", "one")
    loaded: Any = datasets.load_dataset(str(work / "out"), cache_dir=str(tmp_path / "cache"))
    assert loaded["test"]["task"] == ["one"] and loaded["test"].features["overall"].dtype == "float64"


@pytest.mark.parametrize(
    ("values", "corrected"),
    [
        ([], []),
        ([0.04], [0.04]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # the example of R's p.adjust
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.02, None, 0.01], [0.02, None, 0.02]),
    ],
)
def test_holm(values: list[float | None], corrected: list[float | None]) -> None:
    assert holm(values) == pytest.approx(corrected)


def test_tables_show_corrected_p_values(work: Path) -> None:
    run(work, "--policy", "scripted", "--policy", "one-call", "--policy", "random-valid")
    text = (work / "out" / "table.md").read_text()
    assert "| p (Holm) |" in text and "Holm's method" in text and "not corrected" not in text
    found = json.loads((work / "out" / "results.json").read_text())["compared"]
    for metric in ("overall", "all checks pass"):
        some = [one for one in found if one["metric"] == metric]
        values = [one["difference"]["p"] if one["difference"] else None for one in some]
        assert [one["corrected"] for one in some] == holm(values) and len(some) == 3
