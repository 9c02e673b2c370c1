"""Files that survive a killed process, and folders that one process writes at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from canvasagent.craft.audit import PROGRESS, audit
from canvasagent.errors import InputError, StorageError
from canvasagent.storage.files import append_line, replace_file, whole_lines, write_atomically
from canvasagent.storage.folders import LOCK_NAME, locked, take_lock
from craft_data import build_tasks

LINES = ["first", "zweite: é", ""]
WHOLE = "".join(f"{line}\n" for line in LINES).encode()


@pytest.mark.parametrize("length", range(len(WHOLE) + 1))
def test_a_line_that_was_cut_off_is_replaced_by_the_next_one(tmp_path: Path, length: int) -> None:
    """Wherever the process was killed: the lines that were whole stay, and the new one is whole."""
    file = tmp_path / "rows.jsonl"
    file.write_bytes(WHOLE[:length])
    kept = WHOLE[:length].split(b"\n")[:-1]
    assert list(whole_lines(file)) == kept
    append_line(file, "new")
    assert list(whole_lines(file)) == [*kept, b"new"] and file.read_bytes().endswith(b"\nnew\n" if kept else b"new\n")


def test_lines_of_a_file_that_is_not_there() -> None:
    assert list(whole_lines(Path("/nowhere/rows.jsonl"))) == []
    with pytest.raises(StorageError, match=r"rows\.jsonl' could not be written: No such file"):
        append_line(Path("/nowhere/rows.jsonl"), "new")


@pytest.mark.parametrize("durable", [False, True])
def test_a_replaced_file_leaves_nothing_beside_it(tmp_path: Path, durable: bool) -> None:
    for data in (b"one", b"two"):
        replace_file(tmp_path / "file", data, durable=durable)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": data}
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        replace_file(tmp_path / "folder", b"three", durable=durable)
    with pytest.raises(StorageError, match="could not be written"):
        write_atomically(tmp_path / "folder", b"three")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_is_looked_at_before_and_after_it_is_locked(tmp_path: Path) -> None:
    """What another process put there in between is seen, and a folder that is refused at first is not touched."""
    looks: list[bool] = []

    def refuse_second_look(folder: Path) -> None:
        looks.append((folder / LOCK_NAME).exists())
        if len(looks) == 2:
            raise InputError("it was taken in between")

    with pytest.raises(InputError, match="in between"):
        take_lock(tmp_path / "new", "somebody is in", refuse_second_look)
    assert looks == [False, True]
    take_lock(tmp_path / "new", "somebody is in", lambda folder: None).release()  # it was let go

    def refuse(folder: Path) -> None:
        raise InputError("it is not ours")

    with pytest.raises(InputError, match="not ours"):
        take_lock(tmp_path / "other", "somebody is in", refuse)
    assert not (tmp_path / "other").exists()


def test_two_audits_do_not_write_one_folder(tmp_path: Path) -> None:
    folder = build_tasks(tmp_path / "data", 2)
    with (
        locked(folder / "audit", "a test is in", lambda place: None),
        pytest.raises(StorageError, match="another audit is writing to"),
    ):
        audit(folder, sample=0)
    audit(folder, sample=0)
    assert (folder / "audit" / PROGRESS).is_file()
