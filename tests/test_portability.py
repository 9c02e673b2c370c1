"""What Windows and other systems lack or forbid: found in the source, or made to be missing here."""

from __future__ import annotations

import ast
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest

import canvasagent
from canvasagent.craft.store import Dataset, layout
from canvasagent.craft.store.layout import Manifest, Shard
from canvasagent.evaluation.runner import slug
from canvasagent.record.run_folder import new_run_id
from craft_data import build, item

ROOT = Path(canvasagent.__file__).parent
SOURCES = {file.relative_to(ROOT).as_posix(): file.read_text("utf-8") for file in sorted(ROOT.rglob("*.py"))}

POSIX_MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty", "posix", "crypt", "nis", "spwd"}
POSIX_NAMES = {
    "os": {
        "O_DIRECTORY", "O_NOFOLLOW", "WNOHANG", "chown", "fchmod", "fchown", "fork", "forkpty", "geteuid", "getgid",
        "getgroups", "getloadavg", "getpgid", "getuid", "killpg", "lchown", "mkfifo", "nice", "openpty",
        "posix_spawn", "sched_getaffinity", "setpgid", "setpgrp", "setsid", "sysconf", "uname", "wait", "statvfs",
    },
    "signal": {
        "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGURG", "SIGPIPE", "SIGALRM", "SIGCHLD", "alarm", "pause",
        "pthread_kill", "pthread_sigmask", "setitimer", "sigwait",
    },
    "socket": {"AF_UNIX", "SO_REUSEPORT"},
    "time": {"tzset", "clock_settime"},
}  # fmt: skip
GUARDED = {
    ("cli/stops.py", "SIGURG"): "only where there is pthread_kill",
    ("cli/stops.py", "pthread_kill"): "asked for with hasattr",
    ("storage/files.py", "O_DIRECTORY"): "asked for with hasattr",
}
"""Uses of such names that other systems never reach, and why."""


def test_no_module_is_imported_that_windows_lacks() -> None:
    found = []
    for name, source in SOURCES.items():
        for node in ast.parse(source).body:  # in functions they are asked for where they can be
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            found += [(name, module) for module in modules if module.partition(".")[0] in POSIX_MODULES]
    assert not found


def test_no_name_is_used_that_windows_lacks() -> None:
    found = set()
    for name, source in SOURCES.items():
        for node in ast.walk(ast.parse(source)):
            module = node.value.id if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else ""
            if isinstance(node, ast.Attribute) and node.attr in POSIX_NAMES.get(module, ()):
                found.add((name, node.attr))
    assert found == set(GUARDED)


def _text_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that read or write text in the system's own encoding, as they say no other."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        if any(keyword.arg in ("encoding", "mode", "formats") for keyword in node.keywords):
            continue
        modes = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        opened = name == "open" and any(re.fullmatch("[rwax]t?[+]?", mode) for mode in modes)
        if opened or (name == "read_text" and not node.args) or (name == "write_text" and len(node.args) < 2):
            yield node


def test_text_is_read_and_written_as_utf8() -> None:
    found = []
    for name, source in SOURCES.items():
        found += [(name, call.lineno) for call in _text_calls(ast.parse(source))]
    assert not found
    assert len(list(_text_calls(ast.parse("a.read_text(); a.write_text(b); a.open('w'); open(a, 'r')")))) == 4


def test_no_path_of_one_system_is_written_down() -> None:
    found = [
        (name, text)
        for name, source in SOURCES.items()
        for text in re.findall(r'"(/(?:dev|proc|tmp|etc)/[^"]*)"', source)
    ]
    assert not found


def test_names_of_folders_are_names_everywhere() -> None:
    for name in (new_run_id(), *map(slug, ("openai:gpt-5", 'a/b\\c?*|<>"', "images:x"))):
        assert not set(name) & set('<>:"/\\|?*') and name == name.rstrip(" .") and PureWindowsPath(name).name == name


def test_paths_inside_a_dataset_have_slashes_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "Path", PureWindowsPath)
    shard = Shard(path="rejected/pictures/00000-00.parquet", rows=1, bytes=1, sha256="")
    assert Manifest(kind="sft", shards=[shard]).below("rejected/pictures") == [shard]
    assert "hash" in layout.columns_of("sft", shard.path)


@pytest.fixture
def no_folder_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows: there is no flag for opening a folder, and opening one is refused."""
    opened = os.open

    def refusing(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if isinstance(path, str | Path) and Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, flags, *rest, **options)

    monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    monkeypatch.setattr(os, "open", refusing)


@pytest.fixture
def no_folder_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on some network file systems."""
    sync = os.fsync

    def refusing(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(handle)

    monkeypatch.setattr(os, "fsync", refusing)


@pytest.mark.parametrize("lacking", ["no_folder_opens", "no_folder_syncs"])
def test_a_dataset_is_written_where_folders_cannot_be_synced(
    tmp_path: Path, request: pytest.FixtureRequest, lacking: str
) -> None:
    request.getfixturevalue(lacking)
    with Dataset.open(build(tmp_path / "a", 6)) as dataset:
        assert dataset.verify() == [] and list(dataset.rows()) == [item(at)[0] for at in range(6) if at != 4]
