"""Tiny chat models with random weights, written by the real classes: a Qwen3-VL one and a text-only Llama one."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

from canvasagent.language_models.processor import VISION_TOKENS, picture_processor
from canvasagent.prompts import system_prompt
from canvasagent.tools import all_tools

CHAT_ML = (
    "{%- for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"
)
VOCABULARY = 600


@functools.cache
def tiny_chat(kind: str) -> Path:
    """The folder of a tiny checkpoint: `vision` or `text`."""
    folder = Path(tempfile.mkdtemp(prefix=f"tiny-{kind}-"))
    return {"vision": write_vision, "text": write_text}[kind](folder)


def byte_tokenizer(special: tuple[str, ...]) -> Any:
    """A byte-level BPE tokenizer trained on the system prompt: it can write any text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", *special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([system_prompt(all_tools().values(), 12)], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", *special],
    )


def write_text(folder: Path, seed: int = 0, width: int = 32) -> Path:
    """A Llama checkpoint without vision, whose template is ChatML."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_tokenizer(())
    tokenizer.chat_template = CHAT_ML
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=16_384,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_vision(folder: Path, seed: int = 0, width: int = 32) -> Path:
    """A Qwen3-VL checkpoint with the chat template of the family, as TRL ships it."""
    import torch
    import trl
    from transformers import Qwen2VLImageProcessorPil, Qwen3VLConfig, Qwen3VLForConditionalGeneration

    tokenizer = byte_tokenizer(VISION_TOKENS)
    template = Path(trl.__file__).with_name("chat_templates") / "qwen3_vl.jinja"
    tokenizer.chat_template = template.read_text("utf-8")
    token = tokenizer.convert_tokens_to_ids
    torch.manual_seed(seed)
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": width // 4,
            "max_position_embeddings": 16_384,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 1, 1]},
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": 16,
            "out_hidden_size": width,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    pictures = Qwen2VLImageProcessorPil(
        patch_size=16, merge_size=2, size={"shortest_edge": 32 * 32, "longest_edge": 64 * 64}
    )
    processor = picture_processor()(pictures, tokenizer, chat_template=tokenizer.chat_template)
    processor.save_pretrained(folder)
    return folder
