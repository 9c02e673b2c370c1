"""`craft sft`: the same shards however they are built, no loss where it is interrupted, and bad input."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from canvasagent.craft import builder as shared
from canvasagent.craft.builder import build
from canvasagent.craft.pictures import Need
from canvasagent.craft.plan import Plan
from canvasagent.craft.sft import settings_for
from canvasagent.craft.sources import load_source
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.craft.worker import Worker, WorkItem
from chat_server import Answer, ChatServer, Half
from cli_helpers import Shell
from waiting import wait_until

N = 12
MIX = "[mix]\nFlip = 4\nRotate = 3\nOverlay = 1\n'Grounding+Crop' = 2\nImageEdit = 1\nImageGeneration = 1\n"
COMMAND = (
    "import sys\nfrom canvasagent.craft import builder\nbuilder.SHARD_ITEMS = (3, 3)\n"
    "from canvasagent.cli import main\nsys.exit(main(sys.argv[1:]))"
)
"""The command line with small shards, so that a small build is committed in several steps."""


@pytest.fixture(scope="module")
def mix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mix of quick chains."""
    file = tmp_path_factory.mktemp("mix") / "mix.toml"
    file.write_text(MIX)
    return file


def contents(folder: Path) -> dict[str, str]:
    with Dataset.open(folder) as dataset:
        assert dataset.complete and not dataset.verify()
        return {shard.path: shard.sha256 for shard in dataset.manifest.shards}


def committed(folder: Path) -> int:
    """How many records a dataset holds; 0 where there is none yet."""
    if not (folder / "dataset.json").exists():
        return 0
    with Dataset.open(folder) as dataset:
        return sum(1 for _ in dataset.columns(["id"]))


@pytest.fixture(scope="module")
def built(mix: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A dozen trajectories, built in one go by one process."""
    folder = tmp_path_factory.mktemp("sft") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "SHARD_ITEMS", (3, 3))
        progress = build(settings_for(N, str(mix), validation=0.0, test=0.0), folder)
    assert progress.made == N
    yield folder


def options(mix: Path, folder: Path, **more: object) -> list[str]:
    given = {"n": N, "mix": mix, "out": folder, **more}
    return ["craft", "sft", *(str(part) for name, value in given.items() for part in (f"--{name}", value))]


# ── the same records ─────────────────────────────────────────────────────────────────────────────────────────


def test_records_are_whole(built: Path, mix: Path) -> None:
    with Dataset.open(built) as dataset:
        records = list(dataset.sft())
        counts = settings_for(N, str(mix)).counts
        assert {name: sum(record.chain == name for record in records) for name in counts} == counts
        assert [record.id for record in records] == [f"{slot:06d}" for slot in range(N)]
        for record in records:
            assert record.messages[-1].role == "assistant" and "<Terminate>" in record.messages[-1].content
            assert all(dataset.picture(name).size for name in record.images)
            assert record.answer is None  # none of these chains asks for words
    told = json.loads((built / "funnel.json").read_text())
    assert told["records"] == N and (built / "funnel.html").exists()


def test_neither_workers_nor_sets_nor_a_kill_change_a_byte(built: Path, mix: Path, tmp_path: Path) -> None:
    """Two workers, each with an order of sets of its own, killed with SIGKILL and begun again: the same shards."""
    folder = tmp_path / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "SHARD_ITEMS", (3, 3))
        settings = settings_for(N, str(mix), validation=0.0, test=0.0)
        script = COMMAND.replace("sys.exit(main(sys.argv[1:]))", (
            "from pathlib import Path\nfrom canvasagent.craft.builder import build\n"
            "from canvasagent.craft.sft import settings_for\n"
            f"if __name__ == '__main__':\n    build(settings_for({N}, {str(mix)!r}, validation=0.0, test=0.0), "
            f"Path({str(folder)!r}), workers=2)"
        ))  # fmt: skip
        (tmp_path / "build.py").write_text(script)
        process = subprocess.Popen([sys.executable, tmp_path / "build.py"], stderr=subprocess.PIPE)
        wait_until(lambda: committed(folder) or process.poll() is not None, "a commit")
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not psutil.wait_procs(workers, timeout=60)[1], "workers outlive who commands them"
        before = committed(folder)
        assert 0 < before <= N
        progress = build(settings, folder)
    assert progress.existing == before and progress.made == N
    assert contents(folder) == contents(built)


def test_a_slot_is_the_same_whatever_was_made_before(built: Path, mix: Path) -> None:
    worker = Worker(settings_for(N, str(mix), validation=0.0, test=0.0))
    try:
        again = [worker(WorkItem(slot)).attempts[-1].record for slot in (9, 4)]
    finally:
        worker.close()
    with Dataset.open(built) as dataset:
        kept = {record.id: record for record in dataset.sft()}
    assert [record and kept[record.id] for record in again] == again


@pytest.mark.slow
def test_ray_gives_the_same_records(built: Path, mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr(shared, "SHARD_ITEMS", (3, 3))
    settings = settings_for(N, str(mix), validation=0.0, test=0.0)
    build(settings, tmp_path / "data", workers=2, engine="ray")
    assert contents(tmp_path / "data") == contents(built)


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────────

BAD: dict[str, tuple[list[Any], str]] = {
    "mix": (["--mix", "papper"], "'paper', 'uniform' or a TOML file"),
    "source": (["--images", "film"], "no source of pictures 'film'"),
    "folder": (["--images", "dir:/nowhere"], "is no folder"),
    "writer": (["--writer", "poet"], "no writer 'poet'"),
    "profile": (["--profile", "huge"], "huge"),
    "engine": (["--engine", "steam", "--workers", 2], "no engine 'steam'"),
}


@pytest.mark.parametrize("name", BAD)
def test_malformed_settings_are_told(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, why = BAD[name]
    said = Shell(tmp_path, capsys)("craft", "sft", "--n", 4, "--out", tmp_path / "data", *arguments)
    assert said.code == 2 and why in " ".join(said.err.split())


def test_chains_with_impossible_slots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.toml").write_text(
        '[[chain]]\nname = "mine"\n[[chain.way]]\npictures = [{ things = 1 }]\nslots = { a = "thing" }\n'
        'steps = [{ tool = "Crop", act = "crop", box = "nothing" }]\n'
    )
    (tmp_path / "mix.toml").write_text('chains = "own.toml"\n[mix]\nmine = 1\n')
    said = Shell(tmp_path, capsys)("craft", "sft", "--mix", tmp_path / "mix.toml", "--out", tmp_path / "data")
    assert said.code == 2 and "own.toml" in said.err and "mine" in said.err
    assert not (tmp_path / "data").exists()


def test_broken_tiny_and_huge_pictures_are_passed_over(
    tmp_path: Path, mix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, folder = load_source("sketch"), tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        picture = source.pick(Need(things=1, drawn=True), "train", f"of a folder {number}")
        source.open(picture).save(folder / f"good{number}.png")
    (folder / "broken.png").write_bytes((folder / "good0.png").read_bytes()[:900])
    (folder / "words.jpg").write_text("no picture at all")
    Image.new("RGB", (5, 3)).save(folder / "tiny.png")
    Image.new("1", (30_000, 20_000)).save(folder / "huge.png")
    (tmp_path / "mix.toml").write_text("[mix]\nFlip = 1\nRotate = 1\n")
    arguments = ("--n", 4, "--mix", tmp_path / "mix.toml", "--images", f"dir:{folder}", "--json")
    said = Shell(tmp_path, capsys)("craft", "sft", "--out", tmp_path / "data", *arguments)
    assert said.code in (0, 3), said.err
    with Dataset.open(tmp_path / "data") as dataset:
        used = {picture["key"].split("@")[0] for record in dataset.sft() for picture in record.meta["pictures"]}
        rejected = [rejection for _, rejection in dataset.rejected()]
    assert used and used <= {f"good{number}.png" for number in range(3)}
    if said.code == 3:  # so few pictures: those of other splits are not taken instead
        assert {rejection.stage for rejection in rejected} <= {"picture", "duplicate"}


def test_a_writer_that_fails_midway(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written before is kept; the same command goes on when the endpoint is there again."""
    (tmp_path / "mix.toml").write_text("[mix]\nFlip = 1\n")
    good = Answer(json.dumps({"instruction": "Show me this picture the way a mirror would, please."}))
    other = Answer(json.dumps({"instruction": "Mirror the whole thing from left to right."}))
    monkeypatch.setenv("CANVASAGENT_WRITER_API_KEY", "sk-test")
    writer = "endpoint:m?retries=0&tries=1&check=false"
    arguments = ["--n", 2, "--mix", tmp_path / "mix.toml", "--writer", writer, "--out", tmp_path / "data", "--json"]
    run = Shell(tmp_path, capsys)
    with ChatServer(good, Half("{")) as server:
        monkeypatch.setenv("CANVASAGENT_WRITER_BASE_URL", server.url)
        said = run("craft", "sft", *arguments)
    assert said.code == 3 and said.object["records"] == 1 and said.object["missing"] == {"Flip": 1}
    assert said.object["fallen"] == {"writer": 8}
    with ChatServer(other) as server:
        monkeypatch.setenv("CANVASAGENT_WRITER_BASE_URL", server.url)
        again = run("craft", "sft", *arguments[:-2], tmp_path / "anew", "--json")
    assert again.object["records"] >= 1


class Poet:
    """A writer whose words hold a mark of the wire."""

    name = "poet"

    def __init__(self, mark: str) -> None:
        self.mark = mark

    async def instruction(self, plan: Plan, key: str) -> str:
        """The request."""
        return f"Mirror it. {self.mark} It says so on the sign."


@pytest.mark.parametrize("mark", ["<tool_call>", "<Terminate>", "<terminate>", "<image>"])
def test_marks_of_the_wire_in_an_instruction_fell_it(mark: str, mix: Path) -> None:
    worker = Worker(settings_for(N, str(mix), attempts=1))
    try:
        worker.writer = Poet(mark)  # type: ignore[assignment]
        attempt = worker(WorkItem(0)).attempts[-1]
    finally:
        worker.close()
    assert attempt.record is None and attempt.rejection is not None
    assert attempt.rejection.stage == "instruction" and mark.lower() in attempt.rejection.reason.lower()


def test_a_full_disk(tmp_path: Path, mix: Path, built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit on the size of files stands for it: told as such, and gone on with when there is room again."""
    run, arguments = Shell(tmp_path, capsys), options(mix, tmp_path / "data", n=3, json="")[:-1]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        said = run(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert said.code == 5 and "the same command goes on from there" in " ".join(said.err.split())
    assert run(*arguments).code == 0


def test_two_builders_on_one_folder(tmp_path: Path, mix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_for(N, str(mix)).model_dump(mode="json")
    with DatasetWriter(tmp_path / "data", "sft", settings):
        said = Shell(tmp_path, capsys)(*options(mix, tmp_path / "data"))
    assert said.code != 0 and "another" in said.err


def test_a_dataset_of_another_version_or_of_other_settings(
    tmp_path: Path, mix: Path, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Shell(tmp_path, capsys)
    other = run(*options(mix, built, seed=5))
    assert other.code == 2 and "other settings" in " ".join(other.err.split())
    old = tmp_path / "old"
    old.mkdir()
    manifest = json.loads((built / "dataset.json").read_text())
    (old / "dataset.json").write_text(json.dumps({**manifest, "format_version": 0}))
    for command in (options(mix, old), ["craft", "audit", old], ["craft", "stats", old]):
        said = run(*command)
        assert said.code != 0 and "version of canvasagent" in " ".join(said.err.split()), command
