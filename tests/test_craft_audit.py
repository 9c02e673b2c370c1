"""The audit finds what was put wrong on purpose, and nothing in what is right; the commands that look into data."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from canvasagent.canvas import pixel_hash
from canvasagent.craft.audit import Audit, audit
from canvasagent.craft.exports import export
from canvasagent.craft.imports import import_dataset
from canvasagent.craft.records import SftRecord
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.craft.tally import HARD, TABLE_3, chain_of, table_3, table_7, table_8, tally
from canvasagent.errors import InputError
from canvasagent.imaging.pictures import encode
from cli_helpers import Shell
from craft_data import build_tasks, record, task

Change = Callable[[SftRecord], None]


def made(folder: Path, change: Change | None = None, count: int = 4) -> Path:
    """A dataset of the runs, the first of them changed."""
    with DatasetWriter(folder, "sft", {"n": count}) as writer:
        for index in range(count):
            item, pictures = record(index, index)
            item = item.model_copy(deep=True)
            if index == 0 and change is not None:
                change(item)
            writer.add(index, item, pictures)
    return folder


def told(report: Audit, trouble: str) -> str:
    return "\n".join(found.words for found in report.examples[trouble])  # type: ignore[index]


def test_what_is_right_is_clean(tmp_path: Path) -> None:
    report = audit(made(tmp_path / "a"))
    assert report.clean and report.again == report.again_same == 4 and report.profile is None
    assert {tool: drift.steps for tool, drift in report.drift.items()} == {"Crop": 2, "Flip": 2, "Rotate": 1}
    assert report.calls == {1: 3, 2: 1} and ("Crop", "Flip", 1) in report.together
    page = (tmp_path / "a" / "audit" / "report.html").read_text()
    assert "Clean" in page and page.count("<svg") >= 8 and "<script" not in page and "://" not in page
    assert Audit.model_validate_json((tmp_path / "a" / "audit" / "audit.json").read_text()) == report


def wrong_tools(item: SftRecord) -> None:
    item.tools = ["Flip"]


def wrong_level(item: SftRecord) -> None:
    item.difficulty["L"] = "hard"


def wrong_check(item: SftRecord) -> None:
    item.checks = [{"check": "is_nice"}]


def wrong_call(item: SftRecord) -> None:
    item.messages[2].content = item.messages[2].content.replace('"bbox": [100', '"bbox": [9000')


def unknown_asset(item: SftRecord) -> None:
    item.messages[4].content = item.messages[4].content.replace("Crop_0", "Crop_7")


def other_pictures(item: SftRecord) -> None:
    item.images[1], item.images[2] = item.images[2], item.images[1]


def no_ending(item: SftRecord) -> None:
    item.messages[-1].content = "I am done."


def other_pixels(item: SftRecord) -> None:
    assert item.trajectory is not None
    crop = next(asset for asset in item.trajectory["assets"] if asset["id"] == "Crop_0")
    flip = next(asset for asset in item.trajectory["assets"] if asset["id"] == "Flip_0")
    crop["pixel_hash"], flip["pixel_hash"] = flip["pixel_hash"], crop["pixel_hash"]
    item.images[1], item.images[2] = item.images[2], item.images[1]
    item.final = flip["pixel_hash"]


@pytest.mark.parametrize(
    ("change", "trouble", "words"),
    [
        (wrong_tools, "schema", "its tools are Flip, its calls Crop, Flip"),
        (wrong_level, "schema", "L is hard, measured easy"),
        (wrong_check, "schema", "a check cannot be read"),
        (wrong_call, "schema", "turn 1, Crop:"),
        (unknown_asset, "reference", "turn 2, Flip:.*Crop_7"),
        (other_pictures, "reference", "its pictures are not those of its trajectory"),
        (no_ending, "schema", "the last turn does not end the run"),
        (other_pixels, "drift", "turn 1 Crop: pixels differ"),
    ],
)
def test_what_is_wrong_is_found(tmp_path: Path, change: Change, trouble: str, words: str) -> None:
    report = audit(made(tmp_path / "a", change, count=1))
    assert not report.clean and re.search(words, told(report, trouble)), report.examples


def test_drift_is_told_by_step_and_handed_down(tmp_path: Path) -> None:
    """The second call works on a picture that came out differently already."""
    report = audit(made(tmp_path / "a", other_pixels, count=1))
    assert report.again == 1 and report.again_same == 0
    crop, flip = report.drift["Crop"], report.drift["Flip"]
    assert (crop.pixels, crop.inherited, flip.pixels, flip.inherited) == (1, 0, 1, 1)
    assert crop.mean is not None and crop.mean > 1


def test_repeats_and_leaks(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "a", "sft", {}) as writer:
        first, pictures = record(1, 0)
        again, _ = record(1, 1)
        leaked, _ = record(1, 2)
        writer.add(0, first, pictures)
        writer.add(1, again, pictures)
        writer.add(2, leaked.model_copy(update={"split": "test", "instruction": "Mirror this, please."}), pictures)
    with Dataset.open(tmp_path / "a") as dataset:
        shrunk = dataset.picture(first.images[0]).resize((90, 60))
    report = audit(tmp_path / "a", sample=0)
    assert report.counts["duplicate"] == 1 and "as record 000000" in told(report, "duplicate")
    assert report.counts["leak"] == 1 and "train (record 000000), test (record 000002)" in told(report, "leak")
    assert report.again == 0
    key = pixel_hash(shrunk)
    with DatasetWriter(tmp_path / "b", "rl", {}) as writer:
        one, pictures = task(1)
        writer.add(0, one, pictures)
        other = one.model_copy(update={"images": [key], "id": "000009", "split": "test"})
        writer.add(1, other, {key: encode(shrunk, "PNG")})
    report = audit(tmp_path / "b")
    assert report.counts["leak"] == 1 and "is nearly that of record 000001" in told(report, "leak")
    assert report.counts["duplicate"] == 0 and len(report.pairs) == 1
    assert (tmp_path / "b" / "audit" / "report.html").read_text().count("data:image/jpeg") == 2


def test_damaged_files_are_told(tmp_path: Path) -> None:
    folder = made(tmp_path / "a", count=2)
    shard = next((folder / "pictures").glob("*.parquet"))
    data = bytearray(shard.read_bytes())
    at = data.find(b"IDAT") + 40
    data[at] ^= 0xFF
    shard.write_bytes(bytes(data))
    report = audit(folder, sample=0)
    assert report.counts["store"] == 1 and report.counts["reference"] >= 1


def test_imported_trajectories_are_run_again_from_their_messages(tmp_path: Path) -> None:
    """Released files have no record of the run, only messages and pictures."""
    folder = made(tmp_path / "a", count=3)
    with Dataset.open(folder) as dataset:
        export(dataset, "sharegpt", tmp_path / "out")
    for file in (tmp_path / "out").glob("*.json"):
        items = json.loads(file.read_text())
        for item in items:
            del item["canvascraft"]
        file.write_text(json.dumps(items))
    import_dataset(tmp_path / "out", tmp_path / "b")
    report = audit(tmp_path / "b", profile="lite")
    assert report.clean, report.examples
    assert report.again == 3 and report.drift["Rotate"].same == 1
    assert [line.here for line in report.table_7 if line.name in ("Flip", "Rotate")] == [1, 1]
    release = audit(tmp_path / "b", profile="release", out=tmp_path / "release")
    assert release.drift["Rotate"].pixels == 1  # the release turns the other way round
    assert release.drift["Crop"].pixels == 1  # and truncates where ours rounds, so one Flip has another picture
    assert release.drift["Flip"].same == 1 and release.drift["Flip"].steps == 2


def test_tasks(tmp_path: Path) -> None:
    report = audit(build_tasks(tmp_path / "a", 4))
    assert report.kind == "rl" and report.again == 0 and not report.drift
    assert {trouble: count for trouble, count in report.counts.items() if count} == {}


KILLED = """
import sys
from canvasagent.canvas import pixel_hash
from canvasagent.craft.audit import audit
def tell(done, of):
    print(done, flush=True)
audit(sys.argv[1], on_progress=tell)
"""


def test_an_audit_that_was_killed_goes_on(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while process.stdout.readline().strip() not in ("2", ""):
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    progress = folder / "audit" / "progress.jsonl"
    with progress.open("a") as stream:
        stream.write('{"index": 3, "id"')  # killed in the middle of a line
    counts: list[int] = []
    report = audit(folder, on_progress=lambda done, of: counts.append(done))
    assert counts[0] >= 2 and report.clean and report.records == 4 and report.again == 4
    assert len(progress.read_text().splitlines()) == 5
    assert audit(folder) == report
    assert audit(folder, sample=1).again == 1  # another audit begins anew


def test_audit_says_where_there_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no dataset"):
        audit(tmp_path)


def test_tables_as_printed(tmp_path: Path) -> None:
    with Dataset.open(made(tmp_path / "a")) as dataset:
        counts = tally(dataset)
    assert all(sum(levels.values()) == 10_000 for levels in TABLE_3.values())
    seven, eight = table_7(counts, {"Flip": 3}), table_8(counts)
    assert sum(line.paper for line in seven) == 142_798 and sum(line.paper for line in eight) == 3_808
    assert len(eight) == 46 and sum(line.here for line in seven) == 4
    flip = next(line for line in seven if line.name == "Flip")
    assert (flip.here, flip.asked, flip.here_share) == (1, 3, 0.25) and flip.difference == 0.25 - 8834 / 142_798
    assert next(line for line in seven if line.name == HARD).here == 0 and seven[-1].name == "other"
    assert [line.here for line in table_3(counts)["L"]] == [4, 0, 0]
    assert chain_of("released", ["Grounding", "SAM"]) == "Grounding+SAM"
    assert chain_of("released", ["SR", "SR"]) == chain_of("my own", ["Flip"]) == "other"


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


def test_commands(shell: Shell, tmp_path: Path) -> None:
    made(tmp_path / "data")
    said = shell("craft", "audit", "data", "--sample", 1, "--json")
    assert said.code == 0 and said.object["status"] == "met" and Path(said.object["page"]).is_file()
    said = shell("craft", "stats", "data")
    assert said.code == 0 and "Table 8" in said.out and "142,798" not in said.err
    payload: Any = shell("craft", "stats", "data", "--json").object
    assert payload["records"] == {"train": 2, "validation": 1, "test": 1} and len(payload["table_8"]) == 46
    (tmp_path / "words.txt").write_text("mirror\n# a comment\nquarter\n")
    said = shell("craft", "export", "data", "-f", "ms-swift", "-o", "out", "--filter", "words.txt", "--json")
    assert said.object["records"] == {"test": 1} and sum(said.object["filtered"].values()) == 3
    assert shell("craft", "export", "data", "-f", "sharegpt", "-o", "share").code == 0
    assert "train 2" in shell("craft", "import", "share", "-o", "back").out
    assert "no format 'csv'" in shell("craft", "export", "data", "-f", "csv", "-o", "x").err
    made(tmp_path / "bad", wrong_tools, count=1)
    said = shell("craft", "audit", "bad")
    assert said.code == 3 and "its tools are Flip" in said.out
    assert shell("craft", "audit", "nowhere").code == 2
