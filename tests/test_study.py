"""The human study: what is shown to whom, what is read back, what it says."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from canvasagent.agent import Agent
from canvasagent.cli import main
from canvasagent.errors import InputError
from canvasagent.evaluation.rows import Row
from canvasagent.evaluation.runner import ROWS_NAME, SETUP_NAME, Setup
from canvasagent.evaluation.study.design import QUESTIONS, Study, design
from canvasagent.evaluation.study.package import read_key, write_package
from canvasagent.evaluation.study.ratings import Ratings, inattentive, read_ratings, save_ratings
from canvasagent.evaluation.study.report import AGAINST, as_markdown, report, verdict
from canvasagent.storage.files import append_line
from canvasagent.task import Task
from helpers import ListPolicy, call, end, photo

POLICIES = ("alpha-policy", "beta-policy", "gamma-policy")
TASKS = 6


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation's folder with real runs of three policies on six tasks."""
    folder = tmp_path_factory.mktemp("evaluation")
    setup = Setup(bench="b", bench_version="1", tasks=TASKS, profile="lite", judge="local", preset="paper", seed=0)
    (folder / SETUP_NAME).write_text(setup.model_dump_json())
    texts = {POLICIES[0]: call("Flip", image="img_1"), POLICIES[1]: call("Rotate", image="img_1", angle=90)}
    for policy in POLICIES:
        agent = Agent(
            ListPolicy([texts.get(policy, call("Crop", image="img_1", bbox=[0, 0, 500, 500])), end()]), "lite"
        )
        for number in range(TASKS):
            where = f"runs/{policy}/t{number}"
            agent.run(Task(f"request number {number} <b>", [photo(size=64)]), run_dir=folder / where)
            score = 0.1 * number + (0.3 if policy == POLICIES[0] else 0.0)
            row = Row(
                policy=policy,
                task=f"t{number}",
                folder=where,
                status="met",
                overall=score,
                alignment=score,
                aesthetic=0.5,
                judges={"align": "local (rules-1)"},
            )
            append_line(folder / ROWS_NAME, row.model_dump_json())
    return folder


def study_of(results: Path, **changes: Any) -> Study:
    from canvasagent.evaluation.joining import join

    joined = join([results])
    runs = {row.folder: Path(row.folder) for row in joined.rows}
    return design(joined.rows, runs, **{"samples": 4, "raters": 3, "seed": 1, **changes})


def test_every_rater_sees_every_result_once_in_an_order_of_their_own(results: Path) -> None:
    study = study_of(results)
    real = {item.code for item in study.items if not item.attention}
    assert len(real) == 4 * 3
    for codes in study.raters.values():
        assert sorted(codes) == sorted(item.code for item in study.items)
    assert len({tuple(codes) for codes in study.raters.values()}) == 3
    assert study == study_of(results) and study != study_of(results, seed=2)


def test_fewer_results_a_rater_are_spread_evenly(results: Path) -> None:
    """With one of three results a task, three raters rate each result exactly once."""
    study = study_of(results, per_task=1, samples=6)
    shown = Counter(code for codes in study.raters.values() for code in codes)
    assert {shown[item.code] for item in study.items if not item.attention} == {1}
    for codes in study.raters.values():
        policies = Counter(study.item(code).policy for code in codes if not study.item(code).attention)
        assert set(policies.values()) == {2}


def test_attention_checks_show_a_result_of_another_request(results: Path) -> None:
    checks = [item for item in study_of(results).items if item.attention]
    assert len(checks) == 2
    assert all(Path(item.run).name != Path(item.request_of).name for item in checks)


def test_too_few_shared_tasks_are_told(results: Path) -> None:
    with pytest.raises(InputError, match="only 6 tasks have a run of every policy"):
        study_of(results, samples=7)


def test_pages_are_blinded_and_need_nothing_beside_them(results: Path, tmp_path: Path) -> None:
    study = study_of(results)
    pages = write_package(study, tmp_path)
    assert read_key(tmp_path) == study
    for page in pages:
        text = page.read_text()
        assert not any(name in text for name in (*POLICIES, "alignment=", "overall", str(results)))
        assert not re.search(r'(?:src|href)="(?!data:)', text)
        assert text.count("<form") == len(study.items) and "&lt;b&gt;" in text


def csv_of(study: Study, rater: str, rate: Any) -> str:
    lines = [",".join(["rater", "item", *QUESTIONS])]
    lines += [
        ",".join([rater, code, *(str(rate(study.item(code), name)) for name in QUESTIONS)])
        for code in study.raters[rater]
    ]
    return "\n".join(lines) + "\n"


def fair(item: Any, question: str) -> int:
    """Somebody who looks: other tasks' results are not aligned, the first policy is best."""
    if item.attention:
        return 1
    return (5 if item.policy == POLICIES[0] else 2) if question != "aesthetic" else 3


def rated(study: Study, folder: Path, **raters: Any) -> Ratings:
    files = []
    for name, rate in raters.items():
        path = folder / f"{name}.csv"
        path.write_text(csv_of(study, name.replace("_", "-"), rate))
        files.append(path)
    return read_ratings(study, files)


def test_ratings_come_back_as_they_were_given(results: Path, tmp_path: Path) -> None:
    study = study_of(results)
    ratings = rated(study, tmp_path, rater_1=fair, rater_2=fair)
    assert read_ratings(study, [save_ratings(tmp_path, ratings)]).values == ratings.values
    found = report(study, ratings)
    best = found.means[POLICIES[0]]["task_alignment"]
    assert best is not None and (best.mean, best.n) == (5.0, 4)
    assert found.alpha["task_alignment"] == pytest.approx(1.0) and found.alpha["aesthetic"] is None
    text = as_markdown(found)
    assert "5.00 [5.00, 5.00] (n 4)" in text and "may be trusted" in text


def test_the_judge_is_held_against_people(results: Path, tmp_path: Path) -> None:
    study = study_of(results)

    def as_judge(item: Any, question: str) -> int:
        return 1 if item.attention else 1 + min(4, int(5 * (item.scores[AGAINST[question]] or 0)))

    found = {one.question: one for one in report(study, rated(study, tmp_path, rater_1=as_judge)).judge}
    alike = found["task_alignment"]
    assert alike.n == 12 and alike.spearman is not None and alike.spearman > 0.9
    assert alike.pairs is not None and alike.pairs.mean == 1.0
    assert verdict(alike) == "about as people do"
    assert found["aesthetic"].spearman is None and "cannot be said" in verdict(found["aesthetic"])


def test_who_did_not_look_is_left_out(results: Path, tmp_path: Path) -> None:
    study = study_of(results)
    ratings = rated(study, tmp_path, rater_1=fair, rater_2=lambda item, name: 5)
    assert inattentive(study, ratings) == ["rater-2"]
    found = report(study, ratings)
    assert (found.raters, found.left_out) == (1, ["rater-2"])
    assert report(study, ratings, keep_inattentive=True).raters == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda lines: [lines[0], lines[1].rsplit(",", 1)[0] + ",6", *lines[2:]], "aesthetic is '6', not 1 to 5"),
        (lambda lines: [*lines, lines[1].rsplit(",", 1)[0] + ",5"], "rated aesthetic of item"),
        (lambda lines: [*lines, "rater-1,nothing,1,1,1"], "was not shown to 'rater-1'"),
        (lambda lines: [line.replace("rater-1", "rater-9") for line in lines], "unknown rater 'rater-9'"),
        (lambda lines: ["who,what", "1,2"], "lacks the columns rater, item"),
        (lambda lines: lines[:1], "no ratings"),
    ],
)
def test_ratings_that_cannot_be_used_say_why(results: Path, tmp_path: Path, change: Any, why: str) -> None:
    study = study_of(results)
    lines = csv_of(study, "rater-1", fair).splitlines()
    (tmp_path / "r.csv").write_text("\n".join(change(lines)))
    with pytest.raises(InputError, match=why):
        read_ratings(study, [tmp_path / "r.csv"])


def test_holes_and_repeated_lines_are_no_harm(results: Path, tmp_path: Path) -> None:
    study = study_of(results)
    lines = csv_of(study, "rater-1", fair).splitlines()
    lines[1] = lines[1].rsplit(",", 1)[0] + ","
    (tmp_path / "r.csv").write_text("\n".join([*lines, lines[2]]))
    ratings = read_ratings(study, [tmp_path / "r.csv"])
    assert ratings.notes == ["rater-1: 1 ratings are missing and stay missing."]


def test_the_commands(results: Path, tmp_path: Path, capsys: Any) -> None:
    folder = str(tmp_path / "study")
    assert main(["study", "build", str(results), "--sample", "4", "--raters", "2", "--out", folder, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["pages"]) == 2
    assert main(["study", "build", str(results), "--sample", "4", "--out", folder]) == 2
    assert main(["study", "report", "--study", folder]) == 2
    study = read_key(Path(folder))
    (tmp_path / "one.csv").write_text(csv_of(study, "rater-1", fair))
    (tmp_path / "two.csv").write_text(csv_of(study, "rater-2", fair))
    assert main(["study", "import", str(tmp_path / "one.csv"), "--study", folder]) == 0
    assert main(["study", "import", str(tmp_path / "two.csv"), "--study", folder]) == 0
    capsys.readouterr()
    assert main(["study", "report", "--study", folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["raters"] == 2
    assert main(["study", "build", str(tmp_path), "--out", str(tmp_path / "x")]) == 2


def test_a_run_that_cannot_be_read_is_left_aside(results: Path, tmp_path: Path, capsys: Any) -> None:
    folder = shutil.copytree(results, tmp_path / "evaluation")
    record = folder / "runs" / POLICIES[0] / "t0" / "trajectory.json"
    for text in ("[" * 100_000, "{}", None):
        record.write_text(text) if text is not None else record.unlink()
        out = tmp_path / f"study {text and len(text)}"
        assert main(["study", "build", str(folder), "--sample", "5", "--out", str(out), "--json"]) == 0
        said = capsys.readouterr()
        assert json.loads(said.out)["unreadable"] == 1 and f"Left aside: {POLICIES[0]}, task t0" in said.err
        assert "t0" not in read_key(out).tasks
