"""Names from outside that become paths: what is admitted stays inside its folder, whoever wrote it into a record."""

from __future__ import annotations

import asyncio
import json
import ntpath
import os
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canvasagent import Agent
from canvasagent.cli import main
from canvasagent.cli.common import find_run
from canvasagent.craft.exports import export
from canvasagent.craft.imports import import_dataset
from canvasagent.craft.records import SftRecord
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.errors import InputError, StorageError
from canvasagent.evaluation.rows import Row
from canvasagent.evaluation.runner import Evaluation, Setup, read_rows
from canvasagent.evaluation.tasks import Bench, EvalTask, load_bench
from canvasagent.execution.toolbox import ToolBox
from canvasagent.record.trajectory import Trajectory, asset_path
from canvasagent.storage.names import MAX_BYTES, name_problem, path_below, plain_name, same_name
from canvasagent.task import Task
from craft_data import build, record, task
from helpers import ListPolicy, end, photo

HOSTILE = (
    "../../../victim", "..", ".", "", "/etc/victim", "a/b", "a\\b", "..\\victim", "C:victim", "C:\\victim", "a:b",
    ".hidden",
    "CON", "nul", "NUL.png", "com1.txt", "LPT¹", "aux .x", "a.", "a ", " a", "a\x00b", "a\nb", "\x1b[2Ja", "a\u202egnp",
    "\ud800", "x" * (MAX_BYTES + 1), "é" * MAX_BYTES, "a*", "~/victim/..",
)  # fmt: skip
PLAIN = (
    "000042",
    "b001",
    "web-1.2_x",
    "Anfrage 3",
    "naïve",
    "图片",
    "CONSOLE",
    "com10",
    "a..b",
    "x" * MAX_BYTES,
    "openai_gpt-5",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_plain_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the id .* cannot be the name of a file: it .*; use letters") as told:
        plain_name(name, "id")
    assert len(str(told.value)) < 250 and str(told.value).isprintable(), "whatever it is, it can be printed"
    with pytest.raises(InputError):
        path_below(tmp_path, "runs", name)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names_are_admitted(name: str, tmp_path: Path) -> None:
    assert plain_name(name) == name
    assert path_below(tmp_path, "runs", name) == tmp_path / "runs" / name


PIECES = st.sampled_from([*HOSTILE, *PLAIN, "/", "\\", "..", ".", ":", " ", "con", "nul", "\n", "\u2066", "́"])
NAMES = st.one_of(
    st.text(max_size=40), st.lists(PIECES, max_size=3).map("".join), st.from_regex(r"[A-Za-z0-9._ -]{1,12}")
)


@settings(max_examples=150)
@given(NAMES)
def test_an_admitted_name_is_one_file_in_its_folder_on_every_system(name: str) -> None:
    if name_problem(name) is not None:
        with pytest.raises(InputError):
            plain_name(name)
        return
    for folder in (PurePosixPath("/data/runs"), PureWindowsPath("D:\\data\\runs")):
        path = folder / plain_name(name)
        assert path.parent == folder and path.name == name and ".." not in path.parts
    assert not ntpath.isreserved(name) if hasattr(ntpath, "isreserved") else not PureWindowsPath(name).is_reserved()
    assert len(os.fsencode(f".{name}.png.0a1b2c3d")) <= 255, "room for an ending and a temporary file's mark"
    with tempfile.TemporaryDirectory() as folder:
        path_below(Path(folder), name).write_bytes(b"x")
        (found,) = Path(folder).iterdir()
        assert same_name(found.name) == same_name(name)


@settings(max_examples=100)
@given(NAMES, NAMES)
def test_names_that_a_file_system_may_take_for_one_are_known(one: str, other: str) -> None:
    if same_name(one) != same_name(other):
        assert one != other and one.lower() != other.lower()
    assert same_name(one.upper()) == same_name(same_name(one.upper()))


def test_composed_and_plain_accents_are_one_name() -> None:
    assert same_name("Café") == same_name("cafe\u0301") != same_name("cafe")


# ── every reader of records ──────────────────────────────────────────────────────────────────────────────────────

READERS = ("../../../victim", "..", "C:\\victim", "CON", ".hidden", "a\nb", "x" * 300)
"""Some hostile names of each kind; the function itself has seen them all."""


def batch(folder: Path, name: str) -> object:
    photo(size=64).save(folder / "a.png")
    (folder / "b.jsonl").write_text(json.dumps({"id": name, "instruction": "mirror it", "images": ["a.png"]}))
    return load_bench(str(folder / "b.jsonl"))


def with_id(made: Any, name: str) -> Any:
    """A record that somebody else wrote: ours would not have let the id in."""
    return type(made).model_construct(**{**fields_of(made), "id": name})


def fields_of(made: Any) -> dict[str, Any]:
    return {field: getattr(made, field) for field in type(made).model_fields}


def tasks(folder: Path, name: str) -> Path:
    made, pictures = task(0)
    with DatasetWriter(folder / "rl", "rl", {}) as writer:
        writer.add(0, with_id(made, name), pictures)
    return folder / "rl"


def dataset(folder: Path, name: str) -> object:
    return load_bench(str(tasks(folder, name)))


def trajectories(folder: Path, name: str) -> object:
    made, pictures = record(0, 0)
    with DatasetWriter(folder / "sft", "sft", {}) as writer:
        writer.add(0, with_id(made, name), pictures)
    with Dataset.open(folder / "sft") as opened:
        return list(opened.rows())


def parquet(folder: Path, name: str) -> Path:
    """A released file of tasks, exported by us, with the id in its `extra_info`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made, pictures = task(0)
    with DatasetWriter(folder / "rl", "rl", {}) as writer:
        writer.add(0, made, pictures)
    with Dataset.open(folder / "rl") as opened:
        export(opened, "verl", folder / "verl")
    (file,) = (folder / "verl").glob("*.parquet")
    table = pq.read_table(file)
    rows = table.to_pylist()
    kept = json.loads(rows[0]["extra_info"]["canvascraft"])
    rows[0]["extra_info"]["canvascraft"] = json.dumps({**kept, "id": name})
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file)
    return file


def released(folder: Path, name: str) -> object:
    return load_bench(str(parquet(folder, name)))


def asset_of_a_run(folder: Path, name: str) -> object:
    Agent(ListPolicy([end()])).run("mirror it", [photo(size=64)], run_dir=folder / "run")
    file = folder / "run" / "trajectory.json"
    file.write_text(file.read_text().replace('"img_1"', json.dumps(name)))
    return Trajectory.load(folder / "run")


def folder_of_a_row(folder: Path, name: str) -> object:
    row = Row(policy="scripted", task="a", folder="runs/scripted/a", status="met").model_dump()
    (folder / "rows.jsonl").write_text(json.dumps({**row, "folder": f"runs/scripted/{name}"}) + "\n")
    return read_rows(folder)


def shard_of_a_dataset(folder: Path, name: str) -> object:
    file = build(folder / "sft", 1) / "dataset.json"
    manifest = json.loads(file.read_text())
    manifest["shards"][0]["path"] = f"records/{name}"
    file.write_text(json.dumps(manifest))
    return Dataset.open(folder / "sft")


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "read",
    [batch, dataset, trajectories, released, asset_of_a_run, folder_of_a_row, shard_of_a_dataset],
)
def test_no_reader_lets_a_hostile_name_in(read: Callable[[Path, str], object], name: str, tmp_path: Path) -> None:
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    error = InputError if read in (batch, dataset, released, folder_of_a_row) else StorageError
    with pytest.raises(error):
        read(inside, name)


@pytest.mark.parametrize("name", READERS)
def test_an_import_keeps_records_with_hostile_ids_apart(name: str, tmp_path: Path) -> None:
    build(tmp_path / "sft", 2)
    with Dataset.open(tmp_path / "sft") as opened:
        export(opened, "sharegpt", tmp_path / "out")
    (file,) = (tmp_path / "out").glob("train*.json")
    items = json.loads(file.read_text())
    file.write_text(json.dumps([{**items[0], "id": name}, *items[1:]]))
    said = import_dataset(tmp_path / "out", tmp_path / "again")
    assert sum(said.rejected.values()) == 1 and said.counts["train"] == len(items) - 1
    said = import_dataset(parquet(tmp_path, name).parent, tmp_path / "tasks")
    assert sum(said.rejected.values()) == 1


@pytest.mark.parametrize(
    "name", ["../victim.png", "images/../../victim.png", "C:victim.png", ".hidden/victim.png", "nul.png"]
)
def test_an_import_reads_no_picture_by_a_path_that_leads_elsewhere(name: str, tmp_path: Path) -> None:
    """The file is there in each case (a system that keeps drives apart would look on another one)."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    (folder / name).parent.mkdir(exist_ok=True)
    photo(size=32).save(folder / name)
    item = {"messages": [{"role": "user", "content": "<image>mirror it"}], "images": [name]}
    (folder / "train.json").write_text(json.dumps([item]))
    assert import_dataset(folder, tmp_path / "out").counts == {"rejected": 1}


@pytest.mark.parametrize("name", ["../../../victim", "/etc/victim", ".."])
def test_pictures_are_exported_inside_the_folder(name: str, tmp_path: Path) -> None:
    """The hash of a picture names its file; a dataset of somebody else may say anything there."""
    made, pictures = record(0, 0)
    hostile = fields_of(made) | {"images": [name, *made.images[1:]]}
    for built in (SftRecord.model_construct(**hostile), made):
        trajectory = {**(made.trajectory or {}), "assets": [{"pixel_hash": name}]}
        changed = built.model_copy(update={"trajectory": trajectory})
        folder = tmp_path / ("one" if built is made else "two")
        with DatasetWriter(folder, "sft", {}) as writer:
            writer.add(0, changed, {**pictures, name: next(iter(pictures.values()))})
        out = tmp_path / "deep" / "er" / "out"
        with Dataset.open(folder) as opened:
            said = export(opened, "sharegpt", out / folder.name)
        assert (said.records, said.unreadable) == ({}, 1)
        assert not list(tmp_path.rglob("*.png")), "no picture was written, inside or outside"


# ── where paths are made ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", READERS)
def test_an_evaluation_of_tasks_from_code_checks_their_ids(name: str, tmp_path: Path) -> None:
    """A task that was not read from a file comes with whatever id the caller gave it."""
    bench = Bench("mine", "1", (EvalTask(Task("mirror it", [photo(size=64)], id=name)),))
    setup = Setup(bench="mine", bench_version="1", tasks=1, profile="lite", judge="none", preset="paper", seed=0)
    with ToolBox("lite") as toolbox, pytest.raises(InputError, match="cannot be the name"):
        asyncio.run(Evaluation(tmp_path / "out", setup, bench, toolbox, None).run({"scripted": lambda item: None}))
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError):
        asset_path(tmp_path, name)


def test_policies_whose_folders_would_be_one_are_refused(tmp_path: Path) -> None:
    bench = Bench("mine", "1", (EvalTask(Task("mirror it", [photo(size=64)], id="a")),))
    setup = Setup(bench="mine", bench_version="1", tasks=1, profile="lite", judge="none", preset="paper", seed=0)
    with ToolBox("lite") as toolbox, pytest.raises(InputError, match="would have one folder"):
        run = Evaluation(tmp_path / "out", setup, bench, toolbox, None).run
        asyncio.run(run({"openai:a/b": lambda item: None, "openai:A_b": lambda item: None}))


def test_an_id_of_a_run_leads_nowhere_but_below_the_folder_of_runs(tmp_path: Path) -> None:
    Agent(ListPolicy([end()])).run("mirror it", [photo(size=64)], run_dir=tmp_path / "runs" / "one")
    Agent(ListPolicy([end()])).run("mirror it", [photo(size=64)], run_dir=tmp_path / "private")
    assert find_run("one", tmp_path / "runs") == tmp_path / "runs" / "one"
    for name in ("../private", "one/../../private", f"{tmp_path}/nothing"):
        with pytest.raises(InputError, match="there is no run"):
            find_run(name, tmp_path / "runs")
    assert find_run(str(tmp_path / "private"), tmp_path / "runs") == tmp_path / "private", "a path is the user's own"


@pytest.mark.parametrize("stem", [".hidden", "aux", "a.", "..."])
def test_the_name_of_a_batch_file_becomes_a_folder_only_where_it_can(
    stem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{stem}.jsonl").write_text(json.dumps({"instruction": "draw a cat"}))
    assert main(["run", "--batch", f"{stem}.jsonl"]) == 2
    assert "batch file" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_the_attack_by_a_benchmark_writes_nothing_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record with the id `../../../victim` deleted `victim/assets/*.png` at the second start of an evaluation."""
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    (tmp_path / "victim" / "assets").mkdir(parents=True)
    photo(size=32).save(tmp_path / "victim" / "assets" / "logo.png")
    name = "../../../../../victim"  # from out/runs/scripted
    for bench in (tasks(work, name), parquet(work / "file", name)):
        for _ in range(2):
            assert main(["eval", "--bench", str(bench), "--policy", "scripted", "--judge", "none", "--out", "out"]) == 2
            assert "victim' cannot be the name of a file" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "victim").rglob("*")] == ["assets", "logo.png"]
    assert not (work / "out").exists()
