"""What the sdist and the wheel hold, compared with the source tree. Standard library only.

python .ci/archives.py copy ROOT TARGET      a copy of the source tree without what builds and runs leave there
python .ci/archives.py check SOURCE DIST     exit code 1 with every file that is missing or should not be there
"""

from __future__ import annotations

import shutil
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

KINDS = {
    ".css",
    ".html",
    ".js",
    ".json",
    ".md",
    ".npz",
    ".onnx",
    ".py",
    ".svg",
    ".toml",
    ".ttf",
    ".txt",
    ".typed",
    ".webp",
}
"""Endings of the package's files. One that the source tree lacks would mean that the copy is not whole."""
LEFT_BEHIND = {"build", "dist", "runs", "demo-runs"}


def copy(root: Path, target: Path) -> None:
    """Copy the source tree, without hidden files at its top and without what builds and runs leave."""

    def skipped(folder: str, names: list[str]) -> set[str]:
        made = {name for name in names if name == "__pycache__" or name.endswith(".egg-info")}
        if Path(folder) == root:
            made |= {name for name in names if name.startswith(".") or name in LEFT_BEHIND}
        return made

    shutil.copytree(root, target, ignore=skipped)


def problems(source: Path, dist: Path) -> Iterator[str]:
    """Everything that is wrong with the one sdist and the one wheel in `dist`."""
    sdists, wheels = list(dist.glob("*.tar.gz")), list(dist.glob("*.whl"))
    if len(sdists) != 1 or len(wheels) != 1:
        yield f"{dist} holds {len(sdists)} sdists and {len(wheels)} wheels instead of one each"
        return
    files = (file for file in (source / "src/canvasagent").rglob("*") if file.is_file())
    package = {file.relative_to(source / "src").as_posix() for file in files if "__pycache__" not in file.parts}
    if lacks := KINDS - {Path(name).suffix for name in package}:
        yield f"the source tree has no {', '.join(sorted(lacks))} files"
    project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    licences = set(project["license-files"])
    beside = {"pyproject.toml", "MANIFEST.in", project["readme"], *licences}
    yield from _compared("wheel", _in_wheel(wheels[0]), package | {f"licenses/{name}" for name in licences})
    yield from _compared("sdist", _in_sdist(sdists[0]), {f"src/{name}" for name in package} | beside)


def _in_wheel(wheel: Path) -> set[str]:
    """The files of a wheel without its metadata; licences as `licenses/…`."""
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if not name.endswith("/")}
    own = "-".join(wheel.name.split("-")[:2]) + ".dist-info/"
    metadata = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt"}
    return {name.removeprefix(own) for name in names} - metadata


def _in_sdist(sdist: Path) -> set[str]:
    """The files of an sdist without those that setuptools adds."""
    with tarfile.open(sdist) as opened:
        names = {member.name.partition("/")[2] for member in opened if member.isfile()}
    added = {name for name in names if name.startswith("src/canvasagent.egg-info/")}
    return names - added - {"PKG-INFO", "setup.cfg"}


def _compared(what: str, held: set[str], wanted: set[str]) -> Iterator[str]:
    for name in sorted(wanted - held):
        yield f"the {what} lacks {name}"
    for name in sorted(held - wanted):
        yield f"the {what} holds {name}, which does not belong there"


def main(arguments: list[str]) -> int:
    """Copy or check, as the arguments say."""
    match arguments:
        case ["copy", root, target]:
            copy(Path(root), Path(target))
        case ["check", source, dist]:
            found = list(problems(Path(source), Path(dist)))
            print("\n".join(found) or "sdist and wheel hold the package's files and no others")
            return 1 if found else 0
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
