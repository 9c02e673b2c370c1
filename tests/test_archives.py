"""The check of what sdist and wheel hold, as `make package` makes it, on archives with one thing wrong."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / ".ci/archives.py"
PROJECT = '[project]\nreadme = "README.md"\nlicense-files = ["LICENSE", "src/canvasagent/fonts/LICENSE_FONT"]\n'
BESIDE = ["pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"]
INFO = "canvasagent-1.0.dist-info/"


@pytest.fixture(scope="module")
def archives() -> Any:
    spec = spec_from_file_location("archives", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Built:
    """A source tree with a file of each kind, and the names that its sdist and wheel should hold."""

    def __init__(self, folder: Path, kinds: Iterable[str]) -> None:
        self.source, self.dist = folder / "source", folder / "dist"
        package = [f"canvasagent/{kind[1:]}/a{kind}" for kind in kinds] + ["canvasagent/fonts/LICENSE_FONT"]
        for name in [f"src/{name}" for name in package] + BESIDE:
            (self.source / name).parent.mkdir(parents=True, exist_ok=True)
            (self.source / name).write_text(PROJECT if name == "pyproject.toml" else name)
        licences = ["LICENSE", "src/canvasagent/fonts/LICENSE_FONT"]
        self.wheel = {*package, INFO + "METADATA", INFO + "RECORD", *(f"{INFO}licenses/{name}" for name in licences)}
        self.sdist = {*BESIDE, "PKG-INFO", "src/canvasagent.egg-info/SOURCES.txt", *(f"src/{name}" for name in package)}

    def write(self) -> None:
        self.dist.mkdir()
        with zipfile.ZipFile(self.dist / "canvasagent-1.0-py3-none-any.whl", "w") as wheel:
            for name in self.wheel:
                wheel.writestr(name, "")
        with tarfile.open(self.dist / "canvasagent-1.0.tar.gz", "w:gz") as sdist:
            for name in self.sdist:
                sdist.addfile(tarfile.TarInfo(f"canvasagent-1.0/{name}"))


@pytest.fixture
def built(tmp_path: Path, archives: Any) -> Built:
    return Built(tmp_path, archives.KINDS)


def test_whole_archives_pass(built: Built, archives: Any, capsys: pytest.CaptureFixture[str]) -> None:
    built.write()
    assert archives.main(["check", str(built.source), str(built.dist)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("kind", [".css", ".html", ".npz", ".svg", ".toml", ".ttf", ".webp"])
def test_a_data_file_that_is_missing_is_named(built: Built, archives: Any, kind: str) -> None:
    name = f"canvasagent/{kind[1:]}/a{kind}"
    built.wheel.remove(name)
    built.sdist.remove(f"src/{name}")
    built.write()
    assert list(archives.problems(built.source, built.dist)) == [
        f"the wheel lacks {name}",
        f"the sdist lacks src/{name}",
    ]


def test_tests_and_strangers_are_named(built: Built, archives: Any) -> None:
    built.wheel.add("tests/test_a.py")
    built.sdist.add("tests/test_a.py")
    built.write()
    found = "\n".join(archives.problems(built.source, built.dist))
    assert "the wheel holds tests/test_a.py" in found and "the sdist holds tests/test_a.py" in found


def test_a_licence_that_is_missing_is_named(built: Built, archives: Any) -> None:
    built.wheel.remove(INFO + "licenses/src/canvasagent/fonts/LICENSE_FONT")
    built.sdist.remove("LICENSE")
    built.write()
    assert len(list(archives.problems(built.source, built.dist))) == 2


def test_a_source_tree_that_is_not_whole_is_noticed(tmp_path: Path, archives: Any) -> None:
    built = Built(tmp_path, archives.KINDS - {".svg"})
    built.write()
    assert list(archives.problems(built.source, built.dist)) == ["the source tree has no .svg files"]


def test_one_archive_of_each_sort_is_needed(built: Built, archives: Any) -> None:
    built.write()
    next(built.dist.glob("*.tar.gz")).unlink()
    assert "0 sdists and 1 wheels" in next(archives.problems(built.source, built.dist))


def test_a_copy_leaves_out_what_builds_leave_in_the_tree(tmp_path: Path, archives: Any) -> None:
    kept = ["pyproject.toml", "src/canvasagent/a.py", "src/canvasagent/build/b.py", "tests/.hidden"]
    left = [".git/config", "build/lib/old.py", "dist/old.whl", "src/canvasagent.egg-info/SOURCES.txt",
            "src/canvasagent/__pycache__/a.pyc"]  # fmt: skip
    for name in kept + left:
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text("")
    archives.copy(tmp_path / "root", tmp_path / "copy")
    found = {
        file.relative_to(tmp_path / "copy").as_posix() for file in (tmp_path / "copy").rglob("*") if file.is_file()
    }
    assert found == set(kept)
