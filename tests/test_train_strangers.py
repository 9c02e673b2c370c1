"""The folder of a training: nothing of a stranger's is written to or followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from canvasagent.errors import InputError
from canvasagent.training.checkpoints import RECORD, check_folder, training_folder

pytest.importorskip("torch", reason="the extra train is not installed here; make test-train installs it")


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds something else \(thesis\.txt\)"), training_folder(tmp_path, {"a": 1}):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    with training_folder(tmp_path / "out", {"a": 1}):
        pass
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    (tmp_path / "out" / "metrics.jsonl").symlink_to(victim)
    with pytest.raises(InputError, match="link"):
        check_folder(tmp_path / "out", {"a": 1})


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    with training_folder(tmp_path / "out", {"a": 1}):
        pass
    (tmp_path / "out" / RECORD).write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        check_folder(tmp_path / "out", {"a": 1})
