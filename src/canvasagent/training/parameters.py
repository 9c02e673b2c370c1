"""Which weights of a model a training changes."""

from __future__ import annotations

from typing import Any

from canvasagent.errors import InputError

VISION_PART = ".visual."
"""What the names of the parameters of a vision tower and its projector hold (Qwen3-VL)."""


def training_dtype(lora_rank: int, deepspeed: object | None) -> str:
    """The precision to load a model in: float32 where the optimiser changes these very weights, since steps as small as
    1e-6 are lost in bfloat16; else as the device has it (adapters and DeepSpeed keep float32 weights of their own).
    """
    return "float32" if lora_rank == 0 and deepspeed is None else "auto"


def check_adapters(lora_rank: int, deepspeed: object | None) -> None:
    """Raise `InputError` for adapters with DeepSpeed: merging them at the end needs the undivided weights."""
    if lora_rank and deepspeed is not None:
        raise InputError("adapters (--lora-rank) are not trained with --deepspeed; leave out one of the two.")


def freeze_vision(model: Any) -> int:
    """Leave vision tower and projector as they are; returns the number of frozen weights."""
    frozen = 0
    for name, parameter in model.named_parameters():
        if VISION_PART in f".{name}":
            parameter.requires_grad_(False)
            frozen += parameter.numel()
    return frozen


def lora_config(rank: int) -> Any:
    """PEFT's settings for LoRA adapters of `rank` on all linear layers of the language part; None for rank 0."""
    if rank == 0:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.0,
        target_modules=r"^(?!.*\bvisual\b).*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)$",
        task_type="CAUSAL_LM",
    )
