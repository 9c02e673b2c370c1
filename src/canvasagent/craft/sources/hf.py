"""`hf:NAME` or `hf:PATH`, with `:split` behind it if only one is wanted (`hf:food101:train[:500]`): a dataset of
Hugging Face, by its name on the hub or from disk.

The pictures are those of the first column whose feature is an image; columns that hold an input before ones that
hold an edited result. PICO-Banana-400K comes as JSON Lines without pictures: each line has `open_image_input_url`,
`text`, `output_image`, `edit_type`, `summarized_text`, and `local_input_image` once its source pictures were fetched
and mapped to files (multi-turn lines have `files`, a list of {id, url, …} with the id `original_input_image`). Give
the mapped file or its folder as PATH; the pictures are looked for beside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from canvasagent.craft.sources._pool import Pool, Shelf, opened
from canvasagent.errors import InputError, MissingExtra
from canvasagent.imaging.pictures import is_file
from canvasagent.storage.foreign_json import dig, is_whole, list_in, read_json
from canvasagent.storage.input_files import regular_file
from canvasagent.storage.names import path_problem

_INPUT_FIRST = ("input_image", "source_image", "original_image", "input", "source", "image")
"""Columns that are taken before others, in this order."""
_LINE = "//"
"""How the key of a line begins that names no picture."""
_LOCAL = ("local_input_image", "local_path", "path")
"""Fields of mapped PICO-Banana lines that name a file."""


@dataclass
class Rows:
    """The rows of a dataset. Opened anew in every process."""

    name: str
    split: str | None
    _opened: Any = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "split": self.split, "_opened": None}

    def entries(self) -> Iterator[tuple[str, str]]:
        """Every row of every split; the dataset's own fingerprint tells whether it changed."""
        for split, data in self._data().items():
            for row in range(len(data)):
                yield f"{split}#{row}", str(data._fingerprint)

    def load(self, key: str) -> Image.Image:
        """The row's picture."""
        split, row = key.rsplit("#", 1)
        data = self._data()[split]
        value = data[int(row)][image_column(data, self.name)]
        if not value or not (value.get("bytes") or value.get("path")):
            raise InputError(f"row {row} has no picture.")
        return opened(value["bytes"] or _own_file(Path(value["path"]), self.name))

    def origin(self, key: str) -> dict[str, Any]:
        """Dataset, split and row."""
        split, row = key.rsplit("#", 1)
        return {"dataset": self.name, "split": split, "row": int(row), "licence": "as the dataset's"}

    def _data(self) -> dict[str, Any]:
        if self._opened is None:
            self._opened = _loaded(self.name, self.split)
        data: dict[str, Any] = self._opened
        return data


def _own_file(path: Path, name: str) -> Path:
    """A file that a row names, where it is in the dataset's folder or in the cache that datasets are fetched to.

    Raises `InputError` for any other: whoever made the dataset could name any picture of the user's.
    """
    import datasets  # type: ignore[import-untyped]
    from huggingface_hub.constants import HF_HUB_CACHE

    config, homes = datasets.config, [Path(name), Path(HF_HUB_CACHE)]
    homes += map(Path, (config.HF_CACHE_HOME, config.HF_DATASETS_CACHE, config.DOWNLOADED_DATASETS_PATH))
    if ".." in path.parts or not any(path.absolute().is_relative_to(home.absolute()) for home in homes):
        raise InputError(f"the row names '{path}', which is outside of the dataset's folder.")
    return path


def _loaded(name: str, split: str | None) -> dict[str, Any]:
    """The splits of a dataset, pictures as bytes or paths. Raises `InputError` with what is wrong."""
    try:
        import datasets  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtra("Hugging Face datasets", "craft") from error
    try:
        if (Path(name) / "dataset_info.json").is_file() or (Path(name) / "dataset_dict.json").is_file():
            loaded = datasets.load_from_disk(name)
            loaded = loaded[split] if split and isinstance(loaded, dict) else loaded
        else:
            loaded = datasets.load_dataset(name, split=split)
    except Exception as error:  # whatever the hub, the network or a file makes it raise
        raise InputError(f"the dataset '{name}' cannot be opened: {error}") from error
    parts = dict(loaded) if isinstance(loaded, dict) else {split or "all": loaded}
    return {key: _undecoded(data, name) for key, data in parts.items()}


def _undecoded(data: Any, name: str) -> Any:
    import datasets  # type: ignore[import-untyped]

    column = image_column(data, name)
    return data.select_columns([column]).cast_column(column, datasets.Image(decode=False))


def image_column(data: Any, name: str) -> str:
    """The column with the pictures. Raises `InputError` that lists the columns where none is of images."""
    import datasets  # type: ignore[import-untyped]

    columns = [column for column, feature in data.features.items() if isinstance(feature, datasets.Image)]
    if not columns:
        listed = ", ".join(data.features) or "none"
        raise InputError(f"'{name}' has no column of pictures (its columns: {listed}).")
    return next((column for column in _INPUT_FIRST if column in columns), columns[0])


@dataclass(frozen=True)
class Lines:
    """The input pictures that lines of a PICO-Banana-400K file name."""

    file: Path

    def entries(self) -> Iterator[tuple[str, str]]:
        """Each file that is named, once, in order; `load` says what is wrong with a line that names none."""
        seen: set[str] = set()
        with self.file.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    key = _named(line, number, self.file)
                except InputError:
                    yield f"{_LINE}{number}", "bad line"
                    continue
                if key and key not in seen:
                    seen.add(key)
                    path = None if path_problem(key) else self.file.parent / key
                    info = path.stat() if path is not None and is_file(path) else None
                    yield key, f"{info.st_size} {info.st_mtime_ns}" if info else "missing"

    def load(self, key: str) -> Image.Image:
        """The source picture. Raises `InputError` for a path that leads out of the file's folder."""
        if key.startswith(_LINE):
            number = int(key.removeprefix(_LINE))
            with self.file.open("rb") as stream:
                _named(next(itertools.islice(stream, number - 1, None)), number, self.file)
        if (problem := path_problem(key)) is not None:
            raise InputError(f"'{key}' is no path inside of the folder: {problem}.")
        return opened(self.file.parent / key)

    def origin(self, key: str) -> dict[str, Any]:
        """The file, and the licence of Open Images."""
        return {"dataset": "PICO-Banana-400K", "file": key, "licence": "CC BY 2.0 (Open Images)"}


def _named(line: bytes, number: int, file: Path) -> str | None:
    """The local file of a line's input picture; None for an empty line."""
    if not line.strip():
        return None
    try:
        record = read_json(line)
    except ValueError as error:
        raise InputError(f"line {number} of '{file.name}' is not JSON: {error}.") from error
    inputs = (item for item in list_in(record, "files") if dig(item, "id") == "original_input_image")
    first = next(inputs, record)
    named = next((found for name in _LOCAL if (found := dig(first, name))), None) or dig(record, "local_input_image")
    if not isinstance(named, str) or not is_whole(named):
        raise InputError(
            f"line {number} of '{file.name}' names no file of its own ({', '.join(_LOCAL)}): fetch the source pictures "
            "from Open Images and map the file's URLs to them first, as the dataset's page tells."
        )
    return named


def create(argument: str | None) -> Pool:
    """The source. Raises `InputError` for what cannot be opened, `MissingExtra` without `datasets`."""
    if not argument:
        raise InputError("say which dataset: hf:NAME or hf:PATH, with :split behind it if only one is wanted.")
    shelf: Shelf
    path = regular_file(Path(argument).expanduser())
    lines = [path] if path.suffix == ".jsonl" else sorted(path.glob("*.jsonl")) if path.is_dir() else []
    if lines and lines[0].is_file() and _is_pico(lines[0]):
        shelf = Lines(lines[0].resolve())
    else:
        name, colon, split = argument.partition(":") if not path.exists() else (str(path), "", "")
        shelf = Rows(name, split if colon else None)
    return Pool(f"hf:{argument}", shelf)


def _is_pico(file: Path) -> bool:
    """Whether the first line of a file is one of PICO-Banana-400K."""
    with file.open(encoding="utf-8", errors="replace") as stream:
        first = stream.readline()
    return '"open_image_input_url"' in first or '"original_input_image"' in first
