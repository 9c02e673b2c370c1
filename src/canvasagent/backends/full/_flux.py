"""FLUX.2 Klein by diffusers: one set of weights for generation and for editing.

Source: Black Forest Labs, FLUX.2-klein-4B (Apache-2.0); `Flux2KleinPipeline` and `Flux2KleinInpaintPipeline`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from pydantic import Field

from canvasagent.backends.full._loading import Loading, device_of, dtype_of, with_less
from canvasagent.backends.full._residents import residents
from canvasagent.concurrency.batching import MicroBatcher
from canvasagent.errors import WeightsError
from canvasagent.imaging.geometry import Size
from canvasagent.weights.catalogue import entry_of
from canvasagent.weights.files import check_file, check_pipeline, check_safetensors, locate
from canvasagent.weights.framework import framework, loading

PIPELINE = "Flux2KleinPipeline"
Offload = Literal["none", "parts", "layers"]
LEVELS = 3
"""Number of memory-saving levels: tiles in the decoder, offloaded parts, offloaded layers."""


class Settings(Loading):
    """Settings of generation and editing. Tools whose settings name the same weights share them in memory."""

    source: str = "black-forest-labs/FLUX.2-klein-4B"
    """The pipeline, or a single file with the transformer alone, to which `base` adds the rest."""
    base: str = "black-forest-labs/FLUX.2-klein-4B"
    """The pipeline to take the other parts from if `source` is a single file."""
    offload: Literal["auto"] | Offload = "auto"
    """What is offloaded to the computer's memory: nothing, idle parts, or everything but the running layer."""
    steps: int = Field(default=4, ge=1, le=100)
    """Denoising steps; the distilled model is made for 4."""
    max_pixels: int = Field(default=1_048_576, ge=64 * 64)
    """Largest number of pixels to generate; larger pictures are generated at this size and enlarged."""
    text_length: int = Field(default=512, ge=8, le=512)
    """Tokens of a prompt."""


@dataclass(frozen=True)
class Request:
    """A request for one picture."""

    prompt: str
    seed: int
    size: Size
    """Working size: multiples of 16."""
    pictures: tuple[Image.Image, ...] = ()
    """The picture to edit, then references."""
    mask: Image.Image | None = None
    """Where to change the first picture (L, of its size)."""


@dataclass
class _Pipelines:
    """The two pipelines over the same loaded weights."""

    plain: Any
    masked: Any
    device: str
    offload: Offload = "none"
    """What is offloaded to the computer's memory."""


def batcher(settings: Settings) -> MicroBatcher[Request, Image.Image]:
    """The batcher of one tool: calls that arrive together are generated together."""
    return MicroBatcher(partial(draw, settings), settings.batch, settings.batch_wait)


def weights(settings: Settings) -> tuple[str | None, ...]:
    """The key of a set of loaded weights."""
    where = settings.source, settings.base, settings.revision
    return (PIPELINE, *where, settings.device, settings.dtype, settings.offload)


def draw(settings: Settings, requests: Sequence[Request]) -> list[Image.Image]:
    """The requested pictures, in one batch; all requests have the same size, pictures and mask.

    Each picture's noise is drawn on the CPU from its own seed, so that it is the same on every device and in every
    batch.
    """
    key = weights(settings)
    device = residents().device_for(key, lambda: device_of(settings))

    def relieve() -> bool:
        return residents().relieve(device)

    with residents().hold(key, device, lambda: _load(settings, device)) as pipelines:
        what = f"a picture of {requests[0].size[0]} × {requests[0].size[1]}"
        return with_less(_drawing(settings, pipelines, requests), LEVELS, relieve, what)


def _drawing(
    settings: Settings, pipelines: _Pipelines, requests: Sequence[Request]
) -> Callable[[int], list[Image.Image]]:
    def work(level: int) -> list[Image.Image]:
        _save_memory(pipelines, level)
        size = len(requests) if level == 0 else 1
        batches = [requests[start : start + size] for start in range(0, len(requests), size)]
        return [picture for batch in batches for picture in _call(settings, pipelines, batch)]

    return work


def _call(settings: Settings, pipelines: _Pipelines, requests: Sequence[Request]) -> list[Image.Image]:
    torch = framework()
    first = requests[0]
    width, height = first.size
    options: dict[str, Any] = {
        "prompt": [request.prompt for request in requests],
        "generator": [torch.Generator("cpu").manual_seed(request.seed) for request in requests],
        "num_inference_steps": settings.steps,
        "guidance_scale": 1.0,
        "height": height,
        "width": width,
        "max_sequence_length": settings.text_length,
    }
    pipeline = pipelines.plain
    if first.mask is not None and len(first.pictures) <= 2:
        pipeline = pipelines.masked
        options |= {"image": first.pictures[0], "mask_image": first.mask, "strength": 1.0}
        if len(first.pictures) == 2:
            options["image_reference"] = first.pictures[1]
    elif first.pictures:
        options["image"] = list(first.pictures)
    with torch.inference_mode():
        made = list(pipeline(**options).images)
    pipelines.plain.maybe_free_model_hooks()
    return made


def _load(settings: Settings, device: str) -> _Pipelines:
    framework("diffusers", "transformers", "accelerate")
    from diffusers import Flux2KleinInpaintPipeline, Flux2KleinPipeline
    from diffusers.utils import logging as diffusers_logging

    diffusers_logging.disable_progress_bar()
    path = locate(settings.source, settings.revision)
    dtype = dtype_of(settings, device)
    folder = path if path.is_dir() else locate(settings.base)
    check_pipeline(folder, {PIPELINE}, settings.allow_pickle)
    with loading(settings.source):
        parts = {} if path.is_dir() else {"transformer": _transformer(path, folder, settings, dtype)}
        parts["text_encoder"] = _text_encoder(folder, settings, dtype)
        safe = None if settings.allow_pickle else True
        plain = Flux2KleinPipeline.from_pretrained(
            folder, dtype=dtype, use_safetensors=safe, local_files_only=True, **parts
        )
        for name in ("vae", *(["transformer"] if path.is_dir() else [])):
            _check_whole(getattr(plain, name), folder / name)
        plain.set_progress_bar_config(disable=True)
        masked = Flux2KleinInpaintPipeline(**plain.components, is_distilled=plain.config.is_distilled)
        masked.set_progress_bar_config(disable=True)
    pipelines = _Pipelines(plain, masked, device)
    how = _offload_for(settings, device) if device != "cpu" else "none"
    if how == "none":
        plain.to(device)
    _offload(pipelines, how)
    return pipelines


def _text_encoder(folder: Path, settings: Settings, dtype: Any) -> Any:
    """The text encoder, loaded by itself: the pipeline would initialise missing weights at random without an error."""
    from transformers import Qwen3ForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    safe = None if settings.allow_pickle else True
    model, report = Qwen3ForCausalLM.from_pretrained(
        folder / "text_encoder", dtype=dtype, use_safetensors=safe, local_files_only=True, output_loading_info=True
    )
    if absent := sorted(report["missing_keys"]):
        raise WeightsError(f"'{folder / 'text_encoder'}' lacks {len(absent)} weights ({absent[0]}): another model's.")
    return model


def _check_whole(model: Any, folder: Path) -> None:
    """Raise `WeightsError` where the files of a part lack some of its weights."""
    files = sorted(folder.glob("*.safetensors"))
    held = {name for file in files for name in check_safetensors(file)}
    wanted = {name for name in model.state_dict() if not name.endswith("num_batches_tracked")}  # counts, not weights
    if files and (absent := sorted(wanted - held)):
        raise WeightsError(f"'{folder}' lacks {len(absent)} weights ({absent[0]}): another model's, or cut short.")


def _transformer(path: Path, folder: Path, settings: Settings, dtype: Any) -> Any:
    """The transformer in a single file, written by diffusers or in the publisher's own layout."""
    from diffusers import Flux2Transformer2DModel

    check_file(path, settings.allow_pickle)
    config = Flux2Transformer2DModel.load_config(folder / "transformer")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        model, state = Flux2Transformer2DModel.from_config(config), load_file(path)
        wanted = model.state_dict()
        if state.keys() == wanted.keys():
            wrong = [name for name, value in state.items() if value.shape != wanted[name].shape]
            if wrong:
                raise WeightsError(f"'{path}' is a transformer of another size ({wrong[0]}) than that of '{folder}'.")
            model.load_state_dict(state)
            return model.to(dtype)
    return Flux2Transformer2DModel.from_single_file(
        str(path), config=str(folder), subfolder="transformer", dtype=dtype, local_files_only=True
    )


def _offload_for(settings: Settings, device: str) -> Offload:
    """What to offload to the computer's memory so that the rest fits into the free memory of the device."""
    if settings.offload != "auto":
        return settings.offload
    if not device.startswith("cuda"):
        return "none"
    entry = entry_of(settings.source) or entry_of(settings.base)
    whole = entry.gigabytes() if entry is not None else 16.0
    part = whole * max(entry.parts.values()) / entry.parameters if entry is not None else whole
    working = entry.working_gb if entry is not None else 3.0
    free = framework().cuda.mem_get_info(framework().device(device))[0] / 1e9
    return "none" if free >= whole + working else "parts" if free >= part + working else "layers"


def _save_memory(pipelines: _Pipelines, level: int) -> None:
    """Turn on the memory-saving options up to `level`; they are never turned off again."""
    if level >= 1:
        pipelines.plain.vae.enable_slicing()
        pipelines.plain.vae.enable_tiling()
    if level >= 2:
        _offload(pipelines, "parts" if level == 2 else "layers")


def _offload(pipelines: _Pipelines, how: Offload) -> None:
    """Offload parts or layers to the computer's memory; never less than before."""
    order = ("none", "parts", "layers")
    if pipelines.device == "cpu" or order.index(how) <= order.index(pipelines.offload):
        return
    pipelines.offload = how
    pipelines.plain.remove_all_hooks()
    if how == "parts":
        pipelines.plain.enable_model_cpu_offload(device=pipelines.device)
    else:
        pipelines.plain.enable_sequential_cpu_offload(device=pipelines.device)
