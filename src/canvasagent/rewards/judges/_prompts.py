"""The judges' prompts: three files, the package's own or a folder's, each with its hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from canvasagent.errors import InputError
from canvasagent.rewards.judges.base import ASPECTS, Aspect


@dataclass(frozen=True)
class Prompt:
    """A prompt's text."""

    text: str

    @property
    def hash(self) -> str:
        """SHA-256 of the text, which verdicts carry."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def load_prompts(folder: Path | None = None) -> dict[Aspect, Prompt]:
    """The prompt of each aspect. Raises `InputError` that names the files which are missing, empty or unreadable."""
    if folder is None:
        own = files(__package__).joinpath("prompts")
        return {aspect: Prompt(own.joinpath(f"{aspect}.md").read_text("utf-8").strip()) for aspect in ASPECTS}
    missing = [f"{aspect}.md" for aspect in ASPECTS if not (folder / f"{aspect}.md").is_file()]
    if missing:
        raise InputError(f"'{folder}' holds no {', '.join(missing)}; a folder of judge prompts has all three.")
    return {aspect: Prompt(_read(folder / f"{aspect}.md")) for aspect in ASPECTS}


def _read(path: Path) -> str:
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' cannot be read as a prompt: {error}.") from error
    if not text:
        raise InputError(f"'{path}' is empty.")
    return text
