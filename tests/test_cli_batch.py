"""`canvasagent run --batch`: a file of requests, resumable, with results as they come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from canvasagent import Trajectory
from canvasagent.batch import read_batch
from canvasagent.errors import InputError
from cli_helpers import CROP, FLIP, Shell
from helpers import call, end


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


def write_batch(folder: Path, *lines: dict[str, Any] | str, name: str = "many.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def results(folder: Path = Path("runs/many")) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def line(name: str | None = None, **more: Any) -> dict[str, Any]:
    return {"instruction": "do it", "images": ["a.png"], **({"id": name} if name else {}), **more}


def test_batch_runs_all_and_writes_results(shell: Shell) -> None:
    write_batch(shell.folder, line("one"), "", line(seed=3, expected_tools=["Crop"]), line("three", images=[]))
    policy = shell.turns(CROP, end())
    said = shell("run", "--batch", "many.jsonl", "--concurrency", "2", "--policy", policy, "--seed", "9", "--json")
    told = said.object
    assert said.code == 0, said
    assert (told["status"], told["tasks"], told["met"], told["skipped"]) == ("met", 3, 3, 0)
    assert told["run_dir"] == "runs/many" and told["results"] == "runs/many/results.jsonl"
    found = {result["id"]: result for result in results()}
    assert set(found) == {"one", "00003", "three"}
    assert found["one"]["status"] == "met" and Path(found["one"]["final"]).is_file()
    assert found["three"]["final"] is None, "a request without pictures has nothing to crop"
    record = Trajectory.load("runs/many/00003")
    assert (record.seed, record.expected_tools, record.task_id) == (3, ["Crop"], "00003")
    assert Trajectory.load("runs/many/one").seed == 9


def test_pictures_are_relative_to_the_file(shell: Shell) -> None:
    (shell.folder / "deep").mkdir()
    odd = json.dumps(line("one", images=["../a.png"], instruction="a\u2028b"), ensure_ascii=False)
    (shell.folder / "deep" / "many.jsonl").write_bytes(f"\ufeff{odd}\r\n".encode())
    assert shell("run", "--batch", "deep/many.jsonl", "--policy", shell.turns(end())).code == 0


def test_every_bad_line_is_told_and_nothing_runs(shell: Shell) -> None:
    write_batch(
        shell.folder, line("one"), "{not json", "[1]", line("ONE"), line("x", images=["gone.png"]), line("../up"),
        {"images": []}, line("y", colour="red"), line("z", instruction="  "), line("results.jsonl"),
    )  # fmt: skip
    said = shell("run", "--batch", "many.jsonl", "--policy", shell.turns(end()), "--json")
    error = said.object["error"]
    assert said.code == 2
    for number, words in ((2, "not JSON"), (3, "object"), (4, "taken by line 1"), (5, "gone.png"), (6, "id"),
                          (7, "instruction"), (8, "colour"), (9, "empty"), (10, "name of a file")):  # fmt: skip
        (told,) = [told for told in error.splitlines() if told.startswith(f"line {number}:")]
        assert words in told
    assert "line 1:" not in error.replace("line 1.", "")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b'{"instruction": "a \xff"}', "not UTF-8"),
        (b'{"instruction": ' + b"[" * 100_000, "nested deeper"),
        (b'{"instruction": "half a \\ud800"}', "unicode string"),
        (b'{"instruction": "x", "checks": [{"check": "\\udfff"}]}', "half of a character"),
        (b'{"instruction": "x", "images": ["' + b"x" * 5000 + b'"]}', "there is no picture"),
        (b'{"instruction": "x", "images": ["a\\u0000.png"]}', "there is no picture"),
        (b'{"instruction": "x", "' + b"y" * 5000 + b'": 1}', "yyy"),
    ],
)
def test_bad_bytes_and_values_are_bad_lines(tmp_path: Path, bad: bytes, words: str) -> None:
    (tmp_path / "b.jsonl").write_bytes(b'{"instruction": "x"}\n' + bad + b"\n" + b"5\n")
    with pytest.raises(InputError) as refused:
        read_batch(tmp_path / "b.jsonl")
    told = str(refused.value).splitlines()
    assert len(told) == 3 and words in told[1] and told[1].startswith("line 2: ") and "line 3" in told[2]
    assert max(map(len, told)) < 600


def test_missing_and_empty_files(shell: Shell) -> None:
    assert "cannot be read" in shell("run", "--batch", "gone.jsonl", "--json").object["error"]
    write_batch(shell.folder, "", "  ")
    said = shell("run", "--batch", "many.jsonl", "--json")
    assert said.code == 2 and "no request" in said.object["error"]


def test_exit_code_is_the_worst_and_one_bad_picture_stops_nobody(shell: Shell) -> None:
    Path("bad.png").write_text("not a picture")
    write_batch(shell.folder, line("one"), line("two", images=["bad.png"]), line("three"))
    policy = shell.turns(CROP, end(reason="Not done: the frame"))
    said = shell("run", "--batch", "many.jsonl", "--policy", policy, "--json")
    assert said.code == 3 and said.object["status"] == "failed"
    assert (said.object["unmet"], said.object["failed"]) == (2, 1)
    (failed,) = [result for result in results() if result["status"] == "failed"]
    assert failed["id"] == "two" and "not a picture" in failed["error"]


def test_finished_runs_are_skipped_and_broken_ones_go_on(shell: Shell) -> None:
    write_batch(shell.folder, line("one"), line("two"))
    policy = shell.turns(CROP, end())
    assert shell("run", "--batch", "many.jsonl", "--policy", policy).code == 0
    before = Path("runs/many/one/trajectory.json").read_bytes()
    record = json.loads(Path("runs/many/two/trajectory.json").read_text())
    record["status"], record["turns"] = "running", record["turns"][:1]
    Path("runs/many/two/trajectory.json").write_text(json.dumps(record))
    write_batch(shell.folder, line("one"), line("two"), line("three"))
    said = shell("run", "--batch", "many.jsonl", "--policy", policy, "--json")
    assert said.code == 0 and (said.object["met"], said.object["skipped"]) == (3, 1)
    assert Path("runs/many/one/trajectory.json").read_bytes() == before
    assert Trajectory.load("runs/many/two").tool_calls == ["Crop"] and Trajectory.load("runs/many/two").status == "met"
    assert sorted(result["id"] for result in results()) == ["one", "three", "two"]


def test_truncated_runs_go_on_only_with_wider_limits(shell: Shell) -> None:
    write_batch(shell.folder, line("one"))
    arguments = ("run", "--batch", "many.jsonl", "--policy", shell.turns(CROP, FLIP, end()), "--json")
    first = shell(*arguments, "--max-turns", "1")
    again = shell(*arguments, "--max-turns", "1")
    wider = shell(*arguments, "--max-turns", "5")
    assert (first.code, again.code, wider.code) == (4, 4, 0)
    assert again.object["skipped"] == 1 and wider.object["skipped"] == 0


def test_another_request_in_the_same_folder_is_refused(shell: Shell) -> None:
    policy = shell.turns(end())
    write_batch(shell.folder, line("one"))
    shell("run", "--batch", "many.jsonl", "--policy", policy)
    write_batch(shell.folder, line("one", instruction="something else"))
    said = shell("run", "--batch", "many.jsonl", "--policy", policy, "--json")
    assert said.code == 2 and "another request" in said.object["error"]


def test_two_batches_in_one_folder(shell: Shell) -> None:
    write_batch(shell.folder, line("one"))
    Path("runs/many").mkdir(parents=True)
    with FileLock("runs/many/.canvasagent.lock"):
        said = shell("run", "--batch", "many.jsonl", "--policy", shell.turns(end()), "--json")
    assert said.code == 5 and "another batch" in said.object["error"]


def test_many_at_once_give_the_same_as_one_by_one(shell: Shell) -> None:
    texts = (call("Rotate", image="img_1", angle=33), call("SR", image="Rotate_0"), end())
    policy = shell.turns(*texts)
    write_batch(shell.folder, *(line(f"n{index}", seed=index % 2) for index in range(6)))
    for name, concurrency in (("alone", "1"), ("together", "6")):
        said = shell(
            "run", "--batch", "many.jsonl", "--policy", policy, "--runs-dir", name, "--concurrency", concurrency
        )
        assert said.code == 0
    for index in range(6):
        alone, together = (Trajectory.load(f"{name}/many/n{index}") for name in ("alone", "together"))
        assert [asset.pixel_hash for asset in alone.assets] == [asset.pixel_hash for asset in together.assets]
