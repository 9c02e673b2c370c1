"""Settings of an SFT training. The defaults are the research release's figures, where it has one."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.policies.base import VIEW_PIXELS


class SftSettings(BaseModel):
    """What an SFT training depends on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(default=5, ge=1)
    """How often each trajectory is trained on (release: 5)."""
    max_steps: int | None = Field(default=None, ge=1)
    """Steps at most; all epochs if left out."""
    batch_size: int = Field(default=16, ge=1)
    """Trajectories of each step, over all devices (release: 2 × 8 on each device)."""
    micro_batch: int = Field(default=2, ge=1)
    """Trajectories of one forward and backward pass on one device (release: 2)."""
    learning_rate: float = Field(default=1e-5, gt=0)
    """Highest learning rate (release: 1e-5)."""
    schedule: str = "cosine"
    """How the learning rate falls, by its name in transformers (release: cosine)."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps over which the learning rate rises (release: 0.1)."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay."""
    max_tokens: int = Field(default=16_384, ge=1)
    """Tokens of a trajectory at most; longer ones are left out and counted (release: 16,384)."""
    view_pixels: int = Field(default=VIEW_PIXELS, ge=1024)
    """Pixels of the copy that the policy sees of each picture, at most (release: 2,000,000)."""
    system_prompt: Path | None = None
    """File with a system prompt in place of the recorded one, for small models."""
    empty_thought: bool = False
    """Begin each turn with an empty <think></think>, as the release does."""
    train_vision: bool = False
    """Train the vision tower and its projector, too (release: frozen)."""
    lora_rank: int = Field(default=0, ge=0)
    """Rank of LoRA adapters; 0: train all weights."""
    recompute: bool = False
    """Compute activations again in the backward pass (gradient checkpointing), to save memory."""
    deepspeed: Path | None = None
    """File with a configuration for DeepSpeed, as in recipes/."""
    device: str = "auto"
    """Device in torch's notation."""
    eval_steps: int = Field(default=200, ge=1)
    """Steps from one evaluation on the validation split to the next."""
    eval_records: int = Field(default=200, ge=0)
    """Trajectories of the validation split that are evaluated on; 0: none."""
    save_steps: int = Field(default=200, ge=1)
    """Steps from one checkpoint to the next."""
    report_to: str = "none"
    """Where the trainer logs beside its own file: none, tensorboard, wandb."""
    seed: int = 0
    """Seed of the order of trajectories."""
