"""`dir:PATH`: the pictures of a folder and the folders in it. Nothing is ever written there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from canvasagent.craft.sources._pool import Pool, opened
from canvasagent.errors import InputError
from canvasagent.imaging.heif import ENDINGS
from canvasagent.imaging.pictures import FORMATS


@dataclass(frozen=True)
class Folder:
    """The files that look like pictures by their names; hidden ones are left aside."""

    path: Path

    def entries(self) -> Iterator[tuple[str, str]]:
        """Paths inside the folder, in order; sizes and times of change tell whether a file is still the same."""
        endings = {ending for ending, name in Image.registered_extensions().items() if name in FORMATS} | {*ENDINGS}
        for file in sorted(self.path.rglob("*")):
            inside = file.relative_to(self.path)
            if file.suffix.lower() in endings and file.is_file() and not any(p.startswith(".") for p in inside.parts):
                info = file.stat()
                yield inside.as_posix(), f"{info.st_size} {info.st_mtime_ns}"

    def load(self, key: str) -> Image.Image:
        """The file, decoded and upright."""
        return opened(self.path / key)

    def origin(self, key: str) -> dict[str, Any]:
        """Its path inside the folder; where the folder lies is nobody's business."""
        return {"file": key, "licence": "the user's own affair"}


def create(argument: str | None) -> Pool:
    """The source. Raises `InputError` where there is no such folder, or no picture in it."""
    if not argument:
        raise InputError("say which folder: dir:PATH.")
    path = Path(argument).expanduser()
    if not path.is_dir():
        raise InputError(f"'{argument}' is no folder.")
    return Pool(f"dir:{argument}", Folder(path.resolve()))
