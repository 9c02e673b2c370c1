"""Evaluations of real runs: rows, tables, resuming after a kill, joining, and what is wrong with an input."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from canvasagent.agent import Agent
from canvasagent.cli import main
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.environment import Limits
from canvasagent.errors import InputError, StorageError
from canvasagent.evaluation.ablation import as_ablation, read_published
from canvasagent.evaluation.joining import join
from canvasagent.evaluation.labels import caption
from canvasagent.evaluation.policies import policy_for_task
from canvasagent.evaluation.results import write_results
from canvasagent.evaluation.rows import Row, failures_of
from canvasagent.evaluation.runner import (
    ROWS_NAME,
    SETUP_NAME,
    Evaluation,
    Setup,
    read_rows,
    read_setup,
    slug,
)
from canvasagent.evaluation.tables import make_tables
from canvasagent.evaluation.tasks import Bench, load_bench
from canvasagent.evaluation.texts import as_latex, as_markdown, escaped
from canvasagent.execution.toolbox import ToolBox
from canvasagent.policies import load_policy
from canvasagent.rewards.judges import load_judge
from canvasagent.rewards.judges.base import JudgeSettings
from canvasagent.storage.files import append_line
from canvasagent.storage.folders import locked
from canvasagent.task import Task
from chat_server import Answer, ChatServer, Refuse
from craft_data import task
from helpers import ListPolicy, call, end, photo
from waiting import wait_until

TASKS: list[dict[str, Any]] = [
    {
        "id": "mirror",
        "instruction": "mirror it",
        "images": ["a.png"],
        "expected_tools": ["Flip"],
        "difficulty": {"R": "easy", "L": "easy", "D": "easy"},
        "checks": [{"check": "mirrored"}],
    },
    {
        "id": "turn",
        "instruction": "rotate it by 90 degrees, then mirror it",
        "images": ["a.png"],
        "expected_tools": ["Rotate", "Flip"],
        "difficulty": {"R": "medium", "L": "easy", "D": "easy"},
        "checks": [{"check": "not_blank"}],
    },
    {"id": "plain", "instruction": "crop the middle", "images": ["a.png"], "expected_tools": ["Crop"]},
]
POLICIES = ["scripted", "one-call", "random-valid"]


def test_prompts_of_the_judge_are_part_of_what_is_compared(bench_file: Path, tmp_path: Path, capsys: Any) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    for aspect in ("align", "aesthetics", "trajectory"):
        (prompts / f"{aspect}.md").write_text('Answer with {"score": 1}.')
    arguments = ["eval", "--bench", str(bench_file), "--policy", "one-call", "--sample", "1"]
    arguments += ["--judge", "endpoint:m", "--judge-base-url", "http://127.0.0.1:9/v1", "--judge-retries", "0"]
    for name, more in (("own", []), ("changed", ["--judge-prompts", str(prompts)])):
        assert main([*arguments, "--out", str(tmp_path / name), *more]) == 3, "no judge answers"
    setups = [read_setup(tmp_path / name) for name in ("own", "changed")]
    assert setups[0].judge_prompts is None and setups[1].judge_prompts is not None
    assert "judge prompts is" in setups[0].differs(setups[1])[0]
    assert setups[1].judge_prompts in caption(setups[1]) and "prompts" not in caption(setups[0])
    capsys.readouterr()
    assert main([*arguments, "--out", str(tmp_path / "changed")]) == 2
    assert "holds another evaluation" in capsys.readouterr().err


@pytest.fixture
def bench_file(tmp_path: Path) -> Path:
    photo(size=96).save(tmp_path / "a.png")
    file = tmp_path / "bench.jsonl"
    file.write_text("\n".join(json.dumps(task) for task in TASKS))
    return file


@pytest.fixture(scope="module")
def toolbox() -> ToolBox:
    return ToolBox("lite")


def setup_of(bench: Bench, **changes: Any) -> Setup:
    known = {"bench": bench.name, "bench_version": bench.version, "tasks": len(bench.tasks), "profile": "lite"}
    return Setup(**{**known, "judge": "local", "preset": "paper", "seed": 0, "date": "2026-01-01", **changes})


def evaluate(folder: Path, bench: Bench, toolbox: ToolBox, names: list[str], judge: Any = None) -> list[Row]:
    evaluation = Evaluation(folder, setup_of(bench), bench, toolbox, judge or load_judge("local"), concurrency=2)
    return asyncio.run(evaluation.run({name: policy_for_task(name) for name in names}))


def test_rows_say_what_runs_came_to(bench_file: Path, tmp_path: Path, toolbox: ToolBox) -> None:
    bench = load_bench(str(bench_file))
    rows = {(row.policy, row.task): row for row in evaluate(tmp_path / "out", bench, toolbox, POLICIES)}
    assert len(rows) == 9
    mirror = rows["scripted", "mirror"]
    assert (mirror.length, mirror.expected_tools, mirror.passed, mirror.failures) == (1, 1, True, [])
    assert mirror.overall is not None and mirror.judges["align"].startswith("local")
    assert rows["one-call", "turn"].length == 1
    unjudged = rows["scripted", "plain"]
    assert unjudged.overall is None and unjudged.rule is not None and "no checks" in unjudged.unscored[0]
    assert all((tmp_path / "out" / row.folder / "report.html").is_file() for row in rows.values())


def test_what_is_done_is_not_done_again_and_a_lost_row_comes_back(
    bench_file: Path, tmp_path: Path, toolbox: ToolBox
) -> None:
    bench, out = load_bench(str(bench_file)), tmp_path / "out"
    first = evaluate(out, bench, toolbox, ["scripted"])
    times = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/*/trajectory.json")}
    lines = (out / ROWS_NAME).read_text().splitlines()
    (out / ROWS_NAME).write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:40])  # killed in the middle of a line
    assert evaluate(out, bench, toolbox, ["scripted"]) == first
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert len(read_rows(out)) == len(first)


_KILLED = """
import asyncio, sys
from pathlib import Path
from test_evaluation import evaluate
from canvasagent.evaluation.tasks import load_bench
from canvasagent.execution.toolbox import ToolBox
evaluate(Path(sys.argv[2]), load_bench(sys.argv[1]), ToolBox("lite"), ["scripted", "one-call", "random-valid"])
"""


def test_a_killed_evaluation_goes_on_to_the_same_table(bench_file: Path, tmp_path: Path, toolbox: ToolBox) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    bench = load_bench(str(bench_file))
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    process = subprocess.Popen([sys.executable, "-c", _KILLED, str(bench_file), str(out)], env=environment)
    wait_until((out / ROWS_NAME).is_file, "a row")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (out / ROWS_NAME).is_file()
    resumed = make_tables(evaluate(out, bench, toolbox, POLICIES), POLICIES)
    assert resumed == make_tables(evaluate(whole, bench, toolbox, POLICIES), POLICIES)


def test_another_setup_in_the_same_folder_is_refused(bench_file: Path, tmp_path: Path, toolbox: ToolBox) -> None:
    bench, out = load_bench(str(bench_file)), tmp_path / "out"
    evaluate(out, bench, toolbox, ["one-call"])
    other = Evaluation(out, setup_of(bench, preset="release"), bench, toolbox, load_judge("local"))
    with pytest.raises(InputError, match="preset is paper, not release"):
        asyncio.run(other.run({}))
    bench_file.write_text(bench_file.read_text().replace("mirror it", "mirror the picture"))
    edited = load_bench(str(bench_file))
    with pytest.raises(InputError, match="bench version"):
        evaluate(out, edited, toolbox, ["one-call"])


def test_two_evaluations_do_not_write_to_one_folder(bench_file: Path, tmp_path: Path, toolbox: ToolBox) -> None:
    bench = load_bench(str(bench_file))
    one = Evaluation(tmp_path / "out", setup_of(bench), bench, toolbox, None)
    with (
        locked(one.folder, "a test is in", lambda folder: None),
        pytest.raises(StorageError, match="another evaluation"),
    ):
        evaluate(tmp_path / "out", bench, toolbox, ["one-call"])


def test_a_judge_that_dies_halfway_leaves_runs_unscored_until_it_is_back(
    bench_file: Path, tmp_path: Path, toolbox: ToolBox
) -> None:
    """The server answers the first sample and refuses the rest; back again, only those are asked for."""
    bench, out = load_bench(str(bench_file)), tmp_path / "out"
    good = Answer('{"score": 0.8}')
    with ChatServer(good, good, good, *[Refuse(500)] * 40) as server:
        judge = load_judge("endpoint:m", JudgeSettings(base_url=server.url, api_key="k", retries=0, concurrency=1))
        rows = evaluate(out, bench, toolbox, ["scripted"], judge)
    scored = [row for row in rows if row.overall is not None]
    assert 1 <= len(scored) < len(rows)
    lost = next(row for row in rows if row.overall is None)
    assert lost.rule is not None and "gave no score" in " ".join(lost.unscored)
    table = make_tables(rows, ["scripted"]).policies[0]
    assert table.unscored == len(rows) - len(scored)
    overall = table.figures["overall"]
    assert overall is not None and overall.n == len(scored)
    with ChatServer(*[good] * 40) as server:
        judge = load_judge("endpoint:m", JudgeSettings(base_url=server.url, api_key="k"))
        again = evaluate(out, bench, toolbox, ["scripted"], judge)
    assert all(row.overall is not None for row in again)


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["no tags at all", end()], "format"),
        ([call("Fly", image="img_1"), end()], "format"),
        ([call("Flip", image="img_9"), end()], "reference"),
        ([call("Crop", image="img_1", bbox=[900, 900, 100, 100]), end()], "specification"),
        ([call("ImageEdit", image="img_1", edit_prompt="frobnicate the zorp"), end()], "execution"),
        ([end()], "gave up"),
        ([call("Flip", image="img_1"), end(reason="Half of it.\nNot done: the rest")], "gave up"),
        ([call("Flip", image="img_1")] * 5, "truncated"),
    ],
)
def test_failures_are_told_apart(texts: list[str], kind: str, toolbox: ToolBox) -> None:
    run = Agent(ListPolicy(texts), toolbox, limits=Limits(max_turns=4)).run(Task("mirror it", [photo(size=32)]))
    assert kind in failures_of(run, None)
    clean = Agent(ListPolicy([call("Flip", image="img_1"), end()]), toolbox).run(Task("mirror it", [photo(size=32)]))
    assert failures_of(clean, None) == []


def rows_of(policy: str, totals: list[float | None]) -> list[Row]:
    return [
        Row(policy=policy, task=f"t{index}", folder=f"runs/{policy}/t{index}", status="met", overall=total, length=2)
        for index, total in enumerate(totals)
    ]


def test_missing_scores_are_missing_in_the_table(bench_file: Path) -> None:
    bench = load_bench(str(bench_file))
    rows = [*rows_of("a", [0.5, 0.7, None]), *rows_of("b", [0.4, None, 0.9])]
    tables = make_tables(rows, ["a", "b"])
    overall = tables.policies[0].figures["overall"]
    assert overall is not None and (overall.n, round(overall.mean, 6)) == (2, 0.6)
    compared = tables.compared[0].difference
    assert compared is not None and (compared.n, round(compared.mean, 6)) == (1, 0.1)
    text = as_markdown(setup_of(bench), tables)
    assert "(n 2)" in text and "local judge: rules and measures, no model" in text
    assert escaped("a_b & 50 %") == r"a\_b \& 50 \%"
    assert as_latex(setup_of(bench), tables).count("\\\\") == 3


def test_a_failed_run_counts_as_unscored_never_as_zero() -> None:
    broken = Row(policy="a", task="x", folder="f", status="failed", why="the server is gone")
    line = make_tables([*rows_of("a", [0.5]), broken], ["a"]).policies[0]
    assert (line.runs, line.unscored, line.reasons) == (2, 1, {"the server is gone": 1})
    assert line.figures["overall"] is not None and line.figures["overall"].mean == 0.5


def test_joined_tables_tell_or_refuse_what_differs(bench_file: Path, tmp_path: Path) -> None:
    bench = load_bench(str(bench_file))
    for name, judge in (("one", "local"), ("two", "endpoint:m"), ("three", "local")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / SETUP_NAME).write_text(setup_of(bench, judge=judge).model_dump_json())
        for row in rows_of("scripted", [0.5, 0.6]):
            append_line(folder / ROWS_NAME, row.model_dump_json())
    with pytest.raises(InputError, match="judge is endpoint:m, not local"):
        join([tmp_path / "one", tmp_path / "two"])
    told = join([tmp_path / "one", tmp_path / "two"], allow=True)
    assert told.policies == ("scripted (one)", "scripted (two)")
    assert "Not to be compared" in as_markdown(told.setup, make_tables(told.rows, told.policies), told.differences)
    assert join([tmp_path / "one", tmp_path / "three"]).differences == ()
    with pytest.raises(InputError, match="no evaluation"):
        join([tmp_path])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no request"),
        ('{"id": "a", "instruction": "x"}\n{"id": "A", "instruction": "y"}', "taken by line 1"),
        ('{"id": "a", "instruction": "x", "checks": [{"check": "beautiful"}]}', "a: "),
    ],
)
def test_a_bench_that_cannot_be_used_says_why(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "b.jsonl").write_text(text)
    with pytest.raises(InputError, match=why):
        load_bench(str(tmp_path / "b.jsonl"))
    with pytest.raises(InputError, match="there is no benchmark"):
        load_bench(str(tmp_path / "nothing"))


def test_a_damaged_line_in_the_middle_is_told(tmp_path: Path) -> None:
    (tmp_path / ROWS_NAME).write_text("{}\n" + rows_of("a", [0.5])[0].model_dump_json() + "\n")
    with pytest.raises(InputError, match="line 1"):
        read_rows(tmp_path)


def test_all_damaged_lines_are_told(tmp_path: Path) -> None:
    whole = rows_of("a", [0.5])[0].model_dump_json().encode()
    (tmp_path / ROWS_NAME).write_bytes(b"\n".join([whole, b"\xff", whole, b"[" * 100_000, b"5", b""]))
    with pytest.raises(InputError) as refused:
        read_rows(tmp_path)
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()[1:]] == ["line 2", "line 4", "line 5"]
    (tmp_path / SETUP_NAME).write_text("[" * 100_000)
    with pytest.raises(InputError, match="nested deeper"):
        read_setup(tmp_path)


def test_a_dataset_with_bad_records_is_no_benchmark(tmp_path: Path) -> None:
    """All of them are listed: results on what is left would compare with nothing."""
    with DatasetWriter(tmp_path / "a", "rl", {}) as writer:
        for index, update in enumerate(({}, {"plan": {"a": 1}}, {"instruction": " "}, {"instruction": "x" * 30_000})):
            record, pictures = task(index)
            writer.add(index, record.model_copy(update={"split": "test", **update}), pictures)
    with pytest.raises(InputError) as refused:
        load_bench(str(tmp_path / "a"))
    told = [line.partition(":")[0] for line in str(refused.value).splitlines()[1:]]
    assert told == ["record 000001", "record 000002", "record 000003"]


def test_names_make_folders() -> None:
    assert slug("openai:gpt-5/mini") == "openai_gpt-5_mini"
    assert slug("../..") == "policy"


def test_random_valid_calls_are_valid(toolbox: ToolBox) -> None:
    """Whatever chance picks, no check of a tool finds anything wrong with it."""
    for number in range(12):
        images = [photo(size=48)] * (number % 3)
        run = Agent(load_policy(f"random-valid:{number}"), toolbox).run(Task(f"request {number}", images))
        stages = {fault.stage for turn in run.turns if turn.call for fault in turn.call.faults}
        assert stages <= {"execution"}, stages
        assert run.status == "met" and 1 <= len(run.tool_calls) <= 5


@pytest.mark.parametrize(
    ("request_", "images", "tool"),
    [
        ("a cat on a beach", 0, "ImageGeneration"),
        ("Please mirror it.", 1, "Flip"),
        ("rotate by 45 degrees", 1, "Rotate"),
        ("upscale this", 1, "SR"),
        ("what does the sign say?", 1, "OCR"),
        ("where is the dog?", 1, "Grounding"),
        ("rotate it, then remove the dog and write HELLO", 1, "ImageEdit"),
    ],
)
def test_one_call_is_a_sensible_one(request_: str, images: int, tool: str, toolbox: ToolBox) -> None:
    run = Agent("one-call", toolbox).run(Task(request_, [photo(size=48)] * images))
    assert run.tool_calls == [tool] and run.status == "met"


def test_the_command_writes_tables_and_a_page(bench_file: Path, tmp_path: Path, capsys: Any) -> None:
    arguments = ["eval", "--bench", str(bench_file), "--policy", "one-call", "--policy", "scripted"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--sample", "2", "--json"]) in (0, 3)
    told = json.loads(capsys.readouterr().out)
    assert told["runs"] == 4 and [line["policy"] for line in told["policies"]] == ["one-call", "scripted"]
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count('<figure class="result') == 4 and "local judge" in page and "<script" not in page
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(results["rows"]) == 4
    assert main(["table", str(tmp_path / "out"), "--latex"]) == 0
    assert "\\toprule" in capsys.readouterr().out
    assert main(["table", str(tmp_path)]) == 2
    assert main(["eval", "--policy", "nobody", "--out", str(tmp_path / "x")]) == 2


def test_text_of_a_request_cannot_become_markup(bench_file: Path, tmp_path: Path, toolbox: ToolBox) -> None:
    evil = "<script>alert(1)</script> crop the middle"
    bench_file.write_text(bench_file.read_text().replace("crop the middle", evil))
    bench = load_bench(str(bench_file))
    rows = evaluate(tmp_path / "out", bench, toolbox, ["one-call"])
    write_results(tmp_path / "out", setup_of(bench), rows, ["one-call"])
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_an_ablation_shows_losses_and_published_rows_apart(bench_file: Path, tmp_path: Path, capsys: Any) -> None:
    rows = [*rows_of("full", [0.8, 0.9, 0.7]), *rows_of("without sft", [0.6, 0.7, None])]
    (tmp_path / "p.toml").write_text(
        '[[row]]\nname = "theirs"\nsource = "Table 5"\njudge = "x"\nfigures = {overall = 0.5}\n'
    )
    published = read_published(tmp_path / "p.toml")
    text = as_ablation(setup_of(load_bench(str(bench_file))), rows, ["without sft", "full"], "full", published)
    assert "| without sft | 3 | 0.650 (-0.200, n 2)" in text
    assert "theirs (published: Table 5; judge x)" in text and "not to be compared" in text
    with pytest.raises(InputError, match="no policy 'other'"):
        as_ablation(setup_of(load_bench(str(bench_file))), rows, ["full"], "other")
    (tmp_path / "p.toml").write_text('[[row]]\nname = "a"\nsource = "b"\njudge = "c"\nfigures = {beauty = 1}\n')
    with pytest.raises(InputError, match="no metric beauty"):
        read_published(tmp_path / "p.toml")
    assert main(["table", str(tmp_path), "--published", str(tmp_path / "p.toml")]) == 2
