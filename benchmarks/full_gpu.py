"""The full profile on a graphics card: latency, throughput and memory of each tool, against the plain library call.

    python benchmarks/full_gpu.py                         # all tools at 1024 x 1024, calls of 1, 4 and 8 at once
    python benchmarks/full_gpu.py --tools SR --weights W  # one of them; weights are kept in W and used again
    python benchmarks/full_gpu.py --tiny --device cpu     # the tests' tiny models: tries the script, measures nothing

The models have their published configurations and RANDOM weights: times and memory are those of the real ones,
pictures are noise. Both sides load the same files and run the same size, steps and precision in the same process,
taking turns; the best of several rounds counts. `ratio` is our time over the library's for one call (at most 1.0 is
the aim); `gain` the throughput of n calls at once over n calls one by one. `share` is the arithmetic of the plain call,
counted by torch, over its time and the card's peak (--peak, in TFLOP/s for dense bfloat16).

NOT RUN YET on a graphics card: there are no figures of it in benchmarks/results.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from device import device, write_results
from PIL import Image

from canvasagent.backends.full import grounding, image_edit, image_generation, sam, sr
from canvasagent.backends.full._loading import device_of, dtype_of
from canvasagent.backends.full._residents import residents

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import tiny_models

PROMPT = "a red circle on a green background"
BOX = (200.0, 200.0, 700.0, 800.0)
AT_ONCE = (1, 4, 8)
TIMES = 5


def flux_weights(folder: Path) -> Path:
    """FLUX.2 Klein 4B as published, with random weights in bfloat16 (16 GB); the tokenizer is the tests'."""
    from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tiny_models.flux(folder)  # scheduler, tokenizer, index
    torch.set_default_dtype(torch.bfloat16)
    Flux2Transformer2DModel(
        num_layers=5, num_single_layers=20, num_attention_heads=24, attention_head_dim=128,
        joint_attention_dim=7680, guidance_embeds=False,
    ).save_pretrained(folder / "transformer")  # fmt: skip
    AutoencoderKLFlux2().save_pretrained(folder / "vae")
    for file in (folder / "text_encoder").glob("*.safetensors"):
        file.unlink()
    Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=151_936, hidden_size=2560, intermediate_size=9728, num_hidden_layers=36,
            num_attention_heads=32, num_key_value_heads=8, head_dim=128, tie_word_embeddings=True,
        )
    ).save_pretrained(folder / "text_encoder")  # fmt: skip
    torch.set_default_dtype(torch.float32)
    return folder


def sam_weights(folder: Path) -> Path:
    """SAM ViT-H as published, with random weights."""
    from transformers import SamConfig, SamModel, SamVisionConfig

    vision = SamVisionConfig(
        hidden_size=1280, num_hidden_layers=32, num_attention_heads=16, global_attn_indexes=[7, 15, 23, 31]
    )
    SamModel(SamConfig(vision_config=vision)).save_pretrained(folder)
    return folder


def dino_weights(folder: Path) -> Path:
    """Grounding DINO base as published, with random weights; the tokenizer is the tests'."""
    from transformers import (
        BertTokenizerFast,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessorPil,
        GroundingDinoProcessor,
        SwinConfig,
    )

    backbone = SwinConfig(
        embed_dim=128, depths=[2, 2, 18, 2], num_heads=[4, 8, 16, 32], window_size=12, image_size=384,
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    GroundingDinoForObjectDetection(GroundingDinoConfig(backbone_config=backbone)).save_pretrained(folder)
    words = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(tiny_models.WORDS), "?")
    tokenizer = BertTokenizerFast(vocab={word: number for number, word in enumerate(words)})
    GroundingDinoProcessor(GroundingDinoImageProcessorPil(), tokenizer).save_pretrained(folder)
    return folder


def sr_weights(file: Path) -> Path:
    """Real-ESRGAN x4plus as published (23 blocks of 64 features), with random weights."""
    return tiny_models.esrgan(file, blocks=23, features=64)


def sources(root: Path, tiny: bool) -> dict[str, str]:
    """Where the weights of each tool are, written now if they are not there."""
    root.mkdir(parents=True, exist_ok=True)
    kind = "tiny" if tiny else "full"
    makers: dict[str, Callable[[Path], Path]] = {
        "flux": tiny_models.flux if tiny else flux_weights,
        "sam": tiny_models.sam if tiny else sam_weights,
        "dino": tiny_models.grounding_dino if tiny else dino_weights,
        "x4.safetensors": tiny_models.esrgan if tiny else sr_weights,
    }
    found = {}
    for name, make in makers.items():
        path = root / f"{kind}-{name}"
        found[name] = str(path if path.exists() else make(path))
    tools = {"ImageGeneration": "flux", "ImageEdit": "flux", "SAM": "sam", "Grounding": "dino", "SR": "x4.safetensors"}
    return {tool: found[name] for tool, name in tools.items()}


def backend_and_call(tool: str, options: dict[str, Any], picture: Image.Image) -> tuple[Any, dict[str, Any]]:
    """A tool's backend, and what it is called with."""
    side = picture.width
    module = {
        "ImageGeneration": image_generation, "ImageEdit": image_edit, "SAM": sam, "Grounding": grounding, "SR": sr,
    }[tool]  # fmt: skip
    calls: dict[str, dict[str, Any]] = {
        "ImageGeneration": {"prompt": PROMPT, "size": (side, side), "seed": 1},
        "ImageEdit": {"image": picture, "prompt": PROMPT, "mask": None, "seed": 1},
        "SAM": {"image": picture, "box": tuple(side * value / 1024 for value in BOX)},
        "Grounding": {"image": picture, "phrase": "the red circle"},
        "SR": {"image": picture},
    }
    return module.Backend(module.Config(**options)), calls[tool]


def plain_call(tool: str, source: str, config: Any, picture: Image.Image) -> Callable[[], Any]:
    """The same with the library alone, as its documentation shows, results on the processor."""
    where = device_of(config)
    dtype = dtype_of(config, where)
    if tool in ("ImageGeneration", "ImageEdit"):
        from diffusers import Flux2KleinPipeline

        pipeline = Flux2KleinPipeline.from_pretrained(source, dtype=dtype).to(where)
        pipeline.set_progress_bar_config(disable=True)
        given = {"image": picture} if tool == "ImageEdit" else {}
        sizes = {"height": picture.height, "width": picture.width, "max_sequence_length": config.text_length}
        return lambda: pipeline(
            prompt=PROMPT, num_inference_steps=config.steps, guidance_scale=1.0,
            generator=torch.Generator("cpu").manual_seed(1), **sizes, **given,
        ).images[0]  # fmt: skip
    if tool == "SR":
        import spandrel

        network = spandrel.ModelLoader().load_from_file(source).to(where, dtype).eval()
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
        return lambda: (network(pixels.to(where, dtype) / 255) * 255).clamp(0, 255).to(torch.uint8).cpu()
    return _vision_call(tool, source, where, dtype, picture)


def _vision_call(tool: str, source: str, where: str, dtype: Any, picture: Image.Image) -> Callable[[], Any]:
    import transformers
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    if tool == "Grounding":
        model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(source, dtype=dtype).to(where)
        processor = transformers.AutoProcessor.from_pretrained(source)

        def search() -> Any:
            given = processor(images=picture, text="the red circle .", return_tensors="pt").to(where)
            given["pixel_values"] = given["pixel_values"].to(dtype)
            told = model(**given)
            return processor.post_process_grounded_object_detection(told, given["input_ids"], target_sizes=[(9, 9)])

        return search
    model = transformers.SamModel.from_pretrained(source, dtype=dtype).to(where)
    folder = Path(source)
    images = SamImageProcessorPil.from_pretrained(source) if (folder / "preprocessor_config.json").exists() else None
    processor = transformers.SamProcessor(images or SamImageProcessorPil())
    box = [picture.width * value / 1024 for value in BOX]

    def segment() -> Any:
        given = processor(picture, input_boxes=[[box]], return_tensors="pt")
        sizes = given["original_sizes"], given["reshaped_input_sizes"]
        told = model(
            pixel_values=given["pixel_values"].to(where, dtype), input_boxes=given["input_boxes"].to(where, dtype),
            multimask_output=False,
        )  # fmt: skip
        return processor.image_processor.post_process_masks(told.pred_masks.float().cpu(), *sizes)

    return segment


def seconds_of(work: Callable[[], Any], times: int) -> float:
    """The best of several rounds, after one that does not count; everything on the card is waited for."""
    found = []
    for _ in range(times + 1):
        _wait()
        started = time.perf_counter()
        work()
        _wait()
        found.append(time.perf_counter() - started)
    return min(found[1:])


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def flops_of(work: Callable[[], Any]) -> int:
    """The arithmetic of one call, as torch counts it."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def measure(tool: str, source: str, options: dict[str, Any], side: int, times: int, peak: float) -> dict[str, Any]:
    """One tool: alone, several at once, and the library's own call."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8))
    row: dict[str, Any] = {"tool": tool, "side": side}
    one, call = backend_and_call(tool, {**options, "batch": 1, "batch_wait": 0.0}, picture)
    with torch.inference_mode():
        row["ours_s"] = seconds_of(lambda: one(**call), times)
    for count in AT_ONCE[1:]:
        backend, call = backend_and_call(tool, {**options, "batch": count, "batch_wait": 0.2}, picture)
        _reset_memory()
        took = seconds_of(partial(_together, backend, call, count), times)
        row[f"{count}_at_once"] = {"s": took, "gain": row["ours_s"] * count / took, "peak_gb": _peak_gb()}
    residents().clear()
    with torch.inference_mode():
        plain = plain_call(tool, source, one.config, picture)
        _reset_memory()
        row["plain_s"] = seconds_of(plain, times)
        row["plain_peak_gb"] = _peak_gb()
        row["flops"] = flops_of(plain)
    row["ratio"] = row["ours_s"] / row["plain_s"]
    row["share"] = row["flops"] / row["plain_s"] / (peak * 1e12)
    return row


def _together(backend: Any, call: dict[str, Any], count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(backend, **call) for _ in range(count)]:
            done.result()


def _reset_memory() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _peak_gb() -> float | None:
    return torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else None


def main() -> None:
    """Measure, print, and write `benchmarks/results/full_gpu.json` (not with --tiny)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", nargs="*", default=["ImageGeneration", "ImageEdit", "SAM", "Grounding", "SR"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--peak", type=float, default=989.0, help="TFLOP/s of the card; 989 is an H100 SXM's")
    parser.add_argument("--weights", type=Path, help="where the random weights are kept")
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    side = 64 if given.tiny else given.side
    with tempfile.TemporaryDirectory() as scratch:
        found = sources(given.weights or Path(scratch), given.tiny)
        rows = []
        for tool in given.tools:
            options: dict[str, Any] = {"source": found[tool], "device": given.device}
            if given.tiny and tool in ("ImageGeneration", "ImageEdit"):
                options |= {"steps": 2, "text_length": 16}
            rows.append(measure(tool, found[tool], options, side, given.times, given.peak))
            print(rows[-1], flush=True)
    if not given.tiny:
        card = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
        about = {**device(), "card": card, "weights": "random, published configurations", "torch": torch.__version__}
        write_results("full_gpu", {"device": about, "peak_tflops": given.peak, "rows": rows})


if __name__ == "__main__":
    main()
