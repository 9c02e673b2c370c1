"""`canvasagent run` as programs and people use it: exit codes, the one JSON object, results, bad input."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image

from canvasagent import Trajectory
from canvasagent.canvas import pixel_hash
from chat_server import ChatServer, Refuse
from cli_helpers import CROP, CUT, FLIP, MASK, Shell
from helpers import call, end

REPLAY = ("--policy", "replay:turns.json")
"""The policy of `Shell.run` again: a path is not taken from a record (tests/test_trust.py)."""
KEYS = ["status", "final", "final_asset", "answer", "turns", "tool_calls", "run_dir", "unmet"]


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


def test_met_run_prints_one_object_and_writes_the_result(shell: Shell) -> None:
    said = shell.run((CROP, FLIP, end()), "-o", "out.png")
    told = said.object
    assert said.code == 0
    assert list(told) == KEYS
    assert told["status"] == "met" and told["turns"] == 3 and told["tool_calls"] == ["Crop", "Flip"]
    assert told["final"] == "out.png" and told["final_asset"] == "Flip_0" and told["unmet"] == []
    record = Trajectory.load(told["run_dir"])
    assert pixel_hash(Image.open("out.png").copy()) == record.record_of("Flip_0").pixel_hash


def test_without_json_the_result_is_on_stdout_and_the_steps_are_on_stderr(shell: Shell) -> None:
    policy = shell.turns(CROP, end())
    said = shell("run", "crop it", "-i", "a.png", "-o", "out.png", "--policy", policy)
    assert said.code == 0 and said.out == "out.png\n"
    assert "Crop img_1, bbox [100, 100, 600, 600]" in said.err and "Crop_0: image, 128 × 128" in said.err
    assert "\x1b" not in said.err


def test_defaults_are_the_library_s_own(shell: Shell) -> None:
    said = shell("run", "crop it to the left half", "-i", "a.png", "--json")
    record = Trajectory.load(said.object["run_dir"])
    assert (record.policy, record.profile, record.seed, record.limits["max_turns"]) == ("scripted", "lite", 0, 12)


def test_result_without_output_is_the_picture_in_the_run_folder(shell: Shell) -> None:
    told = shell.run().object
    assert told["final"] == f"{told['run_dir']}/assets/Crop_0.png" and Path(told["final"]).is_file()


def test_unmet_run_ends_with_3_and_says_what_is_missing(shell: Shell) -> None:
    said = shell.run((CROP, end(reason="Not done: the hat; the frame")))
    assert said.code == 3 and said.object["status"] == "unmet" and said.object["unmet"] == ["the hat", "the frame"]
    assert "Not done: the hat" in said.err


def test_truncated_run_ends_with_4_and_goes_on_with_more_turns(shell: Shell) -> None:
    said = shell.run((CROP, FLIP, end()), "--max-turns", "1")
    assert said.code == 4 and said.object["status"] == "truncated" and said.object["final_asset"] == "Crop_0"
    folder = said.object["run_dir"]
    assert f"--resume {folder} --max-turns 2 --policy replay:turns.json" in said.err
    refused = shell("run", "--resume", folder, *REPLAY, "--json")
    assert refused.code == 2 and "--max-turns" in refused.object["error"]
    resumed = shell("run", "--resume", Path(folder).name, *REPLAY, "--max-turns", "5", "--json")
    assert resumed.code == 0 and resumed.object["tool_calls"] == ["Crop", "Flip"]


def test_failed_endpoint_ends_with_5(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with ChatServer(Refuse(401, "no such key")) as server:
        said = shell("run", "x", "-i", "a.png", "--policy", "openai:m", "--base-url", server.url, "--json")
    assert said.code == 5 and said.object["status"] == "failed" and "401" in said.object["error"]
    assert Path(said.object["run_dir"], "trajectory.json").is_file()
    assert "sk-secret" not in said.out + said.err


def test_policy_settings_reach_the_policy(shell: Shell) -> None:
    with ChatServer() as server:
        shell("run", "x", "-i", "a.png", "--policy", "openai:m", "--base-url", server.url, "--temperature", "0.25",
              "--max-tokens", "77", "--view-pixels", "1024", "--tool-pictures", "user", "--max-turns", "1")  # fmt: skip
    assert server.requests[0].body["temperature"] == 0.25 and server.requests[0].body["max_tokens"] == 77
    assert server.requests[0].pictures()[0].size == (32, 32)


def test_request_for_words_prints_the_answer_and_writes_no_file(shell: Shell) -> None:
    policy = shell.turns(call("Grounding", image="img_1", reference_text="face"), end())
    said = shell("run", "where is the face?", "-i", "a.png", "-o", "out.png", "--policy", policy)
    assert said.code == 0 and said.out.startswith("face at [")
    assert not Path("out.png").exists() and "no file was written" in said.err


def test_jpeg_for_a_transparent_result_is_an_error_and_keeps_the_run(shell: Shell) -> None:
    said = shell.run((MASK, CUT, end()), "-o", "out.jpg")
    assert said.code == 2 and said.object["status"] == "failed" and "transparent" in said.object["error"]
    assert not Path("out.jpg").exists() and said.object["final"] is None
    assert Trajectory.load(said.object["run_dir"]).status == "met"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "x", "-i", "a.png", "-o", "out.xyz"), ".xyz"),
        (("run", "x", "-i", "a.png", "-o", "."), "ending"),
        (("run", "x", "-i", "nothing.png"), "does not exist"),
        (("run", "x", "-i", "a.txt"), "not a picture"),
        (("run", " "), "empty"),
        (("run",), "say what to make"),
        (("run", "x", "--policy", "nobody"), "no policy"),
        (("run", "x", "--profile", "nothing"), "no profile"),
        (("run", "x", "--policy", "openai:m", "--base-url", "localhost"), "base URL"),
        (("run", "x", "--policy", "openai:m", "--tool-pictures", "sideways"), "tool_pictures"),
        (("run", "x", "--max-turns", "0"), "--max-turns"),
        (("run", "x", "--max-turns", "many"), "--max-turns"),
        (("run", "x", "--max-seconds", "-1"), "--max-seconds"),
        (("run", "x", "--api-key", "sk"), "--api-key"),
        (("run", "x", "y"), "y"),
        (("run", "--resume", "nothing"), "no run"),
        (("run", "x", "--resume", "nothing"), "request"),
        (("run", "--resume", "nothing", "-i", "a.png"), "--image"),
        (("run", "x", "--continue", "nothing"), "no run"),
        (("run", "x", "--continue", "a", "--batch", "b"), "exclude"),
        (("run", "x", "--concurrency", "2"), "--batch"),
        (("paint",), "paint"),
    ],
)  # fmt: skip
def test_bad_usage_ends_with_2_and_one_object_and_starts_nothing(
    shell: Shell, arguments: tuple[str, ...], words: str
) -> None:
    Path("a.txt").write_text("not a picture")
    said = shell(*arguments, "--json")
    assert said.code == 2, said
    assert list(said.object) == [*KEYS, "error"] and said.object["status"] == "failed"
    assert words in said.object["error"]
    assert "Traceback" not in said.err
    assert not Path("runs").exists() or not any(Path("runs").glob("*/trajectory.json"))


def test_errors_are_one_line(shell: Shell) -> None:
    said = shell("run", "x", "-i", "nothing.png")
    assert said.out == "" and said.err == "Error: 'nothing.png' does not exist.\n"


def test_continue_starts_from_a_finished_run(shell: Shell) -> None:
    first = shell.run().object
    policy = shell.turns(FLIP, end(), name="more.json")
    said = shell("run", "mirror it", "--continue", Path(first["run_dir"]).name, "--policy", policy, "--json")
    assert said.code == 0 and said.object["final_asset"] == "Flip_0"
    record = Trajectory.load(said.object["run_dir"])
    assert record.continues == Path(first["run_dir"]).name and record.continued_result == "Crop_0"
    assert [asset.origin for asset in record.assets] == ["carried", "carried", "tool"]


def test_finished_run_is_not_resumed(shell: Shell) -> None:
    folder = shell.run().object["run_dir"]
    said = shell("run", "--resume", folder, *REPLAY, "--json")
    assert said.code == 2 and "finished" in said.object["error"]


def test_two_runs_in_one_folder(shell: Shell) -> None:
    folder = shell.run((CROP,)).object["run_dir"]  # the recording ends, so the run has failed
    with FileLock(Path(folder) / ".canvasagent.lock"):
        said = shell("run", "--resume", folder, *REPLAY, "--json")
    assert said.code == 2 and "another run" in said.object["error"]


def test_damaged_record(shell: Shell) -> None:
    folder = Path(shell.run((CROP,)).object["run_dir"])
    (folder / "trajectory.json").write_text('{"format_version": 1')
    for arguments in (("run", "--resume", folder), ("show", folder), ("run", "x", "--continue", folder)):
        said = shell(*arguments, "--json")
        assert said.code == 2 and "damaged" in said.object["error"]


def test_resume_goes_on_with_what_was_recorded(shell: Shell) -> None:
    folder = shell.run((CROP,), "--seed", "7", "--max-turns", "9", "--profile", "release").object["run_dir"]
    shell.turns(CROP, FLIP, end())
    said = shell("run", "--resume", folder, *REPLAY, "-o", "out.png", "--json")
    record = Trajectory.load(folder)
    assert said.code == 0 and said.object["final_asset"] == "Flip_0" and Path("out.png").is_file()
    assert (record.seed, record.limits["max_turns"], record.profile) == (7, 9, "release")


def test_escape_sequences_of_a_policy_do_not_reach_the_terminal(shell: Shell) -> None:
    policy = shell.turns(call("Crop", reason="\x1b[2Jgone\x07", image="\x1b]0;title\x07"), end())
    said = shell("run", "x", "-i", "a.png", "--policy", policy)
    shown = shell("show", next(Path("runs").iterdir()))
    assert "gone" in said.err and "gone" in shown.out
    assert "\x1b" not in said.err + shown.out and "\x07" not in said.err + shown.out


def test_unwritable_runs_folder_ends_with_5(shell: Shell) -> None:
    Path("runs").write_text("a file is in the way")
    said = shell.run()
    assert said.code == 5 and said.object["status"] == "failed" and "Traceback" not in said.err


def test_stdout_is_pure_in_a_process_of_its_own(shell: Shell) -> None:
    """Whatever a plug-in prints, natively or not, standard output holds the object and nothing else."""
    (shell.folder / "loud.py").write_text(
        "import os\n"
        "from canvasagent.backends.lite.crop import Backend as Quiet\n"
        "class Backend(Quiet):\n"
        "    def __call__(self, **inputs):\n"
        "        print('loud'); os.write(1, b'louder\\n')\n"
        "        return super().__call__(**inputs)\n"
    )
    (shell.folder / "loud.toml").write_text('extends = "lite"\n[backends]\nCrop = "loud:Backend"\n')
    policy = shell.turns(CROP, end())
    said = shell.process("run", "x", "-i", "a.png", "--policy", policy, "--profile", "loud.toml", "--json",
                         PYTHONPATH=str(shell.folder))  # fmt: skip
    assert said.code == 0, said.err
    assert said.object["status"] == "met" and said.out.count("\n") == 1
    assert "loud" in said.err and "louder" in said.err


def test_full_disk_ends_with_5_and_keeps_what_was_right(shell: Shell) -> None:
    disk = shell.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        said = shell.process("run", "x", "-i", "a.png", "--policy", shell.turns(*[FLIP.replace("Crop_0", "img_1")] * 9),
                             "--runs-dir", disk, "--json")  # fmt: skip
        assert said.code == 5, said
        assert said.object["status"] == "failed" and "No space left" in said.object["error"]
        assert "Traceback" not in said.err
        for record in disk.glob("*/trajectory.json"):
            assert json.loads(record.read_text())["format_version"] == 1
    finally:
        subprocess.run(["umount", str(disk)], check=True)
