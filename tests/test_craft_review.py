"""The queue for people: what the page holds, what is wrong with decisions, and that they are applied all at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from canvasagent.craft.records import RlRecord
from canvasagent.craft.rl.review import apply_decisions, key_of, write_queue
from canvasagent.craft.store import Dataset
from canvasagent.craft.store import rewrite as rewriting
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.errors import InputError, StorageError
from cli_helpers import Shell
from craft_data import build, task


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Six tasks in shards of three."""
    folder = tmp_path / "tasks"
    with DatasetWriter(folder, "rl", {"n": 6}, shard_items=3) as writer:
        for index in range(6):
            record, pictures = task(index)
            writer.add(index, record.model_copy(update={"meta": {"attempt": 0}}), pictures)
    return folder


def decided(folder: Path, *entries: dict[str, Any], dataset: str | None = None) -> Path:
    """A file of decisions as the page saves it."""
    with Dataset.open(folder) as opened:
        key = dataset or key_of(opened)
    file = folder.with_name("decisions.json")
    told = {"canvascraft_review": 1, "dataset": key, "reviewer": "Ana", "saved": "now", "decisions": list(entries)}
    file.write_text(json.dumps(told))
    return file


def records(folder: Path) -> dict[str, RlRecord]:
    with Dataset.open(folder) as dataset:
        assert dataset.verify() == []
        return {record.id: record for record in dataset.rl()}


def state(folder: Path) -> dict[str, bytes]:
    """All that the manifest names, byte for byte."""
    with Dataset.open(folder) as dataset:
        paths = [shard.path for shard in dataset.manifest.shards]
    return {path: (folder / path).read_bytes() for path in (*paths, "dataset.json")}


ACCEPT = {"id": "000000", "decision": "accept", "reason": "", "at": "2026"}
REJECT = {"id": "000001", "decision": "reject", "reason": "nobody would ask this", "at": "2026"}
FIX = {"id": "000004", "decision": "fix", "reason": "clearer", "instruction": "Mirror the second cup, please.",
       "checks": [{"check": "mirrored", "input": 1}]}  # fmt: skip


def test_decisions_are_applied_and_stay_with_their_tasks(tasks: Path) -> None:
    before = records(tasks)
    done = apply_decisions(tasks, decided(tasks, ACCEPT, REJECT, FIX))
    assert (done.accepted, done.rejected, done.fixed) == (1, 1, 1)
    after = records(tasks)
    assert list(after) == [name for name in before if name != "000001"]
    assert after["000000"].meta["review"] == [
        {"decision": "accept", "reason": "", "reviewer": "Ana", "at": "2026"}
    ]  # fmt: skip
    fixed, (entry,) = after["000004"], after["000004"].meta["review"]
    assert fixed.instruction == FIX["instruction"] and fixed.checks == FIX["checks"]
    assert entry["before"]["instruction"] == before["000004"].instruction and entry["reason"] == "clearer"
    assert "The result is input 1, mirrored left to right." in fixed.criteria
    assert after["000002"] == before["000002"]
    with Dataset.open(tasks) as dataset:
        ((index, told),) = dataset.rejected()
        assert (index, told.stage, told.reason) == (1, "review", "nobody would ask this")
        assert dataset.manifest.counts["rejected"] == 1 and len(dataset) == 5
        assert all(dataset.picture(key) for record in after.values() for key in record.images)
        assert told.record is not None and told.record["record"]["instruction"] == before["000001"].instruction
    assert "rejected in the build | 1" in (tasks / "README.md").read_text()


def test_a_second_review_goes_on_from_the_first(tasks: Path) -> None:
    apply_decisions(tasks, decided(tasks, ACCEPT, REJECT))
    count = write_queue(tasks, tasks.with_name("queue.jsonl"))
    assert count == 4
    apply_decisions(tasks, decided(tasks, FIX))
    again = {**ACCEPT, "decision": "reject", "reason": "on second thoughts"}
    with pytest.raises(InputError, match="decided about before"):
        apply_decisions(tasks, decided(tasks, again))
    apply_decisions(tasks, decided(tasks, again), again=True)
    assert set(records(tasks)) == {"000002", "000003", "000004", "000005"}
    with Dataset.open(tasks) as dataset:
        assert [index for index, _ in dataset.rejected()] == [0, 1]
        (first, _) = [told.record["record"]["meta"]["review"] for _, told in dataset.rejected() if told.record]
    assert [entry["decision"] for entry in first] == ["accept", "reject"]


WRONG: dict[str, tuple[list[dict[str, Any]], str]] = {
    "unknown": ([{**ACCEPT, "id": "000099"}], "000099: there is no such task"),
    "twice": ([ACCEPT, {**REJECT, "id": "000000"}], "000000: there are two decisions"),
    "no reason": ([{**REJECT, "reason": " "}], "to reject it needs a reason"),
    "nothing fixed": ([{**FIX, "instruction": None, "checks": None}], "must change the request or the checks"),
    "marks": ([{**FIX, "instruction": "Call <tool_call> now, please."}], "holds <tool_call>"),
    "no such check": ([{**FIX, "checks": [{"check": "taste"}]}], "a check cannot be read"),
    "no such decision": ([{**ACCEPT, "decision": "maybe"}], "decision cannot be read"),
    "none": ([], "holds no decision"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_decisions_are_told_and_nothing_is_changed(tasks: Path, name: str) -> None:
    entries, why = WRONG[name]
    before = state(tasks)
    with pytest.raises(InputError, match=why):
        apply_decisions(tasks, decided(tasks, *entries, *([REJECT] if name == "unknown" else [])))
    assert state(tasks) == before


def test_what_was_rejected_before_is_told_so(tasks: Path) -> None:
    apply_decisions(tasks, decided(tasks, REJECT))
    with pytest.raises(InputError, match="rejected in an earlier review"):
        apply_decisions(tasks, decided(tasks, REJECT))


@pytest.mark.parametrize("text", ["", "[]", '{"decisions": 3}', '{"decisions": [1]}', "{"])
def test_files_of_something_else_are_told(tasks: Path, text: str) -> None:
    file = tasks.with_name("odd.json")
    file.write_text(text)
    with pytest.raises(InputError, match=r"no file of decisions|holds no decision"):
        apply_decisions(tasks, file)


def test_decisions_about_another_dataset_are_told(tasks: Path) -> None:
    with pytest.raises(InputError, match="another dataset"):
        apply_decisions(tasks, decided(tasks, ACCEPT, dataset="0123456789abcdef"))


def test_a_disk_that_is_full_leaves_the_dataset_as_it_was(tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = state(tasks)
    monkeypatch.setattr(rewriting, "replace_file", full)
    with pytest.raises(StorageError, match="No space left"):
        apply_decisions(tasks, decided(tasks, REJECT))
    monkeypatch.undo()
    assert state(tasks) == before and len(records(tasks)) == 6
    apply_decisions(tasks, decided(tasks, REJECT))
    assert len(records(tasks)) == 5 and not list((tasks / "records").glob("*00000.parquet"))


def test_the_page_holds_all_that_it_shows(tasks: Path) -> None:
    page = tasks.with_name("queue.html")
    assert write_queue(tasks, page, sample=2, seed=4) == 2
    text = page.read_text()
    assert text.count("<section ") == 2 and "data:image/jpeg;base64," in text
    assert "http" not in text.replace("http-equiv", "")
    same = tasks.with_name("again.html")
    write_queue(tasks, same, sample=2, seed=4)
    assert same.read_text() == text


def test_lines_can_be_filled_in(tasks: Path) -> None:
    queue = tasks.with_name("queue.jsonl")
    write_queue(tasks, queue)
    lines = [json.loads(line) for line in queue.read_text().splitlines()]
    assert len(lines) == 6 and all(line["decision"] is None and "pictures" not in line for line in lines)
    lines[0]["decision"] = "accept"
    lines[1] |= {"decision": "fix", "reason": "shorter", "instruction": "Mirror the picture, please."}
    queue.write_text("\n".join(json.dumps(line) for line in lines))
    done = apply_decisions(tasks, queue)
    assert (done.accepted, done.fixed) == (1, 1)
    assert records(tasks)["000001"].instruction == "Mirror the picture, please."


def test_the_command_says_what_it_did(tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Shell(tmp_path, capsys)
    assert run("craft", "review", tasks, "--out", tmp_path / "q.html", "--json").object["tasks"] == 6
    assert run("craft", "review", tasks, "--import", decided(tasks, ACCEPT), "--json").object["accepted"] == 1
    for arguments, why in (
        ([tasks], "say either"),
        ([tasks, "--out", tmp_path / "q.txt"], ".html or .jsonl"),
        ([tasks, "--import", tmp_path / "none.json"], "cannot be read"),
        ([build(tmp_path / "sft", 2), "--out", tmp_path / "s.html"], "kind sft"),
        ([tmp_path / "nowhere", "--out", tmp_path / "s.html"], "nowhere"),
    ):
        said = run("craft", "review", *arguments)
        assert said.code == 2 and why in " ".join(said.err.split()), said
