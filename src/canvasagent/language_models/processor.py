"""The processor of Qwen3-VL models: text and pictures to tokens and pixel values.

The library's own processor also reads videos, which needs torchvision. Where that is not installed, a processor for
pictures alone takes its place; both give the same tokens and pixel values.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from canvasagent.errors import WeightsError
from canvasagent.storage.files import write_atomically

VISION_TOKENS = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
"""The special tokens of the model's vocabulary that stand for pictures; a policy never writes them."""


def load_processor(folder: Path) -> Any:
    """The processor of a Qwen3-VL checkpoint. Raises `WeightsError` where its tokenizer lacks a token for pictures."""
    from transformers import AutoProcessor, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if missing := [token for token in VISION_TOKENS if token not in tokenizer.get_vocab()]:
        raise WeightsError(
            f"the tokenizer in '{folder}' has no {', '.join(missing)}, which a model that reads pictures needs; take "
            "the tokenizer that belongs to the checkpoint."
        )
    videos = _video_settings(folder)
    if find_spec("torchvision") is not None and videos is not None:
        return AutoProcessor.from_pretrained(folder)
    processor = picture_processor().from_pretrained(folder)
    processor.videos = videos
    return processor


_VIDEOS = "video_preprocessor_config.json"


def _video_settings(folder: Path) -> Any:
    """The settings of a checkpoint's part for videos, from either file that may hold them; None without."""
    for name in (_VIDEOS, "processor_config.json"):
        if (folder / name).is_file():
            settings = json.loads((folder / name).read_text("utf-8"))
            settings = settings if name == _VIDEOS else settings.get("video_processor")
            if settings:
                return settings
    return None


@cache
def picture_processor() -> type[Any]:
    """The class of the processor for pictures alone, registered so that the library finds it for Qwen3-VL."""
    from transformers import AutoProcessor, Qwen2VLImageProcessorPil
    from transformers.models.auto.image_processing_auto import AutoImageProcessor
    from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLConfig
    from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor
    from transformers.processing_utils import ProcessorMixin

    class PictureProcessor(Qwen3VLProcessor):  # type: ignore[misc]
        """`Qwen3VLProcessor` without its part for videos, whose settings it keeps for those who have that part."""

        videos: Any = None

        def __init__(
            self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None, **_: Any
        ) -> None:
            for name, token in (
                ("image_token", "<|image_pad|>"),
                ("video_token", "<|video_pad|>"),
                ("vision_start_token", "<|vision_start|>"),
                ("vision_end_token", "<|vision_end|>"),
            ):
                setattr(self, name, token)
                setattr(self, f"{name}_id", tokenizer.convert_tokens_to_ids(token))
            ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)

        @classmethod
        def get_attributes(cls) -> list[str]:
            return ["image_processor", "tokenizer"]

        @classmethod
        def _get_arguments_from_pretrained(
            cls, path: Any, processor_dict: dict[str, Any] | None = None, **options: Any
        ) -> list[Any]:
            tokenizer = options.pop("tokenizer", None)
            if tokenizer is None:
                from transformers import AutoTokenizer

                tokenizer = AutoTokenizer.from_pretrained(path)
            return [Qwen2VLImageProcessorPil.from_pretrained(path), tokenizer]

        def _process_images(self, images: Any, **options: Any) -> Any:
            # TRL asks for no tensors where a prompt has pictures and a round of tools gives none.
            return super()._process_images(images, **{**options, "return_tensors": "pt"})

        def save_pretrained(self, folder: Any, **options: Any) -> Any:
            saved = super().save_pretrained(folder, **options)
            if self.videos is not None:
                write_atomically(Path(folder) / _VIDEOS, json.dumps(self.videos, indent=2).encode())
            return saved

    # Saved checkpoints name their processor by the class's name; elsewhere only the library's own is known.
    PictureProcessor.__name__ = Qwen3VLProcessor.__name__
    AutoImageProcessor.register(Qwen3VLConfig, slow_image_processor_class=Qwen2VLImageProcessorPil, exist_ok=True)
    AutoProcessor.register(Qwen3VLConfig, PictureProcessor, exist_ok=True)
    return PictureProcessor
