"""Folders and files of somebody else: no command writes to, replaces or removes anything in them."""

from __future__ import annotations

import json
import os
import shutil
import typing
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from canvasagent import Agent
from canvasagent.batch import BATCH_NAME
from canvasagent.cli import command_line
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.errors import InputError
from canvasagent.execution.cache import Cache
from canvasagent.record.run_folder import BEGUN_NAME, RunFolder
from canvasagent.record.trajectory import Trajectory
from canvasagent.storage.folders import LOCK_NAME, set_mark
from canvasagent.tools.base import Outcome
from cli_helpers import CROP, Shell
from craft_data import build, build_tasks, item
from helpers import ListPolicy, call, end, photo

STRANGERS = (
    ".env", ".lock", ".trajectory.json.bak", "README.md", "app.sqlite", "assets/.img_1.png.bak", "assets/img_1.png",
    "assets/logo.png", "audit.json", "funnel.html", "images/aa/a.png", "index.html", "pictures/cover.png",
    "progress.jsonl", "rater-1.html", "ratings.csv", "records/train-00000.parquet", "report.html", "report.md",
    "results.json", "results.jsonl", "rows.jsonl", "runs/scripted/a/notes.txt", "table.md", "tasks.jsonl",
)  # fmt: skip
"""Files of somebody else, many of them with names that files of ours have too."""
MANIFESTS = ("", "dataset.json", "evaluation.json", "key.json", "progress.jsonl", "trajectory.json")
"""A file of another program that has the name of one that says what a folder of ours is; "" for none."""


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of each kind and one that was exported."""
    folder = tmp_path_factory.mktemp("data")
    build(folder / "sft", 3)
    build_tasks(folder / "rl", 3)
    return folder


def fill(folder: Path, manifest: str = "") -> None:
    """Put a stranger's files into a folder."""
    for name in (*STRANGERS, *([manifest] if manifest else [])):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps({"name": name, "version": "1.0"}))


def everything(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder: files with their bytes, links with where they lead, folders."""
    found: dict[str, bytes | None] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink()).encode()
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


def write_batch(name: str, **line: Any) -> str:
    Path(name).write_text(json.dumps({"id": "one", "instruction": "mirror it", "images": ["a.png"], **line}))
    return name


COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "run --batch": lambda data: ["run", "--batch", write_batch("out.jsonl"), "--runs-dir", "."],
    "eval --out": lambda data: ["eval", "--bench", write_batch("b.jsonl"), "--policy", "scripted", "--out", "out"],
    "study build --out": lambda data: ["study", "build", "evaluation", "--out", "out"],
    "craft sft --out": lambda data: ["craft", "sft", "--n", "1", "--out", "out"],
    "craft rl --out": lambda data: ["craft", "rl", "--n", "1", "--out", "out"],
    "craft import --out": lambda data: ["craft", "import", str(exported(data)), "--out", "out"],
    "craft export --out": lambda data: ["craft", "export", str(data / "sft"), "--format", "hf", "--out", "out"],
    "craft audit --out": lambda data: ["craft", "audit", str(data / "rl"), "--out", "out"],
    "craft bench --out": lambda data: ["craft", "bench", "b001", "--out", "out"],
}
"""Every command that takes a folder to write to; the folder is `out`."""


def exported(data: Path) -> Path:
    if not (data / "verl").exists():
        from canvasagent.craft.exports import export

        with Dataset.open(data / "rl") as dataset:
            export(dataset, "verl", data / "verl")
    return data / "verl"


@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_strangers_folder_is_refused_before_anything_is_touched(
    command: str, manifest: str, shell: Shell, data: Path
) -> None:
    fill(Path("out"), manifest)
    arguments = COMMANDS[command](data)
    before = everything(shell.folder)
    said = shell(*arguments, "--json")
    assert said.code == 2, said
    assert everything(shell.folder) == before
    assert "out" in said.object["error"] and "name a" in said.object["error"], "what is wrong, and what to do instead"


READERS = ("run --resume", "run --continue", "show", "replay", "score", "study import", "study report", "craft stats",
           "craft review", "table", "judge check")  # fmt: skip


@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize("command", READERS)
def test_commands_that_go_on_with_a_folder_leave_a_strangers_alone(command: str, manifest: str, shell: Shell) -> None:
    fill(Path("out"), manifest)
    more = {"run --resume": ["out"], "run --continue": ["out", "mirror it"], "craft review": ["out", "--out", "q.html"],
            "study import": ["ratings.csv", "--study", "out"], "study report": ["--study", "out"]}  # fmt: skip
    Path("ratings.csv").write_text("rater,item\n")
    before = everything(shell.folder)
    said = shell(*command.split(), *more.get(command, ["out"]), "--json")
    assert said.code == 2, said
    assert everything(shell.folder) == before


FILES: dict[str, list[str]] = {
    "craft review --out page": ["craft", "review", "DATA/rl", "--out", "kept.html"],
    "craft review --out lines": ["craft", "review", "DATA/rl", "--out", "kept.jsonl"],
    "judge check --out": ["judge", "check", "DATA/run", "--rounds", "1", "--out", "kept.json"],
    "profile new": ["profile", "new", "kept.toml"],
    "profile plan --out": ["profile", "plan", "--profile", "lite", "--gpus", "none", "--out", "kept.toml"],
}
"""Commands that write a file which people may have filled in, or which is of something else."""


@pytest.mark.parametrize("command", FILES)
def test_a_file_that_is_there_is_not_replaced(command: str, shell: Shell, data: Path) -> None:
    if not (data / "run").exists():
        Agent(ListPolicy([end()])).run("mirror it", [photo(size=64)], run_dir=data / "run")
    arguments = [word.replace("DATA", str(data)) for word in FILES[command]]
    kept = Path(next(word for word in arguments if word.startswith("kept.")))
    kept.write_text("mine")
    said = shell(*arguments)
    assert said.code == 2 and "is there already" in said.err, said
    assert kept.read_text() == "mine"


def test_a_result_replaces_a_file_and_nothing_else(shell: Shell) -> None:
    os.mkfifo("pipe.png")
    Path("folder.png").mkdir()
    Path("kept.png").write_text("mine")
    Path("link.png").symlink_to("kept.png")
    Path("old.png").write_text("replaced")
    for name in ("pipe.png", "folder.png", "x" * 300 + ".png"):
        for arguments in (["tool", "flip", "--image", "a.png"], ["run", "mirror it", "-i", "a.png"]):
            said = shell(*arguments, "-o", name, "--json")
            assert said.code == 2 and name in said.object["error"], said
    assert not Path("runs").exists(), "it is refused before the request is carried out"
    for name in ("link.png", "old.png"):
        assert shell("tool", "flip", "--image", "a.png", "-o", name).code == 0
        assert Path(name).read_bytes()[:4] == b"\x89PNG" and not Path(name).is_symlink()
    assert Path("kept.png").read_text() == "mine", "a link is replaced; what it leads to is not"


READ = {
    "allow", "batch", "checks", "config", "data", "dataset", "decisions", "deepspeed", "earlier", "files", "folders",
    "image", "images", "judge_prompts", "keys", "path", "prompts", "published", "runs_dir", "sharing", "source_dir",
    "study_dir", "system_prompt", "tasks", "tls_certificate", "tls_key",
}  # fmt: skip
"""Options and arguments whose files are read, or whose folders are tested above under the command that writes there."""
OWN_NAMES = {"cache", "judge_cache"}
"""Folders in which files are named by the hash of what they hold."""
WRITTEN = {
    ("run", "output"), ("eval", "out_dir"), ("study build", "out_dir"), ("judge check", "to"), ("profile new", "file"),
    ("profile plan", "to"), ("train sft", "to"), ("train grpo", "to"),
    *((f"mcp {name}", "output") for name in ("stdio", "http", "install")),
    *((f"craft {name}", "to") for name in ("sft", "rl", "review", "import", "export", "audit", "bench")),
}  # fmt: skip
"""What is written to, each in a test above (`train` in test_train_strangers.py); `run --output` replaces the one file
that it names, as tools do; below an output folder of `mcp` each start makes a new folder."""


def paths_taken(group: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Commands and the names of their options and arguments that are paths."""
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from paths_taken(command, f"{name}{word} ")
            continue
        hints = typing.get_type_hints(command.callback)
        for parameter in signature(command.callback).parameters.values():
            if "Path" in str(hints.get(parameter.name, "")) + str(parameter.annotation):
                yield f"{name}{word}", parameter.name


def test_no_command_takes_a_path_that_nobody_looked_at() -> None:
    """Whoever adds an option for a path says here what is written to it, and adds it to the tests above."""
    found = {pair for pair in paths_taken(command_line([], every=True)) if not pair[0].startswith("tool ")}
    assert len(found) > 30
    known = WRITTEN | {("craft chains", "file")}
    assert not {pair for pair in found if pair[1] not in READ | OWN_NAMES} - known
    assert found >= WRITTEN, "what is no option any more is no longer listed"


def test_a_folder_of_an_item_that_is_a_strangers_stops_the_batch_before_anything_runs(shell: Shell) -> None:
    batch = write_batch("many.jsonl", id="app")
    policy = shell.turns(CROP, end())
    assert shell("run", "--batch", batch, "--policy", policy).code == 0
    shutil.rmtree("runs/many/app")
    Path("runs/many/app/assets").mkdir(parents=True)
    for name in ("logo.png", "img_1.png", "Flip_0.png"):
        photo(size=16).save(f"runs/many/app/assets/{name}")
    before = everything(shell.folder)
    said = shell("run", "--batch", batch, "--policy", policy, "--json")
    assert said.code == 2 and "runs/many/app' holds something else (assets)" in said.object["error"]
    assert everything(shell.folder) == before


def test_files_that_people_put_beside_results_stay(shell: Shell) -> None:
    batch, policy = write_batch("many.jsonl"), shell.turns(CROP, end())
    assert shell("run", "--batch", batch, "--policy", policy).code == 0
    Path("runs/many/notes.txt").write_text("mine")
    assert shell("run", "--batch", batch, "--policy", policy).code == 0
    assert Path("runs/many/notes.txt").read_text() == "mine"


def test_only_what_a_killed_run_left_makes_room_for_a_new_one(tmp_path: Path) -> None:
    def again() -> Trajectory:
        return Agent(ListPolicy([call("Flip", image="img_1"), end()])).run("mirror", [photo(size=64)], run_dir=tmp_path)

    (tmp_path / "assets").mkdir()
    for name in ("img_1.png", "img_2.png", "Flip_0.png", ".Flip_1.png.0a1b2c3d"):
        (tmp_path / "assets" / name).write_bytes(b"half")
    (tmp_path / LOCK_NAME).touch()
    with pytest.raises(InputError, match="holds something else"):
        again()
    (tmp_path / BEGUN_NAME).touch()
    (tmp_path / "assets" / "logo.png").write_bytes(b"mine")
    before = everything(tmp_path)
    with pytest.raises(InputError, match="holds something else"):
        again()
    assert everything(tmp_path) == before
    (tmp_path / "assets" / "logo.png").unlink()
    assert again().status == "met"
    assert {path.name for path in (tmp_path / "assets").iterdir()} == {"img_1.png", "Flip_0.png"}
    assert not (tmp_path / BEGUN_NAME).exists()


def test_a_resumed_run_removes_nothing_but_its_own_temporary_files(tmp_path: Path) -> None:
    Agent(ListPolicy([CROP, end()])).run("crop", [photo(size=64)], run_dir=tmp_path)
    record = json.loads((tmp_path / "trajectory.json").read_text())
    (tmp_path / "trajectory.json").write_text(json.dumps({**record, "status": "running"}))
    mine = ("assets/.logo.png.bak", "assets/logo.png", ".trajectory.json.bak", ".report.html.swp", "assets/Flip_9.png")
    for name in mine:
        (tmp_path / name).write_text("mine")
    (tmp_path / "assets" / ".Crop_0.png.0a1b2c3d").write_text("ours")
    assert Agent(ListPolicy([end()])).resume(tmp_path).status == "met"
    assert all((tmp_path / name).read_text() == "mine" for name in mine)
    assert not (tmp_path / "assets" / ".Crop_0.png.0a1b2c3d").exists()


def test_a_dataset_that_goes_on_removes_nothing_but_shards(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path, "sft", {}, shard_items=1) as writer:
        writer.add(0, *item(0))
    (tmp_path / "rejected" / "pictures").mkdir(parents=True)
    mine = ("pictures/cover.png", "records/.notes", "rejected/pictures/why.txt", ".README.md.swp", "records/a.parquet",
            ".pictures.sqlite.old")  # fmt: skip
    for name in mine:
        (tmp_path / name).write_text("mine")
    ours = ("records/.train-00007.parquet.part", "records/train-00007.parquet", "pictures/00007-00.parquet",
            ".dataset.json.0a1b2c3d")  # fmt: skip
    for name in ours:
        (tmp_path / name).write_text("ours")
    DatasetWriter(tmp_path, "sft", {}, shard_items=1).abort()
    assert all((tmp_path / name).read_text() == "mine" for name in mine)
    assert not any((tmp_path / name).exists() for name in ours)


def test_the_cache_counts_and_removes_nothing_but_its_entries(tmp_path: Path) -> None:
    mine = [tmp_path / name for name in ("aa/notes.entry", "data/b.entry", f"data/{'a' * 64}.entry")]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("x" * 30_000)
    cache = Cache(memory_bytes=0, folder=tmp_path, disk_bytes=20_000)
    for number in range(30):
        cache.put(f"{number:064x}", Outcome("x" * 1000))
    assert all(path.read_text() == "x" * 30_000 for path in mine)


# ── links: whoever made a folder could have pointed them anywhere ────────────────────────────────────────────────


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A folder outside, which a link leads to; it stays as it is."""
    folder = tmp_path / "outside" / "victim"
    fill(folder)
    (folder / "assets" / ".img_1.png.0a1b2c3d").write_text("mine, whatever it looks like")
    (folder / "empty").mkdir()
    before = everything(folder)
    yield folder
    assert everything(folder) == before


def test_a_run_whose_pictures_are_a_link_is_not_resumed(shell: Shell, victim: Path) -> None:
    folder = Path(shell.run((CROP,)).object["run_dir"])
    shutil.move(folder / "assets", folder / "pictures")
    (folder / "assets").symlink_to(victim / "assets")
    said = shell("run", "--resume", folder, "--trust-record", "--json")
    assert said.code == 2 and "is a link" in said.object["error"]


@pytest.mark.parametrize("to", ["", "empty"])
def test_links_in_the_folder_of_a_batch_are_not_followed(shell: Shell, victim: Path, to: str) -> None:
    batch, policy = write_batch("many.jsonl"), shell.turns(CROP, end())
    Path("runs/many").mkdir(parents=True)
    Path("runs/many", BATCH_NAME).touch()
    Path("runs/many/one").symlink_to(victim / to)
    Path("runs/many/results.jsonl").symlink_to(victim / "results.jsonl")
    said = shell("run", "--batch", batch, "--policy", policy, "--json")
    assert said.code == 2 and "is a link" in said.object["error"]


@pytest.mark.parametrize(("name", "to"), [("runs", "empty"), ("rows.jsonl", "rows.jsonl"), ("runs/scripted", "")])
def test_links_in_the_folder_of_an_evaluation_are_not_followed(shell: Shell, victim: Path, name: str, to: str) -> None:
    arguments = ["eval", "--bench", write_batch("b.jsonl"), "--policy", "scripted", "--judge", "none", "--out", "out"]
    assert shell(*arguments).code == 3
    shutil.rmtree("out/runs")
    Path("out/rows.jsonl").unlink()
    Path("out", name).parent.mkdir(exist_ok=True)
    Path("out", name).symlink_to(victim / to)
    said = shell(*arguments, "--json")
    told = said.object.get("error") or json.dumps(said.object)
    assert said.code == (3 if "/" in name else 2) and "is a link" in told


@pytest.mark.parametrize("name", ["records", "pictures", ".pictures.sqlite", LOCK_NAME])
def test_links_in_a_dataset_are_not_followed(tmp_path: Path, victim: Path, name: str) -> None:
    folder = tmp_path / "data"
    with DatasetWriter(folder, "sft", {}, shard_items=1) as writer:
        writer.add(0, *item(0))
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to(victim / ("pictures" if not name.startswith(".") else "app.sqlite"))
    with pytest.raises(InputError, match="is a link"):
        DatasetWriter(folder, "sft", {}, shard_items=1)


def test_a_shard_that_is_being_written_is_never_a_link(tmp_path: Path, victim: Path) -> None:
    folder = tmp_path / "data"
    DatasetWriter(folder, "sft", {}).abort()
    (folder / "records").mkdir()
    (folder / "records" / ".train-00000.parquet.part").symlink_to(victim / "README.md")
    with DatasetWriter(folder, "sft", {}) as writer:
        writer.add(0, *item(0))
    assert len(Dataset.open(folder)) == 1


def test_the_folder_of_an_audit_is_no_link(shell: Shell, victim: Path, data: Path) -> None:
    shutil.copytree(data / "rl", "rl")
    Path("rl/audit").symlink_to(victim / "empty")
    said = shell("craft", "audit", "rl", "--json")
    assert said.code == 2 and "is a link" in said.object["error"]


def test_a_new_run_takes_no_folder_with_links(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / BEGUN_NAME).touch()
    (tmp_path / "run" / "assets").symlink_to(victim / "empty")
    with pytest.raises(InputError, match="is a link"):
        RunFolder(tmp_path / "run")
    (tmp_path / "run" / "assets").unlink()
    (tmp_path / "run" / BEGUN_NAME).unlink()
    (tmp_path / "run" / BATCH_NAME).symlink_to(victim / "new")
    with pytest.raises(InputError, match="is a link"):
        set_mark(tmp_path / "run" / BATCH_NAME)
