"""Chat models from scratch with random weights: for tutorials, tests, measurements of shapes that are not at hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

CHAT_ML = (
    "{%- for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"
)
"""The chat template of a model without vision."""


class Shape(BaseModel):
    """The size of a model. The defaults are those of the tutorial: 2.4 million weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vision: bool = True
    """Qwen3-VL's architecture; else Llama's, which reads text alone."""
    width: int = Field(default=128, ge=16)
    """Width of the language part; a multiple of 16."""
    layers: int = Field(default=4, ge=1)
    """Layers of the language part."""
    heads: int = Field(default=4, ge=1)
    """Attention heads of the language part."""
    key_value_heads: int | None = Field(default=None, ge=1)
    """Heads of keys and values; half of the attention heads if left out."""
    feed_forward: int | None = Field(default=None, ge=16)
    """Width of the feed-forward layers; twice the width if left out."""
    embeddings: int | None = Field(default=None, ge=300)
    """Rows of the embedding; as many as the tokenizer has tokens if left out."""
    vision_width: int = Field(default=64, ge=16)
    """Width of the vision tower."""
    vision_layers: int = Field(default=2, ge=1)
    """Layers of the vision tower."""
    vision_heads: int = Field(default=2, ge=1)
    """Attention heads of the vision tower."""
    vocabulary: int = Field(default=2048, ge=300)
    """Tokens of the vocabulary, at most."""
    context: int = Field(default=16_384, ge=64)
    """Tokens that the model can read."""
    picture_pixels: int = Field(default=4096, ge=1024)
    """Pixels of a picture as the vision tower reads it, at most; 1,024 are a token."""
    tie_weights: bool = True
    """Whether the head shares the weights of the embedding."""


def write_model(
    folder: Path, texts: Iterable[str], shape: Shape, seed: int = 0, device: str = "cpu", dtype: str = "float32"
) -> Path:
    """Write a checkpoint with random weights and a tokenizer trained on `texts`, as `load_model` reads it.

    The tokenizer is a byte-level BPE, so the model can write any text. The weights are drawn on `device` in `dtype`.
    """
    import torch

    tokenizer = train_tokenizer(texts, shape)
    torch.manual_seed(seed)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            (_write_vision if shape.vision else _write_text)(folder, tokenizer, shape)
    finally:
        torch.set_default_dtype(usual)
    return folder


def train_tokenizer(texts: Iterable[str], shape: Shape) -> Any:
    """A byte-level BPE tokenizer with the tokens that chat templates need."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from canvasagent.language_models.processor import VISION_TOKENS

    special = VISION_TOKENS if shape.vision else ()
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=shape.vocabulary,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", *special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", *special],
    )


def _write_text(folder: Path, tokenizer: Any, shape: Shape) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer.chat_template = CHAT_ML
    config = LlamaConfig(
        vocab_size=shape.embeddings or len(tokenizer),
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward or 2 * shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads or max(1, shape.heads // 2),
        max_position_embeddings=shape.context,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=shape.tie_weights,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _write_vision(folder: Path, tokenizer: Any, shape: Shape) -> None:
    """The template is that of the Qwen3-VL family as TRL ships it."""
    import trl
    from transformers import Qwen2VLImageProcessorPil, Qwen3VLConfig, Qwen3VLForConditionalGeneration

    from canvasagent.language_models.processor import picture_processor

    template = Path(trl.__file__).with_name("chat_templates") / "qwen3_vl.jinja"
    tokenizer.chat_template = template.read_text("utf-8")
    token = tokenizer.convert_tokens_to_ids
    head = shape.width // shape.heads
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": shape.embeddings or len(tokenizer),
            "hidden_size": shape.width,
            "intermediate_size": shape.feed_forward or 2 * shape.width,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.key_value_heads or max(1, shape.heads // 2),
            "head_dim": head,
            "max_position_embeddings": shape.context,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_section": [head // 2 - 2 * (head // 8), head // 8, head // 8],
            },
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={
            "depth": shape.vision_layers,
            "hidden_size": shape.vision_width,
            "intermediate_size": 2 * shape.vision_width,
            "num_heads": shape.vision_heads,
            "patch_size": 16,
            "out_hidden_size": shape.width,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=shape.tie_weights,
    )
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    pictures = Qwen2VLImageProcessorPil(
        patch_size=16, merge_size=2, size={"shortest_edge": 32 * 32, "longest_edge": shape.picture_pixels}
    )
    processor = picture_processor()(pictures, tokenizer, chat_template=tokenizer.chat_template)
    processor.save_pretrained(folder)
