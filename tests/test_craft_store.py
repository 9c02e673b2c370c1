"""The native layout: what is written is read again, exactly; a kill loses nothing that was committed."""

from __future__ import annotations

import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from canvasagent.canvas import pixel_hash
from canvasagent.craft.records import RlRecord
from canvasagent.craft.store import Dataset, Rejection
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.errors import InputError, StorageError
from craft_data import build, item, record, run


def contents(folder: Path) -> dict[str, str]:
    """Checksums of all that the dataset is made of."""
    files = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".canvasagent.lock", ".pictures.sqlite")
    ]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("whole"), 8)


def test_what_is_written_is_read_again(whole: Path) -> None:
    with Dataset.open(whole) as dataset:
        assert dataset.complete and dataset.kind == "sft" and dataset.settings == {"n": 8, "seed": 0}
        assert dataset.splits == ["train", "validation", "test"] and len(dataset) == 7
        expected = [item(index)[0] for index in range(8) if index != 4]
        assert list(dataset.rows()) == expected
        assert [row.id for row in dataset.sft("validation")] == ["000002", "000006"]
        ((index, rejected),) = dataset.rejected()
        assert index == 4 and rejected == item(4)[2]
        assert dataset.verify() == []
        for row in dataset.sft():
            assert [pixel_hash(dataset.picture(key)) for key in row.images] == row.images
        hashes = list(dataset.hashes())
        assert len(hashes) == len(set(hashes)) == dataset.manifest.counts["pictures"]
        assert hashes[0] in dataset and "0" * 64 not in dataset
        with pytest.raises(StorageError, match="no picture 0000"):
            dataset.picture("0" * 64)
        with pytest.raises(InputError, match="of kind sft"):
            next(dataset.rl())


def test_pictures_are_kept_once(whole: Path) -> None:
    """Items 0 and 4, 1 and 5, … are of the same run."""
    with Dataset.open(whole) as dataset:
        assert dataset.manifest.counts["pictures"] == sum(len(run(number).assets) for number in range(4))


def test_the_index_can_be_lost(whole: Path, tmp_path: Path) -> None:
    folder = build(tmp_path / "a", 8)
    (folder / ".pictures.sqlite").unlink()
    with Dataset.open(folder) as dataset:
        for row in dataset.sft():
            dataset.picture(row.images[-1])
    (folder / ".pictures.sqlite").write_bytes(b"no database at all" * 100)
    with Dataset.open(folder) as dataset:
        dataset.picture(next(dataset.hashes()))
    with DatasetWriter(folder, "sft", {"n": 8, "seed": 0}, shard_items=3) as writer:
        assert writer.complete and writer.next_index == 8
    assert contents(folder) == contents(whole)


def test_an_interrupted_build_goes_on_to_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    folder, settings = tmp_path / "a", {"n": 8, "seed": 0}
    for stop in (2, 4, 5, 7):
        with pytest.raises(KeyboardInterrupt), DatasetWriter(folder, "sft", settings, shard_items=3) as writer:
            assert writer.next_index % 3 == 0
            for index in range(writer.next_index, stop):
                made, pictures, rejected = item(index)
                writer.add(index, made, pictures, rejected)
            raise KeyboardInterrupt
        with Dataset.open(folder) as dataset:
            assert not dataset.complete and dataset.manifest.next_index == stop // 3 * 3
            assert [row.id for row in dataset.rows()] == [f"{i:06d}" for i in range(stop // 3 * 3) if i != 4]
    build(folder, 8)
    assert contents(folder) == contents(whole)


BUILDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from craft_data import item
from canvasagent.craft.store.writer import DatasetWriter
items = [item(index) for index in range(60)]
print("go", flush=True)
with DatasetWriter(Path(sys.argv[2]), "sft", {"n": 60}, shard_items=2) as writer:
    for index in range(writer.next_index, 60):
        writer.add(index, *items[index])
"""


def test_killed_at_random_points(tmp_path: Path) -> None:
    """SIGKILL at arbitrary moments; what is there then is a dataset, and the end is that of an unbroken run."""
    command = [sys.executable, "-c", BUILDER, str(Path(__file__).parent)]
    subprocess.run([*command, tmp_path / "whole"], check=True, capture_output=True, timeout=60)
    folder, seen, kills = tmp_path / "killed", 0, 0
    for delay in (0.01, 0.03, 0.06, 0.02, 0.09):
        process = subprocess.Popen([*command, folder], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None and process.stdout.readline() == b"go\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += process.returncode == -signal.SIGKILL
        process.stdout.close()
        if (folder / "dataset.json").exists():
            with Dataset.open(folder) as dataset:
                assert dataset.manifest.next_index >= seen
                seen = dataset.manifest.next_index
                assert len(list(dataset.rows())) == len(dataset) and dataset.verify() == []
    assert kills
    subprocess.run([*command, folder], check=True, capture_output=True, timeout=60)
    assert contents(folder) == contents(tmp_path / "whole")


def test_killed_while_the_first_manifest_was_written(tmp_path: Path) -> None:
    """The half of a file that is left does not make the folder somebody else's."""
    (tmp_path / ".dataset.json.6ff0adbb").write_bytes(b'{"kind"')
    with DatasetWriter(tmp_path, "sft", {}) as writer:
        writer.add(0, *item(0))
    assert not list(tmp_path.glob(".dataset.json.*"))


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path, "sft", {}) as writer:
        with pytest.raises(StorageError, match="another process is writing"):
            DatasetWriter(tmp_path, "sft", {})
        writer.add(0, *item(0))
    DatasetWriter(tmp_path, "sft", {}).abort()


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from craft_data import item
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.errors import StorageError
items = [item(index) for index in range(8)]
with DatasetWriter(Path(sys.argv[2]), "sft", {"n": 8, "seed": 0}, shard_items=3) as writer:
    limit, before = int(sys.argv[3]), int(sys.argv[4])
    for index in range(before):
        writer.add(index, *items[index])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        for index in range(before, 8):
            writer.add(index, *items[index])
    except StorageError as error:
        print(error)
        raise SystemExit(7)
"""


@pytest.mark.parametrize(("limit", "before", "why"), [(20_000, 3, "disk I/O error"), (45_000, 0, "File too large")])
def test_a_full_disk_is_told_and_the_build_can_go_on(
    whole: Path, tmp_path: Path, limit: int, before: int, why: str
) -> None:
    """A limit on the size of files stands for the full disk: the index or a shard meets it first."""
    folder = tmp_path / "a"
    command = [sys.executable, "-c", FULL, str(Path(__file__).parent), str(folder), str(limit), str(before)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 7, done.stderr
    assert f"could not be written: {why}" in done.stdout and "goes on from there" in done.stdout
    with Dataset.open(folder) as dataset:
        assert before <= dataset.manifest.next_index < 8 and len(list(dataset.rows())) == len(dataset)
    build(folder, 8)
    assert contents(folder) == contents(whole)


def test_other_folders_and_settings_are_refused(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"holds something else \(a.png"):
        DatasetWriter(tmp_path / "photos", "sft", {})
    with pytest.raises(InputError, match="is a file"):
        DatasetWriter(tmp_path / "photos" / "a.png", "sft", {})
    with pytest.raises(InputError, match="there is no dataset"):
        Dataset.open(tmp_path)
    with pytest.raises(InputError, match="seed was 0, now 1"):
        DatasetWriter(whole, "sft", {"n": 8, "seed": 1}, shard_items=3)
    with pytest.raises(InputError, match="kind was 'sft', now 'rl'"):
        DatasetWriter(whole, "rl", {"n": 8, "seed": 0}, shard_items=3)


@pytest.mark.parametrize(("version", "advice"), [(0, "the canvasagent that wrote it"), (2, "newer canvasagent")])
def test_other_versions_are_told(tmp_path: Path, version: int, advice: str) -> None:
    folder = build(tmp_path / "a", 2)
    manifest = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**manifest, "format_version": version, "unknown": 1}))
    for attempt in (lambda: Dataset.open(folder), lambda: DatasetWriter(folder, "sft", {"n": 2, "seed": 0})):
        with pytest.raises(StorageError, match=f"format version {version}.*{advice}"):
            attempt()


def test_damage_is_told(tmp_path: Path) -> None:
    folder = build(tmp_path / "a", 3)
    shard = next((folder / "pictures").glob("*.parquet"))
    data = shard.read_bytes()
    shard.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    with Dataset.open(folder) as dataset:
        assert len(dataset.verify()) == 1
    shard.write_bytes(data[:-5])
    with pytest.raises(StorageError, match="damaged"):
        Dataset.open(folder)
    shard.unlink()
    with pytest.raises(StorageError, match="missing"):
        Dataset.open(folder)
    (folder / "dataset.json").write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        Dataset.open(folder)


def test_what_cannot_be_kept_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    made, pictures = record(0, 0)
    with DatasetWriter(tmp_path / "a", "sft", {"n": 8, "seed": 0}, shard_items=3) as writer:
        for wrong, words in (
            (made.model_copy(update={"instruction": "half a \ud83d"}), "surrogates"),
            (made.model_copy(update={"meta": {"score": float("nan")}}), "JSON compliant"),
            (made.model_copy(update={"images": [*made.images, "0" * 64]}), "3 × <image> and 4 images"),
            (made.model_copy(update={"final": "0" * 64}), "which was not given"),
            (RlRecord(id="0", chain="Flip", instruction="x"), "RlRecord"),
        ):
            with pytest.raises(ValueError, match=words):
                writer.add(0, wrong, pictures)
        with pytest.raises(ValueError, match="is no PNG"):
            writer.add(0, made, {**pictures, "0" * 64: b"JPEG"})
        with pytest.raises(ValueError, match="item 1 is not expected"):
            writer.add(1, made, pictures)
        with pytest.raises(ValueError, match="either a record or a rejection"):
            writer.add(0, made, pictures, Rejection(stage="check", reason="both"))
        for index in range(8):
            writer.add(index, *item(index))
    assert contents(tmp_path / "a") == contents(build(tmp_path / "b", 8))


def test_rejected_pictures_stay_apart(tmp_path: Path) -> None:
    made, pictures = record(0, 0)
    with DatasetWriter(tmp_path, "sft", {}) as writer:
        writer.add(0, None, pictures, Rejection(stage="check", reason="why", images=made.images))
        writer.add(1, made.model_copy(update={"id": "000001"}), pictures)
    with Dataset.open(tmp_path) as dataset:
        assert sorted(dataset.hashes()) == sorted(pictures)  # a record never leans on what was rejected
        assert dataset.manifest.counts == {"pictures": len(pictures), "rejected": 1, "train": 1}


def test_load_dataset_opens_it(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    from datasets import load_dataset

    records = load_dataset(str(whole), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in records.items()} == {"train": 3, "validation": 2, "test": 2}
    row = records["test"][0]
    assert row["messages"] == [message.model_dump() for message in record(3, 3)[0].messages]
    assert json.loads(row["trajectory"])["turns"] and isinstance(row["images"][0], str)
    pictures = load_dataset(str(whole), "pictures", split="train", cache_dir=str(tmp_path / "cache"))
    assert all(pixel_hash(line["image"]) == line["hash"] for line in pictures)
    assert len(load_dataset(str(whole), "rejected", split="train", cache_dir=str(tmp_path / "cache"))) == 1


def test_an_empty_build_is_a_dataset_too(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path, "rl", {"n": 0}):
        pass
    with Dataset.open(tmp_path) as dataset:
        assert list(dataset.rows()) == [] and dataset.complete


def test_the_index_is_only_a_help(tmp_path: Path) -> None:
    """A picture that the index alone knows is not part of the dataset (killed between the two commits)."""
    folder = build(tmp_path / "a", 3)
    base = sqlite3.connect(folder / ".pictures.sqlite")
    base.execute("UPDATE shards SET sha256 = 'another'")
    base.commit()
    base.close()
    with Dataset.open(folder) as dataset:
        for row in dataset.sft():
            assert pixel_hash(dataset.picture(row.images[0])) == row.images[0]
