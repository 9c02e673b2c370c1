"""Vision models of transformers: loaded from a folder or a single file, with their processor or configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from canvasagent.backends.full._loading import Loading, device_of, dtype_of, with_less
from canvasagent.backends.full._residents import residents
from canvasagent.errors import WeightsError
from canvasagent.weights.files import check_file, check_kind, check_model, locate
from canvasagent.weights.framework import framework, loading

Result = TypeVar("Result")


@dataclass
class Loaded:
    """A model on its device, and the folder that it came from."""

    model: Any
    kind: str
    folder: Path
    device: str
    dtype: Any
    beside: Any = None
    """What else the backend loaded from the folder."""


def use(
    config: Loading,
    kinds: Mapping[str, str],
    work: Callable[[Loaded, int], Result],
    levels: int,
    what: str,
    beside: Callable[[Path], Any] | None = None,
) -> Result:
    """The result of `work(model, level)`, with the model loaded on first use; `levels` as for `with_less`.

    `kinds` maps the accepted architectures to the class of transformers that runs each.
    """
    key = (tuple(sorted(kinds)), config.source, config.revision, config.device, config.dtype)
    device = residents().device_for(key, lambda: device_of(config))

    def load() -> Loaded:
        return _load(config, kinds, device, beside)

    with residents().hold(key, device, load) as loaded, framework().inference_mode():
        return with_less(lambda level: work(loaded, level), levels, lambda: residents().relieve(device), what)


def _load(config: Loading, kinds: Mapping[str, str], device: str, beside: Callable[[Path], Any] | None) -> Loaded:
    framework("transformers")
    import transformers

    path = locate(config.source, config.revision)
    folder = path if path.is_dir() else path.parent
    dtype = dtype_of(config, device)
    if path.is_dir():
        kind = check_model(folder, kinds, config.allow_pickle)
    else:
        kind = _kind_beside(path, kinds)
        check_file(path, config.allow_pickle)
    transformers.utils.logging.disable_progress_bar()
    with loading(config.source):
        cls = getattr(transformers, kinds[kind])
        settings = cls.config_class.from_pretrained(folder, local_files_only=True)
        options: dict[str, Any] = {"dtype": dtype, "local_files_only": True, "output_loading_info": True}
        if path.is_dir():
            safe = None if config.allow_pickle else True
            model, report = cls.from_pretrained(folder, config=settings, use_safetensors=safe, **options)
        else:
            model, report = cls.from_pretrained(None, config=settings, state_dict=_state(path), **options)
        absent = sorted(report.get("missing_keys", ()))
        if absent:
            raise WeightsError(
                f"'{path}' lacks {len(absent)} of the model's weights ({absent[0]} and so on): "
                "it belongs to another model, or is incomplete; fetch it again."
            )
        return Loaded(model.to(device).eval(), kind, folder, device, dtype, beside(folder) if beside else None)


def _kind_beside(path: Path, kinds: Collection[str]) -> str:
    """The architecture of a single file, from the config.json beside it."""
    try:
        kind = str(json.loads((path.parent / "config.json").read_text("utf-8")).get("model_type", "unknown"))
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"beside '{path}' there is no config.json that says what it is; put it there.") from error
    check_kind(kind, kinds, path)
    return kind


def _state(path: Path) -> Any:
    """The tensors of a file. A pickle is read without running code: torch rejects anything but tensors in it."""
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return framework().load(path, map_location="cpu", weights_only=True)
