"""Locates weights on this machine and validates them without loading; needs no framework.

A source is a folder, a single file, or a hub id; of a hub id only what was fetched before is looked at, nothing is
ever downloaded in the middle of a call. Pickled weights can run code when they are read, so they are refused
unless asked for.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from canvasagent.errors import MissingExtra, WeightsError
from canvasagent.storage.input_files import regular_file
from canvasagent.weights.catalogue import entry_of

PICKLED = frozenset({".bin", ".ckpt", ".pkl", ".pt", ".pth"})
"""Endings of files that Python's pickle wrote."""

_NOT_READ = [*(f"*{ending}" for ending in sorted(PICKLED)), "*.h5", "*.msgpack", "*.onnx", "*.gguf", "*.png", "*.jpg"]
"""Files of a hub id that may be missing: nothing here reads them."""

_MAX_HEADER = 100_000_000
"""The longest header that the safetensors format allows, in bytes."""


def locate(source: str, revision: str | None = None) -> Path:
    """The local folder or file of `source`.

    Raises `WeightsError` if it is missing, with how to get it.
    """
    path = Path(source).expanduser()
    if path.exists():
        return regular_file(path)
    if source.startswith((".", "/", "~")) or source.count("/") != 1 or path.suffix in {".safetensors", *PICKLED}:
        raise WeightsError(f"there are no weights at '{source}'; give a folder, a file, or a hub id like org/model.")
    return _fetched(source, revision)


def _fetched(source: str, revision: str | None) -> Path:
    """The downloaded snapshot of a hub id, or None."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtra(f"reading '{source}'", "full") from error
    entry = entry_of(source)
    wanted = {"allow_patterns": list(entry.files)} if entry is not None else {"ignore_patterns": _NOT_READ}
    try:
        folder = Path(snapshot_download(source, revision=revision, local_files_only=True, **wanted))
    except Exception as error:  # many classes, all meaning that it is not in the cache
        raise WeightsError(f"the weights of {source} are not on this machine: {how_to_get(source)}") from error
    if entry is not None and len(entry.files) == 1 and "*" not in entry.files[0]:
        path = folder / entry.files[0]
        if not path.exists():
            raise WeightsError(f"{entry.files[0]} of {source} is not on this machine: {how_to_get(source)}")
        return path
    return folder


def how_to_get(source: str) -> str:
    """How to get the weights of `source`."""
    entry = entry_of(source)
    if entry is None:
        return f"fetch them where a hub can be reached: hf download {source}"
    command = f"canvasagent models pull {entry.name} ({size_words(entry.download_gb)}, {entry.licence})"
    return f"fetch them where a hub can be reached: {command}"


def size_words(gigabytes: float) -> str:
    """A size as text: 16.0 GB, 33 MB."""
    return f"{gigabytes:.1f} GB" if gigabytes >= 0.1 else f"{1000 * gigabytes:.0f} MB"


def check_safetensors(path: Path) -> dict[str, Any]:
    """The header of a safetensors file. Raises `WeightsError` where it is damaged or was cut short."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if size < 8 or not 2 <= length <= min(_MAX_HEADER, size - 8):
                raise ValueError("its header is cut off or is none")
            header = json.loads(stream.read(length))
        ends = [int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"]
    except OSError as error:
        raise WeightsError(f"'{path}' cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise WeightsError(f"'{path}' is no safetensors file, or is damaged: {error}; fetch it again.") from error
    # The header has the offsets of all tensors, so a cut-off download shows without reading the weights.
    whole = 8 + length + max(ends, default=0)
    if size != whole:
        raise WeightsError(f"'{path}' has {size:,} bytes of {whole:,}: it was cut short or damaged; fetch it again.")
    return dict(header)


def check_file(path: Path, allow_pickle: bool = False) -> None:
    """A single file of weights. Raises `WeightsError` where it is pickled and that was not asked for, or damaged."""
    if path.suffix == ".safetensors":
        check_safetensors(path)
    elif path.suffix in PICKLED:
        if not allow_pickle:
            raise WeightsError(
                f"'{path}' holds pickled weights, which can run code when they are read; use a safetensors file, "
                "or set allow_pickle = true for this tool if you trust where it comes from."
            )
    else:
        raise WeightsError(f"'{path}' is no file of weights: .safetensors is read, and pickled ones if asked for.")


def check_folder(folder: Path, allow_pickle: bool = False) -> None:
    """A folder with weights, whole or in shards. Raises `WeightsError` for what is missing, damaged or pickled."""
    shards = {name for index in sorted(folder.glob("*.index.json")) for name in _shards(index)}
    missing = sorted(name for name in shards if not (folder / name).exists())
    if missing:
        raise WeightsError(f"'{folder}' lacks {', '.join(missing)}; fetch it again.")
    safe = sorted(folder.glob("*.safetensors"))
    for path in safe:
        check_safetensors(path)
    if safe:
        return
    pickled = sorted(path for path in folder.iterdir() if path.suffix in PICKLED)
    if not pickled:
        raise WeightsError(f"'{folder}' holds no weights (*.safetensors); fetch it again.")
    check_file(pickled[0], allow_pickle)


def _shards(index: Path) -> Iterable[str]:
    if not index.name.endswith(".safetensors.index.json"):
        return ()
    return {str(name) for name in _read(index).get("weight_map", {}).values()}


def check_model(folder: Path, kinds: Collection[str], allow_pickle: bool = False) -> str:
    """A folder as `save_pretrained` of a model writes it; gives its `model_type` or class.

    `kinds` are those that the caller can load. Raises `WeightsError` for another architecture, and as `check_folder`.
    """
    config = _read(folder / "config.json")
    kind = str(config.get("model_type") or config.get("_class_name") or "unknown")
    check_kind(kind, kinds, folder)
    check_folder(folder, allow_pickle)
    return kind


def check_kind(kind: str, kinds: Collection[str], path: Path) -> None:
    """Raise `WeightsError` if `kind` is not one of `kinds`."""
    if kind not in kinds:
        raise WeightsError(f"'{path}' is a checkpoint of '{kind}', and {' or '.join(sorted(kinds))} is needed here.")


def check_pipeline(folder: Path, kinds: Collection[str], allow_pickle: bool = False) -> str:
    """A folder as `save_pretrained` of a diffusers pipeline writes it, with each of its parts; gives its class."""
    index = _read(folder / "model_index.json")
    kind = str(index.get("_class_name", "unknown"))
    check_kind(kind, kinds, folder)
    for part, source in index.items():  # a part's source: library and class
        if not isinstance(source, list) or len(source) != 2 or source[1] is None:
            continue
        if not (folder / part).is_dir():
            raise WeightsError(f"'{folder}' lacks the part '{part}' ({source[1]}); fetch it again.")
        if (folder / part / "config.json").exists():
            check_folder(folder / part, allow_pickle)
    return kind


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"'{path.parent}' has no {path.name}: it is no checkpoint, or a part of one.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"'{path}' cannot be read: {error}.") from error
    if not isinstance(data, dict):
        raise WeightsError(f"'{path}' is not what a checkpoint has.")
    return data
