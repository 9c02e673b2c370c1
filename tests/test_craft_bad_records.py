"""Records that cannot be read, or whose free fields hold anything: what goes through a dataset passes over them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from canvasagent.cli import main
from canvasagent.craft.audit import audit
from canvasagent.craft.exports import export, format_names, load_format
from canvasagent.craft.funnel import write_funnel
from canvasagent.craft.records import Kind, RlRecord, SftRecord
from canvasagent.craft.rl.review import apply_decisions, key_of, write_queue
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.errors import InputError, StorageError
from craft_data import build, build_tasks, record, task

ANYTHING = (5, "x", None, [1], [None], {"a": 1}, {"assets": [1]}, [])


def damage(folder: Path, changes: dict[int, dict[str, Any]]) -> None:
    """Change columns of the records with these indexes, and the manifest with them, as another program might."""
    manifest = json.loads((folder / "dataset.json").read_text())
    for shard in manifest["shards"]:
        file = folder / shard["path"]
        if not shard["path"].startswith("records/"):
            continue
        table = pq.read_table(file)
        rows = [{**row, **changes.get(row["index"], {})} for row in table.to_pylist()]
        pq.write_table(pa.Table.from_pylist(rows, table.schema), file)
        data = file.read_bytes()
        shard |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "dataset.json").write_text(json.dumps(manifest))


BROKEN: dict[int, dict[str, Any]] = {
    0: {"plan": "[" * 100_000},
    1: {"meta": "no JSON"},
    2: {"difficulty": "5", "chain": None},
    3: {"images": ["0" * 64]},
}
"""What is done to the first four records of a dataset."""


@pytest.fixture(scope="module", params=["sft", "rl"])
def broken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of seven records; four of them cannot be read or used."""
    folder = tmp_path_factory.mktemp("broken")
    (build(folder, 8) if request.param == "sft" else build_tasks(folder, 7)).exists()
    damage(folder, BROKEN)
    return folder


def test_an_export_leaves_out_what_cannot_be_read(broken: Path, tmp_path: Path) -> None:
    with Dataset.open(broken) as dataset:
        for name in format_names():
            if dataset.kind not in load_format(name).KINDS:
                continue
            said = export(dataset, name, tmp_path / name)
            assert sum(said.records.values()) == 3 and said.unreadable == 4
            assert "4 records cannot be read and were left out" in said.notes[-1]


def test_an_audit_names_what_cannot_be_read(broken: Path, tmp_path: Path) -> None:
    found = audit(broken, sample=0, out=tmp_path)
    unread = {item.where for item in found.examples["schema"] if "cannot be read" in item.words}
    assert {"000000", "000001", "000002"} <= unread
    assert any(item.where == "000003" for item in found.examples["reference"])


def test_statistics_count_the_rest(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["craft", "stats", str(broken), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unreadable"] == 1 and sum(told["records"].values()) == 6  # the others differ in what is not counted
    assert main(["craft", "stats", str(broken)]) == 0
    assert "Cannot be read, and not counted: 1" in capsys.readouterr().out


def test_who_needs_all_records_is_told(broken: Path) -> None:
    with Dataset.open(broken) as dataset, pytest.raises(StorageError, match=r"record 000000 .* nested deeper"):
        list(dataset.rows())


def test_a_shard_that_cannot_be_read_costs_its_records_alone(tmp_path: Path) -> None:
    folder = build(tmp_path / "a", 8)
    manifest = json.loads((folder / "dataset.json").read_text())
    shard = next(shard for shard in manifest["shards"] if shard["path"] == "records/train-00000.parquet")
    file = folder / shard["path"]
    data = bytearray(file.read_bytes())
    data[4:200] = bytes(196)
    file.write_bytes(bytes(data))
    with Dataset.open(folder) as dataset:
        said = export(dataset, "sharegpt", tmp_path / "out")
        assert sum(said.records.values()) == len(dataset) - shard["rows"] and said.unreadable == 1
    found = audit(folder, sample=0, out=tmp_path / "audit")
    assert {item.where for item in found.examples["schema"]} >= {shard["path"]} and found.counts["store"]


def odd(folder: Path, kind: Kind) -> Path:
    """A dataset whose settings and records hold anything where anything may stand."""
    fields = {
        "trajectory": ("assets", "turns", "limits", "profile_settings"),
        "plan": ("pictures", "nodes"),
        "meta": ("released", "review", "seed", "mishap_turns"),
    }
    with DatasetWriter(folder, kind, {"counts": 5, "images": 3}) as writer:
        for field, names in fields.items():
            for value in ANYTHING:
                index = writer.next_index
                made: tuple[SftRecord | RlRecord, dict[str, bytes]]
                made = record(index % 4, index) if kind == "sft" else task(index)
                if field in type(made[0]).model_fields:
                    free = {**(getattr(made[0], field) or {}), **dict.fromkeys(names, value)}
                    writer.add(index, made[0].model_copy(update={field: free}), made[1])
        last = record(1, writer.next_index) if kind == "sft" else task(writer.next_index)
        update = {"id": "9" * 40, "checks": [{"check": 5}, {}], "difficulty": {"Z": "odd"}}
        writer.add(writer.next_index, last[0].model_copy(update=update), last[1])
    return folder


@pytest.mark.parametrize("kind", ["sft", "rl"])
def test_free_fields_may_hold_anything(tmp_path: Path, kind: Kind, capsys: pytest.CaptureFixture[str]) -> None:
    folder = odd(tmp_path / "a", kind)
    count = 17 if kind == "rl" else 25
    assert main(["craft", "stats", str(folder)]) == 0
    assert audit(folder, sample=2, out=tmp_path / "audit").records == count
    with Dataset.open(folder) as dataset:
        for name in format_names():
            if kind in load_format(name).KINDS:
                said = export(dataset, name, tmp_path / name)
                assert sum(said.records.values()) == count and not said.unreadable
    if kind == "rl":
        assert write_queue(folder, tmp_path / "queue.jsonl", again=True) == write_queue(
            folder, tmp_path / "queue.html", again=True
        )
    assert write_funnel(folder)["records"] == count


# ── decisions ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.jsonl", "5", "entry 1 is of type number"),
        ("a.jsonl", '{"id": "000000", "decision": null}\n[1]', "entry 2 is of type list"),
        ("a.jsonl", "[" * 100_000, "nested deeper"),
        ("a.json", '{"decisions": [null]}', "entry 1 is of type null"),
        ("a.json", "[" * 100_000, "nested deeper"),
        ("a.json", "5", "holds no decision"),
        ("a.json", '{"decisions": 5}', "holds no decision"),
        ("a.json", '{"decisions": [{"id": [], "decision": "accept"}]}', "a decision cannot be read: id"),
    ],
)
def test_bad_decisions_are_refused_in_words(tmp_path: Path, name: str, text: str, words: str) -> None:
    folder = build_tasks(tmp_path / "a", 2)
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        apply_decisions(folder, tmp_path / name)


def test_a_decision_on_an_odd_record(tmp_path: Path) -> None:
    """Its id says no number, its checks and earlier reviews cannot be read."""
    folder = odd(tmp_path / "a", "rl")
    with Dataset.open(folder) as dataset:
        key = key_of(dataset)
    line = {"id": "9" * 40, "decision": "reject", "reason": "odd", "dataset": key}
    line_separator = {"id": "000000", "decision": "reject", "reason": "a\u2028b", "dataset": key}
    text = "\n".join(json.dumps(entry, ensure_ascii=False) for entry in (line, line_separator))
    (tmp_path / "d.jsonl").write_text(text, "utf-8")
    assert apply_decisions(folder, tmp_path / "d.jsonl", again=True).rejected == 2
